// The kernels for the platform's baseline (SSE2 on x86-64).
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

namespace dcmturbo {
namespace isa_scalar {

#include "cpu/target_begin.h"

typedef std::uint8_t Block __attribute__((vector_size(16)));
typedef std::uint8_t ShuffleBlock __attribute__((vector_size(16)));  // what one instruction shuffles across
constexpr bool shuffles_bytes = false;

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

}  // namespace isa_scalar

const Kernels kernels_scalar = isa_scalar::make_table(Isa::scalar);

}  // namespace dcmturbo
