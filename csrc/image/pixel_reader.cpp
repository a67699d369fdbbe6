// Reads pixels for encoders: cells become samples, and each value is checked against Bits Stored (PS3.5, 8.1.1).
#include "image/pixel_reader.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include "base/error.h"

namespace dcmturbo {

namespace {

// Checks cells against Bits Stored and converts them to samples.
template <typename Cell>
struct CellRange {
    explicit CellRange(const PixelAttributes& a)
        : mask(static_cast<Cell>(a.bits_stored >= 8 * sizeof(Cell) ? ~Cell{0} : (Cell{1} << a.bits_stored) - 1)),
          half(static_cast<Cell>((mask >> 1) + 1)),
          is_signed(a.pixel_representation == 1) {}

    Cell mask;
    Cell half;  // half of the range of values
    bool is_signed;
};

// Returns 0 if all values fit. A value fits if it is below 2^Bits Stored; half of that is added first to signed values.
// If `step` is 1 and `stride` is the size of a cell, both as constants, the compiler vectorises the loop.
template <typename Cell, typename To>
[[gnu::always_inline]] inline Cell read_cells(const std::byte* from, std::ptrdiff_t stride, std::size_t count,
                                              To* __restrict to, std::size_t step, const CellRange<Cell> range) {
    const auto bias = static_cast<Cell>(range.is_signed ? range.half : 0);
    Cell outside = 0;
    for (std::size_t i = 0; i < count; ++i) {
        Cell cell;
        std::memcpy(&cell, from + static_cast<std::ptrdiff_t>(i) * stride, sizeof cell);
        const auto biased = static_cast<Cell>(cell + bias);
        outside |= static_cast<Cell>(biased & static_cast<Cell>(~range.mask));
        if constexpr (std::is_signed_v<To>) {
            // Signed or unsigned, the result is the value counted from the start of its range, minus half of the range.
            const auto counted = static_cast<Cell>(range.is_signed ? biased : cell);
            to[i * step] = static_cast<To>(static_cast<std::make_unsigned_t<To>>(counted) -
                                           static_cast<std::make_unsigned_t<To>>(range.half));
        } else {
            to[i * step] = static_cast<To>(cell & range.mask);
        }
    }
    return outside;
}

}  // namespace

// Calls `read` with a zero of the cell's type. Single bits (BitsAllocated 1) are in cells of a byte.
template <typename Read>
void PixelReader::with_cells(Read&& read) const {
    switch (frame_.attributes.bits_allocated) {
        case 1:
        case 8: return read(std::uint8_t{});
        case 16: return read(std::uint16_t{});
        case 32: return read(std::uint32_t{});
        default: return read(std::uint64_t{});
    }
}

template <typename Cell, typename To>
Cell PixelReader::read_samples(const std::byte* from, std::ptrdiff_t stride, std::size_t count, To* to,
                               std::size_t step) const {
    constexpr auto size = static_cast<std::ptrdiff_t>(sizeof(Cell));
    const CellRange<Cell> range(frame_.attributes);
    if (step == 1 && stride == size) return read_cells(from, size, count, to, 1, range);
    if (step == 1 && stride == 3 * size) return read_cells(from, 3 * size, count, to, 1, range);
    return read_cells(from, stride, count, to, step, range);
}

void PixelReader::read_pixels(std::uint32_t row, std::uint16_t* to) const {
    const std::size_t columns = frame_.attributes.columns;
    const std::size_t samples = frame_.attributes.samples_per_pixel;
    with_cells([&]<typename Cell>(Cell outside) {
        constexpr auto size = static_cast<std::ptrdiff_t>(sizeof(Cell));
        const bool is_run = frame_.pixel_stride == size * static_cast<std::ptrdiff_t>(samples) &&
                            (samples == 1 || frame_.sample_stride == size);
        if (is_run) {
            outside = read_samples<Cell>(row_at(row), size, columns * samples, to, 1);
        } else {
            for (std::size_t i = 0; i < samples; ++i) {
                outside |= read_samples<Cell>(row_at(row) + static_cast<std::ptrdiff_t>(i) * frame_.sample_stride,
                                              frame_.pixel_stride, columns, to + i, samples);
            }
        }
        if (outside != 0) fail_outside<Cell>();
    });
}

template <typename To>
void PixelReader::read_lines(std::uint32_t row, std::uint32_t first, std::uint32_t count, To* const to[]) const {
    const std::byte* const from = row_at(row) + static_cast<std::ptrdiff_t>(first) * frame_.pixel_stride;
    with_cells([&]<typename Cell>(Cell outside) {
        for (std::size_t i = 0; i < frame_.attributes.samples_per_pixel; ++i) {
            outside |= read_samples<Cell>(from + static_cast<std::ptrdiff_t>(i) * frame_.sample_stride,
                                          frame_.pixel_stride, count, to[i], 1);
        }
        if (outside != 0) fail_outside<Cell>();
    });
}

void PixelReader::read_planes(std::uint32_t row, std::uint16_t* const to[]) const {
    read_lines(row, 0, frame_.attributes.columns, to);
}

void PixelReader::read_shifted(std::uint32_t row, std::uint32_t first, std::uint32_t count,
                               std::int32_t* const to[]) const {
    read_lines(row, first, count, to);
}

template <typename Cell>
void PixelReader::fail_outside() const {
    using SignedCell = std::make_signed_t<Cell>;
    const PixelAttributes& a = frame_.attributes;
    SignedCell least = std::numeric_limits<SignedCell>::max();
    SignedCell most = std::numeric_limits<SignedCell>::min();
    Cell most_unsigned = 0;
    for (std::uint32_t row = 0; row < a.rows; ++row) {
        for (std::uint32_t column = 0; column < a.columns; ++column) {
            for (unsigned sample = 0; sample < a.samples_per_pixel; ++sample) {
                Cell cell;
                std::memcpy(&cell,
                            row_at(row) + static_cast<std::ptrdiff_t>(column) * frame_.pixel_stride +
                                static_cast<std::ptrdiff_t>(sample) * frame_.sample_stride,
                            sizeof cell);
                least = std::min(least, static_cast<SignedCell>(cell));
                most = std::max(most, static_cast<SignedCell>(cell));
                most_unsigned = std::max(most_unsigned, cell);
            }
        }
    }
    if (a.pixel_representation == 1) {
        fail(ErrorCode::argument, no_offset, "values from %lld to %lld do not fit in BitsStored %u",
             static_cast<long long>(least), static_cast<long long>(most), stored_);
    }
    fail(ErrorCode::argument, no_offset, "values up to %llu do not fit in BitsStored %u",
         static_cast<unsigned long long>(most_unsigned), stored_);
}

}  // namespace dcmturbo
