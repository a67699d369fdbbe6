// The bits of HTJ2K's segments without what is stuffed into them (ISO/IEC 15444-15, 7.1): afterwards a reader is a
// position in plain bits, the first one at bit 0 of byte 0.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dcmturbo {

// Both copy into `to`, which takes as many bytes as there are and 8 more. What lies behind the bits is undefined up to
// the end of a byte: callers fill it.
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

// Sets the bits from `count` on to all 0 or all 1, for `bytes` bytes behind the last one that holds some of them.
void fill_behind(std::uint8_t* to, std::size_t count, bool ones, std::size_t bytes);

}  // namespace dcmturbo
