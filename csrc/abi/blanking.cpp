// The C ABI of blanking boxes in encoded frames.
#include "sched/blank_frames.h"

#include <vector>

#include "abi/convert.h"
#include "abi/stream.h"
#include "codecs/probe.h"
#include "process/settings.h"
#include "sched/scratch.h"

using namespace dcmturbo;

namespace {

// The boxes and the values of a blank pixel. The values are those of the caller.
struct BlankRequest {
    explicit BlankRequest(const dcmturbo_blanking& from) {
        abi::check_size(from, "a dcmturbo_blanking");
        boxes.reserve(from.box_count);
        for (size_t i = 0; i < from.box_count; ++i) {
            const dcmturbo_region& box = from.boxes[i];
            boxes.push_back({box.top, box.left, box.height, box.width});
        }
        blanking = {boxes, {from.values, from.value_count}};
    }
    BlankRequest(const BlankRequest&) = delete;
    BlankRequest& operator=(const BlankRequest&) = delete;

    std::vector<Region> boxes;
    Blanking blanking;
};

struct Taker {
    dcmturbo_take_blanked take;
    void* context;

    void operator()(size_t frame, Bytes codestream, std::span<const Region> changed) const {
        std::vector<dcmturbo_region> found;
        found.reserve(changed.size());
        for (const Region& region : changed) found.push_back({region.top, region.left, region.height, region.width});
        const int32_t code =
            take(context, frame, {reinterpret_cast<const uint8_t*>(codestream.data()), codestream.size()}, found.data(),
                 found.size());
        if (code != DCMTURBO_OK)
            fail(static_cast<ErrorCode>(code), no_offset, "there is not enough memory for a blanked frame");
    }
};

}  // namespace

int32_t dcmturbo_blank_frame(dcmturbo_bytes frame, const dcmturbo_blanking* blanking, dcmturbo_take_blanked take,
                             void* context, dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        const BlankRequest request(*blanking);
        const Settings current = settings();
        const ScratchLoan scratch(current.limits.max_scratch);
        scratch->arena.reset();
        Context inner{scratch->arena, current.isa, current.limits};
        const Bytes bytes{reinterpret_cast<const std::byte*>(frame.data), frame.size};
        std::vector<Region> changed;
        const std::vector<std::uint8_t> blanked =
            request.boxes.empty() ? clean_one(bytes, recognise(bytes))
                                  : blank_one(bytes, request.blanking, changed, current.limits, inner);
        Taker{take, context}(0, std::as_bytes(std::span(blanked)), changed);
    });
}

int32_t dcmturbo_blank_frames(const dcmturbo_index* index, uint64_t frames, const dcmturbo_stream* stream,
                              const dcmturbo_blanking* blanking, uint32_t threads, dcmturbo_take_blanked take,
                              void* context, dcmturbo_error* error) {
    std::vector<FrameFailure> failures;
    const int32_t code = abi::guarded(error, [&] {
        const BlankRequest request(*blanking);
        const Settings current = settings();
        dcmturbo_stream whole = *stream;
        whole.request.reduce = 0;
        whole.request.region = {};
        BlankPlan plan;
        plan.source = index->source;
        plan.index = index->index.get();
        plan.stream = abi::contiguous_stream(whole);
        plan.stream.notes = stream->notes;
        plan.frames = frames;
        plan.blanking = request.blanking;
        plan.threads = resolve_threads(threads, current);
        Taker taker{take, context};
        const BlankedTaker inner{[](void* self, std::size_t frame, Bytes codestream, std::span<const Region> changed) {
                                     (*static_cast<const Taker*>(self))(frame, codestream, changed);
                                 },
                                 &taker};
        failures = blank_frames(plan, current, inner);
    });
    if (code != DCMTURBO_OK || failures.empty()) return code;
    const FrameFailure& first = failures.front();
    abi::fill_error(error, first.code, first.offset, static_cast<int64_t>(first.job), first.message.c_str());
    return static_cast<int32_t>(first.code);
}
