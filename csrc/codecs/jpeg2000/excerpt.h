// A codestream of those parts of another, far away, that a region or a lower resolution needs.
#pragma once

#include "codecs/codec.h"

namespace dcmturbo::jpeg2000 {

// As Codec::excerpt says. Needed are the tiles that touch the region. Their places are those of TLM, or those of few
// tile-parts found one after another. Of a tile whose parts have PLT, the packets that the region or the resolution
// does not need are replaced by empty packets. New PLT segments state the lengths of all packets, for the decoder to
// check. If packet headers are packed, packed_excerpt() does this without PLT.
Bytes excerpt(FrameReader& reader, std::uint64_t size, unsigned reduce, const Region& region, Arena& arena);

}  // namespace dcmturbo::jpeg2000
