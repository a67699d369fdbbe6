// Converts decoded samples to cells of the caller's type.
#include "image/sample_row.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

namespace dcmturbo {

namespace {

// PixelKernels::round_row works for values below 2^22. A float has only two bits more than that.
constexpr std::int64_t widest_real_range = std::int64_t{1} << 21;

template <typename Cell>
void widen(const std::uint16_t* samples, std::byte* to, std::uint32_t count, unsigned up) {
    auto* cells = reinterpret_cast<Cell*>(to);
    for (std::uint32_t i = 0; i < count; ++i) cells[i] = static_cast<std::uint16_t>(samples[i] << up);
}

void store_plain(const std::uint16_t* from, std::byte* to, std::size_t cell, std::uint32_t count, unsigned up,
                 const PixelKernels& kernels) {
    switch (cell) {
        case 1: kernels.narrow_row(from, reinterpret_cast<std::uint8_t*>(to), count, up); break;
        case 2:
            if (up == 0) std::memcpy(to, from, std::size_t{count} * 2);
            else kernels.shift_row(from, reinterpret_cast<std::uint16_t*>(to), count, up);
            break;
        case 4: widen<std::uint32_t>(from, to, count, up); break;
        default: widen<std::uint64_t>(from, to, count, up); break;
    }
}

// Handles any range, one sample at a time.
template <typename T>
void store_any(const T* from, std::byte* to, std::size_t cell, std::size_t count, const SampleRange& range) {
    for (std::size_t i = 0; i < count; ++i, to += cell) {
        std::int64_t value;
        if constexpr (std::is_floating_point_v<T>) {
            const double shifted = static_cast<double>(from[i]) + static_cast<double>(range.shift);
            const auto low = static_cast<double>(range.low);
            // A comparison with NaN is false.
            value = shifted > low
                        ? static_cast<std::int64_t>(std::nearbyint(std::min(shifted, static_cast<double>(range.high))))
                        : range.low;
        } else {
            const auto sum = static_cast<std::int64_t>(static_cast<std::uint64_t>(std::int64_t{from[i]}) +
                                                       static_cast<std::uint64_t>(range.shift));
            value = std::clamp(sum, range.low, range.high);
        }
        std::memcpy(to, &value, cell);
    }
}

void store_integers(const std::int32_t* from, std::byte* to, std::size_t cell, std::size_t count,
                    const SampleRange& range, const PixelKernels& kernels) {
    const auto shift = static_cast<std::int32_t>(range.shift);
    const auto low = static_cast<std::int32_t>(range.low);
    const auto high = static_cast<std::int32_t>(range.high);
    switch (cell) {
        case 1: kernels.store_row8(from, reinterpret_cast<std::uint8_t*>(to), count, shift, low, high); break;
        case 2: kernels.store_row16(from, reinterpret_cast<std::uint16_t*>(to), count, shift, low, high); break;
        case 4: kernels.store_row32(from, reinterpret_cast<std::uint32_t*>(to), count, shift, low, high); break;
        default: store_any(from, to, cell, count, range); break;
    }
}

}  // namespace

void store_samples(const SampleRow& row, std::byte* to, std::size_t cell, const PixelKernels& kernels) {
    const SampleRange& range = row.range;
    switch (row.type) {
        case SampleType::u16:
            store_plain(static_cast<const std::uint16_t*>(row.from), to, cell, row.count, row.up, kernels);
            break;
        case SampleType::i32:
            store_integers(static_cast<const std::int32_t*>(row.from), to, cell, row.count, range, kernels);
            break;
        case SampleType::f32: {
            const auto* from = static_cast<const float*>(row.from);
            if (range.high - range.low >= widest_real_range || cell == 8)
                return store_any(from, to, cell, row.count, range);
            auto* integers = static_cast<std::int32_t*>(row.spare);
            kernels.round_row(from, integers, row.count, static_cast<float>(range.low - range.shift),
                              static_cast<float>(range.high - range.shift));
            store_integers(integers, to, cell, row.count, range, kernels);
            break;
        }
        case SampleType::f64: store_any(static_cast<const double*>(row.from), to, cell, row.count, range); break;
        default: store_any(static_cast<const std::int64_t*>(row.from), to, cell, row.count, range); break;
    }
}

}  // namespace dcmturbo
