// Reads the packed headers of a far codestream (ISO/IEC 15444-1, A.7.4 and A.7.5), and the packets that are needed.
#include "codecs/jpeg2000/packed_excerpt.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/endian.h"
#include "codecs/jpeg2000/codestream/codestream.h"
#include "codecs/jpeg2000/tiles/packet.h"
#include "codecs/jpeg2000/tiles/progression.h"
#include "codecs/jpeg2000/tiles/tile.h"
#include "codecs/jpeg2000/tiles/window.h"

namespace dcmturbo::jpeg2000 {

namespace {

constexpr std::size_t empty_part = 14;  // SOT and SOD
constexpr std::size_t sop_bytes = 6;

struct Range {
    const std::byte* begin;
    const std::byte* end;
};

class PackedExcerpt {
  public:
    PackedExcerpt(FrameReader& reader, Bytes main_header, std::span<const FarPart> parts, unsigned reduce,
                  const Rectangle& window, Arena& arena)
        : reader_(reader), main_(main_header), parts_(parts), reduce_(reduce), window_(window), arena_(arena) {}

    Bytes make(std::uint64_t size) {
        lay_out();
        Codestream codestream;
        codestream.read({all_, all_size_});
        if (codestream.damage || !codestream.has_end || codestream.parts.size() != parts_.size()) return {};
        std::vector<std::uint16_t> tiles;
        for (const FarPart& part : parts_) {
            if (!part.held.empty()) tiles.push_back(part.tile);
        }
        std::sort(tiles.begin(), tiles.end());
        tiles.erase(std::unique(tiles.begin(), tiles.end()), tiles.end());
        for (const std::uint16_t tile : tiles) {
            const Arena::Mark mark = arena_.mark();
            const bool fits = find_needed(codestream, tile);
            arena_.rewind(mark);
            if (!fits) return {};
        }
        std::uint64_t needed = 0;
        for (const Range& range : needed_) needed += static_cast<std::uint64_t>(range.end - range.begin);
        if (needed > size / 4 * 3 || !fetch()) return {};
        return {all_, all_size_};
    }

  private:
    // The headers of all parts, and zeros for what follows them. PPM counts tile-parts, so the others are there, empty.
    void lay_out() {
        std::uint64_t size = main_.size() + 2;
        for (const FarPart& part : parts_) size += part.held.empty() ? empty_part : part.size;
        all_size_ = static_cast<std::size_t>(size);
        all_ = arena_.allocate(all_size_);
        std::byte* to = std::copy(main_.begin(), main_.end(), all_);
        std::vector<std::uint8_t> counts(0x10000);  // of the parts of each tile
        for (const FarPart& part : parts_) {
            places_.push_back(to);
            const std::uint8_t index = counts[part.tile]++;
            if (part.held.empty()) {
                const std::uint16_t words[] = {
                    0xFF00 | SOT, 10, part.tile, 0, empty_part, static_cast<std::uint16_t>(index << 8), 0xFF00 | SOD};
                for (const std::uint16_t word : words) to = put(to, word);
            } else {
                to = std::copy_n(part.held.begin(), part.header, to);
                const auto rest = static_cast<std::size_t>(part.size - part.header);
                std::memset(to, 0, rest);
                to += rest;
            }
        }
        put(to, 0xFF00 | EOC);
    }

    static std::byte* put(std::byte* to, std::uint16_t word) {
        to[0] = static_cast<std::byte>(word >> 8);
        to[1] = static_cast<std::byte>(word & 0xFF);
        return to + 2;
    }

    // False if the packets of a tile do not end where its parts do.
    bool find_needed(const Codestream& codestream, std::size_t number) {
        const std::span<const TilePartData> parts = codestream.parts_of(number);
        Parameters own;
        Tile tile;
        tile.area = tile_area(codestream.size, number);
        tile.parameters = &read_tile_headers(codestream, parts, own);
        const std::optional<std::vector<std::byte>> headers = packed_headers(codestream, parts, *tile.parameters);
        if (!headers) return false;
        build_tile(tile, codestream.components, arena_);
        const ComponentSize& grid = codestream.components[0];
        for (TileComponent& component : tile.components) {
            if (component.levels() < reduce_) return false;
            restrict_to(component, reduce_, intersection(at_resolution(tile.area, grid, reduce_), window_));
        }
        std::vector<Bytes> bodies;
        std::uint64_t bytes = headers->size();
        for (const TilePartData& part : parts) {
            bodies.push_back(part.body);
            bytes += part.body.size();
        }
        std::uint64_t spare_looks = 1U << 20;
        PacketSequence sequence(tile, codestream.components, bytes, spare_looks, arena_);
        allocate_precincts(tile, arena_);
        PacketReader reader(tile, codestream, bodies, *headers, true, max_levels + 1, arena_);
        const bool has_all = sequence.run([&](const PacketSequence::Place& place) {
            if (tile.parameters->start_of_packet_markers && !put_sop(reader)) return false;
            if (!reader.read(place)) return false;
            const std::byte* const end = reader.rest().front().data();
            if (needs_packets(tile.components[place.component], reduce_, place.resolution, place.precinct))
                need({end - reader.packet_size(), end});
            return true;
        });
        if (!has_all || sequence.first_missing(0) != nullptr) return false;
        return std::all_of(reader.rest().begin(), reader.rest().end(), [](Bytes left) { return left.empty(); });
    }

    // A.8.1: SOP may begin each packet. If it does not begin all of them, they are shorter than their tile-parts. The
    // packets that are needed bring their own.
    bool put_sop(const PacketReader& reader) const {
        for (const Bytes& part : reader.rest()) {
            if (part.empty()) continue;
            if (part.size() < sop_bytes) return false;
            std::byte* const to = all_ + (part.data() - all_);
            put(put(put(to, 0xFF00 | SOP), 4), 0);
            return true;
        }
        return false;
    }

    void need(const Range& range) {
        if (range.begin == range.end) return;
        if (!needed_.empty() && needed_.back().end == range.begin) needed_.back().end = range.end;
        else needed_.push_back(range);
    }

    bool fetch() {
        std::vector<FrameReader::Piece> pieces;
        for (const Range& range : needed_) {
            // The last part that begins before it. A range may go on in the parts that follow.
            for (const std::byte* at = range.begin; at < range.end;) {
                const auto behind = std::upper_bound(places_.begin(), places_.end(), at);
                const auto number = static_cast<std::size_t>(behind - places_.begin()) - 1;
                const FarPart& part = parts_[number];
                std::byte* const place = places_[number];
                const std::byte* const end = std::min<const std::byte*>(range.end, place + part.size);
                const auto begin = static_cast<std::size_t>(at - place);
                const auto count = static_cast<std::size_t>(end - at);
                const std::size_t held = part.held.size() > begin ? std::min(part.held.size() - begin, count) : 0;
                if (held > 0) std::memcpy(place + begin, part.held.data() + begin, held);
                if (held < count) pieces.push_back({part.offset + begin + held, place + begin + held, count - held});
                at = end;
            }
        }
        return reader_.read(pieces);
    }

    FrameReader& reader_;
    Bytes main_;
    std::span<const FarPart> parts_;
    unsigned reduce_;
    Rectangle window_;
    Arena& arena_;
    std::byte* all_ = nullptr;
    std::size_t all_size_ = 0;
    std::vector<std::byte*> places_;  // of the parts, in `all_`
    std::vector<Range> needed_;       // in `all_`
};

}  // namespace

Bytes packed_excerpt(FrameReader& reader, std::uint64_t size, Bytes main_header, std::span<const FarPart> parts,
                     unsigned reduce, const Rectangle& window, Arena& arena) {
    try {
        return PackedExcerpt(reader, main_header, parts, reduce, window, arena).make(size);
    } catch (const DecodeError& error) {
        if (error.code == ErrorCode::interrupted) throw;
        return {};  // all of the frame shows what is wrong
    }
}

}  // namespace dcmturbo::jpeg2000
