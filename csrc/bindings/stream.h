// Frames that share a dataset.
#pragma once

#include <memory>
#include <string>

#include "bindings/common.h"

namespace dcmturbo::bindings {

// One image of a batch: its frame index and the format of its frames.
struct Stream {
    std::shared_ptr<IndexHandle> index;
    std::string transfer_syntax;
    Attributes attributes;
    Format format;
    dcmturbo_request request{};
    dcmturbo_step step{};
    std::uint32_t notes = 0;     // of the frames decoded so far
    std::uint64_t overlaps = 0;  // of the labels drawn so far
};

// The same for the C ABI, as contiguous frames. The text and the structs must outlive it.
inline dcmturbo_stream plain_stream(const std::string& transfer_syntax, const Attributes& attributes,
                                    const Format& format, const dcmturbo_request& request) {
    dcmturbo_stream plain{};
    plain.size = sizeof plain;
    plain.transfer_syntax = transfer_syntax.c_str();
    plain.attributes = attributes.plain;
    plain.format = format.plain;
    plain.request = request;
    return plain;
}
inline dcmturbo_stream plain_stream(const Stream& stream) {
    return plain_stream(stream.transfer_syntax, stream.attributes, stream.format, stream.request);
}

}  // namespace dcmturbo::bindings
