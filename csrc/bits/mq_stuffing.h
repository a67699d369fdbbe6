// The bits of codeword segments of JPEG 2000 (ISO/IEC 15444-1), without what is stuffed into them, and with it. The
// byte after an FF has 7 bits. In arithmetic coding its top bit is a carry into the bits before it (C.2.8); in raw
// segments it is 0 (D.6). Unstuffed bits are in words of 32, the first one at the top.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dcmturbo {

struct UnstuffedWords {
    const std::uint32_t* last;  // all ones, as are the bits between the last one and it: decoders read them (D.4.1)
    bool is_whole;              // false if a marker stands before the end: no coder leaves one there
};

// The words that unstuffing `size` bytes may write.
constexpr std::size_t unstuffed_words_bound(std::size_t size) { return size / 4 + 2; }

// Arithmetic coding. The first bit of the words is 0, because C starts with seven bits of the second byte (C.3.5).
UnstuffedWords unstuff_mq(const std::uint8_t* data, std::size_t size, std::uint32_t* words);

// A raw segment. How to write one: bits/zero_bit_writer.h.
UnstuffedWords unstuff_raw(const std::uint8_t* data, std::size_t size, std::uint32_t* words);

// The opposite of unstuff_mq(): writes bits [1, total) as bytes. Bit 0 is 0, and has taken all carries. Ones follow the
// bits, for 64 bits. Returns the size, without ones at the end, which decoders add on their own. `to` takes
// stuffed_mq_bound() of the words. Each of the `count` numbers at `ends` is a position among the bits, and becomes the
// number of bytes that hold all bits before it and before those that stand before it in `ends`.
std::size_t stuff_mq(const std::uint32_t* words, std::uint64_t total, std::uint32_t* ends, std::size_t count,
                     std::uint8_t* to);
constexpr std::size_t stuffed_mq_bound(std::size_t words) { return words * 5 + 16; }

// Bits [first, first + 32). The word behind the one that holds the first of them is read, too.
inline std::uint32_t word_at(const std::uint32_t* words, std::uint64_t first) {
    const std::uint64_t two = std::uint64_t{words[first / 32]} << 32 | words[first / 32 + 1];
    return static_cast<std::uint32_t>(two << (first % 32) >> 32);
}

}  // namespace dcmturbo
