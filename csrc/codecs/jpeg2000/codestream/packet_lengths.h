// The lengths of packets that the headers of tile-parts state: PLT (ISO/IEC 15444-1, A.7.3).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "codecs/jpeg2000/codestream/tile_part.h"

namespace dcmturbo::jpeg2000 {

// The lengths of the packets of a tile-part, in order; none where it has no PLT.
std::vector<std::uint64_t> packet_lengths(Bytes codestream, const TilePartData& part);

// Writes PLT segments. Returns whether they have room for all lengths, of which each is below 2^32.
bool write_packet_lengths(std::span<const std::uint64_t> lengths, std::vector<std::byte>& to);

}  // namespace dcmturbo::jpeg2000
