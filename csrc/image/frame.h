// One frame in the caller's memory: where its pixels are, and their format. Decoding uses FrameOut, encoding uses
// FrameIn.
#pragma once

#include <cstddef>
#include <cstdint>

#include "image/component.h"
#include "image/pixel_attributes.h"

namespace dcmturbo {

enum class ColourConversion : std::uint8_t { none, ybr_full_to_rgb };

// The format of one decoded frame, after differences between dataset and codestream have been resolved.
struct FrameFormat {
    std::uint32_t rows = 0;
    std::uint32_t columns = 0;
    std::uint16_t samples_per_pixel = 1;
    SampleType type = SampleType::u8;
    // The number of bits of a cell that hold the sample. The other bits are overwritten with the sign (sign_extend) or
    // with zeros. 0: cells are returned unchanged.
    std::uint8_t significant_bits = 0;
    bool sign_extend = false;
    ColourConversion colour = ColourConversion::none;
    Photometric photometric = Photometric::unknown;  // of the decoded frame
    std::uint8_t reduce = 0;                         // how often rows and columns were halved

    [[nodiscard]] std::uint64_t pixels() const { return std::uint64_t{rows} * columns; }
    [[nodiscard]] std::uint64_t frame_bytes() const { return pixels() * samples_per_pixel * sample_size(type); }
};

// The memory for one decoded frame. Sample s of pixel (r, c) of the region is at base + r * row_stride + c *
// pixel_stride + s * sample_stride.
struct FrameOut {
    std::byte* base = nullptr;
    std::ptrdiff_t row_stride = 0;
    std::ptrdiff_t pixel_stride = 0;
    std::ptrdiff_t sample_stride = 0;
    FrameFormat format;  // of the whole frame
    Region region{};     // the part of the frame to decode

    // end_pixel() is one past the last pixel of the frame that is needed; end_row() is one past the last row.
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
    // Whether the frame is one contiguous block: all samples of a pixel together, pixels in the order of rows, and no
    // region.
    [[nodiscard]] bool is_contiguous() const {
        if (!region.is_whole()) return false;
        const auto size = static_cast<std::ptrdiff_t>(sample_size(format.type));
        const auto samples = static_cast<std::ptrdiff_t>(format.samples_per_pixel);
        return (samples == 1 || sample_stride == size) && pixel_stride == size * samples &&
               row_stride == pixel_stride * static_cast<std::ptrdiff_t>(format.columns);
    }
};

// One frame to encode: where its pixels are, and their format.
struct FrameIn {
    const std::byte* base = nullptr;
    std::ptrdiff_t row_stride = 0;
    std::ptrdiff_t pixel_stride = 0;
    std::ptrdiff_t sample_stride = 0;
    PixelAttributes attributes;  // bits_allocated is also the size of a cell; if it is 1, a cell has 8 bits
};

}  // namespace dcmturbo
