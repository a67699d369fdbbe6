// What is done to the samples of a frame between decoding and the result, while they are in the cache.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/features.h"
#include "image/component.h"

namespace dcmturbo {

struct FrameStep {
    enum class Kind : std::uint8_t {
        none,
        linear,     // gain * sample + offset
        normalise,  // each frame gets the mean 0 and the standard deviation 1; a frame of one value becomes 0
    };
    Kind kind = Kind::none;
    bool clips = false;      // linear: results are limited to 0 ... 1; NaN stays
    bool is_double = false;  // the result has 64-bit floats, not 32-bit ones
    double gain = 1, offset = 0;

    [[nodiscard]] std::size_t result_size() const { return is_double ? sizeof(double) : sizeof(float); }
    // 64-bit integers and floats are not.
    static bool takes(SampleType type) { return type < SampleType::u64; }
};

// Applies the step to `rows` rows of `count` samples, which follow one another. The rows of the result begin
// `row_stride` bytes apart. Sums are rounded as those of the result's type: a product is rounded before the offset is
// added, on every instruction set.
void apply_step(const FrameStep& step, const std::byte* from, SampleType type, std::uint32_t rows, std::size_t count,
                std::byte* to, std::ptrdiff_t row_stride, Isa isa);

}  // namespace dcmturbo
