// Coding parameters of a scan (ISO/IEC 14495-1, A.2.1 and C.2.4.1.1).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace dcmturbo::jpegls {

// Interleave modes (C.2.3).
enum class Interleave : std::uint8_t { none = 0, line = 1, sample = 2 };

// The preset coding parameters of an LSE segment (C.2.4.1.1). 0 stands for the default.
struct Presets {
    std::uint32_t maxval = 0;
    std::uint32_t t1 = 0;
    std::uint32_t t2 = 0;
    std::uint32_t t3 = 0;
    std::uint32_t reset = 0;
};

inline constexpr unsigned default_reset = 64;
inline constexpr unsigned most_near_lossless = 255;

// All that a scan is coded by.
struct Parameters {
    std::int32_t maxval = 0;
    std::int32_t near_lossless = 0;  // NEAR
    std::int32_t t1 = 0;
    std::int32_t t2 = 0;
    std::int32_t t3 = 0;
    std::int32_t reset = 0;
    std::int32_t range = 0;  // RANGE
    unsigned qbpp = 0;       // bits of an error
    unsigned limit = 0;      // LIMIT: bits of the longest code

    // Lossless, of samples that fill their bits: then arithmetic modulo RANGE is a mask.
    [[nodiscard]] bool is_plain() const { return near_lossless == 0 && (range & (range - 1)) == 0; }
    [[nodiscard]] std::int32_t step() const { return 2 * near_lossless + 1; }
};

// Why presets cannot be, in words; null where they are right (C.2.4.1.1, table C.1).
const char* what_is_wrong(const Presets& presets, unsigned precision, unsigned near_lossless);

// The parameters of a scan, with defaults (C.2.4.1.1.1) where the presets state none. The presets must be right.
Parameters resolve(const Presets& presets, unsigned precision, unsigned near_lossless);

// A.2.1: the run lengths of the run indices are powers of two.
inline constexpr std::uint8_t run_order[32] = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,  2,  3,  3,  3,  3,
                                               4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15};

// The sum of the run lengths before each run index. Behind the last stand some that no run reaches.
inline constexpr unsigned run_indices = 32;
inline constexpr unsigned run_reach_margin = 8;
inline constexpr std::array<std::uint32_t, run_indices + run_reach_margin> run_reach = [] {
    std::array<std::uint32_t, run_indices + run_reach_margin> sums{};
    for (unsigned i = 1; i < sums.size(); ++i)
        sums[i] = i < run_indices ? sums[i - 1] + (std::uint32_t{1} << run_order[i - 1]) : 0xFFFFFFFFu;
    return sums;
}();

}  // namespace dcmturbo::jpegls
