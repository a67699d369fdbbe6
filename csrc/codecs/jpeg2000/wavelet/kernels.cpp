#include "codecs/jpeg2000/wavelet/kernels.h"

#include <utility>

#include "codecs/jpeg2000/wavelet/lifting.h"

namespace dcmturbo::jpeg2000 {

#define DCMTURBO_KERNELS "codecs/jpeg2000/wavelet/kernels.inl"
#include "cpu/each_isa.h"

const WaveletKernels& wavelet_kernels(Isa isa) { return table_of(isa); }

}  // namespace dcmturbo::jpeg2000
