// The inverse wavelet transform of a resolution, row by row (ISO/IEC 15444-1, F.3).
#pragma once

#include <cstdint>
#include <type_traits>

#include "base/arena.h"
#include "codecs/jpeg2000/wavelet/coefficients.h"
#include "codecs/jpeg2000/wavelet/kernels.h"

namespace dcmturbo::jpeg2000 {

// Gives the rows of a resolution out of the one below and its three sub-bands. T: std::int32_t and std::int64_t for
// 5/3, float and double for 9/7.
//
// The rows of the one below may come from another synthesis as they are needed: no resolution but the last is held
// then.
//
// Rows come in from the top, each restored horizontally; behind them, each lifting step follows one row later than
// the step before. A few rows are under way at a time, so all of it stays in the first-level cache. To begin in
// the middle, a few rows more are taken in: a step spreads what is wrong at a false edge by one row.
template <typename T>
class Synthesis {
  public:
    // The sub-bands are those of `reach`, of which the part `wanted` is given. `ll` is used if `lower` is null.
    Synthesis(const Rectangle& reach, const Rectangle& wanted, Synthesis* lower, Plane<T> ll, Plane<T> hl, Plane<T> lh,
              Plane<T> hh, Isa isa, Arena& arena);

    // Rows [first, end), counted from the top of what is wanted, are to come.
    void start(std::uint32_t first, std::uint32_t end);

    // The next row of what is wanted; it may be changed, and lasts until the next call.
    T* next();

  private:
    static constexpr unsigned ring_rows = 8;
    static constexpr std::size_t row_margin = 32;  // elements behind a row that vectors may write
    static constexpr unsigned steps = std::is_floating_point_v<T> ? 4 : 2;

    T* row(std::uint64_t y) const { return ring_ + (y % ring_rows) * ring_stride_; }
    [[nodiscard]] std::size_t low_index(std::uint64_t y) const { return (y + 1) / 2 - (std::size_t{area_.y0} + 1) / 2; }
    void take_in(std::uint64_t y);
    void lift(unsigned step, std::uint64_t y);
    void advance();

    Rectangle area_;
    std::uint32_t right_, down_;  // from the corner of the area to what is wanted
    Synthesis* lower_;
    Plane<T> ll_, hl_, lh_, hh_;
    const WaveletKernels& kernels_;
    std::uint32_t width_;
    std::size_t ring_stride_;
    T* ring_;
    T* scratch_;
    T* gathered_[2] = {};  // rows of sparse bands
    // On the resolution's own coordinates.
    std::uint64_t begin_ = 0, end_ = 0;  // rows that are taken in
    std::uint64_t front_ = 0;            // the next to be
    std::uint64_t next_ = 0;             // the next to go out
};

}  // namespace dcmturbo::jpeg2000
