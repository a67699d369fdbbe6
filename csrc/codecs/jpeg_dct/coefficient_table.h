// Look-up tables for the coefficients of a data unit (ISO/IEC 10918-1, F.2.2): a Huffman code for the number of zeros
// before the coefficient and for its size, then as many bits as the size says. One look-up of the next ten bits gives
// the finished coefficient and the length of the whole where both fit; and the next one too, if that fits as well.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "entropy/huffman.h"

namespace dcmturbo::jpeg_dct {

// One look-up gives one coefficient or two.
struct CoefficientEntry {
    std::uint8_t length;    // of all, in bits
    std::uint8_t run;       // how many positions come before the first
    std::int16_t first;     // the coefficient
    std::uint8_t distance;  // how many positions the second is behind the first: at least 1
    std::uint8_t next;      // the same for what the next look-up gives: 1 if there is no second
    std::int16_t second;    // 0 if there is none

    [[nodiscard]] constexpr bool has_second() const { return next != 1; }
    // The look-up cannot finish the first. Then the length is that of its code alone, or 0 if the code is longer than
    // the look-up; and in the place of the coefficient is its size.
    [[nodiscard]] constexpr bool is_unfinished() const { return (length & unfinished) != 0; }
    [[nodiscard]] constexpr unsigned code_length() const { return length & (unfinished - 1U); }

    static constexpr std::uint8_t unfinished = 0x80;
};

inline constexpr unsigned block_samples = 64;
// End of block counts as this many positions before a coefficient of 0. It leads past every block, and farther than a
// damaged stream that has more coefficients than a block.
inline constexpr unsigned end_of_block = 100;
// Positions that an index into a block can have: the last one before, end of block, and some more.
inline constexpr std::size_t most_positions = block_samples + end_of_block + 28;

// Finds the code of a Huffman table that begins some bits, from the shortest to the longest: for what a look-up does
// not have.
struct CodesByLength {
    // The table must be a prefix code.
    void build(const HuffmanTable& table);

    struct Found {
        unsigned length;  // of the code; 0: there is none
        std::uint8_t symbol;
    };
    // Of 16 bits, those at the top. The code has at least `least` bits.
    [[nodiscard]] Found find(std::uint32_t bits, unsigned least) const {
        for (unsigned length = least; length <= max_code_length; ++length) {
            if (bits >= limit[length]) continue;
            const auto index = static_cast<std::int32_t>(bits >> (max_code_length - length)) + first[length];
            return {length, symbols[static_cast<std::uint8_t>(index)]};
        }
        return {0, 0};
    }

    // [length]: one past its last code, in 16 bits from the left; how many symbols come before its first code, less the
    // code.
    std::array<std::uint32_t, max_code_length + 1> limit;
    std::array<std::int32_t, max_code_length + 1> first;
    std::array<std::uint8_t, 256> symbols;
};

// A Huffman code and its symbol.
struct Symbol {
    unsigned length;  // of the code; 0: there is none
    unsigned run;     // positions before the coefficient
    unsigned size;    // bits of the coefficient
};

struct CoefficientTable {
    static constexpr unsigned index_bits = 10;

    // The table must be a prefix code. The symbols of DC coefficients are sizes alone: F.1.2.1. False if a symbol of
    // the table cannot be one.
    bool build(const HuffmanTable& table, bool is_dc);

    // As CodesByLength::find().
    [[nodiscard]] Symbol find(std::uint32_t bits, unsigned least) const;

    std::array<CoefficientEntry, 1u << index_bits> entries;
    CodesByLength codes;
    bool is_dc;

  private:
    [[nodiscard]] Symbol symbol_of(unsigned symbol, unsigned length) const;
    void pair_entries();
};

// For scans that code no whole blocks: a look-up of nine bits for the symbol alone.
struct SymbolTable {
    static constexpr unsigned index_bits = 9;

    void build(const HuffmanTable& table);  // a prefix code

    std::array<std::uint16_t, 1u << index_bits> entries;  // bits 15 to 8: the length; 0: the code is longer
    CodesByLength codes;
};

// The look-up table of a Huffman table. This thread keeps the last eight that were asked for, because most frames
// of a series have the same tables. Null as in build().
const CoefficientTable* coefficient_table(const HuffmanTable& table, bool is_dc);
// A scan has no more.
inline constexpr std::size_t kept_tables = 8;

}  // namespace dcmturbo::jpeg_dct
