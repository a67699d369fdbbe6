// Compares a decoded frame with what it was before boxes were blanked.
#include "sched/blank_comparison.h"

#include <cstring>

namespace dcmturbo {

bool BlankComparison::is_equal_outside(std::span<const Region> changed) const {
    std::memset(may_change_, 0, std::size_t{rows_} * columns_);
    for (const Region& region : changed) {
        for (std::uint32_t y = region.top; y < region.top + region.height; ++y)
            std::memset(may_change_ + place(y, region.left), 1, region.width);
    }
    for (std::uint32_t y = 0; y < rows_; ++y) {
        const std::uint8_t* const row = may_change_ + place(y, 0);
        for (std::uint32_t x = 0; x < columns_;) {
            const std::uint32_t end = find(row, x, 1);
            const std::size_t at = place(y, x) * pixel_bytes_;
            if (std::memcmp(before_ + at, after_ + at, (end - x) * pixel_bytes_) != 0) return false;
            x = find(row, end, 0);
        }
    }
    return true;
}

bool BlankComparison::is_blank_inside(std::span<const Region> boxes) const {
    if (boxes.empty()) return true;
    const std::byte* const value = after_ + place(boxes[0].top, boxes[0].left) * pixel_bytes_;
    for (const Region& box : boxes) {
        for (std::uint32_t y = box.top; y < box.top + box.height; ++y) {
            const std::byte* const row = after_ + place(y, box.left) * pixel_bytes_;
            // Each pixel is compared with the one before it.
            if (std::memcmp(row, value, pixel_bytes_) != 0 ||
                std::memcmp(row, row + pixel_bytes_, (box.width - 1) * pixel_bytes_) != 0)
                return false;
        }
    }
    return true;
}

std::uint32_t BlankComparison::find(const std::uint8_t* row, std::uint32_t x, int value) const {
    if (x == columns_) return columns_;
    const void* const found = std::memchr(row + x, value, columns_ - x);
    return found == nullptr ? columns_ : static_cast<std::uint32_t>(static_cast<const std::uint8_t*>(found) - row);
}

}  // namespace dcmturbo
