// Encodes a code-block with the HT coder (ISO/IEC 15444-15): one cleanup pass for all bit-planes.
#include <bit>

#include "codecs/jpeg2000/blocks/encode_passes.h"
#include "codecs/jpeg2000/blocks/mq_block_encoder.h"
#include "entropy/ht_encode.h"

namespace dcmturbo::jpeg2000 {

void encode_ht_block(const BlockInput& block, Isa isa, Arena& scratch, BlockBytes& to) {
    to.bytes.clear();
    to.passes.clear();
    const std::uint32_t all =
        encode_pass_kernels(isa).block_magnitude(block.coefficients, block.stride, block.width, block.height);
    to.planes = static_cast<unsigned>(std::bit_width(all));
    if (all == 0) return;
    const Arena::Mark mark = scratch.mark();
    HtEncodeScratch streams;
    start_ht_encode(block.width, block.height, scratch.allocate(ht_encode_scratch_size(block.width, block.height)),
                    streams);
    auto* const bytes = scratch.allocate_array<std::uint8_t>(ht_encode_bound(block.width, block.height));
    ht_encode_kernels(isa).encode(block.coefficients, block.stride, block.width, block.height, streams);
    const std::size_t size = finish_ht_encode(streams, bytes);
    to.bytes.assign(bytes, bytes + size);
    to.passes.push_back({static_cast<std::uint32_t>(size), true, 0});
    scratch.rewind(mark);
}

}  // namespace dcmturbo::jpeg2000
