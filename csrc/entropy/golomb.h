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
    GolombPlace(const std::uint8_t* data, std::size_t bits) : begin(data), last(((bits + 7) / 8 + 16) * 8), end(bits) {}

    [[nodiscard]] bool is_past_end() const { return position > end; }

    const std::uint8_t* begin = nullptr;
    std::size_t position = 0;  // bits
    // Zeros alone are not a short code, and a long one puts the position back to here: 16 bytes past the end, so that
    // it counts as past it. What a run and a short code read before is less than the slack.
    std::size_t last = 0;  // bits
    std::size_t end = 0;   // bits
};

// Where a writer is: whole bytes before `next`, and the top `count` < 8 bits of `pending`.
struct GolombOutput {
    std::uint8_t* next = nullptr;
    std::uint64_t pending = 0;
    unsigned count = 0;
};

}  // namespace dcmturbo
