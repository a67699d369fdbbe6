#include "codecs/jpegls/contexts.h"

#include <algorithm>
#include <cstring>

namespace dcmturbo::jpegls {

void Contexts::reset(const Parameters& parameters) {
    const auto a = static_cast<std::uint32_t>(std::max(2, (parameters.range + 32) / 64));
    unsigned k = 0;
    while (1u << k < a) ++k;
    regular.fill({.a = a, .b = 0, .n = 1, .c = 0, .k = static_cast<std::uint8_t>(k), .flip = 0, .unused = 0});
    run.fill({a, 1, 0});
    run_index.fill(0);
}

void GradientTable::fill(std::int8_t* to, const Parameters& p) {
    std::int8_t* const middle = to + p.maxval;
    const auto set = [&](std::int32_t first, std::int32_t end, int level) {
        if (first >= end) return;
        std::memset(middle + first, -level * context_size, static_cast<std::size_t>(end - first));
        std::memset(middle - end + 1, level * context_size, static_cast<std::size_t>(end - first));
    };
    set(0, p.near_lossless + 1, 0);
    set(p.near_lossless + 1, p.t1, 1);
    set(p.t1, p.t2, 2);
    set(p.t2, p.t3, 3);
    set(p.t3, p.maxval + 1, 4);
}

}  // namespace dcmturbo::jpegls
