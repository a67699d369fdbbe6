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
        label,      // where a sample is at least the threshold, the result becomes the label
        function,   // what the caller's function makes of the frame; the results have no gaps between rows
    };
    Kind kind = Kind::none;
    bool clips = false;                   // linear: results are limited to 0 ... 1; NaN stays
    SampleType result = SampleType::f32;  // a float, or for labels an unsigned integer of up to 32 bits
    double gain = 1, offset = 0;
    std::uint32_t label = 0;
    std::uint8_t threshold = 1;
    // Label: what to do with a result that is another label already: keep it, replace it, or replace all results, also
    // by 0 where the sample is below the threshold.
    enum class Over : std::uint8_t { keep, replace, replace_all };
    Over over = Over::keep;
    using Function = void (*)(const void* samples, void* results, std::ptrdiff_t rows, std::ptrdiff_t columns,
                              std::ptrdiff_t samples_per_pixel);
    Function function = nullptr;

    // Floats take integers of up to 32 bits, labels take bytes.
    [[nodiscard]] bool takes(SampleType type) const {
        if (kind == Kind::function) return true;
        return kind == Kind::label ? type == SampleType::u8 : type < SampleType::u64;
    }
    [[nodiscard]] bool gives(SampleType type) const {
        if (kind == Kind::function) return true;
        if (kind == Kind::label) return type == SampleType::u8 || type == SampleType::u16 || type == SampleType::u32;
        return type == SampleType::f32 || type == SampleType::f64;
    }
};

// Applies a step that is no function to `rows` rows of `count` samples, which follow one another. The rows of the
// result begin `row_stride` bytes apart. Sums are rounded as those of the result's type: a product is rounded before
// the offset is added, on every instruction set. Returns in how many results another label was already.
std::uint64_t apply_step(const FrameStep& step, const std::byte* from, SampleType type, std::uint32_t rows,
                         std::size_t count, std::byte* to, std::ptrdiff_t row_stride, Isa isa);

}  // namespace dcmturbo
