#include "codecs/jpeg2000/tiles/needed_packets.h"

#include <numeric>
#include <vector>

#include "base/error.h"
#include "codecs/jpeg2000/codestream/packet_lengths.h"
#include "codecs/jpeg2000/tiles/packet.h"
#include "codecs/jpeg2000/tiles/window.h"

namespace dcmturbo::jpeg2000 {

namespace {

// The lengths of all packets of a tile; none if they are not those of all.
std::vector<std::uint64_t> all_lengths(const Codestream& codestream, std::span<const TilePartData> parts) {
    std::vector<std::uint64_t> all;
    for (const TilePartData& part : parts) {
        if (part.body.data() == nullptr) return {};
        const std::vector<std::uint64_t> lengths = packet_lengths(codestream.bytes, part);
        if (std::accumulate(lengths.begin(), lengths.end(), std::uint64_t{0}) != part.body.size()) return {};
        all.insert(all.end(), lengths.begin(), lengths.end());
    }
    return all;
}

bool read_by_lengths(Tile& tile, const Codestream& codestream, std::span<const TilePartData> parts,
                     std::span<const std::uint64_t> lengths, unsigned reduce, std::uint64_t spare_looks, Arena& arena) {
    std::vector<Bytes> bodies;
    std::uint64_t bytes = 0;
    for (const TilePartData& part : parts) {
        bodies.push_back(part.body);
        bytes += part.body.size();
    }
    PacketSequence sequence(tile, codestream.components, bytes, spare_looks, arena);
    allocate_precincts(tile, arena);
    PacketReader reader(tile, codestream, bodies, {}, false, reduce, arena);
    std::size_t next = 0;
    const bool has_all = sequence.run([&](const PacketSequence::Place& place) {
        if (next == lengths.size()) return false;
        const std::uint64_t length = lengths[next++];
        if (!needs_packets(tile.components[place.component], reduce, place.resolution, place.precinct))
            return reader.skip(place, length);
        return reader.read(place) && reader.packet_size() == length;
    });
    return has_all && next == lengths.size() && sequence.first_missing(0) == nullptr;
}

}  // namespace

bool read_needed_packets(Tile& tile, const Codestream& codestream, std::span<const TilePartData> parts, unsigned reduce,
                         std::uint64_t spare_looks, Arena& arena) {
    // Of a codestream that was cut short or filled up, all packets are read, to report what is wrong.
    if (codestream.damage || !codestream.has_end) return false;
    if (!codestream.main.packed.empty() || !tile.parameters->packed.empty()) return false;
    const std::vector<std::uint64_t> lengths = all_lengths(codestream, parts);
    if (lengths.empty()) return false;
    const Arena::Mark mark = arena.mark();
    try {
        if (read_by_lengths(tile, codestream, parts, lengths, reduce, spare_looks, arena)) return true;
    } catch (const DecodeError&) {  // reading all packets shows whether the lengths or the packets are wrong
    }
    arena.rewind(mark);
    return false;
}

}  // namespace dcmturbo::jpeg2000
