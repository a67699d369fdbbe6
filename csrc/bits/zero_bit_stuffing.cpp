#include "bits/zero_bit_stuffing.h"

#include <bit>
#include <cstring>

#include "base/endian.h"

namespace dcmturbo {

namespace {

// The top bit of each byte of eight that is FF.
std::uint64_t find_ff(std::uint64_t bytes) {
    return ((bytes & 0x7F7F7F7F7F7F7F7Fu) + 0x0101010101010101u) & bytes & 0x8080808080808080u;
}

bool has_ff(std::uint64_t bytes) { return find_ff(bytes) != 0; }

void store_be(std::uint8_t* to, std::uint64_t value) {
    if constexpr (std::endian::native == std::endian::little) value = byte_swap(value);
    std::memcpy(to, &value, sizeof value);
}

// Appends groups of bits, the most significant first. Writes eight bytes at a time.
class BitAppender {
  public:
    explicit BitAppender(std::uint8_t* to) : begin_(to), to_(to) {}

    void append_byte(unsigned value, unsigned count) {
        tail_ |= std::uint64_t{value} << (64 - count) >> used_;
        used_ += count;
        if (used_ < 8) return;
        *to_++ = static_cast<std::uint8_t>(tail_ >> 56);
        tail_ <<= 8;
        used_ -= 8;
    }

    // The first bits of the value: less than 57.
    void append(std::uint64_t value, unsigned count) {
        const std::uint64_t kept = value >> (63 - count) >> 1 << (63 - count) << 1;
        const std::uint64_t all = tail_ | kept >> used_;
        const unsigned bytes = (used_ + count) / 8;
        store_be(to_, all);
        to_ += bytes;
        tail_ = all << (bytes * 8);
        used_ = (used_ + count) % 8;
    }

    void append_word(std::uint64_t value) {
        store_be(to_, tail_ | value >> used_);
        to_ += 8;
        tail_ = value << (63 - used_) << 1;
    }

    std::size_t finish() {
        store_be(to_, tail_);
        std::memset(to_ + 8, 0, unstuff_bits_slack - 8);
        return static_cast<std::size_t>(to_ - begin_) * 8 + used_;
    }

  private:
    std::uint8_t* begin_;
    std::uint8_t* to_;
    std::uint64_t tail_ = 0;  // bits of the next byte, at the top
    unsigned used_ = 0;       // how many, below 8
};

}  // namespace

UnstuffedBits unstuff_bits(Bytes data, std::uint8_t* to) {
    BitAppender out(to);
    const auto* const begin = reinterpret_cast<const std::uint8_t*>(data.data());
    const std::uint8_t* const end = begin + data.size();
    const std::uint8_t* from = begin;
    for (;;) {
        while (end - from >= 8) {
            const auto bytes = load_be<std::uint64_t>(from);
            if (const std::uint64_t found = find_ff(bytes); found != 0) {
                const auto before = static_cast<unsigned>(std::countl_zero(found)) / 8;
                out.append(bytes, 8 * before);
                from += before;
                break;
            }
            out.append_word(bytes);
            from += 8;
        }
        while (from != end && *from != 0xFF) out.append_byte(*from++, 8);
        if (from == end) return {out.finish(), data.size(), 0};
        const std::uint8_t* next = from + 1;
        while (next != end && *next == 0xFF) ++next;  // fill
        // A last FF is data that the end cuts off, or the first half of a marker. Its bits count as missing: who needs
        // them knows that the data end.
        if (next == end) return {out.finish(), data.size(), 0};
        if (*next > 0x7F) return {out.finish(), static_cast<std::size_t>(next - 1 - begin), *next};
        out.append(std::uint64_t{0x7F80u | *next} << 49, 15);
        from = next + 1;
    }
}

std::size_t stuffed_bit_position(Bytes data, std::size_t index) {
    bool after_ff = false;
    for (std::size_t at = 0; at < data.size(); ++at) {
        const auto byte = std::to_integer<std::uint8_t>(data[at]);
        if (after_ff && byte > 0x7F) return at - 1;
        const std::size_t bits = after_ff ? 7 : 8;
        if (index < bits) return at;
        index -= bits;
        after_ff = byte == 0xFF;
    }
    return data.size();
}

std::uint8_t* stuff_bits(const std::uint8_t* from, std::size_t count, std::uint8_t* to, StuffedTail& tail) {
    std::uint64_t held = std::uint64_t{tail.bits} << 56;  // bits that are not written yet, at the top
    unsigned used = tail.count;
    // Writes the top byte, and begins the next with a stuffed bit where that is FF.
    const auto write_byte = [&] {
        const auto byte = static_cast<std::uint8_t>(held >> 56);
        *to++ = byte;
        held <<= 8;
        used -= 8;
        if (byte == 0xFF) {
            held >>= 1;
            ++used;
        }
    };
    while (count >= 64) {
        const auto bits = load_be<std::uint64_t>(from);
        const std::uint64_t word = held | bits >> used;
        if (!has_ff(word)) {
            store_be(to, word);
            to += 8;
            held = bits << (63 - used) << 1;
            from += 8;
            count -= 64;
            continue;
        }
        // Four bytes: with what is held, less than 7 + 32 bits, and each FF adds one.
        held |= bits >> 32 << 32 >> used;
        used += 32;
        from += 4;
        count -= 32;
        while (used >= 8) write_byte();
    }
    while (count > 0) {
        const unsigned now = count < 8 ? static_cast<unsigned>(count) : 8;
        const std::uint64_t bits = std::uint64_t{*from++} >> (8 - now) << (64 - now);
        held |= bits >> used;
        used += now;
        count -= now;
        while (used >= 8) write_byte();
    }
    tail = {static_cast<std::uint8_t>(held >> 56), used};
    return to;
}

// After FF the tail holds the stuffed bit, so it is not empty then.
std::uint8_t* finish_stuffed_bits(std::uint8_t* to, StuffedTail& tail) {
    if (tail.count != 0) *to++ = tail.bits;
    tail = {};
    return to;
}

}  // namespace dcmturbo
