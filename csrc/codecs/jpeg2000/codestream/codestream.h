// The codestream's outer syntax: markers, the image and tile size, tile-parts (ISO/IEC 15444-1, Annex A).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/fragments.h"
#include "codecs/jpeg/markers.h"
#include "image/component.h"

namespace dcmturbo::jpeg2000 {

inline constexpr std::size_t max_components = 16384;

// 15444-1 Table A.2, 15444-2 Table A.2, 15444-15 Table A.1.
enum Code : std::uint8_t {
    SOC = 0x4F,
    CAP = 0x50,
    SIZ = 0x51,
    COD = 0x52,
    COC = 0x53,
    TLM = 0x55,
    PRF = 0x56,
    PLM = 0x57,
    PLT = 0x58,
    CPF = 0x59,
    QCD = 0x5C,
    QCC = 0x5D,
    RGN = 0x5E,
    POC = 0x5F,
    PPM = 0x60,
    PPT = 0x61,
    CRG = 0x63,
    COM = 0x64,
    MCT = 0x74,
    MCC = 0x75,
    MCO = 0x77,
    SOT = 0x90,
    SOP = 0x91,
    EPH = 0x92,
    SOD = 0x93,
    EOC = 0xD9,
};

inline std::uint32_t ceil_divide(std::uint32_t a, std::uint32_t b) { return a / b + (a % b != 0 ? 1 : 0); }

// The marker at `at`, which moves behind its segment.
jpeg::Segment next_segment(Bytes data, std::size_t& at);

bool starts_codestream(Bytes data);

// The bare codestream of a frame that has been probed.
Bytes codestream_of(Bytes data, const Header& header);

// 15444-1 A.5.1
struct Size {
    std::uint16_t capabilities = 0;
    std::uint32_t x_end = 0, y_end = 0, x_origin = 0, y_origin = 0;
    std::uint32_t tile_width = 0, tile_height = 0, tile_x = 0, tile_y = 0;
    std::size_t components = 0;

    [[nodiscard]] std::uint64_t tiles() const {
        return std::uint64_t{ceil_divide(x_end - tile_x, tile_width)} * ceil_divide(y_end - tile_y, tile_height);
    }
};

Size read_size(const jpeg::Segment& segment);

struct ComponentSize {
    std::uint8_t precision = 0;
    bool is_signed = false;
    std::uint8_t horizontal_step = 1;
    std::uint8_t vertical_step = 1;
};

// Those of SIZ.
std::vector<ComponentSize> read_component_sizes(const jpeg::Segment& segment, const Size& size);

// SIZ, which follows SOC. Returns what is behind it.
std::size_t read_image_and_tile_size(Bytes codestream, Size& size, std::vector<ComponentSize>& components);
// The next segment; throws where it cannot stand in a main header.
jpeg::Segment next_main_segment(Bytes codestream, std::size_t& at);

// From behind SIZ: visits each segment up to the first SOT, whose offset it returns. Both probing and decoding read the
// main header so: first read_image_and_tile_size(), then this.
template <typename Visit>
std::size_t visit_main_header(Bytes codestream, std::size_t at, Visit&& visit) {
    for (;;) {
        const jpeg::Segment segment = next_main_segment(codestream, at);
        if (segment.code == SOT) return segment.offset;
        visit(segment);
    }
}

// SOT, with its length.
inline constexpr std::size_t tile_part_marker_bytes = 12;

// 15444-1 A.4.2
struct TilePart {
    std::size_t offset;
    std::uint16_t tile;
    std::uint32_t length;  // Psot
    std::uint8_t index;    // TPsot
    std::uint8_t count;    // TNsot, 0: not stated here
};

TilePart read_tile_part(const jpeg::Segment& segment);

}  // namespace dcmturbo::jpeg2000
