// Scanline filling with exact crossings.
#include "raster/polygon_fill.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace dcmturbo {

namespace {

constexpr std::size_t band_cells = std::size_t{1} << 18;  // of one band: 1 MiB, which stays in the cache
constexpr double smallest_coordinate = 0x1p-300;          // see orientation.h

// Sample positions are `i + offset` in both directions, for whole numbers i.
struct Lattice {
    double scale = 1;
    double offset = 0;

    [[nodiscard]] double scaled(double coordinate) const {
        const double value = coordinate * scale;  // exact: the scale is a power of two
        return std::fabs(value) < smallest_coordinate ? 0.0 : value;
    }
    [[nodiscard]] Point scaled(Point p) const { return {scaled(p.x), scaled(p.y)}; }

    // The number of the first sample at or after a coordinate. The subtraction rounds, so the number may be one too
    // large or too small. The comparisons are exact, because positions need at most 36 bits.
    [[nodiscard]] std::int64_t first_at(double coordinate) const {
        auto i = static_cast<std::int64_t>(std::ceil(coordinate - offset));
        while (position(i - 1) >= coordinate) --i;
        while (position(i) < coordinate) ++i;
        return i;
    }
    [[nodiscard]] double position(std::int64_t i) const { return static_cast<double>(i) + offset; }
};

// A part of the image whose winding numbers are counted at a time. Cell (row, column) has the change of the winding
// number from the sample at its left to that sample.
struct Band {
    std::int64_t first_row = 0, end_row = 0;
    std::int64_t first_column = 0, end_column = 0;
    std::int32_t* cells = nullptr;

    [[nodiscard]] std::size_t width() const { return static_cast<std::size_t>(end_column - first_column) + 1; }
    [[nodiscard]] std::int32_t* row(std::int64_t i) const {
        return cells + static_cast<std::size_t>(i - first_row) * width();
    }
};

void add_edge(Point from, Point to, const Lattice& lattice, const Band& band) {
    if (from.y == to.y) return;
    const bool upwards = from.y < to.y;
    const Point low = upwards ? from : to;
    const Point high = upwards ? to : from;
    const std::int32_t winding = upwards ? 1 : -1;
    const std::int64_t begin = std::max(lattice.first_at(low.y), band.first_row);
    const std::int64_t end = std::min(lattice.first_at(high.y), band.end_row);
    if (begin >= end) return;
    const auto add = [&](std::int64_t row, std::int64_t column) {
        column = std::clamp(column, band.first_column, band.end_column);
        band.row(row)[column - band.first_column] += winding;
    };
    // Edges beside the band need no crossing.
    if (std::max(low.x, high.x) <= lattice.position(band.first_column)) {
        for (std::int64_t i = begin; i < end; ++i) add(i, band.first_column);
        return;
    }
    if (std::min(low.x, high.x) > lattice.position(band.end_column)) return;
    const double width = high.x - low.x;
    const double height = high.y - low.y;
    // Each of the seven operations below is rounded once, by at most 2^-53 of its result, and no result is larger than
    // this sum.
    const double tolerance = 0x1p-49 * (std::fabs(low.x) + std::fabs(width) + std::fabs(lattice.offset) + 1.0);
    for (std::int64_t i = begin; i < end; ++i) {
        const double y = lattice.position(i);
        const double crossing = low.x + (y - low.y) * width / height - lattice.offset;
        const double nearest = std::nearbyint(crossing);
        auto column = static_cast<std::int64_t>(std::ceil(crossing));
        if (std::fabs(crossing - nearest) <= tolerance) {
            // The sample at `nearest` is on the edge or too close to it. It is at or after the crossing if it is not to
            // the left of the edge, as seen from its lower end.
            const Point sample{nearest + lattice.offset, y};
            column = static_cast<std::int64_t>(nearest) + (orientation(low, high, sample) > 0 ? 1 : 0);
        }
        add(i, column);
    }
}

// Calls run(begin, end) for each run of samples of a row that are inside.
template <typename Run>
void for_each_run(const Band& band, std::int64_t row, FillRule rule, Run&& run) {
    const std::int32_t* cells = band.row(row);
    const std::size_t count = band.width() - 1;
    std::int32_t winding = 0;
    std::size_t begin = 0;
    bool was_inside = false;
    for (std::size_t i = 0; i < count; ++i) {
        if (cells[i] == 0) continue;
        winding += cells[i];
        const bool is_inside = rule == FillRule::even_odd ? (winding & 1) != 0 : winding != 0;
        if (is_inside == was_inside) continue;
        if (is_inside) {
            begin = i;
        } else {
            run(begin, i);
        }
        was_inside = is_inside;
    }
    if (was_inside) run(begin, count);
}

void write_masks(const Band& band, FillRule rule, const FillTarget& target) {
    for (std::int64_t row = band.first_row; row < band.end_row; ++row) {
        std::uint8_t* to = target.mask + static_cast<std::size_t>(row) * target.row_stride + band.first_column;
        for_each_run(band, row, rule,
                     [&](std::size_t begin, std::size_t end) { std::fill(to + begin, to + end, target.value); });
    }
}

void write_coverage(const Band& band, FillRule rule, unsigned n, const FillTarget& target) {
    const float share = 1.0F / static_cast<float>(n * n);  // exact: n is a power of two
    for (std::int64_t row = band.first_row; row < band.end_row; ++row) {
        float* to = target.coverage + static_cast<std::size_t>(row / n) * target.row_stride + band.first_column / n;
        for_each_run(band, row, rule, [&](std::size_t begin, std::size_t end) {
            std::size_t i = begin;
            while (i < end) {
                const std::size_t next = std::min(end, (i / n + 1) * n);
                to[i / n] += static_cast<float>(next - i) * share;
                i = next;
            }
        });
    }
}

}  // namespace

void check_points(std::span<const Point> points) {
    for (const Point& p : points) {
        if (!(std::fabs(p.x) <= largest_coordinate && std::fabs(p.y) <= largest_coordinate))
            fail(ErrorCode::argument, no_offset, "a point of a polygon is at (%g, %g) pixels, expected at most %g", p.x,
                 p.y, largest_coordinate);
    }
}

void fill_polygons(std::span<const Point> points, std::span<const std::uint64_t> ends, FillRule rule,
                   unsigned subdivisions, const FillTarget& target, std::vector<std::int32_t>& scratch) {
    if (points.empty() || target.rows == 0 || target.columns == 0) return;
    const unsigned n = subdivisions;
    const Lattice lattice{static_cast<double>(n), (1.0 - static_cast<double>(n)) / 2.0};
    Point least = points[0];
    Point most = points[0];
    for (const Point& p : points) {
        least = {std::min(least.x, p.x), std::min(least.y, p.y)};
        most = {std::max(most.x, p.x), std::max(most.y, p.y)};
    }
    const auto rows = static_cast<std::int64_t>(target.rows * n);
    const auto columns = static_cast<std::int64_t>(target.columns * n);
    // Whole pixels, so that a band of coverage begins and ends with one.
    const auto down = [&](std::int64_t i) { return i / n * n; };
    Band band;
    const std::int64_t first_row = down(std::clamp<std::int64_t>(lattice.first_at(lattice.scaled(least.y)), 0, rows));
    const std::int64_t end_row = std::clamp<std::int64_t>(lattice.first_at(lattice.scaled(most.y)), 0, rows);
    band.first_column = down(std::clamp<std::int64_t>(lattice.first_at(lattice.scaled(least.x)), 0, columns));
    band.end_column = std::clamp<std::int64_t>(lattice.first_at(lattice.scaled(most.x)), 0, columns);
    if (first_row >= end_row || band.first_column >= band.end_column) return;
    const auto height = std::max<std::int64_t>(n, down(static_cast<std::int64_t>(band_cells / band.width())));
    scratch.resize(static_cast<std::size_t>(std::min(height, end_row - first_row)) * band.width());
    band.cells = scratch.data();
    for (band.first_row = first_row; band.first_row < end_row; band.first_row = band.end_row) {
        band.end_row = std::min(band.first_row + height, end_row);
        const std::size_t used = static_cast<std::size_t>(band.end_row - band.first_row) * band.width();
        std::fill(scratch.begin(), scratch.begin() + static_cast<std::ptrdiff_t>(used), 0);
        std::uint64_t begin = 0;
        for (const std::uint64_t end : ends) {
            if (end > begin) {
                Point from = lattice.scaled(points[end - 1]);
                for (std::uint64_t i = begin; i < end; ++i) {
                    const Point to = lattice.scaled(points[i]);
                    add_edge(from, to, lattice, band);
                    from = to;
                }
            }
            begin = end;
        }
        if (target.mask != nullptr) {
            write_masks(band, rule, target);
        } else {
            write_coverage(band, rule, n, target);
        }
    }
}

}  // namespace dcmturbo
