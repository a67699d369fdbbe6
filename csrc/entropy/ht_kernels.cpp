// The loops of HTJ2K's cleanup pass, for each instruction set.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "entropy/ht_block.h"

#if defined(__x86_64__)
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 takes the undefined operands of AVX-512 intrinsics for a mistake (its bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>
#endif

namespace dcmturbo {

#define DCMTURBO_KERNELS "entropy/ht_kernels.inl"
#include "cpu/each_isa.h"

const HtKernels& ht_kernels(Isa isa) { return table_of(isa); }

}  // namespace dcmturbo
