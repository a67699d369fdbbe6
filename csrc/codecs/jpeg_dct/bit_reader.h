// Reads the bits of a restart interval, a few at a time: for scans that code no whole blocks, and where bits are kept.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/endian.h"
#include "codecs/jpeg_dct/coefficient_table.h"
#include "codecs/jpeg_dct/kernels.h"
#include "codecs/jpeg_dct/scan_data.h"

namespace dcmturbo::jpeg_dct {

class BitReader {
  public:
    BitReader() = default;
    explicit BitReader(const Interval& interval) : begin_(interval.begin), end_(interval.end) {
        bits_.next = interval.begin;
    }

    // Below 0: bits were read that are not there.
    [[nodiscard]] std::ptrdiff_t left() const { return bits_.left(end_); }
    // Bits read since the beginning of the interval.
    [[nodiscard]] std::ptrdiff_t position() const { return (end_ - begin_) * 8 - left(); }
    [[nodiscard]] const std::uint8_t* begin() const { return begin_; }
    [[nodiscard]] const std::uint8_t* end() const { return end_; }

    std::uint32_t take(unsigned count) {
        if (count == 0) return 0;
        if (bits_.count < count) refill();
        const auto value = static_cast<std::uint32_t>(bits_.window >> (64 - count));
        consume(count);
        return value;
    }
    void skip(unsigned count) {
        if (bits_.count < count) refill();
        consume(count);
    }
    // F.2.2.1
    std::int32_t take_value(unsigned size) {
        if (size == 0) return 0;
        const auto value = static_cast<std::int32_t>(take(size));
        return value >> (size - 1) != 0 ? value : value - (1 << size) + 1;
    }
    // The next symbol, or -1.
    int take_symbol(const SymbolTable& table) {
        if (bits_.count < max_code_length) refill();
        const auto code = static_cast<std::uint32_t>(bits_.window >> (64 - max_code_length));
        const std::uint16_t found = table.entries[code >> (max_code_length - SymbolTable::index_bits)];
        if (found != 0) {
            consume(found >> 8);
            return found & 0xff;
        }
        const auto [length, symbol] = table.codes.find(code, SymbolTable::index_bits + 1);
        consume(length);
        return length == 0 ? -1 : symbol;
    }

  private:
    void refill() {
        bits_.window |= load_be<std::uint64_t>(bits_.next) >> bits_.count;
        bits_.next += (63 - bits_.count) >> 3;
        bits_.count |= 56;
    }
    void consume(unsigned count) {
        bits_.window <<= count;
        bits_.count -= count;
    }

    BitWindow bits_;
    const std::uint8_t* begin_ = nullptr;
    const std::uint8_t* end_ = nullptr;
};

}  // namespace dcmturbo::jpeg_dct
