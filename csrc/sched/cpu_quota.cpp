#include "sched/cpu_quota.h"

#include <fstream>
#include <string>

namespace dcmturbo {

namespace {

unsigned whole_cpus(double quota, double period) {
    if (quota <= 0 || period <= 0) return 0;
    const double cpus = quota / period;
    if (cpus > 65535) return 0;
    const auto whole = static_cast<unsigned>(cpus);
    return whole + (cpus > whole ? 1u : 0u);
}

unsigned smaller(unsigned a, unsigned b) { return a == 0 ? b : b == 0 ? a : (a < b ? a : b); }

// cpu.max holds "quota period", or "max period" for no limit (cgroup version 2).
unsigned quota_of_v2(const std::string& folder) {
    std::ifstream file(folder + "/cpu.max");
    std::string quota;
    double period = 0;
    if (!(file >> quota >> period) || quota == "max") return 0;
    return whole_cpus(std::strtod(quota.c_str(), nullptr), period);
}

unsigned quota_of_v1(const std::string& folder) {
    std::ifstream quota_file(folder + "/cpu.cfs_quota_us");
    std::ifstream period_file(folder + "/cpu.cfs_period_us");
    double quota = 0;
    double period = 0;
    if (!(quota_file >> quota) || !(period_file >> period)) return 0;
    return whole_cpus(quota, period);
}

}  // namespace

unsigned cgroup_cpu_quota() {
    // Lines of /proc/self/cgroup are id:controllers:path; version 2 has id 0 and no controllers. Every
    // ancestor's limit holds too. Inside a container the path may be seen from outside, so the root of
    // the mount counts as well.
    unsigned result = smaller(quota_of_v2("/sys/fs/cgroup"), quota_of_v1("/sys/fs/cgroup/cpu"));
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        std::string path = line.substr(second + 1);
        const bool v2 = controllers.empty();
        if (!v2 && ("," + controllers + ",").find(",cpu,") == std::string::npos) continue;
        while (path.size() > 1) {
            result =
                smaller(result, v2 ? quota_of_v2("/sys/fs/cgroup" + path) : quota_of_v1("/sys/fs/cgroup/cpu" + path));
            path.erase(path.rfind('/'));
        }
    }
    return result;
}

}  // namespace dcmturbo
