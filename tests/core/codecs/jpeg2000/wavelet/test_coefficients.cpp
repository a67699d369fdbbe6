// Rows of a sub-band, however it is held.
#include "codecs/jpeg2000/wavelet/coefficients.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

using namespace dcmturbo::jpeg2000;

TEST_CASE("coefficients: a row of a sparse band is its blocks, and zeroes") {
    std::vector<std::int32_t> first(8 * 4), second(8 * 4), third(8 * 2);
    for (std::size_t i = 0; i < first.size(); ++i) first[i] = static_cast<std::int32_t>(i + 1);
    for (std::size_t i = 0; i < second.size(); ++i) second[i] = static_cast<std::int32_t>(i + 101);
    for (std::size_t i = 0; i < third.size(); ++i) third[i] = static_cast<std::int32_t>(i + 201);
    const auto at = [](const std::vector<std::int32_t>& block) {
        return reinterpret_cast<const std::byte*>(block.data());
    };
    // 20 columns; blocks of 8 x 4 whose grid begins outside: rows 0 to 1, then 2 to 5, then 6 and on.
    const SparseBlock blocks[] = {
        {{4, 0, 12, 2}, at(third), 8}, {{0, 2, 4, 6}, at(second), 8}, {{12, 2, 20, 6}, at(first), 8}};
    const SparseBand band{blocks, 20};
    const Plane<std::int32_t> plane{nullptr, 32, &band};
    std::vector<std::int32_t> row(20, -1);
    const auto value = [](std::size_t x, std::size_t y) -> std::int32_t {
        if (y < 2) return x >= 4 && x < 12 ? static_cast<std::int32_t>(201 + 8 * y + x - 4) : 0;
        if (y >= 6) return 0;
        if (x < 4) return static_cast<std::int32_t>(101 + 8 * (y - 2) + x);
        return x >= 12 ? static_cast<std::int32_t>(1 + 8 * (y - 2) + x - 12) : 0;
    };
    for (std::size_t y = 0; y < 9; ++y) {
        CHECK(plane.row(y, row.data()) == row.data());
        for (std::size_t x = 0; x < 20; ++x) REQUIRE(row[x] == value(x, y));
    }
    CHECK_FALSE(plane.is_zero());
}

TEST_CASE("coefficients: all rows of nothing are one row") {
    std::int32_t zeroes[4] = {};
    std::int32_t scratch[4] = {};
    const Plane<std::int32_t> plane{zeroes, 0, nullptr};
    CHECK(plane.is_zero());
    CHECK(plane.row(0, scratch) == zeroes);
    CHECK(plane.row(1000000, scratch) == zeroes);
}
