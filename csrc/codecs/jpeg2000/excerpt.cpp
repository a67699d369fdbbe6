#include "codecs/jpeg2000/excerpt.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>
#include <optional>
#include <vector>

#include "base/endian.h"
#include "codecs/jpeg2000/codestream/packet_lengths.h"
#include "codecs/jpeg2000/codestream/tile_part.h"
#include "codecs/jpeg2000/packed_excerpt.h"
#include "codecs/jpeg2000/tiles/progression.h"
#include "codecs/jpeg2000/tiles/tile.h"
#include "codecs/jpeg2000/tiles/window.h"

namespace dcmturbo::jpeg2000 {

namespace {

constexpr std::size_t most_main_header = std::size_t{4} << 20;
// What is read at once to find the header of a tile-part, and from what size on the rest of the part may be left out.
constexpr std::size_t part_header = 4096;
constexpr std::size_t small_part = 16384;
// Without TLM, each tile-part is found by a read of its own. That is worth it for few and large ones.
constexpr std::size_t most_walked = 64;
constexpr std::uint64_t least_walked_bytes = std::uint64_t{256} << 10;
constexpr std::size_t sot_bytes = 12;

struct Part {
    std::uint16_t tile;
    std::uint64_t offset;  // in the frame
    std::uint64_t size;
    Bytes held{};                          // its first bytes, up to SOD at least
    std::size_t header = 0;                // bytes up to SOD, with it
    std::vector<std::uint64_t> lengths{};  // of its packets
    std::vector<bool> needed{};            // which of the packets; empty: all of the part is needed
};

void store_be32(std::byte* to, std::uint64_t value) {
    for (unsigned i = 0; i < 4; ++i) to[i] = static_cast<std::byte>(value >> (24 - 8 * i) & 0xFF);
}

class Excerpt {
  public:
    Excerpt(FrameReader& reader, std::uint64_t size, unsigned reduce, const Region& region, Arena& arena)
        : reader_(reader), size_(size), reduce_(reduce), region_(region), arena_(arena) {}

    Bytes make() {
        if (!read_main_header() || !find_window()) return {};
        if (!find_parts_in_table() && !walk_parts()) return {};
        if (reader_.is_near() && !has_end()) return {};
        choose_parts();
        if (needed_.empty() || !read_part_headers()) return {};
        if (is_packed()) return packed_excerpt(reader_, size_, main_, far_parts(), reduce_, window_, arena_);
        choose_packets();
        return assemble();
    }

  private:
    bool read_main_header() {
        for (std::size_t wanted = 0; wanted < most_main_header; wanted = growth() * first_.size()) {
            if (wanted >= size_ && wanted != 0) return false;
            first_ = reader_.first(wanted);
            try {
                codestream_ = {};
                codestream_.read(first_);
            } catch (const DecodeError& error) {
                if (error.code != ErrorCode::truncated) return false;
                continue;
            }
            if (codestream_.parts.empty()) continue;
            std::size_t begin = first_.size();
            for (const TilePartData& part : codestream_.parts) begin = std::min(begin, part.header - sot_bytes);
            main_ = first_.first(begin);
            return true;
        }
        return false;
    }

    // PPM holds the headers of all packets. The more of them there are, the more would be read for nothing.
    [[nodiscard]] std::size_t growth() const { return codestream_.main.packed.empty() ? 4 : 2; }

    bool find_window() {
        const ComponentSize& one = codestream_.components[0];
        for (const ComponentSize& other : codestream_.components) {
            if (other.horizontal_step != one.horizontal_step || other.vertical_step != one.vertical_step) return false;
        }
        const Size& size = codestream_.size;
        window_ = on_grid({size.x_origin, size.y_origin, size.x_end, size.y_end});
        if (region_.is_whole()) return true;
        if (region_.left + region_.width > window_.width() || region_.top + region_.height > window_.height())
            return false;
        window_ = {window_.x0 + region_.left, window_.y0 + region_.top, window_.x0 + region_.left + region_.width,
                   window_.y0 + region_.top + region_.height};
        return true;
    }

    // An area at the resolution that is left.
    [[nodiscard]] Rectangle on_grid(const Rectangle& area) const {
        return at_resolution(area, codestream_.components[0], reduce_);
    }

    // A.7.1: the lengths of all tile-parts, in segments that are in the order of Ztlm.
    bool find_parts_in_table() {
        std::map<unsigned, Bytes> tables;
        Size size;
        std::vector<ComponentSize> components;
        visit_main_header(first_, read_image_and_tile_size(first_, size, components),
                          [&](const jpeg::Segment& segment) {
                              if (segment.code == TLM && segment.parameters.size() >= 2)
                                  tables[segment.u8(0)] = segment.parameters;
                          });
        std::uint64_t offset = main_.size();
        for (const auto& numbered : tables) {
            const Bytes table = numbered.second;
            const auto style = std::to_integer<unsigned>(table[1]);
            const unsigned tile_bytes = style >> 4 & 3;
            const unsigned length_bytes = (style >> 6 & 1) != 0 ? 4 : 2;
            if (tile_bytes > 2 || (table.size() - 2) % (tile_bytes + length_bytes) != 0) return false;
            const auto number = [&](std::size_t at, unsigned bytes) {
                std::uint32_t value = 0;
                for (unsigned i = 0; i < bytes; ++i) value = value << 8 | std::to_integer<unsigned>(table[at + i]);
                return value;
            };
            for (std::size_t at = 2; at < table.size(); at += tile_bytes + length_bytes) {
                const std::uint64_t tile = tile_bytes == 0 ? parts_.size() : number(at, tile_bytes);
                const std::uint64_t length = number(at + tile_bytes, length_bytes);
                if (tile >= size.tiles() || tile > 0xFFFF || length < sot_bytes + 2) return false;
                parts_.push_back({.tile = static_cast<std::uint16_t>(tile), .offset = offset, .size = length});
                offset += length;
            }
        }
        // EOC follows, and a byte of padding.
        if (!parts_.empty() && offset + 2 <= size_ && size_ <= offset + 3) return true;
        parts_.clear();
        return false;
    }

    bool walk_parts() {
        parts_.clear();
        std::uint64_t offset = main_.size();
        while (offset + 3 < size_) {  // EOC and a byte of padding
            const bool are_small = offset - main_.size() < parts_.size() * least_walked_bytes;
            if (parts_.size() == most_walked || (parts_.size() > 4 && are_small)) return false;
            std::byte sot[sot_bytes];
            FrameReader::Piece piece{offset, sot, sizeof sot};
            if (size_ - offset < sizeof sot || !reader_.read({&piece, 1})) return false;
            const std::optional<std::uint64_t> length = length_of(sot);
            const std::uint64_t left = size_ - offset;
            if (!length || *length > left || (*length != 0 && *length < sot_bytes + 2)) return left <= 3;
            const std::uint64_t size = *length == 0 ? left : *length;
            parts_.push_back({.tile = load_be<std::uint16_t>(sot + 4), .offset = offset, .size = size});
            offset += size;
        }
        return true;
    }

    // Whether EOC is there, which a copy lacks that was cut short or filled up. It may be followed by a byte of
    // padding.
    bool has_end() {
        std::byte last[3];
        FrameReader::Piece piece{size_ - sizeof last, last, sizeof last};
        if (size_ < sizeof last || !reader_.read({&piece, 1})) return false;
        constexpr std::uint16_t eoc = 0xFF00 | EOC;
        return load_be<std::uint16_t>(last + 1) == eoc || load_be<std::uint16_t>(last) == eoc;
    }

    // A.4.2: Psot, if this is SOT.
    static std::optional<std::uint64_t> length_of(const std::byte* sot) {
        if (load_be<std::uint16_t>(sot) != (0xFF00 | SOT) || load_be<std::uint16_t>(sot + 2) != 10) return std::nullopt;
        return load_be<std::uint32_t>(sot + 6);
    }

    void choose_parts() {
        for (const Part& part : parts_) {
            if (part.tile >= codestream_.size.tiles()) continue;
            if (!intersection(on_grid(tile_area(codestream_.size, part.tile)), window_).is_empty())
                needed_.push_back(part);
        }
    }

    // Reads the first bytes of each part that is needed: its header if that may show what to leave out of it, or all.
    bool read_part_headers() {
        const std::size_t least = shows_packets(codestream_.parts.front()) ? part_header : ~std::size_t{0};
        std::vector<FrameReader::Piece> pieces;
        std::vector<std::size_t> sizes(needed_.size());
        for (std::size_t i = 0; i < needed_.size(); ++i)
            sizes[i] = static_cast<std::size_t>(
                needed_[i].size <= small_part ? needed_[i].size : std::min<std::uint64_t>(needed_[i].size, least));
        // Nothing is gained if nearly everything is read anyway.
        if (std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0}) > size_ / 4 * 3) return false;
        for (bool is_done = false; !is_done;) {
            pieces.clear();
            for (std::size_t i = 0; i < needed_.size(); ++i) {
                Part& part = needed_[i];
                if (part.header != 0) continue;
                std::byte* const to = arena_.allocate(sizes[i]);
                part.held = {to, sizes[i]};
                pieces.push_back({part.offset, to, sizes[i]});
            }
            if (!reader_.read(pieces)) return false;
            is_done = true;
            for (std::size_t i = 0; i < needed_.size(); ++i) {
                Part& part = needed_[i];
                if (part.header != 0) continue;
                const std::optional<std::uint64_t> length = length_of(part.held.data());
                const bool is_last = part.offset + part.size == size_;
                if (!length || load_be<std::uint16_t>(part.held.data() + 4) != part.tile) return false;
                if (*length != part.size && !(*length == 0 && is_last)) return false;
                part.header = header_size(part.held);
                if (part.header != 0) continue;
                if (sizes[i] == part.size) return false;
                sizes[i] = static_cast<std::size_t>(std::min<std::uint64_t>(part.size, 4 * std::uint64_t{sizes[i]}));
                is_done = false;
            }
        }
        return true;
    }

    // Whether headers tell where the packets of a part are.
    [[nodiscard]] bool shows_packets(const TilePartData& part) const {
        if (!codestream_.main.packed.empty()) return true;
        std::size_t at = part.header;
        std::size_t begin = at;
        const auto is_one = [&] {
            const auto code = std::to_integer<std::uint8_t>(first_[begin + 1]);
            return code == PLT || code == PPT;
        };
        try {
            for (;; begin = at) {
                if (next_segment(first_, at).code == SOD) return false;
                if (is_one()) return true;
            }
        } catch (const DecodeError&) {  // the segment may be longer than what has been read
            return begin + 2 <= first_.size() && is_one();
        }
    }

    // Once the headers of all parts that are needed are there.
    [[nodiscard]] bool is_packed() const {
        const auto has_packed = [](const Part& part) {
            std::size_t at = 0;
            for (;;) {
                const std::uint8_t code = next_segment(part.held, at).code;
                if (code == SOD || code == PPT) return code == PPT;
            }
        };
        return !codestream_.main.packed.empty() || std::any_of(needed_.begin(), needed_.end(), has_packed);
    }

    [[nodiscard]] std::vector<FarPart> far_parts() const {
        std::vector<FarPart> all;
        std::size_t next = 0;
        for (const Part& part : parts_) {
            FarPart& one = all.emplace_back(FarPart{.tile = part.tile, .offset = part.offset, .size = part.size});
            if (next == needed_.size() || needed_[next].offset != part.offset) continue;
            one.held = needed_[next].held;
            one.header = needed_[next].header;
            ++next;
        }
        return all;
    }

    // Bytes up to SOD, with it; 0 if they are not all there.
    static std::size_t header_size(Bytes held) {
        std::size_t at = 0;
        try {
            while (next_segment(held, at).code != SOD) {
            }
        } catch (const DecodeError&) {
            return 0;
        }
        return at;
    }

    void choose_packets() {
        std::map<std::uint16_t, std::vector<Part*>> tiles;
        for (Part& part : needed_) tiles[part.tile].push_back(&part);
        for (auto& [tile, parts] : tiles) {
            std::stable_sort(parts.begin(), parts.end(),
                             [](const Part* a, const Part* b) { return a->held[10] < b->held[10]; });  // TPsot
            const Arena::Mark mark = arena_.mark();
            try {
                if (!choose_packets_of(tile, parts)) forget(parts);
            } catch (const DecodeError&) {
                forget(parts);
            }
            arena_.rewind(mark);
        }
    }

    static void forget(std::span<Part* const> parts) {
        for (Part* part : parts) part->needed.clear();
    }

    // False if all packets of a tile have to be read.
    bool choose_packets_of(std::size_t number, std::span<Part* const> parts) {
        // The headers alone are a codestream too.
        std::vector<std::byte> headers(main_.begin(), main_.end());
        std::uint64_t bytes = 0;
        for (const Part* part : parts) {
            const std::size_t at = headers.size();
            headers.insert(headers.end(), part->held.begin(),
                           part->held.begin() + static_cast<std::ptrdiff_t>(part->header));
            store_be32(headers.data() + at + 6, part->header);
            bytes += part->size - part->header;
        }
        Codestream codestream;
        codestream.read(headers);
        const std::span<const TilePartData> found = codestream.parts_of(number);
        if (found.size() != parts.size()) return false;
        for (std::size_t i = 0; i < parts.size(); ++i) {
            parts[i]->lengths = packet_lengths(codestream.bytes, found[i]);
            const std::uint64_t sum =
                std::accumulate(parts[i]->lengths.begin(), parts[i]->lengths.end(), std::uint64_t{0});
            if (sum != parts[i]->size - parts[i]->header) return false;
        }
        Parameters own;
        Tile tile;
        tile.area = tile_area(codestream.size, number);
        tile.parameters = &read_tile_headers(codestream, found, own);
        build_tile(tile, codestream.components, arena_);
        for (TileComponent& component : tile.components) {
            if (component.levels() < reduce_) return false;
            const Rectangle wanted = intersection(on_grid(tile.area), window_);
            restrict_to(component, reduce_, wanted);
        }
        std::uint64_t spare_looks = 1U << 20;
        PacketSequence sequence(tile, codestream.components, bytes, spare_looks, arena_);
        allocate_precincts(tile, arena_);
        std::size_t part = 0;
        const bool has_all = sequence.run([&](const PacketSequence::Place& place) {
            while (part < parts.size() && parts[part]->needed.size() == parts[part]->lengths.size()) ++part;
            if (part == parts.size()) return false;
            parts[part]->needed.push_back(
                needs_packets(tile.components[place.component], reduce_, place.resolution, place.precinct));
            ++tile.components[place.component].resolutions[place.resolution].precincts[place.precinct].layers;
            return true;
        });
        if (!has_all) return false;
        return std::all_of(parts.begin(), parts.end(),
                           [](const Part* one) { return one->needed.size() == one->lengths.size(); });
    }

    Bytes assemble() {
        // First where everything comes to lie, then the bytes.
        std::vector<std::vector<std::byte>> headers;
        std::uint64_t size = main_.size() + 2;
        std::uint64_t far = 0;
        for (const Part& part : needed_) {
            std::vector<std::byte>& header = headers.emplace_back();
            std::uint64_t body = part.size - part.header;
            if (!part.needed.empty()) {
                std::vector<std::uint64_t> lengths = part.lengths;
                for (std::size_t i = 0; i < lengths.size(); ++i) lengths[i] = part.needed[i] ? lengths[i] : 1;
                body = std::accumulate(lengths.begin(), lengths.end(), std::uint64_t{0});
                copy_without_lengths(part, header);
                if (!write_packet_lengths(lengths, header)) return {};
                header.push_back(std::byte{0xFF});
                header.push_back(std::byte{SOD});
            } else {
                header.assign(part.held.begin(), part.held.begin() + static_cast<std::ptrdiff_t>(part.header));
            }
            if (header.size() + body > 0xFFFFFFFF) return {};
            store_be32(header.data() + 6, header.size() + body);
            size += header.size() + body;
            far += body;
        }
        if (far > size_ / 4 * 3) return {};
        std::byte* const all = arena_.allocate(static_cast<std::size_t>(size));
        std::byte* to = std::copy(main_.begin(), main_.end(), all);
        std::vector<FrameReader::Piece> pieces;
        for (std::size_t i = 0; i < needed_.size(); ++i) {
            to = std::copy(headers[i].begin(), headers[i].end(), to);
            to = place_body(needed_[i], to, pieces);
        }
        *to++ = std::byte{0xFF};
        *to++ = std::byte{EOC};
        if (!reader_.read(pieces)) return {};
        return {all, static_cast<std::size_t>(to - all)};
    }

    static void copy_without_lengths(const Part& part, std::vector<std::byte>& to) {
        for (std::size_t at = 0;;) {
            const std::size_t begin = at;
            const jpeg::Segment segment = next_segment(part.held, at);
            if (segment.code == SOD) return;
            if (segment.code == PLT) continue;
            to.insert(to.end(), part.held.begin() + static_cast<std::ptrdiff_t>(begin),
                      part.held.begin() + static_cast<std::ptrdiff_t>(at));
        }
    }

    // Puts the packets of a part to `to`: what is held, and pieces to be read. Returns what is behind them.
    static std::byte* place_body(const Part& part, std::byte* to, std::vector<FrameReader::Piece>& pieces) {
        const auto take = [&](std::uint64_t offset, std::uint64_t size) {
            const std::uint64_t held = part.held.size() > offset ? std::min(part.held.size() - offset, size) : 0;
            if (held > 0) std::memcpy(to, part.held.data() + offset, static_cast<std::size_t>(held));
            if (held < size)
                pieces.push_back({part.offset + offset + held, to + held, static_cast<std::size_t>(size - held)});
            to += size;
        };
        std::uint64_t at = part.header;
        if (part.needed.empty()) {
            take(at, part.size - at);
            return to;
        }
        for (std::size_t i = 0; i < part.needed.size();) {
            if (!part.needed[i]) {
                *to++ = std::byte{0};  // B.9: a packet without data
                at += part.lengths[i++];
                continue;
            }
            std::uint64_t run = 0;
            while (i < part.needed.size() && part.needed[i]) run += part.lengths[i++];
            take(at, run);
            at += run;
        }
        return to;
    }

    FrameReader& reader_;
    std::uint64_t size_;
    unsigned reduce_;
    Region region_;
    Arena& arena_;
    Bytes first_;  // of the frame
    Bytes main_;   // up to the first SOT
    Codestream codestream_;
    Rectangle window_;
    std::vector<Part> parts_;
    std::vector<Part> needed_;
};

}  // namespace

Bytes excerpt(FrameReader& reader, std::uint64_t size, unsigned reduce, const Region& region, Arena& arena) {
    return Excerpt(reader, size, reduce, region, arena).make();
}

}  // namespace dcmturbo::jpeg2000
