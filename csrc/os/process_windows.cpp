// Process id, CPU affinity and clock on Windows.
#if defined(_WIN32)

#include <bit>

#include "os/process.h"
#include "os/windows.h"

namespace dcmturbo::os {

ProcessId process_id() noexcept { return GetCurrentProcessId(); }

unsigned allowed_cpus() noexcept {
    // An affinity mask covers one group of up to 64 CPUs. It is 0 if the process runs in several groups.
    DWORD_PTR process = 0;
    DWORD_PTR system = 0;
    if (GetProcessAffinityMask(GetCurrentProcess(), &process, &system) != 0 && process != 0) {
        const auto mine = static_cast<unsigned>(std::popcount(static_cast<std::uint64_t>(process)));
        if (process != system || GetActiveProcessorGroupCount() <= 1) return mine;
    }
    return GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
}

std::chrono::nanoseconds coarse_time() noexcept { return std::chrono::milliseconds(GetTickCount64()); }

}  // namespace dcmturbo::os

#endif
