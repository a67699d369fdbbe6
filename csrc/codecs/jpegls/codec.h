// JPEG-LS (ISO/IEC 14495-1, ITU-T T.87), lossless and near-lossless.
#pragma once

#include "codecs/codec.h"

namespace dcmturbo {

extern const Codec jpegls_codec;

namespace jpegls {

Outcome decode(const Fragments& frame, const PixelAttributes& attributes, const Header& header, const FrameOut& out,
               const Options& options, Context& context);
Outcome decode_components(const Fragments& frame, const Header& header, std::span<const ComponentOut> out,
                          const Options& options, Context& context);
std::uint64_t encode_bound(const FrameIn& frame);
std::size_t encode(const FrameIn& frame, std::span<std::byte> to, const EncodeOptions& options, Context& context);

}  // namespace jpegls

}  // namespace dcmturbo
