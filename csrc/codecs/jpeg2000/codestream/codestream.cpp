#include "codecs/jpeg2000/codestream/codestream.h"

#include <algorithm>
#include <cstring>

#include "base/endian.h"
#include "base/error.h"

namespace dcmturbo::jpeg2000 {

using jpeg::Segment;

// 15444-1 A.1.1: markers FF30 to FF3F, SOC, SOD, EOC and EPH have no segment. Here, unlike in JPEG,
// nothing may pad before a marker.
Segment next_segment(Bytes data, std::size_t& at) {
    const std::size_t left = data.size() - at;
    if (left < 2) fail(ErrorCode::truncated, data.size(), "expected a marker, found the end of the data");
    Segment segment;
    segment.offset = at;
    segment.code = std::to_integer<std::uint8_t>(data[at + 1]);
    const auto code = static_cast<unsigned>(segment.code);
    if (data[at] != std::byte{0xFF} || segment.code < 0x30) {
        fail(ErrorCode::malformed, at, "expected a marker, found bytes %02X%02X", std::to_integer<unsigned>(data[at]),
             code);
    }
    at += 2;
    segment.parameters_offset = at;
    if (segment.code < 0x40 || segment.code == SOC || segment.code == SOD || segment.code == EOC || segment.code == EPH)
        return segment;
    if (left < 4) fail(ErrorCode::truncated, data.size(), "the data end inside the length of marker FF%02X", code);
    const std::size_t length = load_be<std::uint16_t>(data.data() + at);
    if (length < 2)
        fail(ErrorCode::malformed, at, "the length of marker FF%02X is %zu; expected at least 2", code, length);
    if (length > left - 2) {
        fail(ErrorCode::truncated, data.size(),
             "the segment of marker FF%02X at byte %zu has %zu bytes, but only %zu are left", code, segment.offset,
             length, left - 2);
    }
    segment.parameters = data.subspan(at + 2, length - 2);
    segment.parameters_offset = at + 2;
    at += length;
    return segment;
}

bool starts_codestream(Bytes data) {
    constexpr unsigned char start[4] = {0xFF, SOC, 0xFF, SIZ};
    return data.size() >= 4 && std::memcmp(data.data(), start, 4) == 0;
}

Size read_size(const Segment& segment) {
    Size size;
    size.capabilities = segment.u16(0);
    size.x_end = segment.u32(2);
    size.y_end = segment.u32(6);
    size.x_origin = segment.u32(10);
    size.y_origin = segment.u32(14);
    size.tile_width = segment.u32(18);
    size.tile_height = segment.u32(22);
    size.tile_x = segment.u32(26);
    size.tile_y = segment.u32(30);
    size.components = segment.u16(34);
    if (size.x_origin >= size.x_end || size.y_origin >= size.y_end) {
        fail(ErrorCode::malformed, segment.offset, "SIZ: the image area is empty");
    }
    // A.5.1: the first tile holds the image's origin.
    const bool first_tile_right = size.tile_width != 0 && size.tile_height != 0 && size.tile_x <= size.x_origin &&
                                  size.tile_y <= size.y_origin && size.x_origin - size.tile_x < size.tile_width &&
                                  size.y_origin - size.tile_y < size.tile_height;
    if (!first_tile_right)
        fail(ErrorCode::malformed, segment.offset, "SIZ: the first tile does not contain the image's origin");
    if (size.tiles() > 65535) {
        fail(ErrorCode::malformed, segment.offset, "SIZ: at most 65535 tiles are allowed, found %llu",
             static_cast<unsigned long long>(size.tiles()));
    }
    if (size.components < 1 || size.components > max_components) {
        fail(ErrorCode::malformed, segment.offset, "SIZ: 1 to 16384 components are allowed, found %zu",
             size.components);
    }
    segment.require(36 + 3 * size.components);
    return size;
}

std::vector<ComponentSize> read_component_sizes(const Segment& segment, const Size& size) {
    std::vector<ComponentSize> components(size.components);
    for (std::size_t i = 0; i < size.components; ++i) {
        const std::size_t at = 36 + 3 * i;
        const std::uint8_t depth = segment.u8(at);
        ComponentSize& component = components[i];
        component.precision = static_cast<std::uint8_t>((depth & 0x7F) + 1);
        component.is_signed = (depth & 0x80) != 0;
        component.horizontal_step = segment.u8(at + 1);
        component.vertical_step = segment.u8(at + 2);
        if (component.precision > 38) {
            fail(ErrorCode::malformed, segment.parameters_offset + at,
                 "SIZ: 1 to 38 bits are allowed, but component %zu has %u", i,
                 static_cast<unsigned>(component.precision));
        }
        if (component.horizontal_step == 0 || component.vertical_step == 0) {
            fail(ErrorCode::malformed, segment.parameters_offset + at,
                 "SIZ: component %zu has a sampling distance of 0", i);
        }
    }
    return components;
}

std::size_t read_image_and_tile_size(Bytes codestream, Size& size, std::vector<ComponentSize>& components) {
    std::size_t at = 2;
    const Segment segment = next_segment(codestream, at);
    if (segment.code != SIZ) fail(ErrorCode::malformed, segment.offset, "the codestream has no SIZ marker after SOC");
    size = read_size(segment);
    components = read_component_sizes(segment, size);
    return at;
}

Segment next_main_segment(Bytes codestream, std::size_t& at) {
    const Segment segment = next_segment(codestream, at);
    if (segment.code == SOD || segment.code == EOC || segment.code == SOC || segment.code == SIZ) {
        fail(ErrorCode::malformed, segment.offset, "marker FF%02X is not allowed in the main header",
             static_cast<unsigned>(segment.code));
    }
    return segment;
}

Bytes codestream_of(Bytes data, const Header& header) {
    const std::uint64_t offset = std::min<std::uint64_t>(header.codestream_offset, data.size());
    return data.subspan(offset, std::min<std::uint64_t>(header.codestream_size, data.size() - offset));
}

TilePart read_tile_part(const Segment& segment) {
    TilePart part{segment.offset, segment.u16(0), segment.u32(2), segment.u8(6), segment.u8(7)};
    // 12 is an SOT alone, without SOD: files hold it.
    if (part.length != 0 && part.length < 12) {
        fail(ErrorCode::malformed, segment.offset, "SOT has a tile-part length of %u bytes, which is too short",
             part.length);
    }
    return part;
}

}  // namespace dcmturbo::jpeg2000
