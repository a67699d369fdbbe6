// RLE Lossless (PS3.5, annex G).
#pragma once

#include "codecs/codec.h"

namespace dcmturbo {

extern const Codec rle_codec;

namespace rle {

Outcome decode(const Fragments& frame, const PixelAttributes& attributes, const Header& header, const FrameOut& out,
               const Options& options, Context& context);
std::uint64_t encode_bound(const FrameIn& frame);
std::size_t encode(const FrameIn& frame, std::span<std::byte> to, const EncodeOptions& options, Context& context);

// Segments of an image: a byte plane each, the most significant byte of the first sample first; one of
// packed bits where Bits Allocated is 1.
unsigned segment_count(const PixelAttributes& attributes);

// Whether a frame begins with an RLE header (PS3.5, G.5): a count of segments, and the first right behind the header.
bool looks_right(Bytes data);

// The frame with zeros in the fields of its header that tell nothing (PS3.5, G.5).
std::vector<std::uint8_t> clean(Bytes data, const Header& header);

}  // namespace rle

}  // namespace dcmturbo
