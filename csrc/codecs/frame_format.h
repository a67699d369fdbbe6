// Reconciles dataset and codestream: it determines the format of a decoded frame, for the core, the library codecs,
// decode_frame and pydicom alike.
#pragma once

#include <cstdint>

#include "codecs/transfer_syntaxes.h"
#include "image/component.h"
#include "image/frame.h"

namespace dcmturbo {

struct FormatRequest {
    bool raw = false;               // no colour conversion
    bool keep_unused_bits = false;  // cells as they are stored
    std::uint8_t reduce = 0;        // resolution levels to discard; only JPEG 2000 has them
    Region region{};                // the part of the frame that is wanted; the format is that of the whole frame
};

// Contradictions that become a warning, as bits of `notes`.
enum FormatNote : std::uint32_t {
    note_photometric_overridden = 1,  // the codestream states another colour space than the dataset
    note_sign_differs = 2,            // the codestream's sign is not Pixel Representation's
    note_precision_differs = 4,       // the codestream's precision is not Bits Stored
    note_container = 8,               // a JP2 or JPH file inside DICOM (PS3.5, A.4.4 forbids it)
    note_format_differs = 16,         // the codestream is of another format than the label says
    note_lossy_under_lossless = 32,   // a lossy codestream under a lossless-only label
    note_excess_data = 64,            // more data than the pixels need (Outcome)
    note_subsampled_colour = 128,     // chroma is subsampled although the dataset says RGB: the pixels are YCbCr
    note_transform_missing = 256,     // the dataset says YBR_RCT or YBR_ICT, but the codestream has no such transform
    note_not_subsampled = 512,        // native YBR_FULL_422 with the length of data that are not subsampled
    note_subsampled_native = 1024,    // native YBR_FULL or RGB with the length of YBR_FULL_422
    note_options_missing = 2048,      // HTJ2K without the options that its label names: RPCL and TLM
};
// Those that are of colours.
inline constexpr std::uint32_t all_colour_notes =
    note_photometric_overridden | note_subsampled_colour | note_transform_missing;

struct SettledFormat {
    FrameFormat format;
    std::uint32_t notes = 0;
};

// The shape, type, bit correction and colour of the result. If `header` is null, the dataset alone decides. This is
// right for native and RLE, and gives everything but the colour for the other formats (as with raw). Throws
// DecodeError: argument for an impossible dataset, mismatch if the two cannot be reconciled.
SettledFormat frame_format(const PixelAttributes& attributes, const Header* header, const TransferSyntax& syntax,
                           const FormatRequest& request);

// Bits of one frame in native form (PS3.5, 8.1.1; YBR_FULL_422: PS3.3, C.7.6.3.1.2).
std::uint64_t native_frame_bits(const PixelAttributes& attributes);

// How native pixel data are read: their length decides if it contradicts Photometric Interpretation.
struct NativeReading {
    Photometric photometric;
    std::uint32_t notes;
};

// The reading of `bytes` bytes of native data that hold `frames` frames. YBR_FULL_422 of exactly the length (or one
// byte of padding more) of three samples a pixel is YBR_FULL; YBR_FULL and RGB of exactly the length of two samples a
// pixel are YBR_FULL_422. With three frames, two of three samples are as long as three of two: nothing is changed then.
NativeReading native_reading(const PixelAttributes& attributes, std::uint64_t bytes, std::uint64_t frames);

// Rows or columns of an image that its dataset says to have `size`, without `levels` of its resolution levels.
std::uint32_t reduced_size(std::uint32_t size, unsigned levels);

// The type of a cell: Bits Allocated and Pixel Representation, or the float keywords.
SampleType cell_type(const PixelAttributes& attributes);

// Throws DecodeError(argument) if the attributes describe an impossible image.
void check_attributes(const PixelAttributes& attributes);

}  // namespace dcmturbo
