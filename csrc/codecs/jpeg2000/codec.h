// JPEG 2000 Part 1 (ISO/IEC 15444-1) and HTJ2K (ISO/IEC 15444-15), bare or in boxes.
#pragma once

#include "codecs/codec.h"

namespace dcmturbo {

extern const Codec jpeg2000_codec;
extern const Codec htj2k_codec;  // decodes the same, encodes with the HT block coder

namespace jpeg2000 {

Outcome decode(const Fragments& frame, const PixelAttributes& attributes, const Header& header, const FrameOut& out,
               const Options& options, Context& context);
Outcome decode_components(const Fragments& frame, const Header& header, std::span<const ComponentOut> out,
                          const Options& options, Context& context);

Bytes encode(const FrameIn& frame, const EncodeOptions& options, Context& context);
Bytes encode_high_throughput(const FrameIn& frame, const EncodeOptions& options, Context& context);

std::vector<std::uint8_t> blank(const Fragments& frame, const Header& header, const Blanking& blanking,
                                std::vector<Region>& changed, Context& context);

}  // namespace jpeg2000

}  // namespace dcmturbo
