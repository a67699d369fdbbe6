// Look-up tables for the coefficients of a data unit (ISO/IEC 10918-1, F.2.2): a Huffman code for the number of zeros
// before the coefficient and for its size, then as many bits as the size says. One look-up of the next ten bits gives
// the finished coefficient and the length of the whole where both fit; and the next one too, if that fits as well.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "entropy/huffman.h"

namespace dcmturbo::jpeg_dct {

// One look-up gives one coefficient or two. Bits from the lowest on:
//
//   0 to 6    the length of all
//   7         set if the look-up cannot finish the first: then the length is that of its code alone, or 0 if the code
//   is
//             longer than the look-up, and bits 16 to 31 are its size
//   8 to 15   how many positions come before the first
//   16 to 31  the first
//   32 to 39  how many positions the second is behind the first: at least 1
//   40        set if there is a second; otherwise it is 0, at a position that is still free
//   41 to 47  the length of the first
//   48 to 63  the second
using CoefficientEntry = std::uint64_t;
inline constexpr CoefficientEntry unfinished_coefficient = 0x80;

inline constexpr unsigned block_samples = 64;
// End of block counts as this many positions before a coefficient of 0. It leads past every block, and farther than a
// damaged stream that has more coefficients than a block.
inline constexpr unsigned end_of_block = 100;
// Positions that an index into a block can have: the last one before, end of block, and some more.
inline constexpr std::size_t most_positions = block_samples + end_of_block + 28;

// An entry of one coefficient.
constexpr CoefficientEntry single_entry(std::int32_t value, unsigned run, unsigned length) {
    return std::uint64_t{static_cast<std::uint16_t>(value)} << 16 | std::uint64_t{1} << 32 |
           std::uint64_t{length} << 41 | run << 8 | length;
}

struct CoefficientTable {
    static constexpr unsigned index_bits = 10;

    // The table must be a prefix code. The symbols of DC coefficients are sizes alone: F.1.2.1. False if a symbol of
    // the table cannot be one.
    bool build(const HuffmanTable& table, bool is_dc);

    std::array<CoefficientEntry, 1u << index_bits> entries;
    // For longer codes. [length]: one past its last code, in 16 bits from the left; how many symbols come before its
    // first code, less the code.
    std::array<std::uint32_t, max_code_length + 1> limit;
    std::array<std::int32_t, max_code_length + 1> first;
    std::array<std::uint8_t, 256> symbols;
    bool is_dc;

  private:
    void pair_entries();
};

// For scans that code no whole blocks: a look-up of nine bits for the symbol alone.
struct SymbolTable {
    static constexpr unsigned index_bits = 9;

    void build(const HuffmanTable& table);  // a prefix code

    std::array<std::uint16_t, 1u << index_bits> entries;  // bits 15 to 8: the length; 0: the code is longer
    // As in CoefficientTable.
    std::array<std::uint32_t, max_code_length + 1> limit;
    std::array<std::int32_t, max_code_length + 1> first;
    std::array<std::uint8_t, 256> symbols;
};

// The look-up table of a Huffman table. This thread keeps the last eight that were asked for, because most frames
// of a series have the same tables. Null as in build().
const CoefficientTable* coefficient_table(const HuffmanTable& table, bool is_dc);
// A scan has no more.
inline constexpr std::size_t kept_tables = 8;

}  // namespace dcmturbo::jpeg_dct
