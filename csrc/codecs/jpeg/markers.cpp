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
        fail(ErrorCode::malformed, offset, "marker FF%02X needs %zu bytes of parameters, but its segment has %zu",
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

void MarkerReader::find(std::size_t at) {
    const std::span<const Bytes> all = spans();
    if (at < span_begin_) span_ = span_begin_ = 0;
    while (at - span_begin_ >= all[span_].size()) span_begin_ += all[span_++].size();
}

std::uint8_t MarkerReader::byte(std::size_t at) {
    find(at);
    return std::to_integer<std::uint8_t>(spans()[span_][at - span_begin_]);
}

Bytes MarkerReader::bytes(std::size_t at, std::size_t count) {
    if (count == 0) return {};
    find(at);
    const Bytes here = spans()[span_];
    if (count <= here.size() - (at - span_begin_)) return here.subspan(at - span_begin_, count);
    std::byte* const joined = arena_->allocate(count);
    for (std::size_t i = 0; i < count; ++i) joined[i] = std::byte{byte(at + i)};
    return {joined, count};
}

void MarkerReader::start() {
    if (size_ < 2 || byte(0) != 0xFF || byte(1) != SOI) {
        fail(size_ < 2 ? ErrorCode::truncated : ErrorCode::malformed, 0,
             "expected SOI (FFD8) at the start of a JPEG stream");
    }
    position_ = 2;
}

bool MarkerReader::holds_segment(std::size_t at) {
    if (size_ - at < 2) return false;
    const std::size_t length = std::size_t{byte(at)} << 8 | byte(at + 1);
    return length >= 2 && length <= size_ - at;
}

Segment MarkerReader::next() {
    std::size_t at = position_;
    if (at < size_ && byte(at) != 0xFF) {
        fail(ErrorCode::malformed, at, "expected a marker, found byte %02X", unsigned{byte(at)});
    }
    while (at < size_ && byte(at) == 0xFF) ++at;
    if (at >= size_) fail(ErrorCode::truncated, size_, "expected a marker, found the end of the data (no EOI)");

    Segment segment;
    segment.code = byte(at);
    segment.offset = at - 1;
    ++at;
    if (segment.code == 0) fail(ErrorCode::malformed, segment.offset, "expected a marker, found FF00");
    segment.parameters_offset = at;
    if (has_segment(segment.code)) {
        const auto code = static_cast<unsigned>(segment.code);
        if (size_ - at < 2) fail(ErrorCode::truncated, size_, "the data end inside the length of marker FF%02X", code);
        const std::size_t length = std::size_t{byte(at)} << 8 | byte(at + 1);
        if (length < 2)
            fail(ErrorCode::malformed, at, "the length of marker FF%02X is %zu; expected at least 2", code, length);
        if (length > size_ - at) {
            fail(ErrorCode::truncated, size_,
                 "the segment of marker FF%02X at byte %zu has %zu bytes, but only %zu are left", code, segment.offset,
                 length, size_ - at);
        }
        segment.parameters = bytes(at + 2, length - 2);
        segment.parameters_offset = at + 2;
        at += length;
    }
    position_ = at;
    return segment;
}

ScanEnd MarkerReader::skip_entropy_coded(Stuffing stuffing) {
    const unsigned last_data_byte = stuffing == Stuffing::zero_byte ? 0x00 : 0x7F;
    std::size_t at = position_;
    while (at < size_) {
        find(at);
        const Bytes here = spans()[span_];
        const std::size_t offset = at - span_begin_;
        const void* found = std::memchr(here.data() + offset, 0xFF, here.size() - offset);
        if (found == nullptr) {
            at = span_begin_ + here.size();
            continue;
        }
        at = span_begin_ + static_cast<std::size_t>(static_cast<const std::byte*>(found) - here.data()) + 1;
        // Mostly data follow, in the same fragment.
        if (at - span_begin_ < here.size() && std::to_integer<unsigned>(here[at - span_begin_]) <= last_data_byte) {
            ++at;
            continue;
        }
        while (at < size_ && byte(at) == 0xFF) ++at;
        if (at >= size_) break;
        const std::uint8_t code = byte(at);
        if (code > last_data_byte) {
            position_ = at - 1;
            return {code, at - 1};
        }
        ++at;
    }
    position_ = size_;
    return {0, size_};
}

}  // namespace dcmturbo::jpeg
