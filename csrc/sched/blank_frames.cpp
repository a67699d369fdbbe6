// Blanks boxes in many encoded frames, and verifies the result.
#include "sched/blank_frames.h"

#include <algorithm>

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
        const Bytes frame = fragments.contiguous(context.arena);
        std::vector<Region> changed;
        const bool only_cleans = plan_.blanking.boxes.empty();
        const std::vector<std::uint8_t> codestream =
            only_cleans ? clean_one(frame, plan_.stream.syntax->format)
                        : blank_one(frame, plan_.blanking, changed, settings_.limits, context);
        Bytes result = std::as_bytes(std::span(codestream));
        if (only_cleans && is_same(frame, result)) {
            result = frame;
        } else {
            context.arena.rewind(loaded);
            verify(fragments, result, changed, scratch, context);
        }
        taker_.take(taker_.context, job, result, changed);
        return no_failure();
    }

    // Whether a frame is already clean. Zeros may follow its end: one pads an item to an even length.
    static bool is_same(Bytes frame, Bytes cleaned) {
        return frame.size() >= cleaned.size() && std::equal(cleaned.begin(), cleaned.end(), frame.begin()) &&
               std::all_of(frame.begin() + static_cast<std::ptrdiff_t>(cleaned.size()), frame.end(),
                           [](std::byte byte) { return byte == std::byte{0}; });
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

std::vector<std::uint8_t> clean_one(Bytes frame, Format label) {
    Header header;
    Format format = label;
    if (row_of(label).has_header) {
        probe(frame, header);
        format = header.format;
    }
    if (const auto clean = row_of(format).clean; clean != nullptr) return clean(frame, header);
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(frame.data());
    return {bytes, bytes + frame.size()};
}

std::vector<FrameFailure> blank_frames(const BlankPlan& plan, const Settings& settings, const BlankedTaker& taker) {
    return BlankBatch(plan, settings, taker).run();
}

}  // namespace dcmturbo
