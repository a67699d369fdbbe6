#include "codecs/jpeg/syntax.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"
#include "codecs/jpeg/markers.h"

namespace dcmturbo {

namespace {

using namespace jpeg;

struct FrameComponent {
    std::uint8_t identifier;
    std::uint8_t horizontal_factor;
    std::uint8_t vertical_factor;
};

// 10918-1 B.2.2
struct FrameHeader {
    std::uint8_t code = 0;  // SOFn
    std::uint8_t precision = 0;
    std::uint32_t lines = 0;  // 0: DNL states it
    std::uint32_t samples_per_line = 0;
    std::size_t count = 0;
    std::array<FrameComponent, 255> components;
    std::uint8_t horizontal_max = 1;
    std::uint8_t vertical_max = 1;

    [[nodiscard]] bool is_jpegls() const { return code == SOF55; }
    [[nodiscard]] bool is_lossless() const { return code == SOF3 || code == SOF7 || code == SOF11 || code == SOF15; }
    [[nodiscard]] Stuffing stuffing() const { return is_jpegls() ? Stuffing::zero_bit : Stuffing::zero_byte; }
    // 10918-1 A.1.1: x_i = ceil(X * H_i / H_max)
    [[nodiscard]] std::uint32_t width(std::size_t i) const {
        return scaled(samples_per_line, components[i].horizontal_factor, horizontal_max);
    }
    [[nodiscard]] std::uint32_t height(std::size_t i) const {
        return scaled(lines, components[i].vertical_factor, vertical_max);
    }

  private:
    static std::uint32_t scaled(std::uint32_t size, std::uint32_t factor, std::uint32_t maximum) {
        return static_cast<std::uint32_t>((std::uint64_t{size} * factor + maximum - 1) / maximum);
    }
};

// 10918-1 B.2.3; the last three bytes mean NEAR, interleave mode and point transform in 14495-1 C.2.3.
struct ScanHeader {
    std::size_t count = 0;
    std::array<std::uint8_t, 4> identifiers{};
    std::array<std::uint8_t, 4> tables{};  // JPEG-LS: mapping table
    std::uint8_t first = 0;                // Ss: selection value; NEAR
    std::uint8_t second = 0;               // Se; interleave mode
    std::uint8_t low = 0;                  // Al: point transform
};

std::uint64_t ceil_divide(std::uint64_t a, std::uint64_t b) { return (a + b - 1) / b; }

void require_precision(const Segment& segment, const FrameHeader& frame) {
    const unsigned p = frame.precision;
    const bool right = frame.is_jpegls() || frame.is_lossless() ? p >= 2 && p <= 16
                       : frame.code == SOF0                     ? p == 8
                                                                : p == 8 || p == 12;
    if (!right) {
        fail(ErrorCode::malformed, segment.parameters_offset, "a precision of %u bits is not one of %s", p,
             process_name(frame.code));
    }
}

FrameHeader read_frame_header(const Segment& segment) {
    FrameHeader frame;
    frame.code = segment.code;
    frame.precision = segment.u8(0);
    frame.lines = segment.u16(1);
    frame.samples_per_line = segment.u16(3);
    frame.count = segment.u8(5);
    require_precision(segment, frame);
    if (frame.count == 0) fail(ErrorCode::malformed, segment.offset, "the frame header names no components");
    segment.require(6 + 3 * frame.count);
    for (std::size_t i = 0; i < frame.count; ++i) {
        const std::size_t at = 6 + 3 * i;
        FrameComponent& component = frame.components[i];
        component.identifier = segment.u8(at);
        component.horizontal_factor = segment.u8(at + 1) >> 4;
        component.vertical_factor = segment.u8(at + 1) & 15;
        const unsigned h = component.horizontal_factor;
        const unsigned v = component.vertical_factor;
        if (h < 1 || h > 4 || v < 1 || v > 4) {
            fail(ErrorCode::malformed, segment.parameters_offset + at + 1,
                 "sampling factors are 1 to 4, component %zu has %u x %u", i, h, v);
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
        fail(ErrorCode::malformed, segment.parameters_offset, "a scan holds 1 to 4 components, this one names %zu",
             scan.count);
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

// Which components of the frame have been in a scan. Files exist that give all components one
// identifier: within a scan, equal identifiers mean one component after another.
class Coverage {
  public:
    // The component's index within the frame, for the k-th of the scan.
    void add(const FrameHeader& frame, const ScanHeader& scan, std::size_t offset) {
        std::array<bool, 255> taken{};
        for (std::size_t k = 0; k < scan.count; ++k) {
            std::size_t i = 0;
            while (i < frame.count && (taken[i] || frame.components[i].identifier != scan.identifiers[k])) ++i;
            if (i == frame.count) {
                fail(ErrorCode::malformed, offset, "the scan names component %u, which the frame header does not",
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
    [[nodiscard]] std::size_t count() const { return count_; }
    // Index within the frame of the last scan's k-th component.
    [[nodiscard]] std::size_t index(std::size_t k) const { return indices_[k]; }

  private:
    std::array<bool, 255> seen_{};
    std::array<std::size_t, 4> indices_{};
    std::size_t count_ = 0;
};

// 14495-1 C.2.5 lets the restart interval take up to four bytes.
std::uint32_t read_restart_interval(const Segment& segment) {
    segment.require(2);
    return segment.number(0, std::min<std::size_t>(segment.parameters.size(), 4));
}

bool starts_with(const Segment& segment, const char* text, std::size_t size) {
    return segment.parameters.size() >= size && std::memcmp(segment.parameters.data(), text, size) == 0;
}

// What the segments before the first scan say, apart from the frame header.
struct Miscellany {
    bool jfif = false;
    int adobe_transform = -1;
    int colour_transform_hp = 0;
    std::uint32_t restart_interval = 0;
    std::uint32_t mapping_tables = 0;
    bool presets = false;
    std::array<std::uint16_t, 5> preset{};  // MAXVAL, T1, T2, T3, RESET
};

// 14495-1 C.2.4.1
void read_lse(const Segment& segment, Miscellany& misc, FrameHeader& frame) {
    switch (segment.u8(0)) {
        case 1:
            misc.presets = true;
            for (std::size_t i = 0; i < 5; ++i) misc.preset[i] = segment.u16(1 + 2 * i);
            break;
        case 2: ++misc.mapping_tables; break;
        case 4: {
            const std::size_t width = segment.u8(1);
            if (width < 2 || width > 4) {
                fail(ErrorCode::malformed, segment.parameters_offset + 1,
                     "oversize dimensions take 2 to 4 bytes, not %zu", width);
            }
            frame.lines = segment.number(2, width);
            frame.samples_per_line = segment.number(2 + width, width);
            break;
        }
        default: break;
    }
}

void read_miscellaneous(const Segment& segment, Miscellany& misc, FrameHeader& frame) {
    switch (segment.code) {
        case DRI: misc.restart_interval = read_restart_interval(segment); break;
        case LSE: read_lse(segment, misc, frame); break;
        case APP0: misc.jfif = misc.jfif || starts_with(segment, "JFIF\0", 5); break;
        // Hewlett-Packard's colour transforms, which CharLS writes and inverts.
        case APP0 + 8:
            if (starts_with(segment, "mrfx", 4)) misc.colour_transform_hp = segment.u8(4);
            break;
        // Adobe TN 5116: "Adobe", version, two flags of two bytes each, transform.
        case APP14:
            if (starts_with(segment, "Adobe", 5) && segment.parameters.size() >= 12)
                misc.adobe_transform = segment.u8(11);
            break;
        default: break;
    }
}

// How three components relate to colour, by the first of these that speaks:
//  1. component identifiers "RGB" or "rgb": writers that store RGB mark it so (libjpeg does);
//     10918-1 gives identifiers no meaning, but T.871 would demand 1, 2, 3;
//  2. APP14 "Adobe": transform 0 is no transform, 1 is YCbCr (Adobe TN 5116; T.872 6.5.3);
//  3. APP0 "JFIF": YCbCr (T.871 clause 7).
// Otherwise unstated: PhotometricInterpretation decides, never the number of components. A lossless
// or JPEG-LS stream in a JFIF wrapper is whatever was put in: rule 3 is for DCT processes alone.
ColourTransform colour_of(const FrameHeader& frame, const Miscellany& misc) {
    if (frame.count != 3) return ColourTransform::unstated;
    const std::array<std::uint8_t, 3> id = {frame.components[0].identifier, frame.components[1].identifier,
                                            frame.components[2].identifier};
    if (id == std::array<std::uint8_t, 3>{'R', 'G', 'B'} || id == std::array<std::uint8_t, 3>{'r', 'g', 'b'}) {
        return ColourTransform::none_rgb;
    }
    if (misc.adobe_transform == 0) return ColourTransform::none_rgb;
    if (misc.adobe_transform == 1) return ColourTransform::ycbcr;
    if (misc.jfif && !frame.is_lossless() && !frame.is_jpegls()) return ColourTransform::ycbcr;
    return ColourTransform::unstated;
}

void find_number_of_lines(MarkerReader reader, FrameHeader& frame) {
    ScanEnd end = reader.skip_entropy_coded(frame.stuffing());
    while (is_restart(end.code)) {
        reader.next();
        end = reader.skip_entropy_coded(frame.stuffing());
    }
    if (end.code == 0) {
        fail(ErrorCode::truncated, end.offset,
             "the frame header has no height, and the data end before the DNL that states it");
    }
    if (end.code != DNL) {
        fail(ErrorCode::malformed, end.offset,
             "the frame header has no height: expected DNL after the first scan, found FF%02X",
             static_cast<unsigned>(end.code));
    }
    const Segment segment = reader.next();
    segment.require(2);
    frame.lines = segment.number(0, std::min<std::size_t>(segment.parameters.size(), 4));
    if (frame.lines == 0) fail(ErrorCode::malformed, segment.offset, "DNL states a height of 0");
}

// What the scans after the first add. Damage ends the pass without an error: that is check_jpeg's to tell.
struct LaterScans {
    std::uint8_t near_lossless = 0;
    std::uint8_t point_transform = 0;
    std::uint8_t mapping_table = 0;
};

LaterScans skim_later_scans(MarkerReader reader, Bytes data, const FrameHeader& frame, Coverage covered) {
    LaterScans result;
    while (covered.count() < frame.count) {
        const ScanEnd end = reader.skip_entropy_coded(frame.stuffing());
        if (end.code == 0 || end.code == EOI) break;
        if (has_segment(end.code)) {
            // next() would throw on a segment that the data do not hold.
            const std::size_t at = end.offset + 2;
            if (data.size() - at < 2) break;
            const std::size_t length =
                std::to_integer<std::size_t>(data[at]) << 8 | std::to_integer<std::size_t>(data[at + 1]);
            if (length < 2 || length > data.size() - at) break;
        }
        const Segment segment = reader.next();
        if (segment.code != SOS) continue;
        const std::size_t count = segment.parameters.empty() ? 0 : segment.u8(0);
        if (count < 1 || count > 4 || segment.parameters.size() < 4 + 2 * count) break;
        const ScanHeader scan = read_scan_header(segment);
        covered.add(frame, scan, segment.offset);
        if (frame.is_jpegls()) result.near_lossless = std::max(result.near_lossless, scan.first);
        result.point_transform = std::max(result.point_transform, scan.low);
        for (std::size_t k = 0; k < scan.count; ++k)
            result.mapping_table = std::max(result.mapping_table, scan.tables[k]);
    }
    return result;
}

void add(Header& header, const char* name, std::int64_t value) { header.parameters.push_back({name, value}); }

void require_start(Bytes data) {
    if (data.size() < 2 || data[0] != std::byte{0xFF} || data[1] != std::byte{SOI}) {
        fail(data.size() < 2 ? ErrorCode::truncated : ErrorCode::malformed, 0,
             "expected SOI (FFD8) at the start of a JPEG stream");
    }
}

void fill_components(const FrameHeader& frame, Header& header) {
    header.width = frame.samples_per_line;
    header.height = frame.lines;
    header.components.resize(frame.count);
    for (std::size_t i = 0; i < frame.count; ++i) {
        const FrameComponent& from = frame.components[i];
        ComponentHeader& to = header.components[i];
        to = ComponentHeader{};
        to.width = frame.width(i);
        to.height = frame.height(i);
        if (frame.horizontal_max % from.horizontal_factor == 0)
            to.horizontal_step = frame.horizontal_max / from.horizontal_factor;
        if (frame.vertical_max % from.vertical_factor == 0)
            to.vertical_step = frame.vertical_max / from.vertical_factor;
        to.precision = frame.precision;
        to.identifier = from.identifier;
        if (from.horizontal_factor != frame.horizontal_max || from.vertical_factor != frame.vertical_max)
            header.subsampled = true;
    }
}

void fill_jpegls(const ScanHeader& scan, const LaterScans& later, const Miscellany& misc, Header& header) {
    const unsigned near_lossless = std::max(scan.first, later.near_lossless);
    header.lossless = near_lossless == 0 && std::max(scan.low, later.point_transform) == 0;
    add(header, "near_lossless", near_lossless);
    add(header, "interleave_mode", scan.second);
    add(header, "point_transform", scan.low);
    if (misc.presets) {
        add(header, "maxval", misc.preset[0]);
        add(header, "threshold_1", misc.preset[1]);
        add(header, "threshold_2", misc.preset[2]);
        add(header, "threshold_3", misc.preset[3]);
        add(header, "reset", misc.preset[4]);
    }
    std::uint8_t used = later.mapping_table;
    for (std::size_t k = 0; k < scan.count; ++k) used = std::max(used, scan.tables[k]);
    if (used != 0 || misc.mapping_tables != 0) {
        add(header, "mapping_tables", misc.mapping_tables);
        add(header, "mapping_table", used);
    }
    if (misc.colour_transform_hp != 0) add(header, "hp_colour_transform", misc.colour_transform_hp);
}

// The number of MCUs of a scan: 10918-1 A.2. A lone component's MCU is one data unit, whatever its
// sampling factors.
std::uint64_t count_units(const FrameHeader& frame, const ScanHeader& scan, const Coverage& covered) {
    const std::uint64_t unit = frame.is_lossless() ? 1 : 8;
    if (scan.count == 1) {
        const std::size_t i = covered.index(0);
        return ceil_divide(frame.width(i), unit) * ceil_divide(frame.height(i), unit);
    }
    return ceil_divide(frame.samples_per_line, unit * frame.horizontal_max) *
           ceil_divide(frame.lines, unit * frame.vertical_max);
}

// Passes over one scan's data, its restart markers included.
void check_scan(MarkerReader& reader, const FrameHeader& frame, std::uint32_t restart_interval, std::uint64_t units) {
    std::size_t start = reader.position();
    std::uint64_t restarts = 0;
    for (;;) {
        const ScanEnd end = reader.skip_entropy_coded(frame.stuffing());
        if (end.code == 0) fail(ErrorCode::truncated, end.offset, "the data end within a scan (no EOI)");
        if (end.offset == start) {
            fail(ErrorCode::truncated, start, "expected entropy-coded data, found marker FF%02X",
                 static_cast<unsigned>(end.code));
        }
        if (!is_restart(end.code)) break;
        if (restart_interval == 0) {
            fail(ErrorCode::malformed, end.offset, "found restart marker FF%02X in a scan without a restart interval",
                 static_cast<unsigned>(end.code));
        }
        const unsigned expected = RST0 + (restarts & 7);
        if (end.code != expected) {
            fail(ErrorCode::malformed, end.offset, "expected restart marker FF%02X, found FF%02X", expected,
                 static_cast<unsigned>(end.code));
        }
        ++restarts;
        reader.next();
        start = reader.position();
    }
    // JPEG-LS counts its interval in another unit (14495-1 D.2), which its decoders check.
    if (restart_interval == 0 || frame.is_jpegls()) return;
    const std::uint64_t wanted = ceil_divide(units, restart_interval) - 1;
    if (restarts < wanted) {
        fail(ErrorCode::truncated, reader.position(), "the scan needs %llu restart markers, found %llu",
             static_cast<unsigned long long>(wanted), static_cast<unsigned long long>(restarts));
    }
}

void refuse_unsupported(const Segment& segment) {
    const std::uint8_t code = segment.code;
    const bool hierarchical =
        code == DHP || code == EXP || (code >= SOF5 && code <= SOF7) || (code >= SOF13 && code <= SOF15);
    if (hierarchical) {
        fail(ErrorCode::unsupported, segment.offset, "hierarchical JPEG (marker FF%02X%s%s) is not supported",
             static_cast<unsigned>(code), is_frame_header(code) ? ", " : "",
             is_frame_header(code) ? process_name(code) : "");
    }
    if (code >= SOF9 && code <= SOF11) {
        fail(ErrorCode::unsupported, segment.offset, "JPEG process \"%s\" (marker FF%02X) is not supported",
             process_name(code), static_cast<unsigned>(code));
    }
}

bool is_miscellaneous(std::uint8_t code, const FrameHeader& frame) {
    return code == DQT || code == DHT || code == DAC || code == DRI || code == DNL || code == COM ||
           (code >= APP0 && code <= APP15) || (code == LSE && (frame.code == 0 || frame.is_jpegls())) ||
           // JPEG extensions (10918-3) that carry no coding: JPG0 to JPG13, but for the two that JPEG-LS took.
           (code >= 0xF0 && code <= 0xFD && code != SOF55 && code != LSE);
}

}  // namespace

void probe_jpeg(Bytes data, Header& header) {
    header.clear();
    require_start(data);
    header.codestream_size = data.size();

    MarkerReader reader(data, 2);
    FrameHeader frame;
    Miscellany misc;
    Segment segment;
    for (;;) {
        segment = reader.next();
        if (segment.code == SOS) break;
        if (segment.code == EOI) fail(ErrorCode::malformed, segment.offset, "found EOI before any scan");
        // The first one speaks for a hierarchical stream, whose later frames refine it.
        if (is_frame_header(segment.code) && frame.code == 0) {
            const FrameHeader sizes = frame;
            frame = read_frame_header(segment);
            if (sizes.samples_per_line != 0) {  // LSE came first
                frame.lines = sizes.lines;
                frame.samples_per_line = sizes.samples_per_line;
            }
        } else {
            read_miscellaneous(segment, misc, frame);
        }
    }
    if (frame.code == 0) fail(ErrorCode::malformed, segment.offset, "found SOS before a frame header");
    if (frame.samples_per_line == 0) fail(ErrorCode::malformed, segment.offset, "the frame header states a width of 0");
    if (frame.lines == 0) find_number_of_lines(reader, frame);

    const ScanHeader scan = read_scan_header(segment);
    Coverage covered;
    covered.add(frame, scan, segment.offset);

    header.interleaved = covered.count() == frame.count;
    header.colour = colour_of(frame, misc);
    fill_components(frame, header);
    add(header, "process", frame.is_jpegls() ? 55 : frame.code - SOF0);
    LaterScans later;
    if (!header.interleaved && (frame.is_jpegls() || frame.is_lossless())) {
        later = skim_later_scans(reader, data, frame, covered);
    }
    if (frame.is_jpegls()) {
        header.format = Format::jpegls;
        fill_jpegls(scan, later, misc, header);
    } else if (frame.is_lossless()) {
        header.format = Format::jpeg_lossless;
        header.lossless = std::max(scan.low, later.point_transform) == 0;
        add(header, "selection_value", scan.first);
        add(header, "point_transform", std::max(scan.low, later.point_transform));
    } else {
        header.format = Format::jpeg;
    }
    if (misc.restart_interval != 0) add(header, "restart_interval", misc.restart_interval);
    if (misc.adobe_transform >= 0) add(header, "adobe_transform", misc.adobe_transform);
    if (misc.jfif) add(header, "jfif", 1);
}

void check_jpeg(Bytes data, const Header& header) {
    require_start(data);
    MarkerReader reader(data, 2);
    FrameHeader frame;
    Coverage covered;
    std::uint32_t restart_interval = 0;
    bool frame_found = false;
    for (;;) {
        const Segment segment = reader.next();
        refuse_unsupported(segment);
        if (segment.code == EOI) {
            if (frame_found && covered.count() == frame.count) return;
            fail(ErrorCode::truncated, segment.offset, "found EOI after the scans of %zu of %zu components",
                 covered.count(), frame.count);
        }
        if (is_frame_header(segment.code)) {
            if (frame_found) fail(ErrorCode::malformed, segment.offset, "found a second frame header");
            frame = read_frame_header(segment);
            frame.lines = header.height;  // DNL or LSE may have stated them
            frame.samples_per_line = header.width;
            frame_found = true;
        } else if (segment.code == SOS) {
            if (!frame_found) fail(ErrorCode::malformed, segment.offset, "found SOS before a frame header");
            const ScanHeader scan = read_scan_header(segment);
            covered.add(frame, scan, segment.offset);
            check_scan(reader, frame, restart_interval, count_units(frame, scan, covered));
        } else if (segment.code == DRI) {
            restart_interval = read_restart_interval(segment);
        } else if (!is_miscellaneous(segment.code, frame)) {
            fail(ErrorCode::malformed, segment.offset, "found marker FF%02X where a table, a scan or EOI belongs",
                 static_cast<unsigned>(segment.code));
        }
    }
}

}  // namespace dcmturbo
