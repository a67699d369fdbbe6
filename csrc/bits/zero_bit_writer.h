// Writes bits into bytes and stuffs a zero bit after every byte FF, the first bit at the top of its byte: headers of
// packets (ISO/IEC 15444-1, B.10.1), raw segments of code-blocks (D.6), and the MEL code (15444-15, 7.1.3).
#pragma once

#include <cstdint>

namespace dcmturbo {

// Memory that has room for all bytes to come.
struct ByteOutput {
    std::uint8_t* end;

    void push_back(std::uint8_t byte) { *end++ = byte; }
    void pop_back() { --end; }
};

// `Output` takes whole bytes: ByteOutput, or a reference to a vector.
template <typename Output>
class ZeroBitWriter {
  public:
    explicit ZeroBitWriter(Output to) : to_(to) {}

    void put_bit(unsigned bit) {
        current_ = current_ << 1 | bit;
        if (--left_ == 0) flush();
    }
    void put(std::uint32_t value, unsigned count) {
        while (count-- > 0) put_bit(value >> count & 1);
    }

    // Completes the last byte with zeros. If the last byte is FF, a byte with the stuffed bit follows, so that no
    // marker begins there.
    void finish_with_zeros() {
        while (!is_at_start()) put_bit(0);
        if (!is_after_ff_) return;
        to_.push_back(0);
        start_byte(false);
    }
    // Completes the last byte with 0 and 1 in turn, which decoders may check (15444-1, D.4.2). If the last byte is FF,
    // it is taken back: decoders read ones behind the end (D.4.1).
    void finish_with_zeros_and_ones() {
        for (unsigned bit = 0; !is_at_start(); bit ^= 1) put_bit(bit);
        if (!is_after_ff_) return;
        to_.pop_back();
        start_byte(false);
    }

    [[nodiscard]] const Output& output() const { return to_; }
    // What the byte that is not full holds: the bits at its top, and how many.
    [[nodiscard]] unsigned held_bits() const { return current_ << left_; }
    [[nodiscard]] unsigned held_mask() const { return is_at_start() ? 0 : 0xFFU << left_ & 0xFF; }

  private:
    // Whether no bit but the stuffed one is in the byte.
    [[nodiscard]] bool is_at_start() const { return left_ == (is_after_ff_ ? 7U : 8U); }
    void flush() {
        to_.push_back(static_cast<std::uint8_t>(current_));
        start_byte(current_ == 0xFF);
    }
    void start_byte(bool is_after_ff) {
        is_after_ff_ = is_after_ff;
        left_ = is_after_ff ? 7 : 8;
        current_ = 0;
    }

    Output to_;
    unsigned current_ = 0;
    unsigned left_ = 8;  // bits that the byte still takes
    bool is_after_ff_ = false;
};

}  // namespace dcmturbo
