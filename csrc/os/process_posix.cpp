// Process id, CPU affinity and clock on POSIX systems.
#if !defined(_WIN32)

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <ctime>
#include <thread>
#if defined(__linux__)
#include <sched.h>
#endif

#include "os/process.h"

namespace dcmturbo::os {

namespace {

std::atomic<ProcessId> known_id{0};

void forget_id() { known_id.store(0, std::memory_order_relaxed); }

}  // namespace

// A frame of 64 x 64 is decoded in the time of some 40 system calls: the id is asked for once, and again after a fork.
ProcessId process_id() noexcept {
    static const bool forgets_id = pthread_atfork(nullptr, nullptr, forget_id) == 0;
    const ProcessId known = known_id.load(std::memory_order_relaxed);
    if (known != 0) return known;
    const auto id = static_cast<ProcessId>(getpid());
    if (forgets_id) known_id.store(id, std::memory_order_relaxed);
    return id;
}

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
