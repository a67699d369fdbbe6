#include "codecs/jpeg_lossless/kernels.h"

namespace dcmturbo::jpeg_lossless {

#define DCMTURBO_KERNELS "codecs/jpeg_lossless/prediction.inl"
#include "cpu/each_isa.h"

const PredictionKernels& prediction_kernels(Isa isa) { return table_of(isa); }

}  // namespace dcmturbo::jpeg_lossless
