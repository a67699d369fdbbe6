// JPEG 2000 Part 1 (ISO/IEC 15444-1), bare or in JP2 boxes.
#pragma once

#include "codecs/codec.h"

namespace dcmturbo {

extern const Codec jpeg2000_codec;

namespace jpeg2000 {

Outcome decode(const Fragments& frame, const PixelAttributes& attributes, const Header& header, const FrameOut& out,
               const Options& options, Context& context);
Outcome decode_components(const Fragments& frame, const Header& header, std::span<const ComponentOut> out,
                          const Options& options, Context& context);

}  // namespace jpeg2000

}  // namespace dcmturbo
