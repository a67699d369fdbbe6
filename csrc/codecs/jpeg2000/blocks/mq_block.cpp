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

void lay_out(const CodeBlock& block, Arena& arena, BlockPasses& passes) {
    passes.set_size(block.width, block.height);
    const std::size_t bitmap = passes.bitmap_pitch() * (passes.stripes + 2);
    std::uint64_t* const bitmaps =
        zeroed<std::uint64_t>(arena, 3 * bitmap + (1 + passes.most_planes) * passes.plane_words());
    passes.significant = bitmaps;
    passes.visited = bitmaps + bitmap;
    passes.refined = bitmaps + 2 * bitmap;
    passes.negative = bitmaps + 3 * bitmap;
    passes.planes = passes.negative + passes.plane_words();
    passes.flags = zeroed<ColumnFlags>(arena, passes.flags_pitch() * (passes.stripes + 2));
    passes.decisions = arena.allocate_array<std::uint8_t>(64 * passes.plane_words() + 8);
}

// An encoder that leaves passes out to meet a rate may cut the last one that it keeps a few bytes short, where passes
// are not terminated one by one. Then its segmentation symbol, which is its end, proves nothing.
bool may_end_early(const CodeBlock& block) { return (block.style & style_terminate_all) == 0; }

// A block on its way, pass by pass.
class BlockRun {
  public:
    BlockRun(const CodeBlock& block, unsigned most_planes, Arena& arena) : block_(block) {
        is_right_ = block.bit_planes <= most_planes;
        passes_.most_planes = is_right_ ? block.bit_planes : 0;
        lay_out(block, arena, passes_);
        passes_.is_causal = (block.style & style_vertically_causal) != 0;
        passes_.has_segmentation_symbols = (block.style & style_segmentation_symbols) != 0;
        passes_.zero_coding = zero_coding_of(block.orientation);
        reset_contexts(passes_.contexts);
        if (!is_right_) return;
        most_ = block.bit_planes == 0 ? 0 : 3U * block.bit_planes - 2U;
        std::size_t longest = 0;
        for (const CodewordSegment& segment : block.segments) {
            longest = std::max<std::size_t>(longest, segment.size);
            last_ += segment.passes;
        }
        if (last_ >= most_) last_ = 0;  // none is cut off
        words_ = arena.allocate_array<std::uint32_t>(unstuffed_words_bound(longest));
        left_ = block.segments;
    }

    // Prepares for the next pass; false if there is none, or what remains contradicts the block.
    bool start_pass() {
        while (!left_.empty() && of_segment_ == left_.front().passes) {
            left_ = left_.subspan(1);
            of_segment_ = 0;
        }
        if (left_.empty()) return false;
        const bool is_pass_raw = is_raw_pass((block_.style & style_bypass) != 0, done_);
        if (done_ >= most_ || (of_segment_ != 0 && is_pass_raw != is_raw_)) {
            left_ = {};
            is_right_ = false;
            return false;
        }
        if (of_segment_ == 0) {
            const CodewordSegment& segment = left_.front();
            is_raw_ = is_pass_raw;
            is_right_ &= is_raw_ ? start_raw(segment.data, segment.size, words_, passes_.raw)
                                 : start_mq(segment.data, segment.size, words_, passes_.mq);
        }
        passes_.plane = static_cast<unsigned>(block_.bit_planes - 1 - (done_ + 2) / 3);
        passes_.is_last_partial = pass() == BlockPass::significance_propagation;
        was_damaged_ = passes_.is_damaged;
        return true;
    }
    [[nodiscard]] BlockPass pass() const { return pass_at(done_); }
    [[nodiscard]] bool is_raw() const { return is_raw_; }
    void decode_pass(const BlockPassKernels& kernels) { kernels.decode_block_pass(passes_, pass(), is_raw_); }
    // Prepares for the next pass; false if there is none.
    bool end_pass() {
        ++done_;
        ++of_segment_;
        if (done_ == last_ && may_end_early(block_)) passes_.is_damaged = was_damaged_;
        if ((block_.style & style_reset_contexts) != 0) reset_contexts(passes_.contexts);
        return start_pass();
    }
    // From the pass that has been prepared for to the last one that the bit-planes allow.
    [[nodiscard]] std::size_t passes_to_lowest() const { return most_ - done_; }
    // All passes that are left, the first of which has been prepared for.
    void finish(const BlockPassKernels& kernels, bool is_started) {
        for (; is_started; is_started = end_pass()) decode_pass(kernels);
    }

    BlockPasses& passes() { return passes_; }
    // Neither are the data damaged, nor do the passes contradict the block.
    [[nodiscard]] bool is_right() const { return is_right_ && !passes_.is_damaged; }

  private:
    const CodeBlock& block_;
    BlockPasses passes_;
    std::span<const CodewordSegment> left_;
    std::uint32_t* words_ = nullptr;
    std::size_t most_ = 0;          // passes that the bit-planes allow
    std::size_t last_ = 0;          // the number of passes, where some are cut off
    std::size_t done_ = 0;          // passes
    std::uint32_t of_segment_ = 0;  // of them, of the first segment that is left
    bool is_raw_ = false;
    bool is_right_ = true;
    bool was_damaged_ = false;
};

bool is_empty(const CodeBlock& block) { return block.width == 0 || block.height == 0; }

}  // namespace

BlockOutcome decode_mq_block(const CodeBlock& block, std::int32_t* to, std::size_t stride, Isa isa, Arena& arena) {
    if (is_empty(block)) return {};
    const BlockPassKernels& kernels = block_pass_kernels(isa);
    BlockRun run(block, max_narrow_bit_planes, arena);
    run.finish(kernels, run.start_pass());
    kernels.store_block(run.passes(), block.width, block.height, to, stride);
    return {.is_damaged = !run.is_right()};
}

void decode_two_mq_blocks(const CodeBlock (&blocks)[2], const MqTarget (&targets)[2], Isa isa, Arena& arena,
                          BlockOutcome (&outcomes)[2]) {
    if (is_empty(blocks[0]) || is_empty(blocks[1])) {
        for (int i = 0; i < 2; ++i)
            outcomes[i] = decode_mq_block(blocks[i], targets[i].to, targets[i].stride, isa, arena);
        return;
    }
    const BlockPassKernels& kernels = block_pass_kernels(isa);
    BlockRun one(blocks[0], max_narrow_bit_planes, arena);
    BlockRun other(blocks[1], max_narrow_bit_planes, arena);
    bool has_one = one.start_pass();
    bool has_other = other.start_pass();
    // In step from the same bit-plane on: there the blocks have about as many coefficients to refine.
    while (has_one && has_other) {
        const bool goes_one = one.passes_to_lowest() >= other.passes_to_lowest();
        const bool goes_other = other.passes_to_lowest() >= one.passes_to_lowest();
        const bool refines = one.pass() == BlockPass::magnitude_refinement && !one.is_raw() && !other.is_raw();
        if (goes_one && goes_other && refines) {
            kernels.refine_two_blocks(one.passes(), other.passes());
        } else {
            if (goes_one) one.decode_pass(kernels);
            if (goes_other) other.decode_pass(kernels);
        }
        if (goes_one) has_one = one.end_pass();
        if (goes_other) has_other = other.end_pass();
    }
    one.finish(kernels, has_one);
    other.finish(kernels, has_other);
    kernels.store_block(one.passes(), blocks[0].width, blocks[0].height, targets[0].to, targets[0].stride);
    kernels.store_block(other.passes(), blocks[1].width, blocks[1].height, targets[1].to, targets[1].stride);
    outcomes[0] = {.is_damaged = !one.is_right()};
    outcomes[1] = {.is_damaged = !other.is_right()};
}

BlockOutcome decode_mq_block_wide(const CodeBlock& block, std::int64_t* to, std::size_t stride, Arena& arena) {
    if (is_empty(block)) return {};
    const BlockPassKernels& kernels = block_pass_kernels(Isa::scalar);
    BlockRun run(block, max_bit_planes, arena);
    run.finish(kernels, run.start_pass());
    kernels.store_block_wide(run.passes(), block.width, block.height, to, stride);
    return {.is_damaged = !run.is_right()};
}

}  // namespace dcmturbo::jpeg2000
