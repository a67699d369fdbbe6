// Look-up tables for the coefficients of a data unit (ISO/IEC 10918-1, F.2.2): a Huffman code for the number of zeros
// before the coefficient and for its size, then as many bits as the size says. One look-up of the next ten bits or so
// gives one coefficient or two, and the length of all. The last bits of the last one need not be among these ten.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "entropy/huffman.h"

namespace dcmturbo::jpeg_dct {

// What a look-up gives: one coefficient or two, and maybe the end of the block behind them. If it is one, that is the
// last. Or the end of the block alone. Positions count from where the look-up is in the block.
struct CoefficientEntry {
    std::uint8_t length;      // of all, in bits
    std::uint8_t last_at;     // the position of the last coefficient
    std::uint8_t first_at;    // the same of the first; if there is none, of one that comes later
    std::int8_t first;        // the first of two; otherwise 0
    std::uint16_t last;       // the last one less all bits of the look-up, modulo 2^16
    std::uint16_t positions;  // how many there are in all; and end_of_block, if that is the end

    // What the look-up cannot finish. From everywhere, this many positions lead behind the block. It keeps the length
    // of the code and the symbol, or 0 if the code is longer than the look-up.
    static constexpr std::uint16_t unfinished = 65;
    static constexpr CoefficientEntry not_found(unsigned code_length, unsigned symbol) {
        return {0, 0, 0, 0, static_cast<std::uint16_t>(code_length << 8 | symbol), unfinished};
    }
};

// With `end_of_block`, the sum of a position less 64 and of `positions` is not negative, as behind a block. The eight
// bits below it, with their sign, are above 0 if and only if the block would have more coefficients than 64.
inline constexpr unsigned end_of_block = 256;

inline constexpr unsigned block_samples = 64;
// Positions that an index into a block can have: a damaged stream has coefficients behind it, too.
inline constexpr std::size_t most_positions = block_samples + 32;

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
    unsigned run;     // positions before the coefficient; or end_of_block
    unsigned size;    // bits of the coefficient
};

struct CoefficientTable {
    static constexpr unsigned least_index_bits = 9;
    static constexpr unsigned most_index_bits = 11;
    // Bits that a look-up may take: a full window is enough for three.
    static constexpr unsigned longest = 18;

    // As CodesByLength::find().
    [[nodiscard]] Symbol find(std::uint32_t bits, unsigned least) const;
    // The same, if the look-up gives `entry`.
    [[nodiscard]] Symbol find(std::uint32_t bits, const CoefficientEntry& entry) const;

    std::array<CoefficientEntry, 1u << most_index_bits> entries{};
    CodesByLength codes{};
    unsigned index_bits = 0;
    bool is_dc = false;
};

// The tables of a data unit: for its first coefficient and what follows it, and for the others.
struct UnitTables {
    // Both must be prefix codes. The symbols of DC coefficients must be sizes alone: F.1.2.1.
    void build(const HuffmanTable& dc_codes, const HuffmanTable& ac_codes, unsigned index_bits);

    CoefficientTable dc;
    CoefficientTable ac;
};

// For scans that code no whole blocks: a look-up of nine bits for the symbol alone.
struct SymbolTable {
    static constexpr unsigned index_bits = 9;

    void build(const HuffmanTable& table);  // a prefix code

    std::array<std::uint16_t, 1u << index_bits> entries;  // bits 15 to 8: the length; 0: the code is longer
    CodesByLength codes;
};

// The look-up tables of Huffman tables. This thread keeps the last four that were asked for, because most frames of a
// series have the same tables.
const UnitTables& unit_tables(const HuffmanTable& dc, const HuffmanTable& ac, unsigned index_bits);
// A scan has no more.
inline constexpr std::size_t kept_tables = 4;

// To be asked once for each scan: how many bits the indices of its look-ups should have, at most `most`. There are few
// if no scan has used kept tables lately: larger tables take longer to build than they save in one scan of a tile.
unsigned index_bits_of_next_scan(unsigned most);

}  // namespace dcmturbo::jpeg_dct
