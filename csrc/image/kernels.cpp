// Compiles the kernels of this room for each instruction set.
#include "image/kernels.h"

#include <utility>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace dcmturbo {

#define DCMTURBO_KERNELS "image/kernels.inl"
#include "cpu/each_isa.h"

const PixelKernels& pixel_kernels(Isa isa) { return table_of(isa); }

}  // namespace dcmturbo
