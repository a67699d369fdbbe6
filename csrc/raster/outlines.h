// Outlines of the areas of a mask: polygons along the edges of its pixels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "raster/orientation.h"

namespace dcmturbo {

struct Mask {
    const std::uint8_t* pixels = nullptr;  // of which those that are not zero are inside
    std::size_t rows = 0;
    std::size_t columns = 0;
    std::size_t row_stride = 0;
};

struct Outlines {
    std::vector<Point> points{};
    std::vector<std::uint64_t> ends{};    // of each polygon, in `points`
    std::vector<std::uint8_t> is_hole{};  // of each polygon
};

// Appends the outlines to `outlines`. Their corners are corners of pixels (so coordinates end with .5), and filling
// them by either rule gives the mask again. The area is to the right of an edge where y points down. If `diagonal` is
// true, pixels that touch at a corner belong to one area. `scratch` keeps its memory between calls.
void trace_outlines(const Mask& mask, bool diagonal, Outlines& outlines, std::vector<std::uint8_t>& scratch);

}  // namespace dcmturbo
