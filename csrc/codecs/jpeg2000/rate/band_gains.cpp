// By how much an error in a sub-band's coefficients counts in the image.
#include "codecs/jpeg2000/rate/band_gains.h"

#include <array>
#include <cmath>
#include <vector>

#include "codecs/jpeg2000/wavelet/lifting.h"

namespace dcmturbo::jpeg2000 {

namespace {

constexpr unsigned most_levels = 8;  // beyond, a level more doubles the energy of what is left

struct Norms {
    std::array<double, most_levels + 1> low{};
    std::array<double, most_levels + 1> high{};
};

// One level of synthesis of a whole signal in doubles, even samples low-pass (F.3), far from its edges.
std::vector<double> synthesise(const std::vector<double>& low, const std::vector<double>& high, bool reversible) {
    const std::size_t pairs = low.size();
    std::vector<double> x(2 * pairs);
    for (std::size_t i = 0; i < pairs; ++i) {
        x[2 * i] = reversible ? low[i] : low[i] * double{wavelet_k};
        x[2 * i + 1] = reversible ? high[i] : high[i] / double{wavelet_k};
    }
    const auto lift = [&](std::size_t first, double factor) {
        for (std::size_t i = first; i < x.size(); i += 2) {
            const double before = i > 0 ? x[i - 1] : 0;
            const double after = i + 1 < x.size() ? x[i + 1] : 0;
            x[i] += factor * (before + after);
        }
    };
    if (reversible) {
        lift(0, -0.25);
        lift(1, 0.5);
    } else {
        lift(0, -double{wavelet_delta});
        lift(1, -double{wavelet_gamma});
        lift(0, -double{wavelet_beta});
        lift(1, -double{wavelet_alpha});
    }
    return x;
}

double norm(const std::vector<double>& x) {
    double sum = 0;
    for (const double v : x) sum += v * v;
    return std::sqrt(sum);
}

Norms compute(bool reversible) {
    Norms norms;
    norms.low[0] = norms.high[0] = 1;
    std::vector<double> low(16), high(16);
    low[8] = high[8] = 1;
    const std::vector<double> none(16);
    low = synthesise(low, none, reversible);
    high = synthesise(none, high, reversible);
    for (unsigned level = 1; level <= most_levels; ++level) {
        norms.low[level] = norm(low);
        norms.high[level] = norm(high);
        low = synthesise(low, std::vector<double>(low.size()), reversible);
        high = synthesise(high, std::vector<double>(high.size()), reversible);
    }
    return norms;
}

double of_level(const std::array<double, most_levels + 1>& norms, unsigned level) {
    return level <= most_levels ? norms[level]
                                : norms[most_levels] * std::pow(2.0, 0.5 * static_cast<double>(level - most_levels));
}

}  // namespace

double band_gain(Orientation orientation, unsigned level, bool reversible) {
    static const Norms norms[2] = {compute(false), compute(true)};
    const Norms& of = norms[reversible ? 1 : 0];
    const double low = of_level(of.low, level);
    const double high = of_level(of.high, level);
    switch (orientation) {
        case Orientation::ll: return low * low;
        case Orientation::hh: return high * high;
        default: return low * high;
    }
}

}  // namespace dcmturbo::jpeg2000
