#include "codecs/jpegls/kernels.h"

#include <bit>
#include <initializer_list>

namespace dcmturbo::jpegls {

#define DCMTURBO_KERNELS "codecs/jpegls/lines.inl"
#include "cpu/each_isa.h"

const LineKernels& line_kernels(Isa isa) { return table_of(isa); }

}  // namespace dcmturbo::jpegls
