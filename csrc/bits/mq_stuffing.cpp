#include "bits/mq_stuffing.h"

#include <algorithm>

#include "base/endian.h"

namespace dcmturbo {

namespace {

// Whether a byte of four is FF.
bool has_ff(std::uint32_t four) { return ((~four - 0x01010101U) & four & 0x80808080U) != 0; }

// Puts bits into words of 32, the first at the top.
struct WordWriter {
    std::uint32_t* to;
    std::uint32_t* begin;
    std::uint64_t bits = 0;  // the lowest `count`
    unsigned count = 0;      // below 32 between calls

    void put(std::uint64_t value, unsigned width) {
        bits = bits << width | value;
        count += width;
        if (count < 32) return;
        count -= 32;
        *to++ = static_cast<std::uint32_t>(bits >> count);
        bits &= (std::uint64_t{1} << count) - 1;
    }
    // Adds 1 to the number that the bits so far are. A carry makes zeros of the ones that it passes, so all the
    // carries together pass no more bits than were put.
    void increment() {
        if (++bits >> count == 0) return;
        bits = 0;
        for (std::uint32_t* word = to; word != begin && ++*--word == 0;) {
        }
    }
    // Returns the last word, which is all ones.
    std::uint32_t* finish() {
        *to++ = static_cast<std::uint32_t>(bits << (32 - count)) | (count == 0 ? ~0u : ~0u >> count);
        *to = ~0u;
        return to;
    }
};

// In arithmetic coding the number is formed at once. What the standard's registers take in late decides the same,
// because no encoder leaves a decision to a carry that is still to come.
template <bool is_raw>
UnstuffedWords unstuff(const std::uint8_t* data, std::size_t size, std::uint32_t* words) {
    WordWriter writer{words, words};
    if (!is_raw) writer.put(0, 1);
    bool after_ff = false;
    bool is_whole = true;
    for (std::size_t i = 0; i < size;) {
        if (!after_ff && size - i >= 4) {
            const auto four = load_be<std::uint32_t>(data + i);
            if (!has_ff(four)) {
                writer.put(four, 32);
                i += 4;
                continue;
            }
        }
        const std::uint8_t byte = data[i++];
        if (after_ff) {
            if (byte > 0x8f) {
                is_whole = false;
                break;
            }
            if (!is_raw && byte >= 0x80) writer.increment();
            writer.put(byte & 0x7fu, 7);
        } else {
            writer.put(byte, 8);
        }
        after_ff = byte == 0xff;
    }
    return {writer.finish(), is_whole};
}

}  // namespace

UnstuffedWords unstuff_mq(const std::uint8_t* data, std::size_t size, std::uint32_t* words) {
    return unstuff<false>(data, size, words);
}

UnstuffedWords unstuff_raw(const std::uint8_t* data, std::size_t size, std::uint32_t* words) {
    return unstuff<true>(data, size, words);
}

std::size_t stuff_mq(const std::uint32_t* words, std::uint64_t total, std::uint32_t* ends, std::size_t count,
                     std::uint8_t* to) {
    std::uint8_t* const begin = to;
    std::size_t next = 0;
    unsigned width = 8;
    for (std::uint64_t at = 1; at < total;) {
        for (; next < count && ends[next] <= at; ++next) ends[next] = static_cast<std::uint32_t>(to - begin);
        const std::uint32_t four = word_at(words, at);
        if (next == count && width == 8 && at + 32 <= total && !has_ff(four)) {
            for (int k = 3; k >= 0; --k) *to++ = static_cast<std::uint8_t>(four >> (8 * k));
            at += 32;
            continue;
        }
        const std::uint32_t byte = four >> (32 - width);
        *to++ = static_cast<std::uint8_t>(byte);
        at += width;
        width = byte == 0xFF ? 7 : 8;
    }
    for (; next < count; ++next) ends[next] = static_cast<std::uint32_t>(to - begin);
    // Ones that a decoder adds: FF, and 7F behind it.
    while (to != begin && (to[-1] == 0xFF || (to[-1] == 0x7F && to - begin > 1 && to[-2] == 0xFF))) --to;
    const auto size = static_cast<std::size_t>(to - begin);
    for (std::size_t i = 0; i < count; ++i) ends[i] = std::min(ends[i], static_cast<std::uint32_t>(size));
    return size;
}

}  // namespace dcmturbo
