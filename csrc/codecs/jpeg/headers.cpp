#include "codecs/jpeg/headers.h"

#include "base/error.h"

namespace dcmturbo::jpeg {

namespace {

void require_precision(const Segment& segment, const FrameHeader& frame) {
    const unsigned p = frame.precision;
    const bool right = frame.is_jpegls() || frame.is_lossless() ? p >= 2 && p <= 16
                       : frame.code == SOF0                     ? p == 8
                                                                : p == 8 || p == 12;
    if (!right) {
        fail(ErrorCode::malformed, segment.parameters_offset, "the precision is %u bits; expected %s", p,
             process_name(frame.code));
    }
}

}  // namespace

FrameHeader read_frame_header(const Segment& segment) {
    FrameHeader frame;
    frame.code = segment.code;
    frame.precision = segment.u8(0);
    frame.lines = segment.u16(1);
    frame.samples_per_line = segment.u16(3);
    frame.count = segment.u8(5);
    require_precision(segment, frame);
    if (frame.count == 0) fail(ErrorCode::malformed, segment.offset, "the frame header has no components");
    segment.require(6 + 3 * frame.count);
    for (std::size_t i = 0; i < frame.count; ++i) {
        const std::size_t at = 6 + 3 * i;
        FrameComponent& component = frame.components[i];
        component.identifier = segment.u8(at);
        component.horizontal_factor = segment.u8(at + 1) >> 4;
        component.vertical_factor = segment.u8(at + 1) & 15;
        component.quantisation_table = segment.u8(at + 2);
        const unsigned h = component.horizontal_factor;
        const unsigned v = component.vertical_factor;
        if (h < 1 || h > 4 || v < 1 || v > 4) {
            fail(ErrorCode::malformed, segment.parameters_offset + at + 1,
                 "sampling factors must be 1 to 4, but component %zu has %u x %u", i, h, v);
        }
        frame.horizontal_max = std::max(frame.horizontal_max, component.horizontal_factor);
        frame.vertical_max = std::max(frame.vertical_max, component.vertical_factor);
    }
    return frame;
}

ScanHeader read_scan_header(const Segment& segment) {
    ScanHeader scan;
    scan.count = segment.u8(0);
    if (scan.count < 1 || scan.count > 4) {
        fail(ErrorCode::malformed, segment.parameters_offset,
             "a scan must have 1 to 4 components, but this one has %zu", scan.count);
    }
    segment.require(4 + 2 * scan.count);
    for (std::size_t i = 0; i < scan.count; ++i) {
        scan.identifiers[i] = segment.u8(1 + 2 * i);
        scan.tables[i] = segment.u8(2 + 2 * i);
    }
    scan.first = segment.u8(1 + 2 * scan.count);
    scan.second = segment.u8(2 + 2 * scan.count);
    scan.low = segment.u8(3 + 2 * scan.count) & 15;
    return scan;
}

void Coverage::add(const FrameHeader& frame, const ScanHeader& scan, std::size_t offset) {
    std::array<bool, 255> taken{};
    for (std::size_t k = 0; k < scan.count; ++k) {
        std::size_t i = 0;
        while (i < frame.count && (taken[i] || frame.components[i].identifier != scan.identifiers[k])) ++i;
        if (i == frame.count) {
            fail(ErrorCode::malformed, offset, "the scan has component %u, which the frame header does not have",
                 static_cast<unsigned>(scan.identifiers[k]));
        }
        taken[i] = true;
        indices_[k] = i;
        if (!seen_[i]) {
            seen_[i] = true;
            ++count_;
        }
    }
}

// 14495-1 C.2.5 lets the restart interval take up to four bytes.
std::uint32_t read_restart_interval(const Segment& segment) {
    segment.require(2);
    return segment.number(0, std::min<std::size_t>(segment.parameters.size(), 4));
}

std::uint64_t count_units(const FrameHeader& frame, const ScanHeader& scan, const Coverage& covered) {
    const std::uint64_t unit = frame.is_lossless() ? 1 : 8;
    if (scan.count == 1) {
        const std::size_t i = covered.index(0);
        return ceil_divide(frame.width(i), unit) * ceil_divide(frame.height(i), unit);
    }
    return ceil_divide(frame.samples_per_line, unit * frame.horizontal_max) *
           ceil_divide(frame.lines, unit * frame.vertical_max);
}

void refuse_unsupported(const Segment& segment) {
    const std::uint8_t code = segment.code;
    const bool hierarchical =
        code == DHP || code == EXP || (code >= SOF5 && code <= SOF7) || (code >= SOF13 && code <= SOF15);
    if (hierarchical) {
        fail(ErrorCode::unsupported, segment.offset, "dcmturbo cannot decode hierarchical JPEG (marker FF%02X%s%s)",
             static_cast<unsigned>(code), is_frame_header(code) ? ", " : "",
             is_frame_header(code) ? process_name(code) : "");
    }
    if (code >= SOF9 && code <= SOF11) {
        fail(ErrorCode::unsupported, segment.offset, "dcmturbo cannot decode the JPEG process \"%s\" (marker FF%02X)",
             process_name(code), static_cast<unsigned>(code));
    }
}

bool is_miscellaneous(std::uint8_t code, const FrameHeader& frame) {
    return code == DQT || code == DHT || code == DAC || code == DRI || code == DNL || code == COM ||
           (code >= APP0 && code <= APP15) || (code == LSE && (frame.code == 0 || frame.is_jpegls())) ||
           // JPEG extensions (10918-3) that carry no coding: JPG0 to JPG13, but for the two that JPEG-LS took.
           (code >= 0xF0 && code <= 0xFD && code != SOF55 && code != LSE);
}

}  // namespace dcmturbo::jpeg
