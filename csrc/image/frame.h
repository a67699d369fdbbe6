// One frame in the caller's memory: where its pixels are, and what they are. FrameOut is of decoding, FrameIn of
// encoding.
#pragma once

#include <cstddef>
#include <cstdint>

#include "image/component.h"
#include "image/pixel_attributes.h"

namespace dcmturbo {

enum class ColourConversion : std::uint8_t { none, ybr_full_to_rgb };

// What one decoded frame is, after every disagreement of dataset and codestream is settled.
struct FrameFormat {
    std::uint32_t rows = 0;
    std::uint32_t columns = 0;
    std::uint16_t samples_per_pixel = 1;
    SampleType type = SampleType::u8;
    // Bits of the cell that hold the sample; the rest is overwritten with its sign or with zeros
    // (sign_extend). 0: cells are returned as they are.
    std::uint8_t significant_bits = 0;
    bool sign_extend = false;
    ColourConversion colour = ColourConversion::none;
    Photometric photometric = Photometric::unknown;  // of the result

    [[nodiscard]] std::uint64_t pixels() const { return std::uint64_t{rows} * columns; }
    [[nodiscard]] std::uint64_t frame_bytes() const { return pixels() * samples_per_pixel * sample_size(type); }
};

// Where one frame goes: pixel (r, c), sample s of its region lies at base + r * row_stride + c * pixel_stride +
// s * sample_stride.
struct FrameOut {
    std::byte* base = nullptr;
    std::ptrdiff_t row_stride = 0;
    std::ptrdiff_t pixel_stride = 0;
    std::ptrdiff_t sample_stride = 0;
    FrameFormat format;  // of the whole frame
    Region region{};     // the part of it that is wanted

    // The pixel behind the last that is needed, in the order of the frame; and the row.
    [[nodiscard]] std::uint64_t end_pixel() const {
        if (region.is_whole()) return format.pixels();
        return std::uint64_t{region.top + region.height - 1} * format.columns + region.left + region.width;
    }
    [[nodiscard]] std::uint32_t end_row() const { return region.end_row(format.rows); }

    [[nodiscard]] ComponentOut component(unsigned sample) const {
        return {base + static_cast<std::ptrdiff_t>(sample) * sample_stride,
                row_stride,
                pixel_stride,
                format.columns,
                format.rows,
                format.type,
                region};
    }
    // The whole frame: all samples of a pixel, then the next pixel, row after row, without a gap.
    [[nodiscard]] bool is_contiguous() const {
        if (!region.is_whole()) return false;
        const auto size = static_cast<std::ptrdiff_t>(sample_size(format.type));
        const auto samples = static_cast<std::ptrdiff_t>(format.samples_per_pixel);
        return (samples == 1 || sample_stride == size) && pixel_stride == size * samples &&
               row_stride == pixel_stride * static_cast<std::ptrdiff_t>(format.columns);
    }
};

// One frame to encode: where its pixels are, and what they are.
struct FrameIn {
    const std::byte* base = nullptr;
    std::ptrdiff_t row_stride = 0;
    std::ptrdiff_t pixel_stride = 0;
    std::ptrdiff_t sample_stride = 0;
    PixelAttributes attributes;  // bits_allocated is also the size of a cell, 1 bit apart (8)
};

}  // namespace dcmturbo
