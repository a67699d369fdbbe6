// Copies codestreams of the JPEG family without what does not describe the image: comments, application data such as
// Exif and thumbnails, and whatever comes after the end marker. All of these can hold the name of a patient.
#pragma once

#include <cstdint>
#include <vector>

#include "base/fragments.h"
#include "codecs/jpeg/marker_writer.h"
#include "image/component.h"

namespace dcmturbo {

// Of JPEG, JPEG Lossless and JPEG-LS. Tables, headers and entropy-coded data keep their bytes. Throws DecodeError if
// the markers cannot be followed to the end.
std::vector<std::uint8_t> clean_jpeg(Bytes data, const Header& header);

namespace jpeg {

// Writes an application data segment that says how to read the samples, without the rest of it: JFIF without its
// thumbnail, Adobe's and Hewlett-Packard's colour transforms. Writes nothing of all other segments.
void copy_application_data(const Segment& segment, MarkerAppender& writer);

}  // namespace jpeg

}  // namespace dcmturbo
