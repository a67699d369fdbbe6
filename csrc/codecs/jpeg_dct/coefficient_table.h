// Look-up tables for the coefficients of a data unit (ISO/IEC 10918-1, F.2.2): a Huffman code for the number of zeros
// before the coefficient and for its size, then as many bits as the size says. One look-up of the next ten bits gives
// the finished coefficient and the length of the whole where both fit.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "entropy/huffman.h"

namespace dcmturbo::jpeg_dct {

// Bits 31 to 16: the coefficient. Bits 15 to 8: how many positions come before it. Bits 6 to 0: the length of code and
// coefficient. Bit 7 is set if the look-up cannot finish it: then bits 6 to 0 are the length of the code alone, and
// bits 31 to 16 the size. A length of 0 with bit 7: the code is longer than the look-up, or there is none.
using CoefficientEntry = std::uint32_t;
inline constexpr CoefficientEntry unfinished_coefficient = 0x80;

inline constexpr unsigned block_samples = 64;
// End of block counts as this many positions before a coefficient of 0. It leads past every block, and farther than a
// damaged stream that has more coefficients than a block.
inline constexpr unsigned end_of_block = 100;
// Positions that an index into a block can have: the last one before, end of block, and one more.
inline constexpr std::size_t most_positions = block_samples + end_of_block + 12;

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
};

// The look-up table of a Huffman table. This thread keeps the last eight that were asked for, because most frames
// of a series have the same tables. Null as in build().
const CoefficientTable* coefficient_table(const HuffmanTable& table, bool is_dc);
// A scan has no more.
inline constexpr std::size_t kept_tables = 8;

}  // namespace dcmturbo::jpeg_dct
