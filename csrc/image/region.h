// The part of a frame that a caller wants.
#pragma once

#include <algorithm>
#include <cstdint>

namespace dcmturbo {

// Rows [top, top + height) and columns [left, left + width) of the returned image, that is, after `reduce`. A height of
// 0 means the whole image.
struct Region {
    std::uint32_t top = 0;
    std::uint32_t left = 0;
    std::uint32_t height = 0;
    std::uint32_t width = 0;

    [[nodiscard]] bool is_whole() const { return height == 0; }
    [[nodiscard]] bool has_row(std::uint32_t y) const { return is_whole() || (y >= top && y - top < height); }
    // One past the last needed row of an image with `rows` rows.
    [[nodiscard]] std::uint32_t end_row(std::uint32_t rows) const { return is_whole() ? rows : top + height; }
    [[nodiscard]] bool is_within(std::uint32_t rows, std::uint32_t columns) const {
        return is_whole() ||
               (width > 0 && top <= rows && height <= rows - top && left <= columns && width <= columns - left);
    }
};

// The part of a region in a subsampled component. A sample of the component covers horizontal_step x vertical_step
// pixels of the image. The result has all samples that lie at least partly in the region. The component has `rows` rows
// and `columns` columns.
inline Region divide(const Region& region, std::uint32_t horizontal_step, std::uint32_t vertical_step,
                     std::uint32_t rows, std::uint32_t columns) {
    if (region.is_whole()) return region;
    const auto end = [](std::uint32_t begin, std::uint32_t size, std::uint32_t step, std::uint32_t most) {
        return static_cast<std::uint32_t>(
            std::min<std::uint64_t>(most, (std::uint64_t{begin} + size + step - 1) / step));
    };
    Region part;
    part.top = std::min(region.top / vertical_step, rows - 1);
    part.left = std::min(region.left / horizontal_step, columns - 1);
    part.height = std::max(end(region.top, region.height, vertical_step, rows), part.top + 1) - part.top;
    part.width = std::max(end(region.left, region.width, horizontal_step, columns), part.left + 1) - part.left;
    return part;
}

}  // namespace dcmturbo
