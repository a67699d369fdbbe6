#include "codecs/jpeg/syntax.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"
#include "codecs/formats.h"
#include "codecs/jpeg/headers.h"
#include "codecs/jpeg/scan_walk.h"

namespace dcmturbo {

namespace {

using namespace jpeg;

bool starts_with(const Segment& segment, const char* text, std::size_t size) {
    return segment.parameters.size() >= size && std::memcmp(segment.parameters.data(), text, size) == 0;
}

// The contents of the segments before the first scan, except the frame header.
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
// The frame header and LSE both state sizes: 0 in one means that the other does (14495-1 C.2.4.1.4).
void state_size(std::uint32_t& size, std::uint32_t stated, const Segment& segment, const char* what) {
    if (stated == 0 || size == stated) return;
    if (size != 0) {
        fail(ErrorCode::malformed, segment.offset, "the frame header and LSE state a %s of %u and of %u", what, size,
             stated);
    }
    size = stated;
}

void require_size(const Segment& segment, std::size_t size) {
    if (segment.parameters.size() == size) return;
    fail(ErrorCode::malformed, segment.offset, "LSE of type %u needs %zu bytes of parameters, but its segment has %zu",
         unsigned{segment.u8(0)}, size, segment.parameters.size());
}

void read_lse(const Segment& segment, Miscellany& misc, FrameHeader& frame) {
    switch (segment.u8(0)) {
        case 1:
            require_size(segment, 11);
            misc.presets = true;
            for (std::size_t i = 0; i < 5; ++i) misc.preset[i] = segment.u16(1 + 2 * i);
            break;
        case 2: ++misc.mapping_tables; break;
        case 4: {
            const std::size_t width = segment.u8(1);
            if (width < 2 || width > 4) {
                fail(ErrorCode::malformed, segment.parameters_offset + 1,
                     "oversize dimensions need 2 to 4 bytes, found %zu", width);
            }
            require_size(segment, 2 + 2 * width);
            state_size(frame.lines, segment.number(2, width), segment, "height");
            state_size(frame.samples_per_line, segment.number(2 + width, width), segment, "width");
            break;
        }
        default: break;
    }
}

void read_miscellaneous(const Segment& segment, Miscellany& misc, FrameHeader& frame) {
    switch (segment.code) {
        case DRI: misc.restart_interval = read_restart_interval(segment); break;
        case LSE:
            if (frame.code == 0 || frame.is_jpegls()) read_lse(segment, misc, frame);
            break;
        case APP0: misc.jfif = misc.jfif || starts_with(segment, "JFIF\0", 5); break;
        // Hewlett-Packard's colour transforms, which CharLS writes and inverts.
        case APP0 + 8:
            if (segment.parameters.size() == 5 && starts_with(segment, "mrfx", 4))
                misc.colour_transform_hp = segment.u8(4);
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
             "the frame header has no height, and the data end before the DNL marker that has it");
    }
    if (end.code != DNL) {
        fail(ErrorCode::malformed, end.offset,
             "the frame header has no height: expected DNL after the first scan, found FF%02X",
             static_cast<unsigned>(end.code));
    }
    const Segment segment = reader.next();
    segment.require(2);
    // Two bytes in 10918-1 (B.2.5), up to four in 14495-1.
    frame.lines = segment.number(0, frame.is_jpegls() ? std::min<std::size_t>(segment.parameters.size(), 4) : 2);
    if (frame.lines == 0) fail(ErrorCode::malformed, segment.offset, "DNL has a height of 0");
}

// What the scans after the first add. Damage ends this pass without an error, because check_jpeg reports it.
struct LaterScans {
    std::uint8_t near_lossless = 0;
    std::uint8_t point_transform = 0;
    std::uint8_t mapping_table = 0;
};

LaterScans skim_later_scans(MarkerReader reader, const FrameHeader& frame, Coverage covered) {
    LaterScans result;
    while (covered.count() < frame.count) {
        const ScanEnd end = reader.skip_entropy_coded(frame.stuffing());
        if (end.code == 0 || end.code == EOI) break;
        if (has_segment(end.code) && !reader.holds_segment(end.offset + 2)) break;
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

// Passes over one scan's data, its restart markers included.
void check_scan(MarkerReader& reader, const ScanWalk& walk) {
    const FrameHeader& frame = walk.frame();
    IntervalWalk intervals(walk.restart_interval());
    for (;;) {
        const std::size_t start = reader.position();
        const ScanEnd end = reader.skip_entropy_coded(frame.stuffing());
        if (end.code == 0) fail(ErrorCode::truncated, end.offset, "the data end inside a scan (no EOI)");
        if (end.offset == start) {
            fail(ErrorCode::truncated, start, "expected entropy-coded data, found marker FF%02X",
                 static_cast<unsigned>(end.code));
        }
        if (!intervals.goes_on(end.code, end.offset)) break;
        reader.next();
    }
    // JPEG-LS counts its interval in another unit (14495-1 D.2), which its decoders check.
    if (walk.restart_interval() == 0 || frame.is_jpegls()) return;
    const std::uint64_t units = count_units(frame, walk.scan(), walk.covered());
    const std::uint64_t wanted = ceil_divide(units, walk.restart_interval()) - 1;
    if (intervals.restarts() < wanted) {
        fail(ErrorCode::truncated, reader.position(), "the scan needs %llu restart markers, but has %llu",
             static_cast<unsigned long long>(wanted), static_cast<unsigned long long>(intervals.restarts()));
    }
}

}  // namespace

void probe_jpeg(MarkerReader reader, Header& header) {
    header.clear();
    reader.start();
    header.codestream_size = reader.size();

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
            if (frame.is_jpegls()) {  // LSE may have come first
                state_size(frame.lines, sizes.lines, segment, "height");
                state_size(frame.samples_per_line, sizes.samples_per_line, segment, "width");
            }
        } else {
            read_miscellaneous(segment, misc, frame);
        }
    }
    if (frame.code == 0) fail(ErrorCode::malformed, segment.offset, "found SOS before a frame header");
    if (frame.samples_per_line == 0) fail(ErrorCode::malformed, segment.offset, "the frame header has a width of 0");
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
        later = skim_later_scans(reader, frame, covered);
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
    MarkerReader reader(data);
    ScanWalk walk(reader, header);
    while (walk.next([](const Segment&) {})) check_scan(reader, walk);
}

}  // namespace dcmturbo
