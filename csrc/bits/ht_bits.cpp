#include "bits/ht_bits.h"

#include <bit>
#include <cstring>

#include "base/endian.h"

namespace dcmturbo {
namespace {

// Bits in the order in which they are added, the first at bit 0.
struct BitWriter {
    std::uint8_t* to;
    std::uint64_t pending = 0;
    unsigned count = 0;  // below 8 between two calls

    // At most 56 bits, without any above them. Writes eight bytes.
    void put(std::uint64_t bits, unsigned bit_count) {
        pending |= bits << count;
        count += bit_count;
        store_le<std::uint64_t>(to, pending);
        to += count / 8;
        pending >>= count & 56;
        count &= 7;
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

// How many bytes there are up to the first FF, and with it. There is one. A byte below it cannot be mistaken for a zero
// byte of the complement: only what borrows from a zero byte can.
unsigned up_to_ff(std::uint64_t bytes) {
    const std::uint64_t found = (~bytes - low_bits) & bytes & high_bits;
    return static_cast<unsigned>(std::countr_zero(found)) / 8 + 1;
}

// At least 57 bits from one on.
std::uint64_t bits_at(const std::uint8_t* bytes, std::size_t first) {
    return load_le<std::uint64_t>(bytes + first / 8) >> first % 8;
}

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
            const unsigned count = up_to_ff(bytes);
            if (count < 8) {
                writer.put(bytes & ~(~std::uint64_t{0} << 8 * count), 8 * count);
                i += count;
                after_ff = true;
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

// Seven bytes at a time if none of them is FF.
std::size_t stuff_forward(const std::uint8_t* bits, std::size_t count, std::uint8_t* to) {
    std::uint8_t* const begin = to;
    std::size_t at = 0;
    bool after_ff = false;
    while (at < count) {
        const std::uint64_t next = bits_at(bits, at);
        if (!after_ff && at + 56 <= count && !has_zero_byte(~next | ~std::uint64_t{0} << 56)) {
            store_le<std::uint64_t>(to, next);
            to += 7;
            at += 56;
            continue;
        }
        const unsigned byte = next & (after_ff ? 0x7F : 0xFF);
        *to++ = static_cast<std::uint8_t>(byte);
        at += after_ff ? 7 : 8;
        after_ff = byte == 0xFF;
    }
    if (to != begin && at > count && to[-1] == (to - begin > 1 && to[-2] == 0xFF ? 0x7F : 0xFF)) --to;
    if (to != begin && to[-1] == 0xFF) --to;
    return static_cast<std::size_t>(to - begin);
}

BackwardBytes stuff_backward(const std::uint8_t* bits, std::size_t count, unsigned first, unsigned first_count,
                             std::uint8_t* to) {
    std::uint8_t* const begin = to;
    std::size_t at = 0;
    unsigned current = first;
    unsigned held = first_count;
    bool after_large = true;
    for (;;) {
        const std::size_t left = count - at;
        if (held == 0 && left >= 56) {
            const std::uint64_t bytes = bits_at(bits, at) & 0xffffffffffffffu;
            if (!has_zero_byte(~bytes & ~high_bits)) {  // none takes 7 bits
                store_le<std::uint64_t>(to, bytes);
                to += 7;
                at += 56;
                after_large = bytes >> 48 > 0x8F;
                continue;
            }
        }
        unsigned width = 8;
        const auto fresh = static_cast<unsigned>(left == 0 ? 0 : bits_at(bits, at) & 0xFF);
        unsigned byte = (current | fresh << held) & 0xFF;
        if (after_large && (byte & 0x7F) == 0x7F) {
            byte = 0x7F;
            width = 7;
        }
        if (left < width - held || (left == 0 && held < width)) {
            held += static_cast<unsigned>(left);
            return {static_cast<std::size_t>(to - begin), byte & ((1U << held) - 1), held};
        }
        at += width - held;
        *to++ = static_cast<std::uint8_t>(byte);
        after_large = byte > 0x8F;
        current = 0;
        held = 0;
    }
}

bool holds_marker(const std::uint8_t* data, std::size_t size) {
    const std::uint8_t* const end = data + size;
    while (end - data >= 2) {
        const void* const found = std::memchr(data, 0xFF, static_cast<std::size_t>(end - data) - 1);
        if (found == nullptr) return false;
        data = static_cast<const std::uint8_t*>(found) + 1;
        if (*data > 0x8F) return true;
    }
    return false;
}

void fill_behind(std::uint8_t* to, std::size_t count, bool ones, std::size_t bytes) {
    const std::size_t whole = count / 8;
    const auto mask = static_cast<std::uint8_t>(0xFFu << count % 8);
    to[whole] = static_cast<std::uint8_t>(ones ? to[whole] | mask : to[whole] & ~mask);
    std::memset(to + whole + 1, ones ? 0xFF : 0, bytes);
}

}  // namespace dcmturbo
