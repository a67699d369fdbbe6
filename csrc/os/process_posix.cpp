// Process id, CPU affinity and clock on POSIX systems.
#if !defined(_WIN32)

#include <unistd.h>

#include <ctime>
#include <thread>
#if defined(__linux__)
#include <sched.h>
#endif

#include "os/process.h"

namespace dcmturbo::os {

ProcessId process_id() noexcept { return static_cast<ProcessId>(getpid()); }

unsigned allowed_cpus() noexcept {
#if defined(__linux__)
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0) return static_cast<unsigned>(CPU_COUNT(&set));
#endif
    return std::thread::hardware_concurrency();
}

std::chrono::nanoseconds coarse_time() noexcept {
#if defined(CLOCK_MONOTONIC_COARSE)
    constexpr auto clock = CLOCK_MONOTONIC_COARSE;
#elif defined(CLOCK_MONOTONIC_RAW_APPROX)
    constexpr auto clock = CLOCK_MONOTONIC_RAW_APPROX;
#else
    constexpr auto clock = CLOCK_MONOTONIC;
#endif
    timespec time{};
    clock_gettime(clock, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace dcmturbo::os

#endif
