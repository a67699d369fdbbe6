// Blanks boxes in many encoded frames, and verifies the result.
#include "sched/blank_frames.h"

#include "codecs/probe.h"
#include "codecs/registry.h"
#include "sched/blank_comparison.h"
#include "sched/decode_one.h"
#include "sched/frame_block.h"

namespace dcmturbo {

namespace {

class BlankBatch final : public Batch {
  public:
    BlankBatch(const BlankPlan& plan, const Settings& settings, const BlankedTaker& taker)
        : Batch(static_cast<std::size_t>(plan.frames), plan.threads, false, settings),
          plan_(plan),
          settings_(settings),
          taker_(taker) {}

  private:
    FrameFailure work(std::size_t job, Scratch& scratch, Context& context) override {
        check_limits(plan_.stream.format, 1, settings_.limits);
        const Fragments fragments = load_frame(*plan_.source, *plan_.index, job, scratch);
        const Arena::Mark loaded = context.arena.mark();
        std::vector<Region> changed;
        const std::vector<std::uint8_t> codestream =
            blank_one(fragments.contiguous(context.arena), plan_.blanking, changed, settings_.limits, context);
        const Bytes blanked = std::as_bytes(std::span(codestream));
        context.arena.rewind(loaded);
        verify(fragments, blanked, changed, scratch, context);
        taker_.take(taker_.context, job, blanked, changed);
        return no_failure();
    }

    void verify(const Fragments& fragments, const Bytes& blanked, std::span<const Region> changed, Scratch& scratch,
                Context& context) const {
        const FrameBlock before = decoded(fragments, scratch, context);
        const FrameBlock after = decoded(Fragments(blanked), scratch, context);
        const BlankComparison comparison(plan_.stream.format, before.data(), after.data(), context.arena);
        if (!comparison.is_equal_outside(changed))
            fail(ErrorCode::internal, no_offset, "samples outside of the boxes have changed");
        if (!comparison.is_blank_inside(plan_.blanking.boxes))
            fail(ErrorCode::internal, no_offset, "a box is not blank");
    }

    FrameBlock decoded(const Fragments& fragments, Scratch& scratch, Context& context) const {
        FrameBlock cells(static_cast<std::size_t>(plan_.stream.format.frame_bytes()));
        DecodePolicy policy;
        policy.threads = plan_.threads;
        const Arena::Mark before = context.arena.mark();
        decode_one(fragments, plan_.stream, cells.data(), 0, true, policy, settings_, scratch, context);
        context.arena.rewind(before);
        return cells;
    }

    void conclude(std::size_t, const FrameFailure&) noexcept override {}

    const BlankPlan& plan_;
    const Settings& settings_;
    const BlankedTaker& taker_;
};

}  // namespace

std::vector<std::uint8_t> blank_one(Bytes codestream, const Blanking& blanking, std::vector<Region>& changed,
                                    const Limits& limits, Context& context) {
    Header header;
    probe(codestream, header);
    if (std::uint64_t{header.width} * header.height > limits.max_pixels)
        fail(ErrorCode::limit, no_offset, "the frame has more pixels than limits.max_pixels allows");
    const Codec* const codec = row_of(header.format).own;
    if (codec == nullptr || codec->blank == nullptr) {
        fail(ErrorCode::unsupported, no_offset, "boxes cannot be blanked in a %s codestream",
             row_of(header.format).title);
    }
    for (std::size_t i = 0; i < blanking.boxes.size(); ++i) {
        const Region& box = blanking.boxes[i];
        if (box.is_whole() || !box.is_within(header.height, header.width))
            fail(ErrorCode::argument, no_offset, "box %zu is not within the frame", i);
    }
    return codec->blank(Fragments(codestream), header, blanking, changed, context);
}

std::vector<FrameFailure> blank_frames(const BlankPlan& plan, const Settings& settings, const BlankedTaker& taker) {
    return BlankBatch(plan, settings, taker).run();
}

}  // namespace dcmturbo
