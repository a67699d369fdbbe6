// The packets of a tile that a region or a lower resolution needs, where PLT says where they are.
#pragma once

#include <cstdint>
#include <span>

#include "base/arena.h"
#include "codecs/jpeg2000/codestream/tile_part.h"
#include "codecs/jpeg2000/tiles/tile.h"

namespace dcmturbo::jpeg2000 {

// Reads only those packets that the tile's components need as restrict_to() left them, without `reduce` resolution
// levels. The others are passed over by their lengths. Returns false if PLT does not state the length of every packet,
// if the stated lengths are not as many as the packets or do not fill the tile-parts, or if a packet that was read has
// another length. What the tile holds is of no use then: all of its packets have to be read.
bool read_needed_packets(Tile& tile, const Codestream& codestream, std::span<const TilePartData> parts, unsigned reduce,
                         std::uint64_t spare_looks, Arena& arena);

}  // namespace dcmturbo::jpeg2000
