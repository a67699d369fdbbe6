// JPEG Lossless: the sequential lossless process with Huffman coding (ISO/IEC 10918-1, Annex H; SOF3).
#pragma once

#include "codecs/codec.h"

namespace dcmturbo {

extern const Codec jpeg_lossless_codec;

namespace jpeg_lossless {

Outcome decode(const Fragments& frame, const PixelAttributes& attributes, const Header& header, const FrameOut& out,
               const Options& options, Context& context);
Outcome decode_components(const Fragments& frame, const Header& header, std::span<const ComponentOut> out,
                          const Options& options, Context& context);
std::uint64_t encode_bound(const FrameIn& frame);
std::size_t encode(const FrameIn& frame, std::span<std::byte> to, const EncodeOptions& options, Context& context);

}  // namespace jpeg_lossless

}  // namespace dcmturbo
