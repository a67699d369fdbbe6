// Follows the edges between pixels inside and outside of a mask.
#include "raster/outlines.h"

#include <algorithm>
#include <array>

namespace dcmturbo {

namespace {

// Directions of an edge, clockwise where y points down. The pixel inside is to the right of the edge.
enum Direction : unsigned { east = 0, south = 1, west = 2, north = 3 };

constexpr std::array<int, 4> step_x{1, 0, -1, 0};
constexpr std::array<int, 4> step_y{0, 1, 0, -1};

// For each corner of a pixel, one bit for each direction in which an edge leaves it.
class Corners {
  public:
    Corners(const Mask& mask, std::vector<std::uint8_t>& scratch)
        : width_(mask.columns + 1), height_(mask.rows + 1), bits_(scratch) {
        bits_.assign(width_ * height_, 0);
        const auto inside = [&](std::size_t y, std::size_t x) { return mask.pixels[y * mask.row_stride + x] != 0; };
        for (std::size_t y = 0; y < mask.rows; ++y) {
            for (std::size_t x = 0; x < mask.columns; ++x) {
                if (!inside(y, x)) continue;
                if (y == 0 || !inside(y - 1, x)) leave(y, x, east);
                if (x + 1 == mask.columns || !inside(y, x + 1)) leave(y, x + 1, south);
                if (y + 1 == mask.rows || !inside(y + 1, x)) leave(y + 1, x + 1, west);
                if (x == 0 || !inside(y, x - 1)) leave(y + 1, x, north);
            }
        }
    }
    [[nodiscard]] std::size_t width() const { return width_; }
    [[nodiscard]] std::size_t size() const { return bits_.size(); }
    [[nodiscard]] bool leaves(std::size_t corner, unsigned direction) const {
        return (bits_[corner] >> direction & 1) != 0;
    }
    [[nodiscard]] bool is_free(std::size_t corner) const { return bits_[corner] == 0; }
    void take(std::size_t corner, unsigned direction) {
        bits_[corner] = static_cast<std::uint8_t>(bits_[corner] & ~(1U << direction));
    }

  private:
    void leave(std::size_t y, std::size_t x, unsigned direction) {
        bits_[y * width_ + x] = static_cast<std::uint8_t>(bits_[y * width_ + x] | 1U << direction);
    }
    std::size_t width_;
    std::size_t height_;
    std::vector<std::uint8_t>& bits_;
};

}  // namespace

void trace_outlines(const Mask& mask, bool diagonal, Outlines& outlines, std::vector<std::uint8_t>& scratch) {
    if (mask.rows == 0 || mask.columns == 0) return;
    Corners corners(mask, scratch);
    const auto width = static_cast<std::ptrdiff_t>(corners.width());
    for (std::size_t first = 0; first < corners.size(); ++first) {
        while (!corners.is_free(first)) {
            // The first corner in reading order is the upper left one of its polygon. Around an area the edge runs to
            // the east there, and around a hole to the south. Only one edge is left there: a second one would belong to
            // a pixel above or to the left, whose polygon has an earlier corner.
            unsigned direction = corners.leaves(first, east) ? east : south;
            const bool is_hole = direction == south;
            std::size_t corner = first;
            unsigned before = 4;  // no direction
            do {
                if (direction != before) {
                    const std::size_t row = corner / corners.width();
                    const std::size_t column = corner % corners.width();
                    outlines.points.push_back({static_cast<double>(column) - 0.5, static_cast<double>(row) - 0.5});
                }
                corners.take(corner, direction);
                corner += static_cast<std::size_t>(step_x[direction] + step_y[direction] * width);
                before = direction;
                // Where two pixels touch at a corner, two edges leave it: a turn to the right stays with the same
                // pixel, a turn to the left goes on to the other one.
                const unsigned right = (direction + 1) & 3;
                const unsigned left = (direction + 3) & 3;
                const unsigned wanted = diagonal ? left : right;
                const unsigned other = diagonal ? right : left;
                if (corners.leaves(corner, wanted)) {
                    direction = wanted;
                } else if (corners.leaves(corner, other)) {
                    direction = other;
                }
                // Otherwise the edge goes straight on.
            } while (corner != first);
            outlines.ends.push_back(outlines.points.size());
            outlines.is_hole.push_back(is_hole ? 1 : 0);
        }
    }
}

}  // namespace dcmturbo
