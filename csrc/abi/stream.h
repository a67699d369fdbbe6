// Makes a FrameStream, which describes the frames of one dataset, from the arguments of the C ABI.
#pragma once

#include "abi/convert.h"
#include "codecs/frame_format.h"
#include "sched/decode_frames.h"

namespace dcmturbo::abi {

inline FormatRequest request_from(const dcmturbo_request& from) {
    if (from.reduce > 32) {
        fail(ErrorCode::argument, no_offset, "reduce is %u; JPEG 2000 has 32 levels at most", unsigned{from.reduce});
    }
    return {.raw = from.raw != 0,
            .keep_unused_bits = from.keep_unused_bits != 0,
            .reduce = from.reduce,
            .region = {from.region.top, from.region.left, from.region.height, from.region.width}};
}

inline void check_region(const Region& region, std::uint32_t rows, std::uint32_t columns) {
    if (region.is_within(rows, columns)) return;
    fail(ErrorCode::argument, no_offset, "a region of %u x %u pixels at row %u, column %u does not lie within %u x %u",
         region.height, region.width, region.top, region.left, rows, columns);
}

inline FrameStream stream_from(const char* transfer_syntax, const dcmturbo_attributes& attributes,
                               const dcmturbo_format& format, const dcmturbo_request& request, ptrdiff_t row_stride,
                               ptrdiff_t pixel_stride, ptrdiff_t sample_stride) {
    FrameStream stream;
    stream.syntax = &required_decoded_syntax(transfer_syntax);
    stream.request = request_from(request);
    stream.attributes = attributes_from(attributes);
    stream.format = format_from(format);
    stream.row_stride = row_stride;
    stream.pixel_stride = pixel_stride;
    stream.sample_stride = sample_stride;
    // Codecs do not check these values. The caller may not have used dcmturbo_frame_format, so they are checked here.
    check_attributes(stream.attributes);
    const unsigned reduce = stream.request.reduce;
    if (stream.format.rows != reduced_size(stream.attributes.rows, reduce) ||
        stream.format.columns != reduced_size(stream.attributes.columns, reduce) ||
        stream.format.samples_per_pixel != stream.attributes.samples_per_pixel ||
        stream.format.type != cell_type(stream.attributes)) {
        fail(ErrorCode::argument, no_offset, "the format does not describe an image with these attributes");
    }
    check_region(stream.request.region, stream.format.rows, stream.format.columns);
    return stream;
}

inline FrameStream stream_from(const dcmturbo_stream& from) {
    check_size(from, "a dcmturbo_stream");
    return stream_from(from.transfer_syntax, from.attributes, from.format, from.request, from.row_stride,
                       from.pixel_stride, from.sample_stride);
}

// A stream with the strides of contiguous frames.
inline FrameStream contiguous_stream(const dcmturbo_stream& from) { return stream_from(from).contiguous(); }

inline FrameStep step_from(const dcmturbo_step& from, SampleType type) {
    FrameStep step;
    if (from.kind == DCMTURBO_STEP_NONE) return step;
    if (from.kind > static_cast<std::uint8_t>(FrameStep::Kind::function))
        fail(ErrorCode::argument, no_offset, "there is no step %u", unsigned{from.kind});
    step.kind = static_cast<FrameStep::Kind>(from.kind);
    if (!step.takes(type)) {
        fail(ErrorCode::argument, no_offset,
             step.kind == FrameStep::Kind::label ? "labels are drawn from frames with samples of one byte"
                                                 : "steps are for integers of up to 32 bits");
    }
    step.result = static_cast<SampleType>(from.type);
    step.function = from.function;
    if (from.type > static_cast<std::uint8_t>(SampleType::f64) || !step.gives(step.result))
        fail(ErrorCode::argument, no_offset, "the results of a step have another type");
    if (step.kind == FrameStep::Kind::function && step.function == nullptr)
        fail(ErrorCode::argument, no_offset, "the step has no function");
    step.clips = from.clips != 0;
    step.gain = from.gain;
    step.offset = from.offset;
    step.label = from.label;
    step.threshold = from.threshold;
    step.over = from.replaces != 0 ? FrameStep::Over::replace : FrameStep::Over::keep;
    return step;
}

}  // namespace dcmturbo::abi
