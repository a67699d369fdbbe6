// Computes how much memory this process may use, from the machine and its control groups (cgroups(7)).
#include "process/memory_limit.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

#include "os/memory.h"
#include "process/control_groups.h"

namespace dcmturbo {

namespace {

constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();

// The file holds one number, or "max" for no limit. Version 1 writes a number near 2^63 for no limit, which is more
// than any machine has.
std::uint64_t number_in(const std::string& path) {
    std::ifstream file(path);
    std::uint64_t bytes = 0;
    return file >> bytes && bytes != 0 ? bytes : no_limit;
}

std::uint64_t limit_of_v2(const std::string& folder) { return number_in(folder + "/memory.max"); }

std::uint64_t limit_of_v1(const std::string& folder) { return number_in(folder + "/memory.limit_in_bytes"); }

std::uint64_t cgroup_memory() {
    std::uint64_t result = no_limit;
    visit_control_groups("memory", [&](const std::string& folder, bool is_v2) {
        result = std::min(result, is_v2 ? limit_of_v2(folder) : limit_of_v1(folder));
    });
    return result;
}

}  // namespace

std::uint64_t memory_limit() {
    const std::uint64_t machine = os::physical_memory();
    return std::min(machine != 0 ? machine : no_limit, cgroup_memory());
}

}  // namespace dcmturbo
