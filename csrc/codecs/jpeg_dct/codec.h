// JPEG with the discrete cosine transform and Huffman coding (ISO/IEC 10918-1, Annexes F and G; SOF0, SOF1 and SOF2).
#pragma once

#include "codecs/codec.h"

namespace dcmturbo {

// Only decodes. Frames that it leaves to the library make it throw DecodeError(other_codec).
extern const Codec jpeg_codec;

namespace jpeg_dct {

Outcome decode(const Fragments& frame, const PixelAttributes& attributes, const Header& header, const FrameOut& out,
               const Options& options, Context& context);
Outcome decode_components(const Fragments& frame, const Header& header, std::span<const ComponentOut> out,
                          const Options& options, Context& context);
std::vector<std::uint8_t> blank(const Fragments& frame, const Header& header, const Blanking& blanking,
                                std::vector<Region>& changed, Context& context);

}  // namespace jpeg_dct

}  // namespace dcmturbo
