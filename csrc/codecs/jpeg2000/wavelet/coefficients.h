// How the coefficients of a sub-band are held: memory follows what its code-blocks say, not what the header asks for.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "codecs/jpeg2000/tiles/tile.h"

namespace dcmturbo::jpeg2000 {

// A code-block that has data, where few of its sub-band have.
struct SparseBlock {
    Rectangle area;  // counted from the corner of what is wanted of the sub-band, and within it
    const std::byte* coefficients = nullptr;
    std::size_t stride = 0;
};

// Those of a sub-band, from top to bottom. Blocks lie on a grid: two of the same rows begin and end with the same row.
struct SparseBand {
    std::span<const SparseBlock> blocks;
    std::uint32_t width = 0;
};

// Decodes the code-blocks of a sub-band when their rows are asked for, from the top: only a row of blocks is held, and
// is still in the cache when the wavelet takes it.
class BandStream {
  public:
    BandStream() = default;
    BandStream(const BandStream&) = delete;
    BandStream& operator=(const BandStream&) = delete;
    virtual ~BandStream() = default;
    // Rows are counted from the first that is wanted of the sub-band.
    virtual void require(std::size_t row) = 0;
};

// Rows of coefficients, or of samples. Each can be read up to the next multiple of 16 elements.
template <typename T>
struct Plane {
    T* base = nullptr;
    std::size_t stride = 0;  // 0: all rows are the same one, of zeroes
    const SparseBand* sparse = nullptr;
    BandStream* stream = nullptr;
    std::size_t ring_mask = ~std::size_t{0};  // of a stream, row y is where row (y + ring_offset) & ring_mask is
    std::size_t ring_offset = 0;

    [[nodiscard]] T* row(std::size_t y) const { return base + ((y + ring_offset) & ring_mask) * stride; }
    [[nodiscard]] bool is_zero() const { return stride == 0 && sparse == nullptr; }

    // Of a sparse band, the row is put together in `scratch`, which has its width, padded.
    const T* row(std::size_t y, T* scratch) const {
        if (stream != nullptr) stream->require(y);
        if (sparse == nullptr) return row(y);
        std::memset(scratch, 0, sparse->width * sizeof(T));
        const auto first = std::partition_point(sparse->blocks.begin(), sparse->blocks.end(),
                                                [y](const SparseBlock& block) { return block.area.y1 <= y; });
        for (auto block = first; block != sparse->blocks.end() && block->area.y0 <= y; ++block) {
            const T* from = reinterpret_cast<const T*>(block->coefficients) + (y - block->area.y0) * block->stride;
            std::copy_n(from, block->area.width(), scratch + block->area.x0);
        }
        return scratch;
    }
};

}  // namespace dcmturbo::jpeg2000
