// How many bytes an image takes at a quantisation step, and how large its error is, without coding it.
#include "codecs/jpeg2000/rate/size_model.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace dcmturbo::jpeg2000 {

namespace {

double entropy(double part, double whole) {
    if (part <= 0 || part >= whole) return 0;
    const double p = part / whole;
    return whole * -(p * std::log2(p) + (1 - p) * std::log2(1 - p));
}

template <typename Estimate>
double solve(Estimate&& too_small) {
    double low = -30;
    double high = 30;
    for (int i = 0; i < 24; ++i) {
        const double middle = (low + high) / 2;
        (too_small(std::exp2(middle)) ? low : high) = middle;
    }
    return std::exp2((low + high) / 2);
}

}  // namespace

void SizeModel::begin_band(std::size_t kind) {
    if (kind >= number_of_.size()) number_of_.resize(kind + 1, none);
    if (number_of_[kind] == none) {
        number_of_[kind] = bands_.size();
        bands_.emplace_back();
    }
    current_ = number_of_[kind];
}

void SizeModel::add(const float* coefficients, std::size_t count, double gain, double of) {
    Band& band = bands_[current_];
    const auto factor = static_cast<float>(gain * gain);
    std::array<std::uint32_t, bins> counts{};
    std::uint32_t zeros = 0;
    for (std::size_t i = 0; i < count; ++i) {
        // The exponent of a square counts half octaves.
        const float square = coefficients[i] * coefficients[i] * factor;
        const int bin = static_cast<int>(std::bit_cast<std::uint32_t>(square) >> 23) - 127 - lowest;
        if (bin < 0) ++zeros;
        else ++counts[static_cast<std::size_t>(std::min(bin, bins - 1))];
    }
    for (std::size_t i = 0; i < bins; ++i) band.count[i] += of * counts[i];
    band.zeros += of * zeros;
}

void SizeModel::finish() {
    for (Band& band : bands_) {
        double sum = 0;
        for (std::size_t i = bins; i-- > 0;) {
            sum += band.count[i];
            band.from[i] = sum;
        }
        band.total = sum + band.zeros;
    }
}

// Plane by plane: which coefficients become significant, their signs, and the bits of those that are. Contexts save a
// fifth of what the first costs.
double SizeModel::bytes(double step) const {
    const double lowest_plane = 2 * std::log2(step) - lowest;  // two bins are a plane
    double bits = 0;
    for (const Band& band : bands_) {
        double above = 0;
        const int planes = static_cast<int>((bins - lowest_plane) / 2) + 1;
        for (int plane = planes; plane >= 0; --plane) {
            const double at = lowest_plane + 2 * plane;
            if (at >= bins) continue;
            const double bin = std::max(0.0, std::floor(at));
            const auto i = static_cast<std::size_t>(bin);
            const double now = band.from[i] - std::clamp(at - bin, 0.0, 1.0) * band.count[i];
            bits += 0.8 * entropy(now - above, band.total - above) + (now - above) + 0.95 * above;
            above = now;
        }
    }
    return bits / 8;
}

double SizeModel::distortion(double step) const {
    static const std::array<double, bins> squares = [] {
        std::array<double, bins> table{};
        for (int i = 0; i < bins; ++i) table[static_cast<std::size_t>(i)] = std::exp2(i + lowest) * 1.44;  // the middle
        return table;
    }();
    // Below the step all is lost; above it, errors are spread evenly.
    const double even = step * step / 12;
    double sum = 0;
    for (const Band& band : bands_) {
        for (std::size_t i = 0; i < bins; ++i) sum += band.count[i] * (squares[i] < step * step ? squares[i] : even);
    }
    return sum;
}

double SizeModel::step_for_bytes(double target) const {
    return solve([&](double step) { return bytes(step) > target; });
}

double SizeModel::step_for_distortion(double target) const {
    return solve([&](double step) { return distortion(step) < target; });
}

}  // namespace dcmturbo::jpeg2000
