// What the system says of this process: its id, its CPUs, the time.
#pragma once

#include <chrono>
#include <cstdint>

namespace dcmturbo::os {

// Differs between a process and the children that it forks. What holds threads or locks keeps the id of its process,
// and is made anew if that is another one.
using ProcessId = std::uint64_t;
ProcessId process_id() noexcept;

// How many CPUs the process may run on by its affinity, or has if it has no affinity; 0 if it is not known.
unsigned allowed_cpus() noexcept;

// A clock that never goes back, a few milliseconds exact, and read in a few nanoseconds.
std::chrono::nanoseconds coarse_time() noexcept;

}  // namespace dcmturbo::os
