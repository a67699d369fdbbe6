// Entropy-coded data of JPEG: a zero byte is stuffed after every FF, so FF followed by anything else is a marker
// (ISO/IEC 10918-1, B.1.1.5).
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/fragments.h"

namespace dcmturbo {

// What ended a run of entropy-coded data.
struct StuffedRun {
    std::size_t bytes = 0;    // written, without the stuffed zeros
    std::size_t end = 0;      // position in the frame of the FF before the marker, or where the data end
    std::uint8_t marker = 0;  // the marker's second byte; 0: the data end here
};

// Copies entropy-coded data, bytes [position, end) of the frame, to `to`, without stuffed zeros, up to the next marker,
// including RSTn. Fill bytes (B.1.1.2) before the marker are dropped. The fragments are read without joining them. `to`
// needs room for all bytes and 8 more.
StuffedRun unstuff(const Fragments& frame, std::size_t position, std::size_t end, std::uint8_t* to);

// The first place from `position` on that does not follow an FF, where entropy-coded data may be cut in two.
std::size_t place_to_cut(const Fragments& frame, std::size_t position);

// The position in the frame of byte `index` of the data that begin at `position`, without restart markers: for error
// messages. The frame's size if the data have fewer bytes.
std::size_t stuffed_position(const Fragments& frame, std::size_t position, std::size_t index);

// Copies `size` bytes and stuffs a zero after each FF; returns where it ended. `from` may be read 8 bytes past its end.
std::uint8_t* stuff(const std::uint8_t* from, std::size_t size, std::uint8_t* to);

}  // namespace dcmturbo
