#include "codecs/jpeg2000/blocks/mq_block.h"

#include <algorithm>
#include <cstring>

#include "bits/mq_stuffing.h"
#include "codecs/jpeg2000/blocks/block_passes.h"

namespace dcmturbo::jpeg2000 {
namespace {

template <typename T>
T* zeroed(Arena& arena, std::size_t count) {
    T* const array = arena.allocate_array<T>(count);
    std::memset(array, 0, count * sizeof(T));
    return array;
}

const std::uint8_t* zero_coding_of(Orientation orientation) {
    switch (orientation) {
        case Orientation::hl: return zero_coding_hl.data();
        case Orientation::hh: return zero_coding_hh.data();
        default: return zero_coding_lh.data();
    }
}

void lay_out(const CodeBlock& block, std::size_t magnitude_size, Arena& arena, BlockPasses& passes) {
    passes.words = (block.width + 15) / 16;
    passes.stripes = (block.height + 3) / 4;
    const unsigned columns = (block.width - 1) % 16 + 1;
    const unsigned rows = (block.height - 1) % 4 + 1;
    passes.last_word = ~std::uint64_t{0} >> (64 - 4 * columns);
    passes.last_stripe = 0x1111111111111111u * ((1u << rows) - 1);
    passes.last_is_whole = rows == 4;
    const std::size_t bitmap = passes.bitmap_pitch() * (passes.stripes + 2);
    std::uint64_t* const bitmaps = zeroed<std::uint64_t>(arena, 3 * bitmap);
    passes.significant = bitmaps;
    passes.visited = bitmaps + bitmap;
    passes.refined = bitmaps + 2 * bitmap;
    passes.flags = zeroed<ColumnFlags>(arena, passes.flags_pitch() * (passes.stripes + 2));
    passes.magnitudes = zeroed<std::byte>(arena, 64 * passes.words * passes.stripes * magnitude_size);
}

// An encoder that leaves passes out to meet a rate may cut the last one that it keeps a few bytes short, where passes
// are not terminated one by one. Then its segmentation symbol, which is its end, proves nothing.
bool may_end_early(const CodeBlock& block) { return (block.style & style_terminate_all) == 0; }

// False if the data are damaged, or the passes contradict the block.
bool decode_segments(const CodeBlock& block, const BlockPassKernels& kernels, std::uint32_t* words,
                     BlockPasses& passes) {
    const std::size_t most = block.bit_planes == 0 ? 0 : 3u * block.bit_planes - 2u;
    std::size_t done = 0;
    bool is_right = true;
    std::size_t last = 0;
    for (const CodewordSegment& segment : block.segments) last += segment.passes;
    if (last >= most) last = 0;  // none is cut off
    for (const CodewordSegment& segment : block.segments) {
        bool is_raw = false;
        for (std::uint32_t k = 0; k < segment.passes; ++k, ++done) {
            if (done >= most) return false;
            const BlockPass pass = pass_at(done);
            const bool is_pass_raw = is_raw_pass((block.style & style_bypass) != 0, done);
            if (k == 0) {
                is_raw = is_pass_raw;
                is_right &= is_raw ? start_raw(segment.data, segment.size, words, passes.raw)
                                   : start_mq(segment.data, segment.size, words, passes.mq);
            } else if (is_pass_raw != is_raw) {
                return false;
            }
            passes.plane = static_cast<unsigned>(block.bit_planes - 1 - (done + 2) / 3);
            const bool was_damaged = passes.is_damaged;
            kernels.decode_block_pass(passes, pass, is_raw);
            if (done + 1 == last && may_end_early(block)) passes.is_damaged = was_damaged;
            if ((block.style & style_reset_contexts) != 0) reset_contexts(passes.contexts.data());
        }
    }
    return is_right;
}

// Decodes into `passes`; false if something was wrong.
bool decode_passes(const CodeBlock& block, bool is_wide, const BlockPassKernels& kernels, Arena& arena,
                   BlockPasses& passes) {
    std::size_t longest = 0;
    for (const CodewordSegment& segment : block.segments) longest = std::max<std::size_t>(longest, segment.size);
    lay_out(block, is_wide ? sizeof(std::int64_t) : sizeof(std::int32_t), arena, passes);
    passes.is_wide = is_wide;
    passes.is_causal = (block.style & style_vertically_causal) != 0;
    passes.has_segmentation_symbols = (block.style & style_segmentation_symbols) != 0;
    passes.zero_coding = zero_coding_of(block.orientation);
    reset_contexts(passes.contexts.data());
    if (block.bit_planes > (is_wide ? max_bit_planes : max_narrow_bit_planes)) return false;
    auto* const words = arena.allocate_array<std::uint32_t>(unstuffed_words_bound(longest));
    return decode_segments(block, kernels, words, passes) && !passes.is_damaged;
}

bool is_empty(const CodeBlock& block) { return block.width == 0 || block.height == 0; }

}  // namespace

BlockOutcome decode_mq_block(const CodeBlock& block, std::int32_t* to, std::size_t stride, Isa isa, Arena& arena) {
    if (is_empty(block)) return {};
    const BlockPassKernels& kernels = block_pass_kernels(isa);
    BlockPasses passes;
    const bool is_right = decode_passes(block, false, kernels, arena, passes);
    kernels.store_block(passes, block.width, block.height, to, stride);
    return {.is_damaged = !is_right};
}

BlockOutcome decode_mq_block_wide(const CodeBlock& block, std::int64_t* to, std::size_t stride, Arena& arena) {
    if (is_empty(block)) return {};
    const BlockPassKernels& kernels = block_pass_kernels(Isa::scalar);
    BlockPasses passes;
    const bool is_right = decode_passes(block, true, kernels, arena, passes);
    kernels.store_block_wide(passes, block.width, block.height, to, stride);
    return {.is_damaged = !is_right};
}

}  // namespace dcmturbo::jpeg2000
