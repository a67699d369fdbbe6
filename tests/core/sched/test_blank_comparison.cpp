#include "sched/blank_comparison.h"

#include <doctest/doctest.h>

#include <cstring>
#include <vector>

using namespace dcmturbo;

namespace {

constexpr std::uint32_t rows = 9;
constexpr std::uint32_t columns = 11;
constexpr std::uint32_t samples = 3;
constexpr Region boxes[] = {{0, 0, 3, 4}, {2, 3, 4, 5}, {8, 10, 1, 1}};

bool is_in(const Region& box, std::uint32_t y, std::uint32_t x) {
    return y >= box.top && y < box.top + box.height && x >= box.left && x < box.left + box.width;
}

bool is_in_any(std::uint32_t y, std::uint32_t x) {
    for (const Region& box : boxes)
        if (is_in(box, y, x)) return true;
    return false;
}

// A frame of 16-bit samples, and the same with blank boxes.
struct Frames {
    Frames() : before(rows * columns * samples) {
        format.rows = rows;
        format.columns = columns;
        format.samples_per_pixel = samples;
        format.type = SampleType::u16;
        std::uint32_t state = 3;
        for (std::uint16_t& sample : before)
            sample = static_cast<std::uint16_t>((state = state * 1664525 + 1013904223) >> 16);
        after = before;
        for (std::uint32_t y = 0; y < rows; ++y)
            for (std::uint32_t x = 0; x < columns; ++x)
                for (std::uint32_t s = 0; is_in_any(y, x) && s < samples; ++s) sample(y, x, s) = 77;
    }
    std::uint16_t& sample(std::uint32_t y, std::uint32_t x, std::uint32_t s) {
        return after[(y * columns + x) * samples + s];
    }
    [[nodiscard]] BlankComparison comparison() {
        return {format, reinterpret_cast<const std::byte*>(before.data()),
                reinterpret_cast<const std::byte*>(after.data()), arena};
    }

    Arena arena;
    FrameFormat format;
    std::vector<std::uint16_t> before, after;
};

}  // namespace

TEST_CASE("blank comparison: blank boxes, and no other change") {
    Frames frames;
    REQUIRE(frames.comparison().is_equal_outside(boxes));
    REQUIRE(frames.comparison().is_blank_inside(boxes));
    REQUIRE(!frames.comparison().is_equal_outside({}));
    REQUIRE(frames.comparison().is_blank_inside({}));
}

TEST_CASE("blank comparison: a change of any sample is found") {
    Frames frames;
    for (std::uint32_t y = 0; y < rows; ++y) {
        for (std::uint32_t x = 0; x < columns; ++x) {
            for (std::uint32_t s = 0; s < samples; ++s) {
                frames.sample(y, x, s) ^= 0x100;
                REQUIRE(frames.comparison().is_equal_outside(boxes) == is_in_any(y, x));
                REQUIRE(frames.comparison().is_blank_inside(boxes) == !is_in_any(y, x));
                frames.sample(y, x, s) ^= 0x100;
            }
        }
    }
}
