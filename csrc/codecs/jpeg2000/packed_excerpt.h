// The bytes that a region or a lower resolution needs of a codestream whose packet headers are packed (PPM or PPT).
#pragma once

#include <cstdint>
#include <span>

#include "codecs/codec.h"
#include "codecs/jpeg2000/codestream/tile_part.h"

namespace dcmturbo::jpeg2000 {

// A tile-part of the codestream.
struct FarPart {
    std::uint16_t tile;
    std::uint64_t offset;  // in the frame
    std::uint64_t size;
    Bytes held{};            // its first bytes, up to SOD at least; none if the tile is not needed
    std::size_t header = 0;  // bytes up to SOD, with it
};

// What packets have for code-blocks lies where the packet headers say, so no lengths need to be stated. The result has
// all headers and, where bytes are not needed, zeros, which no code-block that is needed has. `parts` are all
// tile-parts in the order of the codestream, and `window` is on the grid of the resolution that is left. Returns no
// bytes if nearly everything is needed, or if packets and tile-parts do not fit together.
Bytes packed_excerpt(FrameReader& reader, std::uint64_t size, Bytes main_header, std::span<const FarPart> parts,
                     unsigned reduce, const Rectangle& window, Arena& arena);

}  // namespace dcmturbo::jpeg2000
