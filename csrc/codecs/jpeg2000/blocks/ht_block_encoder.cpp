// Encodes a code-block with the HT coder (ISO/IEC 15444-15): one cleanup pass for all bit-planes.
#include <bit>

#include "base/error.h"
#include "codecs/jpeg2000/blocks/encode_passes.h"
#include "codecs/jpeg2000/blocks/mq_block_encoder.h"
#include "entropy/ht_encode.h"

namespace dcmturbo::jpeg2000 {

void encode_ht_block(const BlockInput& block, Isa isa, Arena& scratch, BlockBytes& to) {
    to.bytes.clear();
    to.passes.clear();
    const EncodePassKernels& magnitudes = encode_pass_kernels(isa);
    const std::uint64_t all =
        block.wide != nullptr ? magnitudes.block_magnitude_wide(block.wide, block.stride, block.width, block.height)
                              : magnitudes.block_magnitude(block.coefficients, block.stride, block.width, block.height);
    to.planes = static_cast<unsigned>(std::bit_width(all));
    if (all == 0) return;
    if (to.planes > (block.wide != nullptr ? most_ht_bits : most_ht_narrow_bits))
        fail(ErrorCode::unsupported, no_offset, "a coefficient of %u bits is too wide for HTJ2K", to.planes);
    const Arena::Mark mark = scratch.mark();
    HtEncodeScratch streams;
    start_ht_encode(block.width, block.height, scratch.allocate(ht_encode_scratch_size(block.width, block.height)),
                    streams);
    auto* const bytes = scratch.allocate_array<std::uint8_t>(ht_encode_bound(block.width, block.height));
    const HtEncodeKernels& kernels = ht_encode_kernels(isa);
    if (block.wide != nullptr) kernels.encode_wide(block.wide, block.stride, block.width, block.height, streams);
    else kernels.encode(block.coefficients, block.stride, block.width, block.height, streams);
    const std::size_t size = finish_ht_encode(streams, bytes);
    to.bytes.assign(bytes, bytes + size);
    to.passes.push_back({static_cast<std::uint32_t>(size), true, 0});
    scratch.rewind(mark);
}

}  // namespace dcmturbo::jpeg2000
