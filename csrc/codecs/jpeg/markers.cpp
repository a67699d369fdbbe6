#include "codecs/jpeg/markers.h"

#include <cstring>

#include "base/endian.h"
#include "base/error.h"

namespace dcmturbo::jpeg {

const char* process_name(std::uint8_t frame_header) {
    switch (frame_header) {
        case SOF0: return "baseline sequential DCT";
        case SOF1: return "extended sequential DCT";
        case SOF2: return "progressive DCT";
        case SOF3: return "lossless sequential";
        case SOF5: return "differential sequential DCT";
        case SOF6: return "differential progressive DCT";
        case SOF7: return "differential lossless";
        case SOF9: return "extended sequential DCT with arithmetic coding";
        case SOF10: return "progressive DCT with arithmetic coding";
        case SOF11: return "lossless sequential with arithmetic coding";
        case SOF13: return "differential sequential DCT with arithmetic coding";
        case SOF14: return "differential progressive DCT with arithmetic coding";
        case SOF15: return "differential lossless with arithmetic coding";
        case SOF55: return "JPEG-LS";
        default: return "unknown";
    }
}

void Segment::require(std::size_t size) const {
    if (parameters.size() < size) {
        fail(ErrorCode::malformed, offset, "marker FF%02X needs %zu bytes of parameters, its segment holds %zu",
             static_cast<unsigned>(code), size, parameters.size());
    }
}

std::uint8_t Segment::u8(std::size_t at) const {
    require(at + 1);
    return std::to_integer<std::uint8_t>(parameters[at]);
}

std::uint16_t Segment::u16(std::size_t at) const {
    require(at + 2);
    return load_be<std::uint16_t>(parameters.data() + at);
}

std::uint32_t Segment::u32(std::size_t at) const {
    require(at + 4);
    return load_be<std::uint32_t>(parameters.data() + at);
}

std::uint32_t Segment::number(std::size_t at, std::size_t count) const {
    require(at + count);
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < count; ++i) value = value << 8 | std::to_integer<std::uint32_t>(parameters[at + i]);
    return value;
}

Segment MarkerReader::next() {
    const std::size_t size = data_.size();
    std::size_t at = position_;
    if (at < size && data_[at] != std::byte{0xFF}) {
        fail(ErrorCode::malformed, at, "expected a marker, found byte %02X", std::to_integer<unsigned>(data_[at]));
    }
    while (at < size && data_[at] == std::byte{0xFF}) ++at;
    if (at >= size) fail(ErrorCode::truncated, size, "expected a marker, found the end of the data (no EOI)");

    Segment segment;
    segment.code = std::to_integer<std::uint8_t>(data_[at]);
    segment.offset = at - 1;
    ++at;
    if (segment.code == 0) fail(ErrorCode::malformed, segment.offset, "expected a marker, found FF00");
    segment.parameters_offset = at;
    if (has_segment(segment.code)) {
        const auto code = static_cast<unsigned>(segment.code);
        if (size - at < 2) fail(ErrorCode::truncated, size, "the data end in the length of marker FF%02X", code);
        const std::size_t length = load_be<std::uint16_t>(data_.data() + at);
        if (length < 2)
            fail(ErrorCode::malformed, at, "the length of marker FF%02X is %zu, at least 2 is needed", code, length);
        if (length > size - at) {
            fail(ErrorCode::truncated, size, "the segment of marker FF%02X at byte %zu is %zu bytes long, %zu are left",
                 code, segment.offset, length, size - at);
        }
        segment.parameters = data_.subspan(at + 2, length - 2);
        segment.parameters_offset = at + 2;
        at += length;
    }
    position_ = at;
    return segment;
}

ScanEnd MarkerReader::skip_entropy_coded(Stuffing stuffing) {
    const std::byte* const begin = data_.data();
    const std::size_t size = data_.size();
    const unsigned last_data_byte = stuffing == Stuffing::zero_byte ? 0x00 : 0x7F;
    std::size_t at = position_;
    while (at < size) {
        const void* found = std::memchr(begin + at, 0xFF, size - at);
        if (found == nullptr) break;
        at = static_cast<std::size_t>(static_cast<const std::byte*>(found) - begin) + 1;
        while (at < size && begin[at] == std::byte{0xFF}) ++at;
        if (at >= size) break;
        const auto code = std::to_integer<std::uint8_t>(begin[at]);
        if (code > last_data_byte) {
            position_ = at - 1;
            return {code, at - 1};
        }
        ++at;
    }
    position_ = size;
    return {0, size};
}

}  // namespace dcmturbo::jpeg
