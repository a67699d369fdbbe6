// A row of decoded samples in the working type of its codec, and its conversion to cells of the caller's type.
#pragma once

#include <cstddef>
#include <cstdint>

#include "image/component.h"
#include "image/kernels.h"

namespace dcmturbo {

// How signed samples become values: `shift` is added, and the sum is clamped to [low, high].
struct SampleRange {
    std::int64_t shift = 0, low = 0, high = 0;

    SampleRange() = default;
    // The range of samples with this precision. Half of the range was subtracted from unsigned samples (level shift),
    // so it is added again.
    SampleRange(unsigned precision, bool is_signed) {
        const std::int64_t half = std::int64_t{1} << (precision - 1);
        shift = is_signed ? 0 : half;
        low = is_signed ? -half : 0;
        high = is_signed ? half - 1 : 2 * half - 1;
    }
};

struct SampleRow {
    // Samples that are shifted to the left by the point transform.
    SampleRow(const std::uint16_t* samples, std::uint32_t size, unsigned point_transform)
        : type(SampleType::u16), from(samples), count(size), up(point_transform) {}
    SampleRow(const std::int32_t* samples, std::uint32_t size, const SampleRange& to)
        : type(SampleType::i32), from(samples), count(size), range(to) {}
    SampleRow(const std::int64_t* samples, std::uint32_t size, const SampleRange& to)
        : type(SampleType::i64), from(samples), count(size), range(to) {}
    // Real samples are rounded to the nearest integer, ties to even. NaN becomes range.low. Storing floats overwrites
    // them.
    SampleRow(const double* samples, std::uint32_t size, const SampleRange& to)
        : type(SampleType::f64), from(samples), count(size), range(to) {}
    SampleRow(float* samples, std::uint32_t size, const SampleRange& to)
        : type(SampleType::f32), from(samples), spare(samples), count(size), range(to) {}

    // Samples [first, first + size) of this row.
    [[nodiscard]] SampleRow part(std::uint32_t first, std::uint32_t size) const {
        SampleRow result = *this;
        const std::size_t bytes = first * sample_size(type);
        result.from = static_cast<const std::byte*>(from) + bytes;
        if (spare != nullptr) result.spare = static_cast<std::byte*>(spare) + bytes;
        result.count = size;
        return result;
    }

    SampleType type;
    const void* from;
    void* spare = nullptr;
    std::uint32_t count;
    unsigned up = 0;
    SampleRange range;
};

// Stores the row as cells of `cell` bytes. `to` is aligned to a cell.
void store_samples(const SampleRow& row, std::byte* to, std::size_t cell, const PixelKernels& kernels);

}  // namespace dcmturbo
