#include "bits/ht_bits.h"

#include <cstring>

#include "base/endian.h"

namespace dcmturbo {
namespace {

// Bits in the order in which they were put, the first at bit 0.
struct BitWriter {
    std::uint8_t* to;
    std::uint64_t pending = 0;
    unsigned count = 0;  // below 8 between two calls

    void put(std::uint64_t bits, unsigned bit_count) {
        pending |= bits << count;
        count += bit_count;
        while (count >= 8) {
            *to++ = static_cast<std::uint8_t>(pending);
            pending >>= 8;
            count -= 8;
        }
    }
    void put_eight_bytes(std::uint64_t bytes) {
        store_le<std::uint64_t>(to, pending | bytes << count);
        to += 8;
        pending = count == 0 ? 0 : bytes >> (64 - count);
    }
    std::size_t finish(const std::uint8_t* begin) {
        *to = static_cast<std::uint8_t>(pending);
        return static_cast<std::size_t>(to - begin) * 8 + count;
    }
};

constexpr std::uint64_t low_bits = 0x0101010101010101u;
constexpr std::uint64_t high_bits = 0x8080808080808080u;

// Exact as to whether there is one, which is all that is asked.
bool has_zero_byte(std::uint64_t bytes) { return ((bytes - low_bits) & ~bytes & high_bits) != 0; }

}  // namespace

PlainBits unstuff_forward(const std::uint8_t* data, std::size_t size, std::uint8_t* to) {
    BitWriter writer{to};
    bool after_ff = false;
    bool is_damaged = false;
    for (std::size_t i = 0; i < size;) {
        if (!after_ff && size - i >= 8) {
            const auto bytes = load_le<std::uint64_t>(data + i);
            if (!has_zero_byte(~bytes)) {
                writer.put_eight_bytes(bytes);
                i += 8;
                continue;
            }
        }
        const std::uint8_t byte = data[i++];
        is_damaged = is_damaged || (after_ff && byte >= 0x80);
        writer.put(after_ff ? byte & 0x7Fu : byte, after_ff ? 7 : 8);
        after_ff = byte == 0xFF;
    }
    return {writer.finish(to), is_damaged};
}

std::size_t unstuff_backward(const std::uint8_t* data, std::size_t size, unsigned last, unsigned first,
                             unsigned first_count, std::uint8_t* to) {
    BitWriter writer{to, first, first_count};
    for (std::size_t left = size; left > 0;) {
        if (left >= 8) {
            const auto bytes = load_be<std::uint64_t>(data + left - 8);
            if (!has_zero_byte(~bytes & ~high_bits)) {  // none has 7 bits
                writer.put_eight_bytes(bytes);
                left -= 8;
                last = static_cast<unsigned>(bytes >> 56);
                continue;
            }
        }
        const std::uint8_t byte = data[--left];
        const bool is_short = last > 0x8F && (byte & 0x7F) == 0x7F;
        writer.put(is_short ? 0x7Fu : byte, is_short ? 7 : 8);
        last = byte;
    }
    return writer.finish(to);
}

void fill_behind(std::uint8_t* to, std::size_t count, bool ones, std::size_t bytes) {
    const std::size_t whole = count / 8;
    const auto mask = static_cast<std::uint8_t>(0xFFu << count % 8);
    to[whole] = static_cast<std::uint8_t>(ones ? to[whole] | mask : to[whole] & ~mask);
    std::memset(to + whole + 1, ones ? 0xFF : 0, bytes);
}

}  // namespace dcmturbo
