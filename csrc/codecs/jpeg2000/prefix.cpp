#include "codecs/jpeg2000/prefix.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <vector>

#include "codecs/jpeg2000/codestream/packet_lengths.h"
#include "codecs/jpeg2000/codestream/syntax.h"
#include "codecs/jpeg2000/codestream/tile_part.h"
#include "codecs/jpeg2000/tiles/tile.h"

namespace dcmturbo::jpeg2000 {

namespace {

// Bytes that show the header of the next tile-part, with the lengths of a few hundred packets.
constexpr std::uint64_t part_header = 4096;

// How many packets the resolutions without `reduce` levels have; none if they do not come first.
std::optional<std::uint64_t> first_packets(const Codestream& codestream, const Parameters& parameters,
                                           unsigned reduce) {
    enum Order : std::uint8_t { lrcp, rlcp, rpcl };
    const bool in_order =
        parameters.order == rlcp || parameters.order == rpcl || (parameters.order == lrcp && parameters.layers == 1);
    if (!in_order || !parameters.changes.empty() || !parameters.packed.empty()) return std::nullopt;
    Arena arena;
    Tile tile;
    tile.parameters = &parameters;
    tile.area = tile_area(codestream.size, 0);
    build_tile(tile, codestream.components, arena);
    unsigned last = 0;  // resolution
    for (const TileComponent& component : tile.components) {
        if (component.area.is_empty()) continue;
        if (component.levels() < reduce) return std::nullopt;
        last = std::max(last, component.levels() - reduce);
    }
    std::uint64_t count = 0;
    for (const TileComponent& component : tile.components) {
        for (std::size_t r = 0; r <= last && r < component.resolutions.size(); ++r)
            count += component.resolutions[r].precinct_count();
    }
    return count * parameters.layers;
}

std::uint64_t needed_size(Bytes prefix, const Header& header, std::uint64_t size, unsigned reduce) {
    const Bytes held = codestream_of(prefix, header);
    const auto begin = static_cast<std::uint64_t>(held.data() - prefix.data());
    Codestream codestream;
    codestream.read(held);
    if (codestream.size.tiles() != 1) return size;
    if (codestream.parts.empty()) return prefix.size() + part_header;
    Parameters own;
    const Parameters& parameters = read_tile_headers(codestream, codestream.parts, own);
    std::optional<std::uint64_t> packets = first_packets(codestream, parameters, reduce);
    if (!packets) return size;  // they do not come first
    for (const TilePartData& part : codestream.parts) {
        if (part.body.data() == nullptr) continue;
        const std::vector<std::uint64_t> lengths = packet_lengths(codestream.bytes, part);
        if (lengths.empty()) return 0;
        const auto sum = [&](std::size_t count) {
            return std::accumulate(lengths.begin(), lengths.begin() + static_cast<std::ptrdiff_t>(count),
                                   std::uint64_t{0});
        };
        const std::uint64_t body = begin + static_cast<std::uint64_t>(part.body.data() - held.data());
        if (lengths.size() >= *packets) return std::min(size, body + sum(static_cast<std::size_t>(*packets)));
        *packets -= lengths.size();
        if (&part == &codestream.parts.back()) return std::min(size, body + sum(lengths.size()) + part_header);
    }
    return 0;
}

}  // namespace

std::uint64_t prefix_size(Bytes prefix, std::uint64_t size, unsigned reduce) {
    try {
        Header header;
        probe_jpeg2000(prefix, header);
        return needed_size(prefix, header, size, reduce);
    } catch (const DecodeError& error) {
        return error.code == ErrorCode::truncated ? std::min<std::uint64_t>(size, 2 * prefix.size() + 1) : 0;
    }
}

}  // namespace dcmturbo::jpeg2000
