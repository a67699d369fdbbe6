// The bits of HTJ2K's segments without what is stuffed into them (ISO/IEC 15444-15, 7.1), and with it. A reader of
// plain bits is a position in them. The first one is at bit 0 of byte 0.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dcmturbo {

// Both unstuff_ functions copy into `to`, which takes as many bytes as there are and 8 more. What lies behind the bits
// is undefined up to the end of a byte: callers fill it.
struct PlainBits {
    std::size_t count = 0;
    bool is_damaged = false;  // a stuffed bit is not 0
};

// MagSgn and SigProp: from the first byte on, 7 bits after an FF.
PlainBits unstuff_forward(const std::uint8_t* data, std::size_t size, std::uint8_t* to);

// VLC and MagRef: from the last byte back. A byte whose lower 7 bits are all 1 has only these where the byte that was
// read before it is above 8F. `last` is that byte; `first` are `first_count` bits (fewer than 8) that come before all.
std::size_t unstuff_backward(const std::uint8_t* data, std::size_t size, unsigned last, unsigned first,
                             unsigned first_count, std::uint8_t* to);

// The opposite of unstuff_forward(). Ones follow the `count` bits, for 16 bytes. Returns the size, without what a
// decoder of MagSgn adds on its own: ones that fill the last byte, and an FF at the end.
std::size_t stuff_forward(const std::uint8_t* bits, std::size_t count, std::uint8_t* to);

// The opposite of unstuff_backward(): the bytes in the order in which a decoder reads them.
struct BackwardBytes {
    std::size_t count = 0;   // of whole bytes
    unsigned held_bits = 0;  // of the byte that is not full
    unsigned held = 0;       // how many, below 8
};

// Begins with `first_count` bits `first`, and as after a byte above 8F. Zeros follow the `count` bits, for 16 bytes.
// `to` takes as many bytes as there are and 8 more.
BackwardBytes stuff_backward(const std::uint8_t* bits, std::size_t count, unsigned first, unsigned first_count,
                             std::uint8_t* to);

// Whether a byte above 8F follows an FF somewhere: no coder writes that.
bool holds_marker(const std::uint8_t* data, std::size_t size);

// Sets the bits from `count` on to all 0 or all 1, for `bytes` bytes behind the last one that holds some of them.
void fill_behind(std::uint8_t* to, std::size_t count, bool ones, std::size_t bytes);

}  // namespace dcmturbo
