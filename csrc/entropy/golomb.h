// Limited-length Golomb codes (ISO/IEC 14495-1, A.5.3): as many zeros as the upper bits of a number say and a one,
// then its lower k bits; or, where that would be too long, LIMIT - qbpp - 1 zeros, a one, and the number less 1 in
// qbpp bits. Bits come unstuffed (bits/zero_bit_stuffing.h).
#pragma once

#include <cstddef>
#include <cstdint>

namespace dcmturbo {

// Where a reader is. Past the end it reads zeros: whoever reads looks at is_past_end() now and then.
struct GolombPlace {
    // Bytes that can be read from the end of the data on, all zero.
    static constexpr std::size_t slack = 64;

    GolombPlace() = default;
    // `data` holds `bits` bits, then zeros up to the byte and for `slack` bytes more.
    GolombPlace(const std::uint8_t* data, std::size_t bits)
        : begin(data), next(data), last(data + (bits + 7) / 8 + 16), end(bits) {}

    [[nodiscard]] std::size_t position() const { return static_cast<std::size_t>(next - begin) * 8 - count; }
    [[nodiscard]] bool is_past_end() const { return position() > end; }

    const std::uint8_t* begin = nullptr;
    const std::uint8_t* next = nullptr;
    // Zeros alone are not a short code, and a long one puts `next` back to here: 16 bytes past the end, so that it
    // counts as past it. What a run and a short code read before is less than the slack.
    const std::uint8_t* last = nullptr;
    std::size_t end = 0;       // bits
    std::uint64_t window = 0;  // the next bits, at the top
    unsigned count = 0;        // how many of them are known; those below are right, or zero
};

// Where a writer is: whole bytes before `next`, and the top `count` < 8 bits of `pending`.
struct GolombOutput {
    std::uint8_t* next = nullptr;
    std::uint64_t pending = 0;
    unsigned count = 0;
};

}  // namespace dcmturbo
