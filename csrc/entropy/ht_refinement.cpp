// The passes that refine a cleanup pass of HTJ2K by one bit-plane (ISO/IEC 15444-15, 7.4 and 7.5).
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "base/endian.h"
#include "bits/ht_bits.h"
#include "entropy/ht_block.h"

namespace dcmturbo {
namespace {

struct PlainReader {
    const std::uint8_t* bits;
    std::size_t position = 0;

    unsigned bit() {
        const unsigned value = bits[position / 8] >> position % 8 & 1u;
        ++position;
        return value;
    }
};

// Bits of a column of a stripe: 0, what is above it; 1 to 4, its rows; 5, what is below it.
using Column = std::uint8_t;

// 7.4: four columns of a stripe at a time, first which coefficients become significant, then their signs. The segment's
// plain bits are followed by zeroes, as many as there are coefficients.
template <typename T>
class Refinement {
  public:
    Refinement(const HtBlock& block, T* coefficients, std::size_t stride, void* memory)
        : block_(block), coefficients_(coefficients), stride_(stride), plane_(block.plane) {
        auto* at = static_cast<std::uint8_t*>(memory);
        cleanup_ = at + 1;
        columns_ = at + block.width + 3;
        bits_ = at + 2 * (block.width + 4);
        std::memset(at, 0, 2 * (block.width + 4));
    }

    void run() {
        const std::size_t coefficients = std::size_t{block_.width} * block_.height;
        PlainReader forward{bits_};
        std::uint8_t* const behind = bits_ + block_.refinement_size + coefficients / 4 + 32;
        PlainReader backward{behind};
        const PlainBits first = unstuff_forward(block_.refinement, block_.refinement_size, bits_);
        fill_behind(bits_, first.count, false, coefficients / 4 + 16);
        const bool refines = block_.passes > 2;
        if (refines) {
            const std::size_t count = unstuff_backward(block_.refinement, block_.refinement_size, 0xFF, 0, 0, behind);
            fill_behind(behind, count, false, coefficients / 8 + 16);
        }
        for (std::uint32_t top = 0; top < block_.height; top += 4) {
            look_at_stripe(top);
            const std::uint32_t rows = std::min(4u, block_.height - top);
            for (std::uint32_t left = 0; left < block_.width; left += 4) {
                const std::uint32_t right = std::min(left + 4, block_.width);
                propagate(forward, top, rows, left, right);
                if (refines) refine(backward, top, rows, left, right);
            }
        }
    }

  private:
    [[nodiscard]] T& at(std::uint32_t y, std::uint32_t x) const { return coefficients_[y * stride_ + x]; }

    // What the cleanup pass found in the stripe and below, and what both passes did above.
    void look_at_stripe(std::uint32_t top) {
        const std::uint32_t end = std::min(top + (block_.is_causal ? 4 : 5), block_.height);
        for (std::uint32_t x = 0; x < block_.width; ++x) {
            Column column = 0;
            for (std::uint32_t y = top; y < end; ++y)
                column = static_cast<Column>(column | (at(y, x) != 0 ? 2u << (y - top) : 0u));
            cleanup_[x] = column;
            columns_[x] = static_cast<Column>(column | (columns_[x] >> 4 & 1));
        }
    }

    void propagate(PlainReader& bits, std::uint32_t top, std::uint32_t rows, std::uint32_t left, std::uint32_t right) {
        std::uint32_t found[16];
        std::size_t count = 0;
        for (std::uint32_t x = left; x < right; ++x) {
            Column* const column = columns_ + x;
            for (std::uint32_t row = 0; row < rows; ++row) {
                if ((*column >> (row + 1) & 1) != 0) continue;
                const unsigned sides = (column[-1] | column[1]) >> row & 7;
                const unsigned own = *column >> row & 5;
                if ((sides | own) == 0 || bits.bit() == 0) continue;
                *column = static_cast<Column>(*column | 2u << row);
                found[count++] = row << 16 | x;
            }
        }
        for (std::size_t i = 0; i < count; ++i) {
            const T magnitude = T{3} << (plane_ - 1);
            at(top + (found[i] >> 16), found[i] & 0xFFFF) = bits.bit() != 0 ? -magnitude : magnitude;
        }
    }

    // The half of the plane above gives way to a bit of this one, and its half.
    void refine(PlainReader& bits, std::uint32_t top, std::uint32_t rows, std::uint32_t left, std::uint32_t right) {
        for (std::uint32_t x = left; x < right; ++x) {
            for (std::uint32_t row = 0; row < rows; ++row) {
                if ((cleanup_[x] >> (row + 1) & 1) == 0) continue;
                T& value = at(top + row, x);
                const T half = T{1} << (plane_ - 1);
                const T change = bits.bit() != 0 ? half : -half;
                value += value < 0 ? -change : change;
            }
        }
    }

    const HtBlock& block_;
    T* coefficients_;
    std::size_t stride_;
    unsigned plane_;
    Column* cleanup_;
    Column* columns_;
    std::uint8_t* bits_;
};

}  // namespace

std::size_t ht_refinement_size(const HtBlock& block) {
    const std::size_t coefficients = std::size_t{block.width} * block.height;
    return 2 * (block.width + 4) + 2 * (std::size_t{block.refinement_size} + coefficients / 4 + 32);
}

void refine_ht_block(const HtBlock& block, std::int32_t* coefficients, std::size_t stride, void* memory) {
    Refinement<std::int32_t>(block, coefficients, stride, memory).run();
}

void refine_ht_block(const HtBlock& block, std::int64_t* coefficients, std::size_t stride, void* memory) {
    Refinement<std::int64_t>(block, coefficients, stride, memory).run();
}

}  // namespace dcmturbo
