// Formats that a library outside the core decodes. The core reads the header, walks the markers, determines the format
// and corrects the pixels. The library is called once per frame and returns only the coded samples.
#pragma once

#include "codecs/codec.h"

namespace dcmturbo {

// Writes the samples of `data` to `out` without correcting bits or colours. Cells have the type of `out`. For
// Format::deflated_frame, `out` is a row of bytes for the inflated data. Throws DecodeError. Any thread may call it.
using LibraryDecode = void (*)(Bytes data, const Header& header, const FrameOut& out);

// Returns the JPEG that a JPEG XL stream was made from, in the arena. Throws DecodeError.
using LibraryUnwrap = Bytes (*)(Bytes data, Arena& arena);

// Sets the functions that `library_codec` calls, for the whole process.
void set_library(LibraryDecode decode, LibraryUnwrap jpeg_of_jpegxl);

// These call the functions. They throw DecodeError(unsupported) if none were set.
void decode_with_library(Bytes data, const Header& header, const FrameOut& out);
Bytes jpeg_of_jpegxl(Bytes data, Arena& arena);

// Encodes a frame with a library, and passes the bytes to take(taker, bytes), once. `request` names the transfer syntax
// and options; only its maker and `encode` know its type. Throws DecodeError. Any thread may call it.
struct LibraryEncoder {
    void (*encode)(const void* request, const FrameIn& frame, void (*take)(void* taker, Bytes encoded),
                   void* taker) = nullptr;
    const void* request = nullptr;
};

extern const Codec library_codec;      // decodes every format that has a header
extern const Codec library_rle_codec;  // decodes RLE, for comparison with the core's own codec

}  // namespace dcmturbo
