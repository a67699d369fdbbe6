// Compares a decoded frame with what it was before boxes were blanked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/arena.h"
#include "image/frame.h"
#include "image/region.h"

namespace dcmturbo {

// Both frames are contiguous, and outlive this object.
class BlankComparison {
  public:
    BlankComparison(const FrameFormat& format, const std::byte* before, const std::byte* after, Arena& arena)
        : rows_(format.rows),
          columns_(format.columns),
          pixel_bytes_(sample_size(format.type) * format.samples_per_pixel),
          before_(before),
          after_(after),
          may_change_(reinterpret_cast<std::uint8_t*>(arena.allocate(std::size_t{rows_} * columns_))) {}

    // Whether no pixel differs, except in these regions. They are within the frame.
    [[nodiscard]] bool is_equal_outside(std::span<const Region> changed) const;
    // Whether all pixels of all boxes have the same value. The boxes are within the frame.
    [[nodiscard]] bool is_blank_inside(std::span<const Region> boxes) const;

  private:
    [[nodiscard]] std::size_t place(std::uint32_t y, std::uint32_t x) const { return std::size_t{y} * columns_ + x; }
    // The first column from x on with this value in a row of may_change_, or the end of the row.
    [[nodiscard]] std::uint32_t find(const std::uint8_t* row, std::uint32_t x, int value) const;

    const std::uint32_t rows_;
    const std::uint32_t columns_;
    const std::size_t pixel_bytes_;
    const std::byte* const before_;
    const std::byte* const after_;
    std::uint8_t* const may_change_;  // 1 for each pixel in a region
};

}  // namespace dcmturbo
