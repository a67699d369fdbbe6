#pragma once

namespace dcmturbo {

// Whole CPUs that the control group of this process allows, rounded up; 0 where there is no quota.
unsigned cgroup_cpu_quota();

}  // namespace dcmturbo
