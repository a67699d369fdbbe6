// Pixel data as they stand in a file: native encoding (PS3.5, 8.1 and 8.2.1) and Encapsulated Uncompressed
// (PS3.5, A.4.11), whose frames are the same bytes; and Deflated Image Frame, whose frames are those bytes deflated.
#pragma once

#include "codecs/codec.h"

namespace dcmturbo {

extern const Codec native_codec;
extern const Codec deflated_frame_codec;

namespace native {

Outcome decode(const Fragments& frame, const PixelAttributes& attributes, const Header& header, const FrameOut& out,
               const Options& options, Context& context);
std::uint64_t encode_bound(const FrameIn& frame);
std::size_t encode(const FrameIn& frame, std::span<std::byte> to, const EncodeOptions& options, Context& context);

}  // namespace native

}  // namespace dcmturbo
