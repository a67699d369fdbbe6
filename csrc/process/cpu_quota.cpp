// Computes how many CPUs this process may use, from its CPU affinity and its control groups (cgroups(7)).
#include "process/cpu_quota.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

#include "os/process.h"
#include "process/control_groups.h"

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

// cpu.max of cgroup version 2 holds "quota period", or "max period" if there is no limit.
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

// The quota in whole CPUs, rounded up; 0 if there is none.
unsigned cgroup_cpu_quota() {
    unsigned result = 0;
    visit_control_groups("cpu", [&](const std::string& folder, bool is_v2) {
        result = smaller(result, is_v2 ? quota_of_v2(folder) : quota_of_v1(folder));
    });
    return result;
}

}  // namespace

unsigned default_threads() {
    unsigned allowed = os::allowed_cpus();
    // This is read only once, because reading control group files takes longer than decoding a small frame.
    static const unsigned quota = cgroup_cpu_quota();
    if (quota > 0) allowed = std::min(allowed, quota);
    return std::max(allowed, 1u);
}

}  // namespace dcmturbo
