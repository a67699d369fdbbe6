// Orientation, filling and outlines, without Python.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "base/error.h"
#include "raster/orientation.h"
#include "raster/outlines.h"
#include "raster/polygon_fill.h"

using namespace dcmturbo;

TEST_CASE("an orientation is exact where doubles round") {
    const Point a{0.5, 0.5};
    const Point b{12.0, 12.0};
    CHECK(orientation(a, b, {24.0, 24.0}) == 0);
    CHECK(orientation(a, b, {24.0, std::nextafter(24.0, 25.0)}) == 1);
    CHECK(orientation(a, b, {std::nextafter(24.0, 25.0), 24.0}) == -1);
    const double tiny = std::nextafter(1.0, 2.0) - 1.0;
    CHECK(orientation({0, 0}, {1, 1 + tiny}, {1 / tiny, 1 / tiny}) == -1);
    CHECK(orientation({0, 0}, {0x1p-300, 0x1p-300}, {0x1p300, 0x1p300}) == 0);
}

TEST_CASE("a pixel on the left or upper edge is inside") {
    const std::vector<Point> square{{1, 1}, {3, 1}, {3, 3}, {1, 3}};
    const std::vector<std::uint64_t> ends{4};
    std::vector<std::uint8_t> mask(25);
    std::vector<std::int32_t> scratch;
    FillTarget target;
    target.rows = target.columns = target.row_stride = 5;
    target.mask = mask.data();
    target.value = 7;
    fill_polygons(square, ends, FillRule::even_odd, 1, target, scratch);
    for (std::size_t i = 0; i < 25; ++i) {
        const bool inside = i / 5 >= 1 && i / 5 < 3 && i % 5 >= 1 && i % 5 < 3;
        CHECK(mask[i] == (inside ? 7 : 0));
    }
}

TEST_CASE("coordinates that no image has are refused") {
    const std::vector<Point> points{{0, 0}, {1e30, 0}};
    CHECK_THROWS_AS(check_points(points), DecodeError);
    const std::vector<Point> not_numbers{{0, std::nan("")}};
    CHECK_THROWS_AS(check_points(not_numbers), DecodeError);
}

TEST_CASE("an outline has the area to its right") {
    const std::vector<std::uint8_t> pixels{0, 0, 0, 0, 1, 0, 0, 0, 0};
    Outlines outlines;
    std::vector<std::uint8_t> scratch;
    trace_outlines({pixels.data(), 3, 3, 3}, false, outlines, scratch);
    REQUIRE(outlines.ends.size() == 1);
    REQUIRE(outlines.points.size() == 4);
    CHECK(outlines.points[0].x == 0.5);
    CHECK(outlines.points[1].x == 1.5);
    CHECK(outlines.points[1].y == 0.5);
    CHECK(outlines.is_hole[0] == 0);
}
