// The tile-parts of a codestream, and what their headers say (ISO/IEC 15444-1, A.4, A.7.4 and A.7.5).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/error.h"
#include "codecs/jpeg2000/codestream/parameters.h"
#include "codecs/jpeg2000/tiles/tile.h"

namespace dcmturbo::jpeg2000 {

struct TilePartData {
    std::uint16_t tile = 0;
    std::uint8_t index = 0;
    std::size_t header = 0;     // the first segment after SOT
    Bytes body;                 // what follows SOD
    bool states_length = true;  // Psot is not 0
    Bytes packed;               // its share of PPM
};

// What is known of a codestream before any packet is read.
struct Codestream {
    Bytes bytes;
    Size size;
    std::vector<ComponentSize> components;
    Parameters main;
    bool has_capabilities = false;                 // CAP
    std::optional<std::uint16_t> high_throughput;  // its Ccap15
    std::vector<TilePartData> parts;               // tile by tile
    std::optional<DecodeError> damage;             // what ended the walk before EOC; packets tell whether it matters
    bool has_end = true;                           // EOC is there
    std::size_t stray = 0;  // bytes between the last tile-part and EOC, or the zeroes in its place
    // Where EOC is missing: the zeroes that all bytes from here to the end are. Else the end of the codestream.
    const std::byte* zeroes = nullptr;

    // Throws where the main header is wrong.
    void read(Bytes codestream);

    // Whether CAP, if there is one, announces the coding styles of a tile: 15444-15, A.3. What it promises beyond that
    // is not looked at.
    [[nodiscard]] bool announces(const Parameters& tile) const;

    // The parts of a tile. Tiles are asked for in order.
    [[nodiscard]] std::span<const TilePartData> parts_of(std::size_t tile) const;

  private:
    std::size_t read_main_header();
    void walk(std::size_t at);
    std::optional<std::size_t> stray_begin_;  // where neither a tile-part nor EOC begins
    void find_end();
    std::size_t read_part(std::size_t at);
    void share_packed_headers();
    std::vector<std::byte> packed_;  // PPM segments, joined
};

// Reads the headers of a tile's parts. `own` holds the result unless it is the main header's.
const Parameters& read_tile_headers(const Codestream& codestream, std::span<const TilePartData> parts, Parameters& own);

// What PPM or PPT hold for a tile, whose parameters read_tile_headers() returned; nullopt if its packets have their
// headers.
std::optional<std::vector<std::byte>> packed_headers(const Codestream& codestream, std::span<const TilePartData> parts,
                                                     const Parameters& parameters);

}  // namespace dcmturbo::jpeg2000
