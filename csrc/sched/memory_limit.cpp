#include "sched/memory_limit.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

namespace dcmturbo {

namespace {

constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();

// One number, or "max" for none. Version 1 says none with a number near 2^63, above any machine's memory.
std::uint64_t number_in(const std::string& path) {
    std::ifstream file(path);
    std::uint64_t bytes = 0;
    return file >> bytes && bytes != 0 ? bytes : no_limit;
}

std::uint64_t limit_of_v2(const std::string& folder) { return number_in(folder + "/memory.max"); }

std::uint64_t limit_of_v1(const std::string& folder) { return number_in(folder + "/memory.limit_in_bytes"); }

// As cgroup_cpu_quota: every ancestor's limit holds too, and within a container the root of the mount counts.
std::uint64_t cgroup_memory() {
    std::uint64_t result = std::min(limit_of_v2("/sys/fs/cgroup"), limit_of_v1("/sys/fs/cgroup/memory"));
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        const bool v2 = controllers.empty();
        if (!v2 && ("," + controllers + ",").find(",memory,") == std::string::npos) continue;
        std::string path = line.substr(second + 1);
        while (path.size() > 1 && path[0] == '/') {
            result = std::min(result,
                              v2 ? limit_of_v2("/sys/fs/cgroup" + path) : limit_of_v1("/sys/fs/cgroup/memory" + path));
            path.erase(path.rfind('/'));
        }
    }
    return result;
}

}  // namespace

std::uint64_t memory_limit() {
    const auto pages = sysconf(_SC_PHYS_PAGES);
    const auto page = sysconf(_SC_PAGESIZE);
    const std::uint64_t machine =
        pages > 0 && page > 0 ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page) : no_limit;
    return std::min(machine, cgroup_memory());
}

}  // namespace dcmturbo
