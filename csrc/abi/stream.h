// Frames that share a dataset, from the arguments of the C ABI.
#pragma once

#include "abi/convert.h"
#include "codecs/frame_format.h"
#include "sched/decode_frames.h"

namespace dcmturbo::abi {

inline FormatRequest request_from(std::uint32_t flags) {
    const std::uint32_t reduce = flags >> 8;
    if (reduce > 32) fail(ErrorCode::argument, no_offset, "reduce is %u; JPEG 2000 has 32 levels at most", reduce);
    return {.raw = (flags & 1) != 0, .keep_unused_bits = (flags & 2) != 0, .reduce = static_cast<std::uint8_t>(reduce)};
}

inline FrameStream stream_from(const char* transfer_syntax, const dcmturbo_attributes& attributes,
                               const dcmturbo_format& format, uint32_t flags, ptrdiff_t row_stride,
                               ptrdiff_t pixel_stride, ptrdiff_t sample_stride) {
    FrameStream stream;
    stream.syntax = &required_decoded_syntax(transfer_syntax);
    stream.request = request_from(flags);
    stream.attributes = attributes_from(attributes);
    stream.format = format_from(format);
    stream.row_stride = row_stride;
    stream.pixel_stride = pixel_stride;
    stream.sample_stride = sample_stride;
    // The codecs trust these; a caller of the C door may not have come through dcmturbo_frame_format.
    check_attributes(stream.attributes);
    const unsigned reduce = stream.request.reduce;
    if (stream.format.rows != reduced_size(stream.attributes.rows, reduce) ||
        stream.format.columns != reduced_size(stream.attributes.columns, reduce) ||
        stream.format.samples_per_pixel != stream.attributes.samples_per_pixel ||
        stream.format.type != cell_type(stream.attributes)) {
        fail(ErrorCode::argument, no_offset, "the format does not describe an image with these attributes");
    }
    return stream;
}

}  // namespace dcmturbo::abi
