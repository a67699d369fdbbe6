// Entropy-coded data of JPEG-LS: a zero bit is stuffed after every byte FF, so that FF and a byte from 80 on is a
// marker (ISO/IEC 14495-1, A.1).
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/fragments.h"

namespace dcmturbo {

// What ended a run of entropy-coded data.
struct UnstuffedBits {
    std::size_t bits = 0;     // written, without the stuffed ones
    std::size_t end = 0;      // position of the FF before the marker, or where the data end
    std::uint8_t marker = 0;  // the marker's second byte; 0: the data end here
};

// How many bytes past the last bit unstuff_bits() may write.
inline constexpr std::size_t unstuff_bits_slack = 80;

// Copies entropy-coded data, without the stuffed bits, up to the next marker, RSTn included, or the end; fill bytes
// before it (10918-1, B.1.1.2) are dropped. `to` takes as many bytes as there are, and the slack, which is zero behind
// the last bit.
UnstuffedBits unstuff_bits(Bytes data, std::uint8_t* to);

// The byte in which bit `index` of the data stands: for error messages. The end of the data, if they have fewer bits.
std::size_t stuffed_bit_position(Bytes data, std::size_t index);

// Bits of an unfinished byte between two calls of stuff_bits(), the most significant ones of `bits`.
struct StuffedTail {
    std::uint8_t bits = 0;
    unsigned count = 0;  // below 8
};

// Appends the first `count` bits at `from` to what `to` and the tail hold, with a zero bit after each FF. Returns where
// the whole bytes end; what remains is in the tail. May read 8 bytes past the bits and write 8 past its end.
std::uint8_t* stuff_bits(const std::uint8_t* from, std::size_t count, std::uint8_t* to, StuffedTail& tail);

// Completes the last byte with zeros. A last byte of FF is followed by one of the stuffed zero, so that no marker
// begins with it.
std::uint8_t* finish_stuffed_bits(std::uint8_t* to, StuffedTail& tail);

// The most bytes that stuff_bits() and finish_stuffed_bits() write for `bits` bits in one run.
constexpr std::uint64_t stuffed_bound(std::uint64_t bits) { return bits / 15 * 2 + 4; }

}  // namespace dcmturbo
