// Fills polygons: which pixel centres are inside, exactly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "raster/orientation.h"

namespace dcmturbo {

enum class FillRule : std::uint8_t { even_odd = 0, non_zero = 1 };

// Larger coordinates are refused: no image has such pixels, and the crossing with a row would no longer be known to a
// fraction of a pixel.
constexpr double largest_coordinate = 1 << 30;
// Sub-pixels along each side of a pixel, for coverage.
constexpr unsigned most_subdivisions = 16;

// One image: (rows, columns), with contiguous columns. One of the pointers is set.
struct FillTarget {
    std::size_t rows = 0;
    std::size_t columns = 0;
    std::uint8_t* mask = nullptr;  // receives `value` where a pixel is inside; other pixels stay
    std::uint8_t value = 1;
    float* coverage = nullptr;   // receives the share of a pixel's sub-pixels that are inside
    std::size_t row_stride = 0;  // in samples
};

// Throws DecodeError(argument) if a coordinate is not finite or too large.
void check_points(std::span<const Point> points);

// Fills the area that the polygons bound together. `ends` has the end of each polygon in `points`; the last point of a
// polygon is joined to its first one. Coordinates count pixels: the centre of the first pixel is (0, 0), x runs along
// a row. A centre is inside if a ray to its left crosses edges an odd number of times (even-odd), or more often upwards
// than downwards or the reverse (non-zero). A centre on an edge belongs to the area to its right, and one on a
// horizontal edge to the area below (larger y). So areas that share an edge share no pixel and leave none out.
//
// With `subdivisions` (a power of two) above 1, the same is done for the centres of sub-pixels. `scratch` keeps its
// memory between calls. The points must have passed check_points.
void fill_polygons(std::span<const Point> points, std::span<const std::uint64_t> ends, FillRule rule,
                   unsigned subdivisions, const FillTarget& target, std::vector<std::int32_t>& scratch);

}  // namespace dcmturbo
