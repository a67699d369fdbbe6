// Differences of JPEG Lossless (ISO/IEC 10918-1, H.1.2.2 and H.2): a Huffman code for the category, then as
// many bits as the category says. One look-up of the next 12 bits gives the finished difference and the length
// of the whole where both fit; several places of one stream are decoded in step, because a single one waits for
// its own look-ups.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "cpu/features.h"
#include "entropy/huffman.h"

namespace dcmturbo {

// A decoded difference: bits 31 to 16 the difference modulo 2^16, bit 15 set where no code stood there, bits 7 to
// 0 the length in bits.
using DifferenceEntry = std::uint32_t;
inline constexpr DifferenceEntry invalid_difference = 1u << 15;
// Within the loops only: bits 31 to 16 are the bits after the code, and bits 11 to 8 tell how many of them count.
inline constexpr DifferenceEntry coded_difference_bits = 1u << 14;
constexpr unsigned length_of(DifferenceEntry entry) { return entry & 0xffu; }
constexpr std::uint16_t difference_of(DifferenceEntry entry) { return static_cast<std::uint16_t>(entry >> 16); }

class DifferenceTable {
  public:
    static constexpr unsigned index_bits = 12;
    // Codes that are longer are rare where differences are long. A table of 12 bits would fill the first-level cache.
    static constexpr unsigned category_index_bits = 10;
    // The length that marks what the look-up cannot finish. A sum of four entries has bits from 64 on only if one
    // of them is such.
    static constexpr unsigned unfinished = 64;
    static constexpr unsigned longest = max_code_length + 16;

    // The table must be a prefix code. Category 16 is the difference 32768 (H.1.2.2), without bits after its code
    // unless `category_16_has_bits`, as some old encoders had it.
    void build(const HuffmanTable& table, bool category_16_has_bits = false);

    // Decodes the difference at the top of a window of at least `longest` bits, whatever it is.
    [[nodiscard]] DifferenceEntry decode(std::uint64_t window) const {
        const DifferenceEntry entry = finished[window >> (64 - index_bits)];
        return length_of(entry) < unfinished ? entry : decode_long(window);
    }

    [[nodiscard]] unsigned shortest() const { return shortest_; }  // bits of a difference
    bool operator==(const DifferenceTable& other) const { return source_ == other.source_; }

    // For the loops. A category's entry: bits 7 to 0 the whole length, or `unfinished`; 11 to 8 the number of bits
    // after the code; bit 14 set; 21 to 16 the length of the code.
    std::array<DifferenceEntry, 1u << index_bits> finished;
    std::array<std::uint32_t, 1u << category_index_bits> categories;

  private:
    void finish(std::uint32_t code, unsigned length, unsigned category);
    [[nodiscard]] DifferenceEntry decode_long(std::uint64_t window) const;

    HuffmanTable source_;
    bool category_16_has_bits_ = false;
    std::array<std::uint32_t, max_code_length + 2> limit_;  // [length]: one past its last code, in 16 bits
    std::array<std::uint16_t, max_code_length + 1> first_;  // [length]: index of its first symbol
    unsigned shortest_ = 1;
};

// One place at which a stream is decoded.
struct DifferenceLane {
    std::uint64_t position;  // bits
    std::uint64_t limit;     // the lane is done at or past this
    DifferenceEntry* to;
    std::uint32_t slow;  // groups of differences that the fast look-up could not finish
};

inline constexpr int max_difference_lanes = 4;
// How many differences a lane may decode from its limit on, how far past the limit that may read, in bytes.
inline constexpr std::size_t difference_overshoot = 4;
inline constexpr std::size_t difference_read_slack = 32;

// For encoding: a category's code, followed by room for the bits of the difference; and the length of both.
struct DifferenceCode {
    std::uint32_t code = 0;
    std::uint32_t length = 0;
};
inline constexpr std::size_t difference_categories = 17;
struct DifferenceCodes {
    static constexpr std::uint32_t few = 512;  // differences from -few to few - 1 are usual
    explicit DifferenceCodes(const HuffmanTable& table);

    std::array<DifferenceCode, difference_categories> categories;
    std::array<DifferenceCode, 2 * few> usual;  // [difference + few]: finished
    unsigned longest = 0;                       // bits of a difference
};

// Bits that do not make a byte yet: the top `count` < 8 of `bits`.
struct PendingBits {
    std::uint64_t bits = 0;
    unsigned count = 0;
};

// The loops, one table for each instruction set. Every table gives the same bits.
struct DifferenceKernels {
    void (*decode)(const std::uint8_t* data, const DifferenceTable& table, DifferenceLane* lanes, int count,
                   bool is_long);
    void (*count_categories)(const std::uint16_t* differences, std::size_t count, std::uint64_t* frequencies);
    std::uint8_t* (*encode)(const std::uint16_t* differences, std::size_t count, const DifferenceCodes& codes,
                            PendingBits* pending, std::uint8_t* to);
};

const DifferenceKernels& difference_kernels(Isa isa);

}  // namespace dcmturbo
