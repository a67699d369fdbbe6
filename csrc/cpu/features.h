// The instruction sets that the core has kernels for, and which of them this CPU can run.
#pragma once

#include <cstdint>

namespace dcmturbo {

// In ascending order on x86-64. `scalar` is the compiler's baseline for the platform.
enum class Isa : std::uint8_t { scalar = 0, avx2 = 1, avx512 = 2, neon = 3 };

inline constexpr int isa_count = 4;

const char* isa_name(Isa isa);
bool isa_from_name(const char* name, Isa& isa);

// Whether kernels for this instruction set are compiled in and the CPU has it.
bool isa_available(Isa isa);

// The best available instruction set.
Isa best_isa();

}  // namespace dcmturbo
