// The table of formats: one row per format of encoded frames. All code that needs to know what a format can store, how
// its frames are recognised, and what decodes and encodes it, reads this table. Python reads it through
// dcmturbo_format_at.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/fragments.h"
#include "base/signature.h"
#include "codecs/jpeg/clean.h"
#include "codecs/jpeg/syntax.h"
#include "codecs/jpeg2000/codec.h"
#include "codecs/jpeg2000/codestream/clean.h"
#include "codecs/jpeg2000/codestream/parameters.h"
#include "codecs/jpeg2000/codestream/syntax.h"
#include "codecs/jpeg_dct/codec.h"
#include "codecs/jpeg_lossless/codec.h"
#include "codecs/jpegls/codec.h"
#include "codecs/jpegxl/syntax.h"
#include "codecs/library.h"
#include "codecs/library_options.h"
#include "codecs/native/codec.h"
#include "codecs/rle/codec.h"
#include "image/component.h"
#include "image/pixel_attributes.h"

namespace dcmturbo {

// The rows of the table below have the same order. image/component.h declares the type.
enum class Format : std::uint8_t {
    unknown,
    native,
    rle,
    jpeg,
    jpeg_lossless,
    jpegls,
    jpeg2000,
    htj2k,
    jpegxl,
    deflated_frame,
    video,
    referenced,
    real_time,
};

// How the beginning of a frame is recognised if there is no offset table. The names are part of the ABI.
enum class FrameStart : std::uint8_t {
    codestream,    // by the signature of the format
    rle,           // by an RLE header
    size,          // all frames have the size of a native frame
    one_fragment,  // not at all: each fragment is a frame
};

// How the sign of a sample is stored.
enum class Sign : std::uint8_t {
    in_cells,         // cells of the dataset are stored whole, including the sign
    unsigned_only,    // signed samples cannot be stored
    none,             // two's complement is stored as unsigned samples of the codestream's precision
    stated,           // the codestream says whether its samples are signed
    stated_unsigned,  // as `none`, but the codestream also states that its samples are unsigned
};

enum class Loss : std::uint8_t { never, possible, always };

// Whether single bits (BitsAllocated 1) can be stored.
enum class SingleBits : std::uint8_t {
    none,
    held,
    rarely_read,  // it can be stored, but other readers cannot decode it
};

// A set of values of Photometric Interpretation.
using Photometrics = std::uint32_t;
constexpr Photometrics photometrics() { return 0; }
template <typename... Rest>
constexpr Photometrics photometrics(Photometric one, Rest... rest) {
    return (Photometrics{1} << static_cast<unsigned>(one)) | photometrics(rest...);
}

struct FormatRow {
    Format format;
    const char* name;
    const char* title;  // for messages
    // Formats of the same family differ only in their headers. Samples are interpreted in the same way in all their
    // transfer syntaxes.
    const char* family;

    // ---- how a frame is recognised and parsed ----
    bool has_header = false;  // each frame has a header with its size, precision and so on
    std::array<Signature, 2> signatures{};
    FrameStart start = FrameStart::codestream;
    void (*probe)(Bytes data, Header& header) = nullptr;        // reads the header
    void (*check)(Bytes data, const Header& header) = nullptr;  // checks the markers or boxes
    // Copies a frame after `probe` without what does not describe the image: comments, application data, and what comes
    // after its end. Null if frames have nothing else.
    std::vector<std::uint8_t> (*clean)(Bytes data, const Header& header) = nullptr;
    // Does the same as `probe` for a frame in several fragments, without joining them. If null, they are joined.
    void (*probe_fragments)(const Fragments& frame, Arena& arena, Header& header) = nullptr;
    // Recognises frames of a format that has no signature.
    bool (*looks_right)(Bytes data) = nullptr;
    bool container_allowed = true;     // the codestream may be in a container of boxes
    bool holds_native_frames = false;  // frames are native pixel data (PS3.5, 8.2) inside a wrapper
    bool is_deflated = false;          // frames are raw deflate streams (RFC 1951)
    // The largest number of bytes of decoded cells per encoded byte; 0 if no bound is known.
    std::uint32_t most_bytes_per_byte = 0;

    // ---- which frames it can store ----
    std::uint8_t least_precision = 1;
    std::uint8_t most_precision = 64;
    std::uint8_t most_samples = 4;  // per pixel
    bool holds_float = false;       // Float Pixel Data and Double Float Pixel Data
    SingleBits single_bits = SingleBits::none;
    Sign sign = Sign::in_cells;
    // Decoding returns samples beyond Bits Stored unchanged; otherwise the bits above Bits Stored are masked.
    bool keeps_all_bits = false;
    bool stored_in_planes = false;  // all samples of the first component come first, then those of the next
    // If the second and third component have fewer samples, they are chroma. Lossless formats store any data, so for
    // them the dataset decides.
    bool subsampling_is_chroma = false;
    bool has_grid = false;         // components may have only every other point of a reference grid
    std::uint8_t most_reduce = 0;  // largest `reduce` that a frame may have; 0: no smaller image can be decoded
    bool has_components = false;   // dcmturbo_decode_components can return its components

    // ---- loss and colour ----
    Loss loss = Loss::never;
    bool exact = true;  // the standard defines every decoded sample; otherwise decoders may differ by rounding
    const char* lossy_method = "";  // Lossy Image Compression Method: PS3.3, C.7.6.1.1.5.1
    // Photometric Interpretation of RGB data after encoding: PS3.5, 8.2.
    Photometric of_rgb = Photometric::rgb;
    Photometric of_rgb_with_loss = Photometric::rgb;
    // The values that three samples per pixel may have in this format.
    Photometrics colours = photometrics(Photometric::rgb, Photometric::ybr_full);

    // ---- which codec decodes and encodes it ----
    const Codec* own = nullptr;      // the core's codec; without `encode` it only decodes
    const Codec* library = nullptr;  // a codec that decodes with a library
    bool library_encodes = false;    // a library also encodes it: src/dcmturbo/formats/library
    OptionTable library_options{};   // options of the library's encoder
};

namespace format_details {

inline constexpr Signature soi{3, {0xFF, 0xD8, 0xFF}, true};        // SOI and the FF of the next marker
inline constexpr Signature soc{4, {0xFF, 0x4F, 0xFF, 0x51}, true};  // SOC and SIZ
inline constexpr Signature jp2{12, {0x00, 0x00, 0x00, 0x0C, 'j', 'P', ' ', ' ', 0x0D, 0x0A, 0x87, 0x0A}, true};
inline constexpr Signature jpegxl{2, {0xFF, 0x0A}};
inline constexpr Signature jpegxl_boxes{12, {0x00, 0x00, 0x00, 0x0C, 'J', 'X', 'L', ' ', 0x0D, 0x0A, 0x87, 0x0A}};

inline constexpr Photometrics jpeg2000_colours =
    photometrics(Photometric::rgb, Photometric::ybr_full, Photometric::ybr_rct, Photometric::ybr_ict);

}  // namespace format_details

// If two formats have the same signature, only the first row has it. The probe of that row then determines the format.
inline constexpr FormatRow formats[] = {
    {.format = Format::unknown, .name = "unknown", .title = "an unknown format", .family = "unknown"},
    {
        .format = Format::native,
        .name = "native",
        .title = "native",
        .family = "native",
        .start = FrameStart::size,
        .holds_native_frames = true,
        .most_bytes_per_byte = 8,  // a byte of single bits decodes to eight cells
        .holds_float = true,
        .single_bits = SingleBits::held,
        .own = &native_codec,
    },
    {
        .format = Format::rle,
        .name = "rle",
        .title = "RLE",
        .family = "rle",
        .start = FrameStart::rle,
        .clean = rle::clean,
        .looks_right = rle::looks_right,
        .most_bytes_per_byte = 64 * 8,  // two bytes of PackBits decode to at most 128: PS3.5, G.3.1
        .single_bits = SingleBits::rarely_read,
        .stored_in_planes = true,
        .own = &rle_codec,
        .library = &library_rle_codec,
    },
    {
        .format = Format::jpeg,
        .name = "jpeg",
        .title = "JPEG",
        .family = "jpeg",
        .has_header = true,
        .signatures = {format_details::soi},
        .probe = [](Bytes data, Header& header) { probe_jpeg(jpeg::MarkerReader(data), header); },
        .check = check_jpeg,
        .clean = clean_jpeg,
        .probe_fragments = [](const Fragments& frame, Arena& arena,
                              Header& header) { probe_jpeg(jpeg::MarkerReader(frame, arena), header); },
        .most_bytes_per_byte = 64 * 8 * 2,  // a block of 64 samples takes at least one bit
        .least_precision = 8,
        .most_precision = 12,
        .sign = Sign::unsigned_only,
        .subsampling_is_chroma = true,
        .most_reduce = 3,  // the library scales blocks of 8 x 8 samples to 4 x 4, 2 x 2 or 1 x 1
        .has_components = true,
        .loss = Loss::always,
        .exact = false,
        .lossy_method = "ISO_10918_1",
        .of_rgb_with_loss = Photometric::ybr_full_422,
        .colours = photometrics(Photometric::rgb, Photometric::ybr_full, Photometric::ybr_full_422),
        .own = &jpeg_codec,
        .library = &library_codec,
        .library_encodes = true,
        .library_options = library_options::jpeg,
    },
    {
        .format = Format::jpeg_lossless,
        .name = "jpeg_lossless",
        .title = "JPEG Lossless",
        .family = "jpeg",
        .has_header = true,
        .check = check_jpeg,
        .clean = clean_jpeg,
        .most_bytes_per_byte = 64 * 8 * 2,
        .least_precision = 2,
        .most_precision = 16,
        .sign = Sign::none,
        .has_components = true,
        .loss = Loss::possible,  // a point transform loses bits: ISO/IEC 10918-1, A.4
        .lossy_method = "ISO_10918_1",
        .colours = photometrics(Photometric::rgb, Photometric::ybr_full, Photometric::ybr_full_422),
        .own = &jpeg_lossless_codec,
        .library = &library_codec,
        .library_encodes = true,
        .library_options = library_options::jpeg_lossless,
    },
    {
        .format = Format::jpegls,
        .name = "jpegls",
        .title = "JPEG-LS",
        .family = "jpegls",
        .has_header = true,
        .check = check_jpeg,
        .clean = clean_jpeg,
        .least_precision = 2,
        .most_precision = 16,
        .sign = Sign::none,
        .keeps_all_bits = true,
        .has_components = true,
        .loss = Loss::possible,
        .lossy_method = "ISO_14495_1",
        .own = &jpegls_codec,
        .library = &library_codec,
        .library_encodes = true,
        .library_options = library_options::jpegls,
    },
    {
        .format = Format::jpeg2000,
        .name = "jpeg2000",
        .title = "JPEG 2000",
        .family = "jpeg2000",
        .has_header = true,
        .signatures = {format_details::soc, format_details::jp2},
        .probe = probe_jpeg2000,
        .check = check_jpeg2000,
        .clean = clean_jpeg2000,
        .container_allowed = false,  // PS3.5, A.4.4
        .most_precision = 38,
        .single_bits = SingleBits::held,
        .sign = Sign::stated,
        .keeps_all_bits = true,
        .subsampling_is_chroma = true,
        .has_grid = true,
        .most_reduce = jpeg2000::max_levels,
        .has_components = true,
        .loss = Loss::possible,
        .exact = false,
        .lossy_method = "ISO_15444_1",
        .of_rgb = Photometric::ybr_rct,
        .of_rgb_with_loss = Photometric::ybr_ict,
        .colours = format_details::jpeg2000_colours,
        .own = &jpeg2000_codec,
        .library = &library_codec,
        .library_encodes = true,
        .library_options = library_options::jpeg2000,
    },
    {
        .format = Format::htj2k,
        .name = "htj2k",
        .title = "HTJ2K",
        .family = "jpeg2000",
        .has_header = true,
        .check = check_jpeg2000,
        .clean = clean_jpeg2000,
        .container_allowed = false,
        .most_precision = 38,
        .single_bits = SingleBits::held,
        .sign = Sign::stated,
        .keeps_all_bits = true,
        .subsampling_is_chroma = true,
        .has_grid = true,
        .most_reduce = jpeg2000::max_levels,
        .has_components = true,
        .loss = Loss::possible,
        .exact = false,
        .lossy_method = "ISO_15444_15",
        .of_rgb = Photometric::ybr_rct,
        .of_rgb_with_loss = Photometric::ybr_ict,
        .colours = format_details::jpeg2000_colours,
        .own = &htj2k_codec,
        .library = &library_codec,
        .library_encodes = true,
        .library_options = library_options::htj2k,
    },
    {
        .format = Format::jpegxl,
        .name = "jpegxl",
        .title = "JPEG XL",
        .family = "jpegxl",
        .has_header = true,
        .signatures = {format_details::jpegxl, format_details::jpegxl_boxes},
        .probe = probe_jpegxl,
        .check = check_jpegxl,
        .clean = clean_jpegxl,
        .most_precision = 32,
        .single_bits = SingleBits::held,
        .sign = Sign::stated_unsigned,
        .keeps_all_bits = true,
        .loss = Loss::possible,
        .exact = false,
        .lossy_method = "ISO_18181_1",
        .of_rgb_with_loss = Photometric::xyb,
        .colours = photometrics(Photometric::rgb, Photometric::ybr_full, Photometric::ybr_full_422, Photometric::xyb),
        .library = &library_codec,
        .library_encodes = true,
        .library_options = library_options::jpegxl,
    },
    {
        // Native frames in raw deflate streams (PS3.5, A.4.13). The scheduler inflates them and decodes the result.
        .format = Format::deflated_frame,
        .name = "deflated_frame",
        .title = "Deflated Image Frame",
        .family = "deflated_frame",
        .start = FrameStart::one_fragment,
        .holds_native_frames = true,
        .is_deflated = true,
        .most_bytes_per_byte = 258 * 4 * 8,  // the longest match has 258 bytes and takes at least two bits: RFC 1951
        .single_bits = SingleBits::held,
        .library = &library_codec,
        .library_encodes = true,
        .library_options = library_options::deflated_frame,
    },
    // dcmturbo cannot decode these.
    {.format = Format::video, .name = "video", .title = "a video", .family = "video"},
    {.format = Format::referenced, .name = "referenced", .title = "a reference (JPIP)", .family = "referenced"},
    {.format = Format::real_time, .name = "real_time", .title = "a real-time stream", .family = "real_time"},
};

inline constexpr std::size_t format_count = sizeof formats / sizeof *formats;

namespace format_details {

constexpr bool is_in_order() {
    for (std::size_t i = 0; i < format_count; ++i) {
        if (static_cast<std::size_t>(formats[i].format) != i) return false;
    }
    return format_count == static_cast<std::size_t>(Format::real_time) + 1;
}
static_assert(is_in_order(), "the rows stand in the order of the enumeration, one for each");

}  // namespace format_details

constexpr const FormatRow& row_of(Format format) { return formats[static_cast<std::size_t>(format)]; }

// Throws DecodeError(unsupported), which names the formats that have `reduce`, if frames of a format cannot be reduced
// so much.
void check_reduce(const FormatRow& row, unsigned reduce);

}  // namespace dcmturbo
