#include "codecs/jpegls/contexts.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "codecs/jpegls/kernels.h"

namespace dcmturbo::jpegls {

void Contexts::reset(const Parameters& parameters, const LineKernels& kernels) {
    maxval = parameters.maxval;
    reset_at = static_cast<std::uint32_t>(parameters.reset);
    near_lossless = parameters.near_lossless;
    step = parameters.step();
    range = parameters.range;
    around = range * step;
    escape = parameters.limit - parameters.qbpp - 1;
    qbpp = parameters.qbpp;
    const auto bits = static_cast<unsigned>(std::bit_width(static_cast<std::uint32_t>(range)));
    for (unsigned k = 0; k <= most_k; ++k) {
        // A reader knows 57 bits.
        short_zeros[k] = k > bits ? 0 : std::min({1u << (bits - k), escape, 57 - 1 - k});
    }
    const auto a = static_cast<std::uint32_t>(std::max(2, (range + 32) / 64));
    unsigned k = 0;
    while (1u << k < a) ++k;
    const ContextView view = {
        .correction = 0, .k = static_cast<std::uint8_t>(k), .shift = static_cast<std::uint8_t>(63 - k)};
    kernels.fill_contexts(*this, view, {.a = a, .b = 0, .n = 1, .flip = 0, .unused = 0, .unused_too = 0});
    run.fill({a, 1, 0});
    run_index.fill(0);
}

void GradientTable::fill(std::int8_t* to, const Parameters& p) {
    std::int8_t* const middle = to + p.maxval;
    const auto set = [&](std::int32_t first, std::int32_t end, int level) {
        if (first >= end) return;
        std::memset(middle + first, -level * context_scale, static_cast<std::size_t>(end - first));
        std::memset(middle - end + 1, level * context_scale, static_cast<std::size_t>(end - first));
    };
    set(0, p.near_lossless + 1, 0);
    set(p.near_lossless + 1, p.t1, 1);
    set(p.t1, p.t2, 2);
    set(p.t2, p.t3, 3);
    set(p.t3, p.maxval + 1, 4);
}

}  // namespace dcmturbo::jpegls
