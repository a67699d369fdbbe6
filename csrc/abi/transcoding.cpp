// The C ABI of transcoding.
#include "abi/library_encoder.h"
#include "abi/stream.h"
#include "sched/transcode_frames.h"

using namespace dcmturbo;

// `frames` refers to the encoder in `library`, so both are kept together.
struct dcmturbo_transcoding {
    explicit dcmturbo_transcoding(const dcmturbo_library_encoder* asked) : library(asked) {}

    abi::LibraryRequest library;
    std::unique_ptr<TranscodeFrames> frames;
};

namespace {

TranscodePlan plan_from(const dcmturbo_transcode_plan& from, const abi::LibraryRequest& library) {
    TranscodePlan plan;
    plan.source = from.index->source;
    plan.index = from.index->index.get();
    plan.stream = abi::contiguous_stream(from.source);
    plan.frames = from.frames;
    if (from.action > DCMTURBO_COPY)
        fail(ErrorCode::argument, no_offset, "there is no action %u", unsigned{from.action});
    plan.action = static_cast<TranscodePlan::Action>(from.action);
    if (from.result.transfer_syntax != nullptr) plan.result = abi::contiguous_stream(from.result);
    else if (plan.action != TranscodePlan::Action::decode) fail(ErrorCode::argument, no_offset, "there is no target");
    if (plan.action != TranscodePlan::Action::decode)
        plan.target = abi::encode_target(from.result.transfer_syntax, from.options, from.option_count, library);
    plan.decodes = (from.flags & DCMTURBO_BYTES_ONLY) == 0;
    plan.verifies = (from.flags & DCMTURBO_VERIFY) != 0;
    plan.loses = (from.flags & DCMTURBO_LOSES) != 0;
    plan.masks = (from.flags & DCMTURBO_MASK) != 0;
    plan.measures_bits = (from.flags & DCMTURBO_MEASURE_BITS) != 0;
    plan.compares_readings = (from.flags & DCMTURBO_COMPARE_READINGS) != 0;
    plan.most_bits = from.most_bits;
    plan.photometric = static_cast<Photometric>(from.photometric);
    return plan;
}

}  // namespace

int32_t dcmturbo_transcode(const dcmturbo_transcode_plan* plan, dcmturbo_transcoding** transcoding,
                           dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        abi::check_size(*plan, "a dcmturbo_transcode_plan");
        const Settings current = settings();
        auto made = std::make_unique<dcmturbo_transcoding>(plan->library);
        TranscodePlan inner = plan_from(*plan, made->library);
        inner.threads = resolve_threads(plan->threads, current);
        made->frames = std::make_unique<TranscodeFrames>(std::move(inner), current);
        *transcoding = made.release();
    });
}

int32_t dcmturbo_transcode_next(dcmturbo_transcoding* transcoding, dcmturbo_transcoded* to, int32_t* is_there,
                                dcmturbo_error* why, dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        TranscodedFrame frame;
        *is_there = transcoding->frames->next(frame) ? 1 : 0;
        if (*is_there == 0) return;
        to->stage = static_cast<uint8_t>(frame.stage);
        to->photometric = static_cast<uint8_t>(frame.photometric);
        to->is_recoded = frame.is_recoded ? 1 : 0;
        to->bits = frame.bits;
        to->asked = frame.asked;
        to->cells_size = frame.cells.size();
        to->cells = frame.cells.release();
        to->encoded_size = frame.encoded.size();
        to->encoded = frame.encoded.release();
        to->maximum = frame.difference.maximum;
        to->total = frame.difference.total;
        to->squares = frame.difference.squares;
        to->samples = frame.difference.samples;
        if (frame.failure.status != FrameStatus::ok)
            abi::fill_error(why, frame.failure.code, frame.failure.offset, -1, frame.failure.message.c_str());
    });
}

void dcmturbo_transcode_notes(const dcmturbo_transcoding* transcoding, uint32_t* source, uint32_t* result) {
    *source = transcoding->frames->source_notes();
    *result = transcoding->frames->result_notes();
}

void dcmturbo_transcode_free(dcmturbo_transcoding* transcoding) { delete transcoding; }

void dcmturbo_transcoded_free(void* block, size_t size) { FrameBlock::free(block, size); }
