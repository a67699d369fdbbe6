// Determines the format of a decoded frame from dataset and codestream. The core, the library codecs, decode_frame and
// pydicom all use it.
#pragma once

#include <cstdint>

#include "codecs/transfer_syntaxes.h"
#include "image/component.h"
#include "image/frame.h"

namespace dcmturbo {

struct FormatRequest {
    bool raw = false;               // do not convert colours
    bool keep_unused_bits = false;  // return cells as they are stored
    std::uint8_t reduce = 0;        // halvings of the size; the table of formats says which have them
    Region region{};                // the part of the frame to decode; the computed format is that of the whole frame
};

// Contradictions that lead to a warning. They are bits of `notes`.
enum FormatNote : std::uint32_t {
    note_photometric_overridden = 1,  // the codestream states another colour space than the dataset
    note_sign_differs = 2,            // Pixel Representation contradicts the codestream's sign
    note_precision_differs = 4,       // Bits Stored differs from the codestream's precision
    note_container = 8,               // a JP2 or JPH file inside DICOM (PS3.5, A.4.4 forbids it)
    note_format_differs = 16,         // the codestream has another format than the transfer syntax says
    note_lossy_under_lossless = 32,   // a lossy codestream under a lossless-only label
    note_excess_data = 64,            // the frame has more data than its pixels need (Outcome)
    note_subsampled_colour = 128,     // chroma is subsampled although the dataset says RGB: the pixels are YCbCr
    note_transform_missing = 256,     // the dataset says YBR_RCT or YBR_ICT, but the codestream has no such transform
    note_not_subsampled = 512,        // native YBR_FULL_422 with the length of data that are not subsampled
    note_subsampled_native = 1024,    // native YBR_FULL or RGB with the length of YBR_FULL_422
    note_options_missing = 2048,      // HTJ2K without the options that its transfer syntax requires: RPCL and TLM
};
// The notes that concern colours.
inline constexpr std::uint32_t all_colour_notes =
    note_photometric_overridden | note_subsampled_colour | note_transform_missing;

struct SettledFormat {
    FrameFormat format;
    std::uint32_t notes = 0;
};

// Determines the shape, type, bit correction and colour of the decoded frame. If `header` is null, only the dataset is
// used. That is complete for native and RLE; for other formats the colour is missing (as with raw). Throws DecodeError:
// argument for an impossible dataset, mismatch if dataset and codestream cannot be reconciled.
SettledFormat frame_format(const PixelAttributes& attributes, const Header* header, const TransferSyntax& syntax,
                           const FormatRequest& request);

// The number of bits of one native frame (PS3.5, 8.1.1; YBR_FULL_422: PS3.3, C.7.6.3.1.2).
std::uint64_t native_frame_bits(const PixelAttributes& attributes);

// How native pixel data are interpreted if their length contradicts Photometric Interpretation.
struct NativeReading {
    Photometric photometric;
    std::uint32_t notes;
};

// Interprets native data of `bytes` bytes and `frames` frames. YBR_FULL_422 becomes YBR_FULL if the length is exactly
// that of three samples per pixel, or has one byte of padding more. YBR_FULL and RGB become YBR_FULL_422 if the length
// is that of two samples per pixel. There is one exception: YBR_FULL and RGB stay if the number of frames is a multiple
// of three. Two frames with three samples per pixel are as long as three frames with two, so a frame may be missing.
NativeReading native_reading(const PixelAttributes& attributes, std::uint64_t bytes, std::uint64_t frames);

// The number of rows or columns after `levels` resolution levels are discarded. `size` is the number in the dataset.
std::uint32_t reduced_size(std::uint32_t size, unsigned levels);

// The type of a cell, from Bits Allocated and Pixel Representation, or from the float keywords.
SampleType cell_type(const PixelAttributes& attributes);

// Throws DecodeError(argument) if the attributes describe an impossible image.
void check_attributes(const PixelAttributes& attributes);

}  // namespace dcmturbo
