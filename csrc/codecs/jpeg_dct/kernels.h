// The loops of JPEG over data units and rows, one table for each instruction set. Every table gives the same bits.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "codecs/jpeg_dct/coefficient_table.h"
#include "cpu/features.h"

namespace dcmturbo::jpeg_dct {

// Rows and columns of a block in the order in which the inverse transform takes them: by pairs that are multiplied and
// added together.
inline constexpr std::array<std::uint8_t, 8> pair_order = {0, 4, 2, 6, 1, 3, 5, 7};

// Where a coefficient (row v, column u) of a block is kept: rows in pairs, of which each column is next to the other.
constexpr std::size_t place_of(unsigned v, unsigned u) {
    unsigned row = 0;
    unsigned column = 0;
    while (pair_order[row] != v) ++row;
    while (pair_order[column] != u) ++column;
    return (row / 2) * 16 + column * 2 + row % 2;
}

// Places by position in the zigzag order (ISO/IEC 10918-1, A.3.6). Positions past the block have a place behind it,
// which nobody reads.
constexpr std::array<std::uint8_t, most_positions> zigzag_places() {
    std::array<std::uint8_t, most_positions> places{};
    places.fill(block_samples);
    std::size_t k = 0;
    for (unsigned diagonal = 0; diagonal < 15; ++diagonal) {
        for (unsigned i = 0; i <= diagonal; ++i) {
            const unsigned v = diagonal % 2 == 0 ? diagonal - i : i;  // upwards, then downwards
            const unsigned u = diagonal - v;
            if (v < 8 && u < 8) places[k++] = static_cast<std::uint8_t>(place_of(v, u));
        }
    }
    return places;
}

// Unstuffed bits: the next ones from the top of the window, of which `count` are valid.
struct BitWindow {
    std::uint64_t window = 0;
    const std::uint8_t* next = nullptr;
    unsigned count = 0;
    // Bits taken up to the end of a run of data: negative beyond it.
    [[nodiscard]] std::ptrdiff_t left(const std::uint8_t* end) const {
        return (end - next) * 8 + static_cast<std::ptrdiff_t>(count);
    }
};

// The data of a restart interval are padded to whole bytes (F.1.2.3). Some writers add a byte of ones to data that end
// with a byte. If this many bits are left, there is more than padding.
inline constexpr std::ptrdiff_t excess_bits = 16;

// Of a data unit, at most: a code of 16 bits and a coefficient of 15, for each of its samples; ten data units in an
// MCU, and no more are decoded at once. Decoding reads no more bytes than this behind the first bit that is missing.
inline constexpr std::size_t most_mcu_units = 10;
inline constexpr std::size_t read_slack = most_mcu_units * (block_samples * 31 / 8 + 1) + 64;

// Quantisation steps, each at the place of its coefficient.
using Steps = std::array<std::uint16_t, block_samples>;

// One data unit of an MCU.
struct UnitPlan {
    const UnitTables* tables;
    const Steps* steps;
    std::int32_t* prediction;
    std::byte* to;            // samples of that unit in the first MCU of the row
    std::ptrdiff_t mcu_step;  // bytes from one MCU to the next
    std::ptrdiff_t row_stride;
};

struct DctKernels {
    // Decodes MCUs [first, first + count) of a row to samples of 8 or of 16 bits (precision 12). Returns how many are
    // right: fewer than `count` if the data of the run end before, or where bits are no code.
    using DecodeMcus = std::uint32_t (*)(BitWindow& bits, const std::uint8_t* end, const UnitPlan* units,
                                         std::size_t unit_count, std::uint32_t first, std::uint32_t count);
    DecodeMcus decode_mcus8;
    DecodeMcus decode_mcus12;

    // The samples of `count` blocks of coefficients next to each other.
    using TransformBlocks = void (*)(const std::int16_t* blocks, std::size_t count, const Steps& steps, std::byte* to,
                                     std::ptrdiff_t row_stride);
    TransformBlocks transform_blocks8;
    TransformBlocks transform_blocks12;

    // Twice the samples of a row, by a triangle filter. `far` is the next nearest row, or null for rows that are
    // not between others. All rows may be read and written 64 bytes past their end.
    void (*double_columns8)(const std::uint8_t* near, const std::uint8_t* far, std::uint8_t* to, std::size_t count);
    void (*double_columns12)(const std::uint16_t* near, const std::uint16_t* far, std::uint16_t* to, std::size_t count);
    // A row between two others. `bias` is 1 for the upper one of two and 2 for the lower.
    void (*between_rows8)(const std::uint8_t* near, const std::uint8_t* far, std::uint8_t* to, std::size_t count,
                          unsigned bias);
    void (*between_rows12)(const std::uint16_t* near, const std::uint16_t* far, std::uint16_t* to, std::size_t count,
                           unsigned bias);
};

const DctKernels& dct_kernels(Isa isa);

}  // namespace dcmturbo::jpeg_dct
