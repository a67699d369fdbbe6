// The kernels for AVX-512 (F, BW, DQ, VL, VBMI).
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "cpu/features.h"
#include "entropy/block_passes.h"
#include "entropy/differences.h"
#include "entropy/ht_block.h"
#include "entropy/packbits.h"
#include "kernels/kernels.h"
#include "kernels/tables.h"
#include "kernels/wavelet.h"

#if defined(__x86_64__)
namespace dcmturbo {
namespace isa_avx512 {

#define DCMTURBO_TARGET_AVX512
#include "cpu/target_begin.h"

typedef std::uint8_t Block __attribute__((vector_size(64)));
typedef std::uint8_t ShuffleBlock __attribute__((vector_size(64)));  // what one instruction shuffles across
constexpr bool shuffles_bytes = true;

#include "entropy/mq.inl"

#include "entropy/block_passes.inl"
#include "entropy/differences.inl"
#include "entropy/ht_cleanup.inl"
#include "entropy/packbits.inl"
#include "kernels/cells.inl"
#include "kernels/colour.inl"
#include "kernels/prediction.inl"
#include "kernels/reconstruction.inl"
#include "kernels/wavelet.inl"

#include "kernels/table.inl"

#include "cpu/target_end.h"

}  // namespace isa_avx512

const Kernels kernels_avx512 = isa_avx512::make_table(Isa::avx512);

}  // namespace dcmturbo
#endif
