// PackBits, as the RLE transfer syntax uses it (PS3.5, G.3): a control byte n, then for 0 <= n <= 127 the
// n + 1 literal bytes that follow, for -127 <= n <= -1 the next byte 1 - n times, for n = -128 nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/features.h"
namespace dcmturbo {

// One segment while it is decoded. The decoder stops between operations, at the first one that ends at
// or past `wanted`, and can be called again with new `to` and `wanted`.
struct PackBitsLane {
    const std::uint8_t* cursor;  // next control byte
    const std::uint8_t* end;     // of the segment
    std::uint8_t* to;
    std::uint8_t* wanted;
};

// How far past `wanted` a lane may leave decoded bytes, and how far it may write rubbish.
inline constexpr std::size_t packbits_overshoot = 127;
inline constexpr std::size_t packbits_slack = 256;

// Decodes one operation at a time and never writes past hard_end (what would is dropped: the lane then
// has reached its goal). For the last bytes of a caller's buffer.
void packbits_decode_bounded(PackBitsLane& lane, std::uint8_t* hard_end);

// How many bytes the rest of the segment decodes to, counted up to `enough`.
std::uint64_t packbits_decoded_size(const PackBitsLane& lane, std::uint64_t enough);

// The largest encoding of one row of `size` bytes.
constexpr std::size_t packbits_bound(std::size_t size) { return size + (size + 127) / 128; }

// The loops, one table for each instruction set. Every table gives the same bits.
struct PackBitsKernels {
    void (*decode)(PackBitsLane* lanes, int count);
    std::uint8_t* (*encode_row)(const std::uint8_t* from, std::size_t size, std::uint8_t* to, std::uint64_t* equal);
};

const PackBitsKernels& packbits_kernels(Isa isa);

}  // namespace dcmturbo
