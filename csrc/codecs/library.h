// Formats that a library outside the core decodes. The core reads the header, walks the markers, settles what the frame
// is and corrects the pixels; the library is asked once a frame for the samples as they are coded.
#pragma once

#include "codecs/codec.h"

namespace dcmturbo {

// Writes the samples of `data` to `out` as they are coded, in cells of its type: no bit correction, no colour. Of
// Format::deflated, `out` is a row of bytes, which the inflated data fill. Throws DecodeError. Called from any thread.
using LibraryDecode = void (*)(Bytes data, const Header& header, const FrameOut& out);

// The JPEG that a JPEG XL stream was made from, in the arena. Throws DecodeError.
using LibraryUnwrap = Bytes (*)(Bytes data, Arena& arena);

// Says who decodes for `library_codec`, for the whole process.
void set_library(LibraryDecode decode, LibraryUnwrap jpeg_of_jpegxl);

// Calls it. Throws DecodeError(unsupported) if none was registered.
void decode_with_library(Bytes data, const Header& header, const FrameOut& out);
Bytes jpeg_of_jpegxl(Bytes data, Arena& arena);

// Encodes a frame as `request` says (transfer syntax, options), which whoever asks and whoever encodes agree about, and
// gives the bytes to take(taker, bytes), once. Throws DecodeError. Called from any thread.
struct LibraryEncoder {
    void (*encode)(const void* request, const FrameIn& frame, void (*take)(void* taker, Bytes encoded),
                   void* taker) = nullptr;
    const void* request = nullptr;
};

extern const Codec library_codec;      // of every format that has a header
extern const Codec library_rle_codec;  // to compare with the core's own

}  // namespace dcmturbo
