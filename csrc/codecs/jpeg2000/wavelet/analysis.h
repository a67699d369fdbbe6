// The forward wavelet transform of a resolution, row by row (ISO/IEC 15444-1, F.4).
#pragma once

#include <cstdint>
#include <type_traits>

#include "base/arena.h"
#include "codecs/jpeg2000/tiles/tile.h"
#include "codecs/jpeg2000/wavelet/kernels.h"

namespace dcmturbo::jpeg2000 {

// Takes the rows of a resolution and gives those of the one below and of its three sub-bands: the mirror of Synthesis.
// T: std::int32_t and std::int64_t for 5/3, float for 9/7.
//
// Rows come in from the top; behind them, each lifting step follows one row later than the step before. A row that has
// had all its steps is transformed horizontally into its sub-bands' memory. A few rows are under way at a time, so all
// of it stays in the first-level cache. To begin in the middle, a few rows more are taken in: a step spreads what is
// wrong at a false edge by one row.
template <typename T>
class Analysis {
  public:
    struct Bands {
        T* base = nullptr;
        std::size_t stride = 0;
        [[nodiscard]] T* row(std::size_t y) const { return base + y * stride; }
    };

    Analysis(const Rectangle& area, Bands ll, Bands hl, Bands lh, Bands hh, const WaveletKernels& kernels,
             Arena& arena);

    // Rows [first, end), counted from the top of the area, are to be stored.
    void start(std::uint32_t first, std::uint32_t end);

    // The next row to be put in, counted from the top of the area; false if there is none.
    [[nodiscard]] bool wants_row() const { return front_ < end_; }
    [[nodiscard]] std::uint32_t wanted() const { return static_cast<std::uint32_t>(front_ - area_.y0); }
    // Where it goes, then the transform of what that makes possible.
    [[nodiscard]] T* row_to_fill() const { return row(front_); }
    void advance();

  private:
    static constexpr unsigned ring_rows = 8;
    static constexpr unsigned steps = std::is_floating_point_v<T> ? 4 : 2;

    T* row(std::uint64_t y) const { return ring_ + (y % ring_rows) * ring_stride_; }
    void lift(unsigned step, std::uint64_t y);
    void lift_behind(std::uint64_t y);
    void store(std::uint64_t y);

    Rectangle area_;
    Bands ll_, hl_, lh_, hh_;
    const WaveletKernels& kernels_;
    std::uint32_t width_;
    std::size_t ring_stride_;
    T* ring_;
    T* scratch_;
    // On the resolution's own coordinates.
    std::uint64_t begin_ = 0, end_ = 0;  // rows that are taken in
    std::uint64_t store_from_ = 0, store_to_ = 0;
    std::uint64_t front_ = 0;  // the next to be taken in
};

}  // namespace dcmturbo::jpeg2000
