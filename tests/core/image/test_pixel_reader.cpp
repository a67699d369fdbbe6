// PixelReader: cells of every size and layout, the range check, level shift and the reversible transform.
#include "image/pixel_reader.h"

#include <doctest/doctest.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "base/error.h"

using namespace dcmturbo;

namespace {

// A frame of `rows` x `columns` pixels, whose cells lie `gap` cells apart from what they need to be.
template <typename Cell>
struct Cells {
    Cells(std::uint32_t rows, std::uint32_t columns, std::uint16_t samples, unsigned stored, bool is_signed,
          bool planar = false, std::size_t gap = 0) {
        frame.attributes.rows = rows;
        frame.attributes.columns = columns;
        frame.attributes.samples_per_pixel = samples;
        frame.attributes.bits_allocated = 8 * sizeof(Cell);
        frame.attributes.bits_stored = static_cast<std::uint16_t>(stored);
        frame.attributes.pixel_representation = is_signed ? 1 : 0;
        constexpr std::size_t size = sizeof(Cell);
        const std::size_t pixel = (planar ? 1 : samples) + gap;
        const std::size_t row = pixel * columns + gap;
        values.assign(row * rows * (planar ? samples : 1) + 1, Cell{0});
        frame.base = reinterpret_cast<const std::byte*>(values.data());
        frame.pixel_stride = static_cast<std::ptrdiff_t>(pixel * size);
        frame.row_stride = static_cast<std::ptrdiff_t>(row * size);
        frame.sample_stride = static_cast<std::ptrdiff_t>((planar ? row * rows : 1) * size);
    }
    void set(std::uint32_t row, std::uint32_t column, unsigned sample, std::int64_t value) {
        const auto cell = static_cast<Cell>(value);
        std::memcpy(reinterpret_cast<std::byte*>(values.data()) + static_cast<std::ptrdiff_t>(row) * frame.row_stride +
                        static_cast<std::ptrdiff_t>(column) * frame.pixel_stride +
                        static_cast<std::ptrdiff_t>(sample) * frame.sample_stride,
                    &cell, sizeof cell);
    }
    FrameIn frame;
    std::vector<Cell> values;
};

std::int64_t value_of(std::uint32_t column, unsigned sample, unsigned stored, bool is_signed) {
    const std::int64_t range = std::int64_t{1} << stored;
    const std::int64_t value = (column * 37 + sample * 101 + 5) * 7919 % range;
    if (column == 0) return is_signed ? -range / 2 : 0;
    if (column == 1) return is_signed ? range / 2 - 1 : range - 1;
    return is_signed ? value - range / 2 : value;
}

template <typename Cell>
void check_all(std::uint16_t samples, unsigned stored, bool is_signed, bool planar, std::size_t gap) {
    constexpr std::uint32_t columns = 45;
    Cells<Cell> cells(2, columns, samples, stored, is_signed, planar, gap);
    for (std::uint32_t x = 0; x < columns; ++x) {
        for (unsigned i = 0; i < samples; ++i) cells.set(1, x, i, value_of(x, i, stored, is_signed));
    }
    const PixelReader reader(cells.frame);
    const std::uint64_t mask = (std::uint64_t{1} << stored) - 1;
    std::vector<std::uint16_t> line(columns * samples);
    std::array<std::vector<std::uint16_t>, 3> planes;
    std::array<std::uint16_t*, 3> to;
    std::array<std::vector<std::int32_t>, 3> shifted;
    std::array<std::int32_t*, 3> to_shifted;
    for (std::size_t i = 0; i < 3; ++i) {
        planes[i].resize(columns);
        to[i] = planes[i].data();
        shifted[i].resize(columns);
        to_shifted[i] = shifted[i].data();
    }
    if (stored <= 16) {
        reader.read_pixels(1, line.data());
        reader.read_planes(1, to.data());
    }
    reader.read_shifted(1, 0, columns, to_shifted.data());
    for (std::uint32_t x = 0; x < columns; ++x) {
        for (unsigned i = 0; i < samples; ++i) {
            const std::int64_t value = value_of(x, i, stored, is_signed);
            if (stored <= 16) {
                CHECK(line[x * samples + i] == (static_cast<std::uint64_t>(value) & mask));
                CHECK(planes[i][x] == (static_cast<std::uint64_t>(value) & mask));
            }
            CHECK(shifted[i][x] == (is_signed ? value : value - (std::int64_t{1} << (stored - 1))));
        }
    }
}

template <typename Cell>
std::string message_of(std::int64_t value, unsigned stored, bool is_signed) {
    Cells<Cell> cells(3, 20, 1, stored, is_signed);
    cells.set(2, 17, 0, value);
    const PixelReader reader(cells.frame);
    std::vector<std::uint16_t> line(20);
    std::vector<std::int32_t> shifted(20);
    std::int32_t* to = shifted.data();
    reader.read_pixels(0, line.data());
    try {
        reader.read_shifted(2, 0, 20, &to);
        return "no error";
    } catch (const DecodeError&) {
    }
    try {
        reader.read_pixels(2, line.data());
    } catch (const DecodeError& error) {
        CHECK(error.code == ErrorCode::argument);
        return error.message;
    }
    return "no error";
}

}  // namespace

TEST_CASE("cells of every size, sign and layout become samples") {
    for (const bool is_signed : {false, true}) {
        for (const std::uint16_t samples : {1, 3}) {
            for (const bool planar : {false, true}) {
                for (const std::size_t gap : {0, 1}) {
                    for (const unsigned stored : {1, 5, 8})
                        check_all<std::uint8_t>(samples, stored, is_signed, planar, gap);
                    for (const unsigned stored : {8, 12, 16})
                        check_all<std::uint16_t>(samples, stored, is_signed, planar, gap);
                    for (const unsigned stored : {12, 24, 32})
                        check_all<std::uint32_t>(samples, stored, is_signed, planar, gap);
                    for (const unsigned stored : {16, 32})
                        check_all<std::uint64_t>(samples, stored, is_signed, planar, gap);
                }
            }
        }
    }
}

TEST_CASE("single bits have cells of a byte") {
    Cells<std::uint8_t> cells(1, 8, 1, 1, false);
    cells.frame.attributes.bits_allocated = 1;
    cells.set(0, 3, 0, 1);
    std::vector<std::uint16_t> line(8);
    PixelReader(cells.frame).read_pixels(0, line.data());
    CHECK(line == std::vector<std::uint16_t>{0, 0, 0, 1, 0, 0, 0, 0});
}

TEST_CASE("a value outside Bits Stored is named") {
    CHECK(message_of<std::uint16_t>(4096, 12, false) == "values up to 4096 do not fit in BitsStored 12");
    CHECK(message_of<std::uint16_t>(4095, 12, false) == "no error");
    CHECK(message_of<std::uint16_t>(-2049, 12, true) == "values from -2049 to 0 do not fit in BitsStored 12");
    CHECK(message_of<std::uint16_t>(-2048, 12, true) == "no error");
    CHECK(message_of<std::uint16_t>(2048, 12, true) == "values from 0 to 2048 do not fit in BitsStored 12");
    CHECK(message_of<std::uint8_t>(2, 1, false) == "values up to 2 do not fit in BitsStored 1");
    CHECK(message_of<std::uint64_t>(std::int64_t{1} << 40, 16, false) ==
          "values up to 1099511627776 do not fit in BitsStored 16");
    CHECK(message_of<std::uint32_t>(-1, 16, false) == "values up to 4294967295 do not fit in BitsStored 16");
}
