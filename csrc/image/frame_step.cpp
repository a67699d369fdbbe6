#include "image/frame_step.h"

#include <cmath>

#include "image/kernels.h"

namespace dcmturbo {

namespace {

// The linear function that makes the mean of a frame 0 and its standard deviation 1.
FrameStep normalising(const FrameStep& step, const std::byte* from, SampleType type, std::uint32_t rows,
                      std::size_t count, const PixelKernels& kernels) {
    const std::size_t row_size = count * sample_size(type);
    const double samples = double(rows) * static_cast<double>(count);
    double sum = 0;
    for (std::uint32_t y = 0; y < rows; ++y) sum += kernels.sum_row(type, from + y * row_size, count);
    const double mean = sum / samples;
    double squares = 0;
    for (std::uint32_t y = 0; y < rows; ++y) squares += kernels.sum_squares_row(type, from + y * row_size, count, mean);
    const double deviation = std::sqrt(squares / samples);
    FrameStep linear = step;
    linear.kind = FrameStep::Kind::linear;
    linear.clips = false;
    linear.gain = deviation > 0 ? 1 / deviation : 0;
    linear.offset = -mean * linear.gain;
    return linear;
}

}  // namespace

std::uint64_t apply_step(const FrameStep& step, const std::byte* from, SampleType type, std::uint32_t rows,
                         std::size_t count, std::byte* to, std::ptrdiff_t row_stride, Isa isa) {
    const PixelKernels& kernels = pixel_kernels(isa);
    const FrameStep linear =
        step.kind == FrameStep::Kind::normalise ? normalising(step, from, type, rows, count, kernels) : step;
    const std::size_t row_size = count * sample_size(type);
    std::uint64_t overlaps = 0;
    for (std::uint32_t y = 0; y < rows; ++y) {
        std::byte* const row = to + static_cast<std::ptrdiff_t>(y) * row_stride;
        if (step.kind == FrameStep::Kind::label)
            overlaps += kernels.label_row(reinterpret_cast<const std::uint8_t*>(from + y * row_size), row, count, step);
        else kernels.linear_row(type, from + y * row_size, row, count, linear);
    }
    return overlaps;
}

}  // namespace dcmturbo
