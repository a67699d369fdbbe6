// Copies codestreams of JPEG 2000 and HTJ2K without what does not describe the image.
#include "codecs/jpeg2000/codestream/clean.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace dcmturbo {

namespace jpeg2000 {

namespace {

Bytes bytes_of(const Codestream& codestream, const jpeg::Segment& segment) {
    const std::size_t end = segment.parameters_offset + segment.parameters.size();
    return codestream.bytes.subspan(segment.offset, end - segment.offset);
}

// The tile-part is SOT alone.
bool is_empty(const TilePartData& part) { return part.body.data() == nullptr; }

// The packets of a tile-part whose length is not known: up to EOC, or to the end. No byte above 8F follows an FF in
// packets (B.10.1, C.2, D.4.1; 15444-15, 7.1), but for the markers SOP and EPH.
Bytes packets_of(const Codestream& codestream, Bytes body) {
    std::size_t at = 0;
    while (at + 1 < body.size()) {
        const void* const found = std::memchr(body.data() + at, 0xFF, body.size() - at);
        if (found == nullptr) break;
        at = static_cast<std::size_t>(static_cast<const std::byte*>(found) - body.data());
        if (at + 1 == body.size()) break;
        const auto code = std::to_integer<std::uint8_t>(body[at + 1]);
        constexpr std::size_t sop_bytes = 6;
        if (code == EOC) return body.first(at);
        if (code == SOP) at = std::min(at + sop_bytes, body.size());
        else if (code < 0x90 || code == EPH) at += code == EPH ? 2 : 1;
        else {
            fail(ErrorCode::malformed, static_cast<std::size_t>(body.data() - codestream.bytes.data()) + at,
                 "expected packets or EOC, found marker FF%02X", unsigned{code});
        }
    }
    return body;
}

bool has_length_of(const Codestream& codestream, const TilePartData& part) {
    return part.states_length && !codestream.damage;
}

}  // namespace

bool describes_image(std::uint8_t code) {
    switch (code) {
        case CAP:
        case SIZ:
        case COD:
        case COC:
        case TLM:
        case PRF:
        case PLM:
        case PLT:
        case CPF:
        case QCD:
        case QCC:
        case RGN:
        case POC:
        case PPM:
        case PPT:
        case CRG: return true;
        default: return code >= 0x70 && code <= 0x7F;  // 15444-2, Table A.2
    }
}

void copy_main_header(const Codestream& codestream, std::uint64_t parts, bool keeps_packet_lengths,
                      HeaderWriter& writer) {
    Size size;
    std::vector<ComponentSize> components;
    const std::size_t at = read_image_and_tile_size(codestream.bytes, size, components);
    writer.copy(codestream.bytes.first(at));
    bool has_lengths = false;
    visit_main_header(codestream.bytes, at, [&](const jpeg::Segment& segment) {
        if (segment.code == TLM) has_lengths = true;
        else if (describes_image(segment.code) && (segment.code != PLM || keeps_packet_lengths))
            writer.copy(bytes_of(codestream, segment));
    });
    if (has_lengths) writer.leave_tile_part_lengths(parts);
}

void copy_tile_part_header(const Codestream& codestream, const TilePartData& part, bool keeps_packet_lengths,
                           HeaderWriter& writer) {
    for (std::size_t at = part.header;;) {
        const jpeg::Segment segment = next_segment(codestream.bytes, at);
        if (segment.code == SOD) return;
        if (describes_image(segment.code) && (segment.code != PLT || keeps_packet_lengths))
            writer.copy(bytes_of(codestream, segment));
    }
}

void copy_tile_part(const Codestream& codestream, const TilePartData& part, HeaderWriter& writer) {
    std::size_t at = part.header - tile_part_marker_bytes;
    const TilePart marker = read_tile_part(next_segment(codestream.bytes, at));
    writer.begin_tile_part(marker.tile, marker.index, marker.count);
    if (is_empty(part)) {
        writer.end_empty_tile_part();
        return;
    }
    copy_tile_part_header(codestream, part, true, writer);
    const Bytes packets = has_length_of(codestream, part) ? part.body : packets_of(codestream, part.body);
    writer.end_tile_header(packets.size());
    writer.copy(packets);
}

namespace {

bool has_other_segments(const Codestream& codestream) {
    bool found = false;
    const auto look = [&found](const jpeg::Segment& segment) { found = found || !describes_image(segment.code); };
    Size size;
    std::vector<ComponentSize> components;
    visit_main_header(codestream.bytes, read_image_and_tile_size(codestream.bytes, size, components), look);
    for (const TilePartData& part : codestream.parts) {
        for (std::size_t at = part.header; !found && !is_empty(part);) {
            const jpeg::Segment segment = next_segment(codestream.bytes, at);
            if (segment.code == SOD) break;
            look(segment);
        }
    }
    return found;
}

}  // namespace

}  // namespace jpeg2000

std::vector<std::uint8_t> clean_jpeg2000(Bytes data, const Header& header) {
    using namespace jpeg2000;
    Codestream codestream;
    codestream.read(codestream_of(data, header));
    // What lies between the tile-parts is unknown, so it cannot be told from texts.
    if (codestream.damage && (codestream.stray > 0 || codestream.parts.empty())) throw *codestream.damage;
    // The order of tile-parts is that of packets packed into the main header.
    std::sort(codestream.parts.begin(), codestream.parts.end(),
              [](const TilePartData& a, const TilePartData& b) { return a.header < b.header; });
    std::vector<std::uint8_t> to;
    to.reserve(data.size() + 2);
    HeaderWriter writer(to);
    const TilePartData& last = codestream.parts.back();
    if (!has_other_segments(codestream) && has_length_of(codestream, last) && !is_empty(last)) {
        const auto* const end = last.body.data() + last.body.size();
        writer.copy(codestream.bytes.first(static_cast<std::size_t>(end - codestream.bytes.data())));
    } else {
        copy_main_header(codestream, codestream.parts.size(), true, writer);
        for (const TilePartData& part : codestream.parts) copy_tile_part(codestream, part, writer);
    }
    writer.end();
    return to;
}

}  // namespace dcmturbo
