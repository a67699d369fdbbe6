#include "codecs/jpeg2000/codestream/tile_part.h"

#include <algorithm>
#include <bit>

#include "base/endian.h"
#include "codecs/jpeg2000/blocks/code_block.h"

namespace dcmturbo::jpeg2000 {

using jpeg::Segment;

namespace {

bool is_eoc(Bytes data, std::size_t at) {
    return data.size() - at >= 2 && data[at] == std::byte{0xFF} && data[at + 1] == std::byte{EOC};
}

// Of CAP, the capabilities of Part 15. Those of each part that is used have 16 bits, from Part 1 on (15444-1, A.5.2).
std::optional<std::uint16_t> read_high_throughput_capabilities(const Segment& segment) {
    const std::uint32_t parts = segment.u32(0);
    constexpr unsigned part_15 = 32 - 15;
    if ((parts >> part_15 & 1) == 0) return std::nullopt;
    return segment.u16(4 + 2 * static_cast<std::size_t>(std::popcount(parts >> part_15 >> 1)));
}

}  // namespace

bool Codestream::announces(const Parameters& tile) const {
    if (!has_capabilities) return true;
    // Bits 14 and 15 of Ccap15: all code-blocks are HT; those of a tile-component are of one kind; they are mixed.
    constexpr unsigned all_alike = 0, one_kind_each = 2;
    const unsigned kinds = high_throughput ? *high_throughput >> 14 : 0;
    return std::all_of(tile.components.begin(), tile.components.end(), [&](const ComponentParameters& component) {
        const unsigned style = component.coding.block_style & (style_high_throughput | style_mixed);
        if (!high_throughput) return style == 0;
        if (kinds == all_alike) return style == style_high_throughput;
        return kinds != one_kind_each || style != (style_high_throughput | style_mixed);
    });
}

void Codestream::read(Bytes codestream) {
    bytes = codestream;
    if (!starts_codestream(bytes)) fail(ErrorCode::malformed, 0, "expected SOC and SIZ (FF4FFF51)");
    walk(read_main_header());
    find_end();
    if (!main.packed.empty()) share_packed_headers();
    std::stable_sort(parts.begin(), parts.end(), [](const TilePartData& a, const TilePartData& b) {
        return a.tile != b.tile ? a.tile < b.tile : a.index < b.index;
    });
}

std::size_t Codestream::read_main_header() {
    const std::size_t at = read_image_and_tile_size(bytes, size, components);
    main.components.resize(size.components);
    const std::size_t end = visit_main_header(bytes, at, [this](const Segment& segment) {
        if (segment.code == CAP) {
            has_capabilities = true;
            high_throughput = read_high_throughput_capabilities(segment);
        }
        read_parameters(segment, size, false, main);
    });
    if (!main.has_coding || !main.has_quantisation)
        fail(ErrorCode::malformed, end, "the main header has no COD or no QCD");
    return end;
}

void Codestream::walk(std::size_t at) {
    try {
        while (!is_eoc(bytes, at)) {
            if (at >= bytes.size())
                fail(ErrorCode::truncated, at, "expected another tile-part or EOC, found the end of the data");
            if (bytes.size() - at >= 2 && (bytes[at] != std::byte{0xFF} || bytes[at + 1] != std::byte{SOT}))
                stray_begin_ = at;
            at = read_part(at);
        }
    } catch (const DecodeError& error) {
        damage = error;
    }
}

// A stated length may be wrong, and padding may follow EOC: what counts is whether the data end with it.
void Codestream::find_end() {
    zeroes = bytes.data() + bytes.size();
    if (!damage) return;
    std::size_t size = bytes.size();
    while (size > 0 && bytes[size - 1] == std::byte{0}) --size;
    has_end = size >= 2 && is_eoc(bytes, size - 2);
    if (!has_end) zeroes = bytes.data() + size;
    const std::size_t end = size - (has_end ? 2 : 0);
    if (stray_begin_ && end > *stray_begin_) stray = end - *stray_begin_;
}

// Returns where the next part begins.
std::size_t Codestream::read_part(std::size_t start) {
    std::size_t at = start;
    Segment segment = next_segment(bytes, at);
    if (segment.code != SOT) {
        fail(ErrorCode::malformed, start, "expected another tile-part or EOC, found marker FF%02X",
             static_cast<unsigned>(segment.code));
    }
    const TilePart part = read_tile_part(segment);
    if (part.tile >= size.tiles()) {
        fail(ErrorCode::malformed, start, "SOT refers to tile %u (counted from 0), but there are %llu",
             unsigned{part.tile}, static_cast<unsigned long long>(size.tiles()));
    }
    TilePartData data;
    data.tile = part.tile;
    data.index = part.index;
    data.header = at;
    data.states_length = part.length != 0;
    // Psot 0 reaches to the end, EOC included: packets know their own lengths.
    const std::size_t left = bytes.size() - start;
    const std::size_t length = part.length == 0 ? left : std::min<std::size_t>(part.length, left);
    if (part.length == 12) {  // an SOT alone
        parts.push_back(data);
        return start + length;
    }
    while (segment.code != SOD) segment = next_segment(bytes, at);
    if (at > start + length)
        fail(ErrorCode::malformed, start, "the tile-part has %zu bytes, but its header alone has %zu", length,
             at - start);
    data.body = bytes.subspan(at, start + length - at);
    parts.push_back(data);
    if (part.length > left) {
        fail(ErrorCode::truncated, bytes.size(), "the tile-part at byte %zu has %u bytes, but only %zu are left", start,
             part.length, left);
    }
    if (part.length == 0 && (left < 2 || !is_eoc(bytes, bytes.size() - 2)))
        fail(ErrorCode::truncated, bytes.size(), "the last tile-part has no length, and the data end before EOC");
    // Some encoders count EOC as part of the last tile-part.
    const std::size_t end = start + length;
    return end == bytes.size() && length >= 2 && is_eoc(bytes, end - 2) ? end - 2 : end;
}

// A.7.4: the segments in the order of Zppm, then for each tile-part a length and that many bytes.
void Codestream::share_packed_headers() {
    std::stable_sort(main.packed.begin(), main.packed.end(),
                     [](const PackedHeaders& a, const PackedHeaders& b) { return a.index < b.index; });
    for (const PackedHeaders& run : main.packed) packed_.insert(packed_.end(), run.bytes.begin(), run.bytes.end());
    std::size_t at = 0;
    for (TilePartData& part : parts) {
        if (packed_.size() - at < 4) break;
        const std::size_t length =
            std::min<std::size_t>(load_be<std::uint32_t>(packed_.data() + at), packed_.size() - at - 4);
        part.packed = Bytes(packed_).subspan(at + 4, length);
        at += 4 + length;
    }
}

std::span<const TilePartData> Codestream::parts_of(std::size_t tile) const {
    const auto [first, last] =
        std::equal_range(parts.begin(), parts.end(), TilePartData{.tile = static_cast<std::uint16_t>(tile)},
                         [](const TilePartData& a, const TilePartData& b) { return a.tile < b.tile; });
    return {first, last};
}

const Parameters& read_tile_headers(const Codestream& codestream, std::span<const TilePartData> parts,
                                    Parameters& own) {
    bool inherits = false;
    bool has_changes = false;
    for (const TilePartData& part : parts) {
        if (part.body.data() == nullptr) continue;
        std::size_t at = part.header;
        const auto packed_before = static_cast<std::ptrdiff_t>(inherits ? own.packed.size() : 0);
        for (;;) {
            const Segment segment = next_segment(codestream.bytes, at);
            if (segment.code == SOD) break;
            const bool matters = segment.code == COD || segment.code == COC || segment.code == QCD ||
                                 segment.code == QCC || segment.code == RGN || segment.code == POC ||
                                 segment.code == PPT;
            if (!matters) continue;
            if (!inherits) own.inherit(codestream.main);
            inherits = true;
            // A.6.6: the tile's changes stand instead of the main header's; later parts add to them.
            if (segment.code == POC && !has_changes) own.changes.clear();
            has_changes = has_changes || segment.code == POC;
            read_parameters(segment, codestream.size, true, own);
        }
        // A.7.5: Zppt orders the segments of one tile-part.
        if (inherits) {
            std::stable_sort(own.packed.begin() + packed_before, own.packed.end(),
                             [](const PackedHeaders& a, const PackedHeaders& b) { return a.index < b.index; });
        }
    }
    return inherits ? own : codestream.main;
}

std::optional<std::vector<std::byte>> packed_headers(const Codestream& codestream, std::span<const TilePartData> parts,
                                                     const Parameters& parameters) {
    const bool has_tile_headers = !parameters.packed.empty() && &parameters != &codestream.main;
    if (!has_tile_headers && codestream.main.packed.empty()) return std::nullopt;
    std::vector<std::byte> headers;
    if (has_tile_headers) {
        for (const PackedHeaders& run : parameters.packed)
            headers.insert(headers.end(), run.bytes.begin(), run.bytes.end());
    } else {
        for (const TilePartData& part : parts) headers.insert(headers.end(), part.packed.begin(), part.packed.end());
    }
    return headers;
}

}  // namespace dcmturbo::jpeg2000
