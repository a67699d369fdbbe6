#include "codecs/jpeg2000/sample_rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace dcmturbo::jpeg2000 {

namespace {

// 2^22 is what PixelKernels::round_row holds, and float no more than two bits beyond.
constexpr unsigned max_real_precision = 21;

struct Range {
    std::int64_t shift, low, high;  // low and high: after the shift

    explicit Range(const ComponentSize& component) {
        const std::int64_t half = std::int64_t{1} << (component.precision - 1);
        shift = component.is_signed ? 0 : half;
        low = component.is_signed ? -half : 0;
        high = component.is_signed ? half - 1 : 2 * half - 1;
    }
};

// Any precision, one sample at a time. `from` and `to` may be the same memory only where the cells are as wide.
template <typename T>
void store_any(const T* from, std::byte* to, std::size_t cell, std::size_t count, const Range& range) {
    for (std::size_t i = 0; i < count; ++i, to += cell) {
        std::int64_t value;
        if constexpr (std::is_floating_point_v<T>) {
            const double shifted = static_cast<double>(from[i]) + static_cast<double>(range.shift);
            const auto low = static_cast<double>(range.low);
            // Not a number compares as false.
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

}  // namespace

void inverse_component_transform(Arithmetic arithmetic, std::span<void* const> rows, std::size_t count,
                                 const WaveletKernels& kernels) {
    switch (arithmetic) {
        case Arithmetic::integer:
            kernels.inverse_rct(static_cast<std::int32_t*>(rows[0]), static_cast<std::int32_t*>(rows[1]),
                                static_cast<std::int32_t*>(rows[2]), count);
            break;
        case Arithmetic::real:
            kernels.inverse_ict(static_cast<float*>(rows[0]), static_cast<float*>(rows[1]),
                                static_cast<float*>(rows[2]), count);
            break;
        case Arithmetic::wide: {
            auto* y = static_cast<std::uint64_t*>(rows[0]);
            auto* cb = static_cast<std::uint64_t*>(rows[1]);
            auto* cr = static_cast<std::uint64_t*>(rows[2]);
            for (std::size_t i = 0; i < count; ++i) {  // G.2.2
                const std::uint64_t blue = cb[i], red = cr[i];
                const std::uint64_t green =
                    y[i] - static_cast<std::uint64_t>(static_cast<std::int64_t>(blue + red) >> 2);
                y[i] = red + green;
                cb[i] = green;
                cr[i] = blue + green;
            }
            break;
        }
    }
}

void store_samples(Arithmetic arithmetic, void* row, std::byte* to, std::size_t cell, std::size_t count,
                   const ComponentSize& component, const PixelKernels& kernels) {
    const Range range(component);
    if (arithmetic == Arithmetic::wide) {
        return store_any(static_cast<const std::int64_t*>(row), to, cell, count, range);
    }
    if (arithmetic == Arithmetic::real && (component.precision > max_real_precision || cell == 8))
        return store_any(static_cast<const float*>(row), to, cell, count, range);
    auto* integers = static_cast<std::int32_t*>(row);
    if (arithmetic == Arithmetic::real) {
        kernels.round_row(static_cast<const float*>(row), integers, count, static_cast<float>(range.low - range.shift),
                          static_cast<float>(range.high - range.shift));
    }
    const auto shift = static_cast<std::int32_t>(range.shift);
    const auto low = static_cast<std::int32_t>(range.low);
    const auto high = static_cast<std::int32_t>(range.high);
    switch (cell) {
        case 1: kernels.store_row8(integers, reinterpret_cast<std::uint8_t*>(to), count, shift, low, high); break;
        case 2: kernels.store_row16(integers, reinterpret_cast<std::uint16_t*>(to), count, shift, low, high); break;
        case 4: kernels.store_row32(integers, reinterpret_cast<std::uint32_t*>(to), count, shift, low, high); break;
        default: store_any(static_cast<const std::int32_t*>(integers), to, cell, count, range); break;
    }
}

PixelSink::PixelSink(const FrameOut& out, std::span<const ComponentSize> components, std::size_t slots,
                     Context& context)
    : out_(out),
      components_(components),
      kernels_(pixel_kernels(context.isa)),
      writer_(out, context.isa),
      cell_(sample_size(out.format.type)),
      planes_(slots) {
    for (auto& planes : planes_) {
        for (std::size_t i = 0; i < components.size(); ++i)
            planes[i] = context.arena.allocate(std::size_t{out.format.columns} * cell_);
    }
}

void PixelSink::put(std::size_t slot, std::size_t, std::span<void* const> rows, std::span<const Arithmetic> arithmetic,
                    std::uint32_t x, std::uint32_t y, std::uint32_t count) {
    const std::uint64_t pixel = std::uint64_t{y} * out_.format.columns + x;
    std::byte* const direct = writer_.direct(pixel);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        std::byte* const to = direct != nullptr ? direct : planes_[slot][i];
        store_samples(arithmetic[i], rows[i], to, cell_, count, components_[i], kernels_);
        if (writer_.corrects()) writer_.correct(to, to, count);
    }
    if (direct == nullptr) writer_.write(pixel, count, planes_[slot].data());
}

PlaneSink::PlaneSink(std::span<const ComponentOut> planes, std::span<const ComponentSize> components, std::size_t slots,
                     Context& context)
    : planes_(planes), components_(components), kernels_(pixel_kernels(context.isa)), rows_(slots) {
    std::uint32_t widest = 0;
    for (const ComponentOut& plane : planes) widest = std::max(widest, plane.width);
    for (std::byte*& row : rows_) row = context.arena.allocate(std::size_t{widest} * 8);
}

void PlaneSink::put(std::size_t slot, std::size_t first, std::span<void* const> rows,
                    std::span<const Arithmetic> arithmetic, std::uint32_t x, std::uint32_t y, std::uint32_t count) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const ComponentOut& plane = planes_[first + i];
        const std::size_t cell = sample_size(plane.type);
        std::byte* to = plane.base + static_cast<std::ptrdiff_t>(y) * plane.row_stride +
                        static_cast<std::ptrdiff_t>(x) * plane.sample_stride;
        const bool is_direct = plane.sample_stride == static_cast<std::ptrdiff_t>(cell) &&
                               reinterpret_cast<std::uintptr_t>(to) % cell == 0;
        std::byte* const cells = is_direct ? to : rows_[slot];
        store_samples(arithmetic[i], rows[i], cells, cell, count, components_[first + i], kernels_);
        if (is_direct) continue;
        for (std::uint32_t k = 0; k < count; ++k, to += plane.sample_stride) std::memcpy(to, cells + k * cell, cell);
    }
}

}  // namespace dcmturbo::jpeg2000
