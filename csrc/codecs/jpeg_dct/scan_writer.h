// Writes the entropy-coded data of scans (ISO/IEC 10918-1, F.1.2 and G.1.2).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "entropy/huffman.h"

namespace dcmturbo::jpeg_dct {

// How many bits a coefficient takes behind its code, and these bits (F.1.2.1).
struct CodedValue {
    unsigned size;
    std::uint32_t bits;
};
CodedValue coded_value(std::int32_t value);

// Bits of one restart interval after another.
class BitOutput {
  public:
    // Appends to a codestream.
    explicit BitOutput(std::vector<std::uint8_t>& to) : to_(to) {}

    // At most 32 bits, which no others are above.
    void put(std::uint32_t bits, unsigned count) {
        window_ = window_ << count | bits;
        held_ += count;
        if (held_ >= 32) flush_word();
    }
    // Bits [begin, end) of memory of which 8 more bytes can be read.
    void copy(const std::uint8_t* from, std::ptrdiff_t begin, std::ptrdiff_t end);
    // Ends a restart interval: pads it with ones (F.1.2.3).
    void finish();
    // Ends it with a restart marker, the n-th of the scan from 0 on.
    void restart(std::uint64_t n);

  private:
    void flush_word();

    std::vector<std::uint8_t>& to_;
    std::vector<std::uint8_t> bytes_;  // of the interval, without stuffed zeros
    std::uint64_t window_ = 0;
    unsigned held_ = 0;
};

// Huffman tables by their class and destination: DC 0 to 3, AC 4 to 7.
inline constexpr std::size_t table_slots = 8;
constexpr std::size_t table_slot(bool is_dc, unsigned destination) { return (is_dc ? 0 : 4) + destination; }

// A scan as symbols of Huffman tables that do not exist yet, and bits between them.
class SymbolScan {
  public:
    void add_symbol(std::size_t slot, unsigned symbol, std::uint32_t bits, unsigned count) {
        ++frequencies_[slot][symbol];
        tokens_.push_back({bits, static_cast<std::uint8_t>(count), static_cast<std::uint8_t>(slot),
                           static_cast<std::uint8_t>(symbol)});
    }
    void add_bits(std::uint32_t bits, unsigned count) {
        tokens_.push_back({bits, static_cast<std::uint8_t>(count), no_symbol, 0});
    }
    void restart() { tokens_.push_back({0, 0, restart_marker, 0}); }

    // Whether symbols of a table occur.
    [[nodiscard]] bool has(std::size_t slot) const;
    // The table with which the scan is shortest.
    [[nodiscard]] HuffmanTable table(std::size_t slot) const {
        return optimal_huffman_table(frequencies_[slot].data(), frequencies_[slot].size());
    }
    void write(BitOutput& to) const;

  private:
    static constexpr std::uint8_t no_symbol = 0xff;
    static constexpr std::uint8_t restart_marker = 0xfe;
    struct Token {
        std::uint32_t bits;
        std::uint8_t count;
        std::uint8_t slot;
        std::uint8_t symbol;
    };
    std::vector<Token> tokens_;
    std::array<std::array<std::uint64_t, 256>, table_slots> frequencies_{};
};

}  // namespace dcmturbo::jpeg_dct
