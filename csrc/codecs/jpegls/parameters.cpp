#include "codecs/jpegls/parameters.h"

#include <algorithm>
#include <bit>

namespace dcmturbo::jpegls {

namespace {

struct Thresholds {
    std::int32_t t1, t2, t3;
};

// C.2.4.1.1.1
Thresholds default_thresholds(std::int32_t maxval, std::int32_t near_lossless) {
    const auto clamp = [maxval](std::int32_t value, std::int32_t low) {
        return value > maxval || value < low ? low : value;
    };
    Thresholds t{};
    if (maxval >= 128) {
        const std::int32_t factor = (std::min(maxval, 4095) + 128) / 256;
        t.t1 = clamp(factor * (3 - 2) + 2 + 3 * near_lossless, near_lossless + 1);
        t.t2 = clamp(factor * (7 - 3) + 3 + 5 * near_lossless, t.t1);
        t.t3 = clamp(factor * (21 - 4) + 4 + 7 * near_lossless, t.t2);
    } else {
        const std::int32_t factor = 256 / (maxval + 1);
        t.t1 = clamp(std::max(2, 3 / factor + 3 * near_lossless), near_lossless + 1);
        t.t2 = clamp(std::max(3, 7 / factor + 5 * near_lossless), t.t1);
        t.t3 = clamp(std::max(4, 21 / factor + 7 * near_lossless), t.t2);
    }
    return t;
}

}  // namespace

Parameters resolve(const Presets& presets, unsigned precision, unsigned near_lossless) {
    Parameters p;
    p.maxval = static_cast<std::int32_t>(presets.maxval != 0 ? presets.maxval : (1u << precision) - 1);
    p.near_lossless = static_cast<std::int32_t>(near_lossless);
    const Thresholds t = default_thresholds(p.maxval, p.near_lossless);
    p.t1 = presets.t1 != 0 ? static_cast<std::int32_t>(presets.t1) : t.t1;
    p.t2 = presets.t2 != 0 ? static_cast<std::int32_t>(presets.t2) : t.t2;
    p.t3 = presets.t3 != 0 ? static_cast<std::int32_t>(presets.t3) : t.t3;
    p.reset = static_cast<std::int32_t>(presets.reset != 0 ? presets.reset : default_reset);
    p.range = (p.maxval + 2 * p.near_lossless) / p.step() + 1;
    p.qbpp = static_cast<unsigned>(std::bit_width(static_cast<std::uint32_t>(p.range - 1)));
    const auto bpp = std::max(2u, static_cast<unsigned>(std::bit_width(static_cast<std::uint32_t>(p.maxval))));
    p.limit = 2 * (bpp + std::max(8u, bpp));
    return p;
}

const char* what_is_wrong(const Presets& presets, unsigned precision, unsigned near_lossless) {
    const std::uint32_t full = (1u << precision) - 1;
    if (presets.maxval > full) return "MAXVAL is larger than the precision allows";
    const std::uint32_t maxval = presets.maxval != 0 ? presets.maxval : full;
    if (near_lossless > std::min(most_near_lossless, maxval / 2))
        return "NEAR is larger than 255 or than half of the largest value";
    const Parameters p = resolve(presets, precision, near_lossless);
    if (p.t1 < p.near_lossless + 1 || p.t2 < p.t1 || p.t3 < p.t2 || static_cast<std::uint32_t>(p.t3) > maxval)
        return "the thresholds T1, T2 and T3 do not rise from NEAR + 1 to MAXVAL";
    if (presets.reset != 0 && (presets.reset < 3 || presets.reset > std::max(255u, maxval)))
        return "RESET is not 3 to the larger of 255 and MAXVAL";
    return nullptr;
}

}  // namespace dcmturbo::jpegls
