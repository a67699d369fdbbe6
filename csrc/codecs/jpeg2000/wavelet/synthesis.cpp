#include "codecs/jpeg2000/wavelet/synthesis.h"

#include <algorithm>
#include <type_traits>

#include "codecs/jpeg2000/wavelet/lifting.h"

namespace dcmturbo::jpeg2000 {

template <typename T>
Synthesis<T>::Synthesis(const Rectangle& reach, const Rectangle& wanted, Synthesis* lower, Plane<T> ll, Plane<T> hl,
                        Plane<T> lh, Plane<T> hh, Isa isa, Arena& arena)
    : area_(reach),
      right_(wanted.x0 - reach.x0),
      down_(wanted.y0 - reach.y0),
      lower_(lower),
      ll_(ll),
      hl_(hl),
      lh_(lh),
      hh_(hh),
      kernels_(wavelet_kernels(isa)),
      width_(reach.width()),
      ring_stride_((std::size_t{width_} + 15 + row_margin) & ~std::size_t{15}),
      ring_(arena.allocate_array<T>(ring_rows * ring_stride_)),
      scratch_(arena.allocate_array<T>(2 * wavelet_scratch(width_))) {
    if (ll_.sparse != nullptr || hl_.sparse != nullptr || lh_.sparse != nullptr || hh_.sparse != nullptr) {
        for (T*& row : gathered_) row = arena.allocate_array<T>(padded(width_));
    }
}

template <typename T>
void Synthesis<T>::start(std::uint32_t first, std::uint32_t end) {
    const std::uint64_t top = std::uint64_t{area_.y0} + down_;
    next_ = top + first;
    begin_ = std::max<std::uint64_t>(area_.y0, next_ - std::min<std::uint64_t>(next_, steps));
    end_ = std::min<std::uint64_t>(area_.y1, top + end + steps);
    front_ = begin_;
    // Each of its rows is taken once, in order.
    if (lower_ != nullptr)
        lower_->start(static_cast<std::uint32_t>(low_index(begin_)), static_cast<std::uint32_t>(low_index(end_)));
}

template <typename T>
void Synthesis<T>::take_in(std::uint64_t y) {
    const bool odd_column = area_.x0 % 2 != 0;
    const bool is_high = y % 2 != 0;
    const std::size_t index = is_high ? (y - 1) / 2 - area_.y0 / 2 : low_index(y);
    const T* low = !is_high && lower_ != nullptr ? lower_->next() : (is_high ? lh_ : ll_).row(index, gathered_[0]);
    const T* high = (is_high ? hh_ : hl_).row(index, gathered_[1]);
    T* to = row(y);
    const bool is_alone = area_.height() == 1;
    if constexpr (std::is_floating_point_v<T>) {
        constexpr T k = static_cast<T>(wide_k);
        constexpr T half = static_cast<T>(0.5);
        const T vertical = is_alone ? (is_high ? half : 1) : is_high ? 1 / k : k;
        // F.3.6: a signal of one sample is not scaled, but halved where it is high-pass.
        const T low_scale = width_ == 1 ? vertical : k * vertical;
        const T high_scale = width_ == 1 ? half * vertical : vertical / k;
        const auto synthesise = [this] {
            if constexpr (sizeof(T) == 4) return kernels_.synthesise_row_9_7;
            else return kernels_.synthesise_row_9_7_wide;
        }();
        synthesise(low, high, to, scratch_, width_, odd_column, low_scale, high_scale);
    } else {
        if constexpr (sizeof(T) == 4) kernels_.synthesise_row_5_3(low, high, to, scratch_, width_, odd_column);
        else kernels_.synthesise_row_5_3_wide(low, high, to, scratch_, width_, odd_column);
        if (is_alone && is_high) {
            for (std::uint32_t x = 0; x < width_; ++x) to[x] /= 2;
        }
    }
}

// Steps count from 1; odd ones change even rows.
template <typename T>
void Synthesis<T>::lift(unsigned step, std::uint64_t y) {
    const T* above = row(y > begin_ ? y - 1 : y + 1);
    const T* below = row(y + 1 < end_ ? y + 1 : y - 1);
    T* to = row(y);
    // Whole vectors are fastest.
    const std::size_t count = (std::size_t{width_} + 15) & ~std::size_t{15};
    static_assert(row_margin >= 15);
    if constexpr (std::is_floating_point_v<T>) {
        constexpr T factors[4] = {static_cast<T>(-wide_delta), static_cast<T>(-wide_gamma), static_cast<T>(-wide_beta),
                                  static_cast<T>(-wide_alpha)};
        if constexpr (sizeof(T) == 4) kernels_.lift_9_7(to, above, below, count, factors[step - 1]);
        else kernels_.lift_9_7_wide(to, above, below, count, factors[step - 1]);
    } else if constexpr (sizeof(T) == 4) {
        (step == 1 ? kernels_.lift_low_5_3 : kernels_.lift_high_5_3)(to, above, below, count);
    } else {
        (step == 1 ? kernels_.lift_low_5_3_wide : kernels_.lift_high_5_3_wide)(to, above, below, count);
    }
}

template <typename T>
void Synthesis<T>::advance() {
    const std::uint64_t y = front_++;
    if (y < end_) take_in(y);
    if (y % 2 == 0 || end_ - begin_ < 2) return;
    for (unsigned step = 1; step <= steps; ++step) {
        if (y < begin_ + step || y - step >= end_) continue;
        lift(step, y - step);
    }
}

template <typename T>
T* Synthesis<T>::next() {
    // An even row is done earlier, but the odd one below takes from it once more.
    const std::uint64_t wanted = next_ + steps + (next_ % 2 == 0 ? 1 : 0);
    while (front_ <= wanted) advance();
    return row(next_++) + right_;
}

template class Synthesis<std::int32_t>;
template class Synthesis<std::int64_t>;
template class Synthesis<float>;
template class Synthesis<double>;

}  // namespace dcmturbo::jpeg2000
