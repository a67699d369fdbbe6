// Rows of samples in a codec's working type: to pixels of any layout, and to planes of any stride.
#include "image/row_sink.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

using namespace dcmturbo;

namespace {

constexpr std::uint32_t columns = 37;
constexpr std::uint32_t rows = 3;

template <typename Cell>
Cell cell_at(const std::vector<std::byte>& memory, std::size_t byte) {
    Cell cell;
    std::memcpy(&cell, memory.data() + byte, sizeof cell);
    return cell;
}

// An image or a plane of `samples`, with `gap` bytes behind each pixel and each row.
FrameOut frame_of(std::vector<std::byte>& memory, SampleType type, std::uint16_t samples, std::size_t gap) {
    FrameOut out;
    const std::size_t pixel = samples * sample_size(type) + gap;
    memory.assign((pixel * columns + gap) * rows + 8, std::byte{0x5A});
    out.base = memory.data();
    out.format.rows = rows;
    out.format.columns = columns;
    out.format.samples_per_pixel = samples;
    out.format.type = type;
    out.pixel_stride = static_cast<std::ptrdiff_t>(pixel);
    out.row_stride = static_cast<std::ptrdiff_t>(pixel * columns + gap);
    out.sample_stride = static_cast<std::ptrdiff_t>(sample_size(type));
    return out;
}

std::size_t offset(const FrameOut& out, std::uint32_t x, std::uint32_t y, unsigned sample) {
    return y * static_cast<std::size_t>(out.row_stride) + x * static_cast<std::size_t>(out.pixel_stride) +
           sample * static_cast<std::size_t>(out.sample_stride);
}

std::uint16_t value_of(std::uint32_t x, std::uint32_t y, std::size_t component) {
    return static_cast<std::uint16_t>(x * 7 + y * 31 + component * 97);
}

// Puts every row in two pieces, as tiles do.
void put_all(RowSink& sink, std::size_t components, unsigned up) {
    for (std::uint32_t y = 0; y < rows; ++y) {
        for (const auto& [begin, end] : {std::pair{0U, 16U}, std::pair{16U, columns}}) {
            std::vector<std::vector<std::uint16_t>> lines(components);
            for (std::size_t i = 0; i < components; ++i) {
                for (std::uint32_t x = begin; x < end; ++x) lines[i].push_back(value_of(x, y, i));
                sink.put(i, begin, y, {lines[i].data(), end - begin, up});
            }
        }
    }
}

template <typename Cell>
void check_pixels(SampleType type, std::uint16_t samples, std::size_t gap, unsigned up, Isa isa) {
    Arena arena;
    std::vector<std::byte> memory;
    const FrameOut out = frame_of(memory, type, samples, gap);
    PixelSink sink(out, isa, arena);
    put_all(sink, samples, up);
    std::vector<std::byte> of_planes;
    const FrameOut same = frame_of(of_planes, type, samples, gap);
    std::vector<ComponentOut> planes;
    for (unsigned i = 0; i < samples; ++i) planes.push_back(same.component(i));
    PlaneSink plane_sink(planes, isa, arena);
    put_all(plane_sink, samples, up);
    for (std::uint32_t y = 0; y < rows; ++y) {
        for (std::uint32_t x = 0; x < columns; ++x) {
            for (unsigned i = 0; i < samples; ++i) {
                const auto expected = static_cast<Cell>(static_cast<std::uint16_t>(value_of(x, y, i) << up));
                REQUIRE(cell_at<Cell>(memory, offset(out, x, y, i)) == expected);
            }
        }
    }
    // What lies between pixels stays, and planes get the same.
    CHECK(memory == of_planes);
    CHECK(memory.back() == std::byte{0x5A});
    if (gap != 0) CHECK(memory[offset(out, 0, 0, samples)] == std::byte{0x5A});
}

template <typename Row>
std::int64_t stored(Row value, const SampleRange& range, SampleType type) {
    std::vector<Row> row(9, value);
    std::vector<std::byte> cells(9 * 8);
    const std::size_t cell = sample_size(type);
    store_samples({row.data(), 9, range}, cells.data(), cell, pixel_kernels(Isa::scalar));
    std::int64_t result = 0;
    std::memcpy(&result, cells.data() + 8 * cell, cell);
    return result;
}

}  // namespace

TEST_CASE("row sinks: every layout, size of cells and point transform, on every instruction set") {
    for (int isa = 0; isa < isa_count; ++isa) {
        if (!isa_available(static_cast<Isa>(isa))) continue;
        for (const std::uint16_t samples : {1, 3}) {
            for (const std::size_t gap : {0, 1, 5}) {
                for (const unsigned up : {0U, 3U}) {
                    CAPTURE(isa);
                    CAPTURE(samples);
                    CAPTURE(gap);
                    CAPTURE(up);
                    check_pixels<std::uint8_t>(SampleType::u8, samples, gap, up, static_cast<Isa>(isa));
                    check_pixels<std::uint16_t>(SampleType::u16, samples, gap, up, static_cast<Isa>(isa));
                    check_pixels<std::uint32_t>(SampleType::u32, samples, gap, up, static_cast<Isa>(isa));
                    check_pixels<std::uint64_t>(SampleType::u64, samples, gap, up, static_cast<Isa>(isa));
                }
            }
        }
    }
}

TEST_CASE("pixel sink: bits above the significant ones become the sign") {
    Arena arena;
    std::vector<std::byte> memory;
    FrameOut out = frame_of(memory, SampleType::i16, 1, 0);
    out.format.significant_bits = 12;
    out.format.sign_extend = true;
    PixelSink sink(out, Isa::scalar, arena);
    const std::vector<std::uint16_t> row(columns, 0x0801);
    sink.put(0, 0, 0, {row.data(), columns, 0});
    sink.put(0, 0, 1, {row.data(), columns, 1});
    CHECK(cell_at<std::int16_t>(memory, 0) == -2047);
    CHECK(cell_at<std::int16_t>(memory, offset(out, 36, 0, 0)) == -2047);
    CHECK(cell_at<std::int16_t>(memory, offset(out, 36, 1, 0)) == 2);
}

TEST_CASE("samples with a sign: shifted to their level, and clamped to the range of their precision") {
    const SampleRange twelve(12, false);
    const SampleRange signed_twelve(12, true);
    for (const SampleType type : {SampleType::u16, SampleType::u32, SampleType::u64}) {
        CHECK(stored(std::int32_t{-2048}, twelve, type) == 0);
        CHECK(stored(std::int32_t{-5000}, twelve, type) == 0);
        CHECK(stored(std::int32_t{1}, twelve, type) == 2049);
        CHECK(stored(std::int32_t{9000}, twelve, type) == 4095);
        CHECK(stored(std::int64_t{9000}, twelve, type) == 4095);
        CHECK(stored(1.5F, twelve, type) == 2050);
        CHECK(stored(0.5F, twelve, type) == 2048);
        CHECK(stored(1e9F, twelve, type) == 4095);
        CHECK(stored(std::numeric_limits<float>::quiet_NaN(), twelve, type) == 0);
        CHECK(stored(std::int32_t{1234}, signed_twelve, type) == 1234);
        CHECK(stored(std::int32_t{5000}, signed_twelve, type) == 2047);
    }
    CHECK(static_cast<std::int16_t>(stored(std::int32_t{-5000}, signed_twelve, SampleType::i16)) == -2048);
    CHECK(stored(std::int32_t{-5000}, signed_twelve, SampleType::i64) == -2048);
}

TEST_CASE("samples of many bits: float cannot round them, and 64 bits hold them") {
    const SampleRange many(24, false);
    CHECK(stored(static_cast<float>(1 << 22), many, SampleType::u32) == (1 << 23) + (1 << 22));
    CHECK(stored(static_cast<float>(1 << 30), many, SampleType::u32) == (1 << 24) - 1);
    CHECK(stored(std::int64_t{1} << 40, SampleRange(38, false), SampleType::u64) == (std::int64_t{1} << 38) - 1);
    CHECK(stored(std::int64_t{5}, SampleRange(38, true), SampleType::i64) == 5);
}

TEST_CASE("pixel sink: a line that is repeated is stored as if it were put again") {
    constexpr std::uint32_t width = 37;
    for (const SampleType type : {SampleType::u8, SampleType::u16, SampleType::u32}) {
        for (const std::uint16_t samples : {std::uint16_t{1}, std::uint16_t{3}}) {
            for (const std::uint32_t count : {0U, 1U, 2U, 6U, 1000U}) {
                std::vector<std::byte> memory[2];
                for (const bool repeats : {false, true}) {
                    const std::size_t cell = sample_size(type);
                    FrameOut out;
                    out.format.rows = count + 3;
                    out.format.columns = width;
                    out.format.samples_per_pixel = samples;
                    out.format.type = type;
                    out.sample_stride = static_cast<std::ptrdiff_t>(cell);
                    out.pixel_stride = static_cast<std::ptrdiff_t>(cell * samples);
                    out.row_stride = out.pixel_stride * width;
                    memory[repeats].assign(static_cast<std::size_t>(out.row_stride) * (count + 3), std::byte{0x5A});
                    out.base = memory[repeats].data();
                    Arena arena;
                    PixelSink sink(out, Isa::scalar, arena);
                    std::vector<std::uint16_t> line(width);
                    for (std::uint32_t y = 1; y <= (repeats ? 1 : count + 1); ++y) {
                        for (std::uint16_t i = 0; i < samples; ++i) {
                            for (std::uint32_t x = 0; x < width; ++x) line[x] = value_of(x, 1, i);
                            sink.put(i, 0, y, {line.data(), width, 0});
                        }
                    }
                    if (repeats) REQUIRE(sink.repeat(1, count));
                }
                REQUIRE(memory[0] == memory[1]);
                REQUIRE(memory[0].front() == std::byte{0x5A});
                REQUIRE(memory[0].back() == std::byte{0x5A});
            }
        }
    }
    // One with gaps between its rows says that it does not.
    std::vector<std::byte> memory;
    const FrameOut out = frame_of(memory, SampleType::u8, 1, 1);
    Arena arena;
    PixelSink sink(out, Isa::scalar, arena);
    REQUIRE(!sink.repeat(0, 1));
}
