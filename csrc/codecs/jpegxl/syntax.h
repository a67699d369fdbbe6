// Headers of JPEG XL: the codestream (ISO/IEC 18181-1) and its container (18181-2).
#pragma once

#include <cstdint>
#include <vector>

#include "base/fragments.h"
#include "image/component.h"

namespace dcmturbo {

// Reads SizeHeader and ImageMetadata; in a container, also which boxes there are.
// Colour channels first, extra channels (alpha) after them, each with its own precision.
void probe_jpegxl(Bytes data, Header& header);

// A container's boxes are complete and hold a codestream. A bare codestream states no length, so
// nothing can be checked in it without decoding.
void check_jpegxl(Bytes data, const Header& header);

// A container without the boxes that do not describe the image, such as Exif and XML. A bare codestream is copied
// whole. Throws DecodeError(unsupported) if there is a JPEG to be restored, because its comments are coded.
std::vector<std::uint8_t> clean_jpegxl(Bytes data, const Header& header);

}  // namespace dcmturbo
