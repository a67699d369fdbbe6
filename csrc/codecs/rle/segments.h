// The RLE header (PS3.5, G.4 and G.5): how many segments, and where each lies.
#pragma once

#include <array>
#include <cstdint>

#include "base/fragments.h"

namespace dcmturbo::rle {

inline constexpr std::size_t header_size = 64;
inline constexpr unsigned max_segments = 15;

struct Segments {
    unsigned count = 0;
    std::array<Bytes, max_segments> bytes;
};

// Reads the header of a frame and cuts the frame into its segments. Throws DecodeError unless there are
// `expected` of them, each inside the frame.
Segments read_segments(Bytes frame, unsigned expected);

}  // namespace dcmturbo::rle
