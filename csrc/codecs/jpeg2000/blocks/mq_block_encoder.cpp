// Encodes a code-block with the MQ coder (ISO/IEC 15444-1, Annex D): passes, codeword segments and their ends.
#include "codecs/jpeg2000/blocks/mq_block_encoder.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "bits/mq_stuffing.h"
#include "bits/zero_bit_writer.h"
#include "codecs/jpeg2000/blocks/code_block.h"
#include "codecs/jpeg2000/blocks/encode_passes.h"
#include "entropy/mq_encode.h"

namespace dcmturbo::jpeg2000 {

namespace {

// Table D.8 and D.9: whether a codeword segment ends behind a pass.
bool ends_segment(std::uint8_t style, unsigned index, unsigned count) {
    if (index + 1 == count || (style & style_terminate_all) != 0) return true;
    return (style & style_bypass) != 0 && index + 1 >= arithmetic_passes &&
           is_raw_pass((style & style_bypass) != 0, index) != is_raw_pass((style & style_bypass) != 0, index + 1);
}

const Decision* zero_coding_of(Orientation orientation) {
    switch (orientation) {
        case Orientation::hl: return encode_zero_coding_hl.data();
        case Orientation::hh: return encode_zero_coding_hh.data();
        default: return encode_zero_coding_lh.data();
    }
}

std::uint64_t* zeroed_bitmap(const BlockToEncode& block, Arena& arena) {
    const std::size_t size = block.bitmap_pitch() * (block.stripes + 2);
    auto* const map = arena.allocate_array<std::uint64_t>(size);
    std::memset(map, 0, size * sizeof *map);
    return map;
}

void lay_out(const BlockInput& input, unsigned planes, Arena& arena, BlockToEncode& block) {
    block.set_size(input.width, input.height);
    block.is_causal = (input.style & style_vertically_causal) != 0;
    block.zero_coding = zero_coding_of(input.orientation);
    block.significant = zeroed_bitmap(block, arena);
    block.negative = zeroed_bitmap(block, arena);
    block.visited = zeroed_bitmap(block, arena);
    block.refined = zeroed_bitmap(block, arena);
    block.planes = arena.allocate_array<std::uint64_t>(planes * block.plane_words());
    block.changed = arena.allocate_array<std::uint64_t>(block.plane_words());
}

// The bits of a raw segment (D.6). Returns the end of its bytes.
std::uint8_t* write_raw(const Decision* decisions, std::size_t count, std::uint8_t* to) {
    ZeroBitWriter writer(ByteOutput{to});
    for (std::size_t i = 0; i < count; ++i) writer.put_bit(decisions[i] & 1);
    writer.finish_with_zeros_and_ones();
    return writer.output().end;
}

// One block after the other, pass by pass. The arithmetic coding of the passes' decisions is left to the caller, who
// does it for two blocks at a time.
class BlockWriter {
  public:
    BlockWriter(Isa isa, MqEncoder& mq, MqState* contexts)
        : kernels_(encode_pass_kernels(isa)), mq_(mq), contexts_(contexts) {}

    // Begins with a block. False where all its coefficients are zero, and nothing is to be done.
    bool start(const BlockInput& input) {
        input_ = input;
        out_.bytes.clear();
        out_.passes.clear();
        const std::uint64_t all =
            input.wide != nullptr
                ? kernels_.block_magnitude_wide(input.wide, input.stride, input.width, input.height)
                : kernels_.block_magnitude(input.coefficients, input.stride, input.width, input.height);
        out_.planes = static_cast<unsigned>(std::bit_width(all));
        if (out_.planes <= input.lowest_plane) return false;
        scratch_.reset();
        block_ = BlockToEncode{};
        lay_out(input, out_.planes, scratch_, block_);
        if (input.wide != nullptr)
            kernels_.split_block_wide(input.wide, input.stride, input.width, input.height, out_.planes, block_);
        else kernels_.split_block(input.coefficients, input.stride, input.width, input.height, out_.planes, block_);
        count_ = 3 * (out_.planes - input.lowest_plane) - 2;
        out_.passes.resize(count_);
        // A raw segment has two passes.
        decisions_ = scratch_.allocate_array<Decision>(2 * block_.most_decisions());
        positions_ = scratch_.allocate_array<MqPosition>(count_);
        ends_ = scratch_.allocate_array<std::uint32_t>(count_);
        words_ = nullptr;
        word_capacity_ = 0;
        distortion_ = 0;
        index_ = first_ = 0;
        reset_contexts(contexts_);
        start_segment();
        return true;
    }

    // The decisions of the pass that is to be coded now.
    [[nodiscard]] std::span<const Decision> decisions() const { return {decisions_, end_}; }

    // Once they are coded: goes on to the next pass. False once the block is done.
    bool advance() {
        positions_[index_] = mq_position(mq_);
        if ((input_.style & style_reset_contexts) != 0) reset_contexts(contexts_);
        const bool ends = ends_segment(input_.style, index_, count_);
        ++index_;
        if (!ends) {
            list_pass();
            return true;
        }
        finish_segment();
        if (index_ < count_) start_segment();
        return index_ < count_;
    }

    [[nodiscard]] const BlockBytes& result() const { return out_; }

  private:
    void list_pass() {
        end_ = list_pass(index_, decisions_);
        reserve_words(static_cast<std::size_t>(end_ - decisions_));
    }

    Decision* list_pass(unsigned index, Decision* to) {
        const unsigned plane = out_.planes - 1 - (index + 2) / 3;
        const bool is_raw = is_raw_pass((input_.style & style_bypass) != 0, index);
        const BlockPass pass = pass_at(index);
        switch (pass) {
            case BlockPass::significance_propagation: to = kernels_.list_propagation(block_, plane, is_raw, to); break;
            case BlockPass::magnitude_refinement: to = kernels_.list_refinement(block_, plane, is_raw, to); break;
            default: to = kernels_.list_clean_up(block_, plane, (input_.style & style_segmentation_symbols) != 0, to);
        }
        if (input_.needs_truncation) {
            distortion_ += std::ldexp(
                kernels_.measure_pass(block_, plane, pass == BlockPass::magnitude_refinement, input_.is_exact),
                2 * static_cast<int>(plane));
        }
        out_.passes[index].distortion = static_cast<float>(distortion_);
        out_.passes[index].terminates = false;
        return to;
    }

    // Room for what a pass may bring.
    void reserve_words(std::size_t decisions) {
        const auto used = words_ == nullptr ? 0 : static_cast<std::size_t>(mq_.to - mq_.begin);
        const std::size_t needed = used + mq_words_bound(decisions);
        if (needed <= word_capacity_) return;
        word_capacity_ = std::max(2 * needed, std::size_t{4096});
        auto* const larger = scratch_.allocate_array<std::uint32_t>(word_capacity_);
        if (used != 0) std::memcpy(larger, words_, used * sizeof *larger);
        words_ = larger;
        mq_.begin = larger;
        mq_.to = larger + used;
    }

    // Goes on to the next pass with an arithmetically coded segment; raw ones on the way are written at once.
    void start_segment() {
        while (index_ < count_ && is_raw_pass((input_.style & style_bypass) != 0, index_)) write_raw_segment();
        if (index_ == count_) return;
        first_ = index_;
        mq_.start(words_);
        list_pass();
    }

    void finish_segment() {
        const unsigned last = index_ - 1;
        const auto begin = static_cast<std::uint32_t>(out_.bytes.size());
        out_.bytes.resize(begin + stuffed_mq_bound(static_cast<std::size_t>(mq_.to - mq_.begin) + 4));
        const unsigned inner = input_.needs_truncation ? last - first_ : 0;
        const std::size_t size =
            begin + finish_mq(mq_, positions_ + first_, inner, ends_ + first_, out_.bytes.data() + begin);
        out_.bytes.resize(size);
        for (unsigned i = first_; i <= last; ++i) {
            const bool is_inner = input_.needs_truncation && i != last;
            out_.passes[i].end = is_inner ? begin + ends_[i] : static_cast<std::uint32_t>(size);
        }
        out_.passes[last].terminates = true;
    }

    void write_raw_segment() {
        const unsigned first = index_;
        const std::size_t begin = out_.bytes.size();
        Decision* end = decisions_;
        for (bool ends = false; !ends; ++index_) {
            end = list_pass(index_, end);
            // Where the pass ends within a byte, a decoder needs that byte.
            out_.passes[index_].end =
                static_cast<std::uint32_t>(begin + static_cast<std::size_t>(end - decisions_) / 7 + 1);
            ends = ends_segment(input_.style, index_, count_);
        }
        const auto count = static_cast<std::size_t>(end - decisions_);
        out_.bytes.resize(begin + count / 7 + 16);
        std::uint8_t* const to = out_.bytes.data() + begin;
        const auto size =
            static_cast<std::uint32_t>(begin + static_cast<std::size_t>(write_raw(decisions_, count, to) - to));
        out_.bytes.resize(size);
        for (unsigned i = first; i < index_; ++i) out_.passes[i].end = std::min(out_.passes[i].end, size);
        out_.passes[index_ - 1].end = size;
        out_.passes[index_ - 1].terminates = true;
    }

    const EncodePassKernels& kernels_;
    MqEncoder& mq_;
    MqState* contexts_;
    Arena scratch_;
    BlockInput input_;
    BlockBytes out_;
    BlockToEncode block_;
    unsigned count_ = 0;  // of passes
    unsigned index_ = 0;  // of the pass that is being coded
    unsigned first_ = 0;  // of its segment
    std::uint32_t* words_ = nullptr;
    std::size_t word_capacity_ = 0;
    Decision* decisions_ = nullptr;
    Decision* end_ = nullptr;
    MqPosition* positions_ = nullptr;
    std::uint32_t* ends_ = nullptr;
    double distortion_ = 0;
};

// A block under way.
struct Lane {
    Lane(Isa isa, MqEncoder& mq, MqState* contexts) : writer(isa, mq, contexts) {}

    BlockWriter writer;
    std::size_t number = 0;
    const Decision* at = nullptr;
    std::size_t left = 0;
    bool is_busy = false;
};

}  // namespace

void MqBlockEncoder::encode(std::size_t count, BlockSource& source) {
    MqEncoder mq[2];
    MqContexts contexts;
    Lane lanes[2] = {{isa_, mq[0], contexts.of[0]}, {isa_, mq[1], contexts.of[1]}};
    const MqEncodeKernels& kernels = mq_encode_kernels(isa_);
    std::size_t next = 0;
    const auto fill = [&](Lane& lane) {
        // The pass is coded: the block's next one, or else the next block.
        while (lane.left == 0) {
            if (lane.is_busy && !lane.writer.advance()) {
                source.take(lane.number, lane.writer.result());
                lane.is_busy = false;
            }
            while (!lane.is_busy) {
                if (next == count) return false;
                lane.number = next++;
                lane.is_busy = lane.writer.start(source.block(lane.number));
                if (!lane.is_busy) source.take(lane.number, lane.writer.result());
            }
            lane.at = lane.writer.decisions().data();
            lane.left = lane.writer.decisions().size();
        }
        return true;
    };
    const auto pass = [](Lane& lane, std::size_t decisions) {
        lane.at += decisions;
        lane.left -= decisions;
    };
    for (;;) {
        const bool first = fill(lanes[0]);
        const bool second = fill(lanes[1]);
        if (first && second) {
            const std::size_t both = std::min(lanes[0].left, lanes[1].left);
            kernels.encode_two(mq, contexts, lanes[0].at, lanes[1].at, both);
            pass(lanes[0], both);
            pass(lanes[1], both);
        } else if (first || second) {
            Lane& lane = lanes[first ? 0 : 1];
            kernels.encode(mq, contexts, first ? 0 : 1, lane.at, lane.left);
            pass(lane, lane.left);
        } else {
            return;
        }
    }
}

}  // namespace dcmturbo::jpeg2000
