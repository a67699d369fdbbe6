// The id, the CPUs and the clock of this process.
#pragma once

#include <chrono>
#include <cstdint>

namespace dcmturbo::os {

// A process and the children that it forks have different ids. Objects that own threads or locks store the id of their
// process. If the current id is another one, they are made again.
using ProcessId = std::uint64_t;
ProcessId process_id() noexcept;

// The number of CPUs in the affinity of the process, or all CPUs if it has none; 0 if unknown.
unsigned allowed_cpus() noexcept;

// A monotonic clock with a resolution of a few milliseconds. Reading it takes a few nanoseconds.
std::chrono::nanoseconds coarse_time() noexcept;

}  // namespace dcmturbo::os
