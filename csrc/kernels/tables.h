// The tables that kernels_for chooses from: for the isa_*.cpp files and the choice only.
#pragma once

#include "kernels/kernels.h"

namespace dcmturbo {

extern const Kernels kernels_scalar;
#if defined(__x86_64__)
extern const Kernels kernels_avx2;
extern const Kernels kernels_avx512;
#endif
#if defined(__aarch64__)
extern const Kernels kernels_neon;
#endif

}  // namespace dcmturbo
