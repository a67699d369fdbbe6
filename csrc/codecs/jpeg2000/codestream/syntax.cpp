#include "codecs/jpeg2000/codestream/syntax.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/endian.h"
#include "base/error.h"
#include "codecs/formats.h"
#include "codecs/jpeg2000/blocks/code_block.h"
#include "codecs/jpeg2000/codestream/codestream.h"
#include "codecs/jpeg2000/codestream/coding_segments.h"

namespace dcmturbo {

namespace {

using namespace jpeg2000;
using jpeg::Segment;

// --- boxes: 15444-1 Annex I -----------------------------------------------------------------

constexpr std::uint32_t box_type(const char (&name)[5]) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(name[0])) << 24 |
           static_cast<std::uint32_t>(static_cast<unsigned char>(name[1])) << 16 |
           static_cast<std::uint32_t>(static_cast<unsigned char>(name[2])) << 8 | static_cast<unsigned char>(name[3]);
}

// The length of a contiguous codestream box is a claim, believed where EOC stands before its end
// (perhaps with a padding byte); otherwise everything up to the end of the frame is taken.
std::uint64_t believed_size(Bytes data, std::uint64_t offset, std::uint64_t stated) {
    const std::uint64_t left = data.size() - offset;
    if (stated < 4 || stated > left) return left;
    const std::byte* end = data.data() + offset + stated;
    const bool ends = (end[-2] == std::byte{0xFF} && end[-1] == std::byte{EOC}) ||
                      (end[-3] == std::byte{0xFF} && end[-2] == std::byte{EOC} && end[-1] == std::byte{0});
    return ends ? stated : left;
}

void find_codestream(Bytes data, Header& header) {
    if (starts_codestream(data)) {
        header.codestream_offset = 0;
        header.codestream_size = data.size();
        return;
    }
    header.in_container = true;
    // Boxes follow one another; a length that cannot be right ends the walk.
    std::uint64_t at = 0;
    while (data.size() - at >= 8) {
        const std::byte* box = data.data() + at;
        std::uint64_t length = load_be<std::uint32_t>(box);
        const std::uint32_t type = load_be<std::uint32_t>(box + 4);
        std::uint64_t head = 8;
        const std::uint64_t left = data.size() - at;
        if (length == 1 && left >= 16) {
            length = load_be<std::uint64_t>(box + 8);
            head = 16;
        } else if (length == 0) {
            length = left;
        }
        if (type == box_type("jp2c") && left > head && starts_codestream(data.subspan(at + head))) {
            header.codestream_offset = at + head;
            header.codestream_size = believed_size(data, at + head, length < head ? 0 : length - head);
            return;
        }
        if (length < head || length > left) break;
        at += length;
    }
    // The walk went astray: the codestream's own first bytes are unmistakable (SIZ follows SOC at once).
    for (std::size_t from = 0; from + 4 <= data.size();) {
        const void* found = std::memchr(data.data() + from, 0xFF, data.size() - from);
        if (found == nullptr) break;
        from = static_cast<std::size_t>(static_cast<const std::byte*>(found) - data.data());
        if (starts_codestream(data.subspan(from))) {
            header.codestream_offset = from;
            header.codestream_size = data.size() - from;
            return;
        }
        ++from;
    }
    fail(ErrorCode::truncated, data.size(), "the JP2 boxes contain no codestream (FF4FFF51)");
}

// --- main header ----------------------------------------------------------------------------

void fill_components(const std::vector<ComponentSize>& components, const Size& size, Header& header) {
    header.width = size.x_end - size.x_origin;
    header.height = size.y_end - size.y_origin;
    header.components.resize(components.size());
    for (std::size_t i = 0; i < components.size(); ++i) {
        const ComponentSize& from = components[i];
        ComponentHeader& component = header.components[i];
        component = ComponentHeader{};
        component.precision = from.precision;
        component.is_signed = from.is_signed;
        component.horizontal_step = from.horizontal_step;
        component.vertical_step = from.vertical_step;
        // 15444-1 B.2
        component.x = ceil_divide(size.x_origin, component.horizontal_step);
        component.y = ceil_divide(size.y_origin, component.vertical_step);
        component.width = ceil_divide(size.x_end, component.horizontal_step) - component.x;
        component.height = ceil_divide(size.y_end, component.vertical_step) - component.y;
        if (component.horizontal_step != 1 || component.vertical_step != 1) header.subsampled = true;
        // JPEG 2000 has no identifiers: the index serves.
        component.identifier = static_cast<std::uint8_t>(i);
    }
}

void add(Header& header, const char* name, std::int64_t value) { header.parameters.push_back({name, value}); }

// What the main header says, gathered over its segments.
struct MainHeader {
    Bytes coding;  // the parameters of COD
    bool quantisation = false;
    bool reversible = true;        // 5/3 in all components
    bool quantised = false;        // in some component
    bool high_throughput = false;  // HT code-blocks may occur
    bool part_2 = false;
    std::uint8_t multiple_component_transform = 0;
    std::uint8_t transformation = 0;
};

void add_style(const CodingStyleFields& style, MainHeader& main) {
    main.reversible = main.reversible && style.transformation == 1;
    main.high_throughput = main.high_throughput || (style.block_style & style_high_throughput) != 0;
}

void read_coding(const Segment& segment, MainHeader& main, Header& header) {
    const CodFields fields = read_cod(segment);
    const CodingStyleFields& style = fields.style;
    main.coding = segment.parameters;
    main.multiple_component_transform = fields.component_transform;
    main.transformation = style.transformation;
    add_style(style, main);
    add(header, "progression_order", fields.order);
    add(header, "layers", fields.layers);
    add(header, "multiple_component_transform", fields.component_transform);
    add(header, "decomposition_levels", style.levels);
    add(header, "code_block_width", std::int64_t{1} << style.block_width_exponent);
    add(header, "code_block_height", std::int64_t{1} << style.block_height_exponent);
    add(header, "code_block_style", style.block_style);
    add(header, "wavelet_transformation", style.transformation);
}

void read_main_segment(const Segment& segment, MainHeader& main, Header& header) {
    const std::size_t components = header.components.size();
    switch (segment.code) {
        case COD:
            if (main.coding.empty()) {
                read_coding(segment, main, header);
            } else if (!std::equal(main.coding.begin(), main.coding.end(), segment.parameters.begin(),
                                   segment.parameters.end())) {  // scanners wrote it twice
                fail(ErrorCode::malformed, segment.offset,
                     "the main header has a second COD that differs from the first");
            }
            break;
        case COC: add_style(read_coc(segment, components), main); break;
        case QCD: {
            const QuantisationFields fields = read_qcd(segment);
            main.quantisation = true;
            main.quantised = main.quantised || fields.style != 0;
            add(header, "quantisation_style", fields.style);
            add(header, "guard_bits", fields.guard_bits);
            break;
        }
        case QCC: main.quantised = main.quantised || read_qcc(segment, components).style != 0; break;
        // 15444-1 A.5.2: bit i of Pcap, counted from the most significant one, is Part i; 15 is HTJ2K.
        case CAP: main.high_throughput = main.high_throughput || (segment.u32(0) & (1U << 17)) != 0; break;
        case MCT:
        case MCC:
        case MCO: main.part_2 = true; break;
        default: break;
    }
}

// Otherwise the transform is ignored.
bool can_transform(const std::vector<ComponentHeader>& components) {
    if (components.size() < 3) return false;
    return std::all_of(components.begin() + 1, components.begin() + 3, [&](const ComponentHeader& component) {
        return component.horizontal_step == components[0].horizontal_step &&
               component.vertical_step == components[0].vertical_step;
    });
}

void read_main_header(Bytes codestream, Size& size, Header& header) {
    std::vector<ComponentSize> components;
    const std::size_t at = read_image_and_tile_size(codestream, size, components);
    MainHeader main;
    bool tile_lengths = false;
    fill_components(components, size, header);
    add(header, "capabilities", size.capabilities);
    add(header, "tile_width", size.tile_width);
    add(header, "tile_height", size.tile_height);
    add(header, "tiles", static_cast<std::int64_t>(size.tiles()));
    add(header, "image_offset_x", size.x_origin);
    add(header, "image_offset_y", size.y_origin);
    const std::size_t end = visit_main_header(codestream, at, [&](const Segment& segment) {
        if (segment.code == TLM) tile_lengths = true;
        read_main_segment(segment, main, header);
    });
    if (main.coding.empty()) fail(ErrorCode::malformed, end, "the main header has no COD");
    if (!main.quantisation) fail(ErrorCode::malformed, end, "the main header has no QCD");
    header.format = main.high_throughput ? Format::htj2k : Format::jpeg2000;
    header.lossless = main.reversible && !main.quantised;
    if (main.multiple_component_transform == 1 && can_transform(header.components)) {
        // 15444-1 Annex G: RCT goes with 5/3, ICT with 9/7.
        header.colour = main.transformation == 1 ? ColourTransform::reversible : ColourTransform::irreversible;
    }
    if (tile_lengths) add(header, "tile_part_lengths", 1);
    if (main.part_2 || (size.capabilities & 0x8000) != 0) add(header, "part_2_extensions", 1);
}

// --- tile-parts: 15444-1 A.4.2 --------------------------------------------------------------

bool ends_with_eoc(Bytes data) {
    return data.size() >= 2 && data[data.size() - 2] == std::byte{0xFF} && data[data.size() - 1] == std::byte{EOC};
}

// Psot 0: the tile-part lasts until EOC. Packet data hold no marker but SOP and EPH (A.8), since
// neither coder lets a byte above 8F follow an FF.
void find_end_of_codestream(Bytes data, std::size_t at) {
    Segment segment = next_segment(data, at);
    while (segment.code != SOD) segment = next_segment(data, at);
    while (at < data.size()) {
        const void* found = std::memchr(data.data() + at, 0xFF, data.size() - at);
        if (found == nullptr) break;
        at = static_cast<std::size_t>(static_cast<const std::byte*>(found) - data.data()) + 1;
        if (at >= data.size()) break;
        const auto code = std::to_integer<std::uint8_t>(data[at]);
        if (code == EOC) return;
        if (code == SOP) at += 5;  // its segment holds a number that may look like a marker
        else if (code == EPH) at += 1;
        else if (code >= 0x90) {
            fail(ErrorCode::malformed, at - 1, "marker FF%02X is not allowed in a tile-part of unknown length",
                 static_cast<unsigned>(code));
        }
    }
    fail(ErrorCode::truncated, data.size(), "the last tile-part has no length, and the data end before EOC");
}

// Which tile-parts have been seen, and whether that is all that were announced.
class TileCount {
  public:
    explicit TileCount(std::size_t tiles) : seen_(tiles), announced_(tiles) {}

    void add(const TilePart& part) {
        if (part.tile >= seen_.size()) {
            fail(ErrorCode::malformed, part.offset, "SOT refers to tile %u (counted from 0), but there are %zu",
                 static_cast<unsigned>(part.tile), seen_.size());
        }
        if (seen_[part.tile]++ == 0) ++tiles_;
        announced_[part.tile] = std::max(announced_[part.tile], part.count);
    }
    void require_all_tiles(std::size_t offset) const {
        if (tiles_ == seen_.size()) return;
        fail(ErrorCode::truncated, offset, "tile %zu of %zu has no tile-part", first_below(1), seen_.size());
    }
    // Each tile has exactly as many as it announces. Some encoders announce too few (Kakadu by one):
    // then TNsot is no proof, and EOC has to be.
    [[nodiscard]] bool proves_complete() const {
        for (std::size_t i = 0; i < seen_.size(); ++i) {
            if (announced_[i] == 0 || seen_[i] != announced_[i]) return false;
        }
        return true;
    }

  private:
    [[nodiscard]] std::size_t first_below(std::uint32_t parts) const {
        std::size_t i = 0;
        while (seen_[i] >= parts) ++i;
        return i;
    }
    std::vector<std::uint32_t> seen_;
    std::vector<std::uint8_t> announced_;
    std::size_t tiles_ = 0;
};

// In place of EOC: a copy that broke off. Fewer zeroes may be packets that are empty.
bool ends_in_zeroes(Bytes data) {
    constexpr std::size_t most = 64;
    return data.size() > most &&
           std::all_of(data.end() - most, data.end(), [](std::byte b) { return b == std::byte{0}; });
}

void check_tile_parts(Bytes data, std::size_t at, std::size_t tiles, bool eoc_required) {
    TileCount count(tiles);
    for (;;) {
        const std::size_t start = at;
        const bool marker = data.size() - at >= 2 && data[at] == std::byte{0xFF};
        if (marker && data[at + 1] == std::byte{EOC}) return count.require_all_tiles(at);
        if (!marker || data[at + 1] != std::byte{SOT}) {
            const bool ends = data.size() - at < 2;
            count.require_all_tiles(at);
            if (!eoc_required && count.proves_complete() && !ends_in_zeroes(data.first(at))) return;
            fail(ends ? ErrorCode::truncated : ErrorCode::malformed, at,
                 ends ? "expected another tile-part or EOC, found the end of the data"
                      : "expected another tile-part or EOC after the last tile-part");
        }
        const Segment segment = next_segment(data, at);
        const TilePart part = read_tile_part(segment);
        count.add(part);
        if (part.length == 0) {
            find_end_of_codestream(data, at);
            return count.require_all_tiles(data.size());
        }
        if (part.length > data.size() - start) {
            fail(ErrorCode::truncated, data.size(), "the tile-part at byte %zu has %u bytes, but only %zu are left",
                 start, part.length, data.size() - start);
        }
        at = start + part.length;
        // Some encoders count EOC as part of the last tile-part.
        if (at == data.size() && ends_with_eoc(data.subspan(start, part.length))) return count.require_all_tiles(at);
    }
}

}  // namespace

void probe_jpeg2000(Bytes data, Header& header) {
    header.clear();
    find_codestream(data, header);
    Size size;
    const Bytes codestream = codestream_of(data, header);
    read_main_header(codestream, size, header);
}

void check_jpeg2000(Bytes data, const Header& header) {
    const Bytes codestream = codestream_of(data, header);
    if (!starts_codestream(codestream))
        fail(ErrorCode::malformed, header.codestream_offset, "expected SOC and SIZ (FF4FFF51)");
    Size size;
    std::vector<ComponentSize> components;
    const std::size_t first =
        visit_main_header(codestream, read_image_and_tile_size(codestream, size, components), [](const Segment&) {});
    // In boxes, a codestream without EOC also breaks the box's own length: that is a cut, not a habit.
    const bool eoc_required = header.format == Format::htj2k || header.in_container;
    check_tile_parts(codestream, first, size.tiles(), eoc_required);
}

}  // namespace dcmturbo
