// The forward wavelet transform of a resolution, row by row (ISO/IEC 15444-1, F.4).
#include "codecs/jpeg2000/wavelet/analysis.h"

#include <algorithm>

#include "codecs/jpeg2000/wavelet/lifting.h"

namespace dcmturbo::jpeg2000 {

template <typename T>
Analysis<T>::Analysis(const Rectangle& area, Bands ll, Bands hl, Bands lh, Bands hh, const WaveletKernels& kernels,
                      Arena& arena)
    : area_(area),
      ll_(ll),
      hl_(hl),
      lh_(lh),
      hh_(hh),
      kernels_(kernels),
      width_(area.width()),
      ring_stride_((std::size_t{width_} + 31) & ~std::size_t{15}),
      ring_(arena.allocate_array<T>(ring_rows * ring_stride_)),
      scratch_(arena.allocate_array<T>(2 * wavelet_scratch(width_))) {
    start(0, area.height());
}

template <typename T>
void Analysis<T>::start(std::uint32_t first, std::uint32_t end) {
    store_from_ = std::uint64_t{area_.y0} + first;
    store_to_ = std::uint64_t{area_.y0} + end;
    begin_ = std::max<std::uint64_t>(area_.y0, store_from_ - std::min<std::uint64_t>(store_from_, steps));
    end_ = std::min<std::uint64_t>(area_.y1, store_to_ + steps);
    front_ = begin_;
}

// Steps count from 1; odd ones change odd rows.
template <typename T>
void Analysis<T>::lift(unsigned step, std::uint64_t y) {
    const T* above = row(y > begin_ ? y - 1 : y + 1);
    const T* below = row(y + 1 < end_ ? y + 1 : y - 1);
    T* to = row(y);
    if constexpr (std::is_same_v<T, float>) {
        constexpr float factors[4] = {wavelet_alpha, wavelet_beta, wavelet_gamma, wavelet_delta};
        kernels_.lift_9_7(to, above, below, width_, factors[step - 1]);
    } else if constexpr (sizeof(T) == 4) {
        (step == 1 ? kernels_.forward_high_5_3 : kernels_.forward_low_5_3)(to, above, below, width_);
    } else {
        (step == 1 ? kernels_.forward_high_5_3_wide : kernels_.forward_low_5_3_wide)(to, above, below, width_);
    }
}

template <typename T>
void Analysis<T>::store(std::uint64_t y) {
    if (y < store_from_ || y >= store_to_) return;
    const bool odd_column = area_.x0 % 2 != 0;
    const bool is_high = y % 2 != 0;
    const std::size_t index = is_high ? (y - 1) / 2 - area_.y0 / 2 : y / 2 - (std::size_t{area_.y0} + 1) / 2;
    T* const from = row(y);
    T* const low = (is_high ? lh_ : ll_).row(index);
    T* const high = (is_high ? hh_ : hl_).row(index);
    const bool is_alone = area_.height() == 1;
    if constexpr (std::is_same_v<T, float>) {
        // F.4.6: a signal of one sample is not scaled, but doubled where it is high-pass.
        const float vertical = is_alone ? (is_high ? 2.0F : 1.0F) : is_high ? wavelet_k : 1 / wavelet_k;
        const float low_scale = width_ == 1 ? vertical : vertical / wavelet_k;
        const float high_scale = width_ == 1 ? 2 * vertical : vertical * wavelet_k;
        kernels_.analyse_row_9_7(from, low, high, scratch_, width_, odd_column, low_scale, high_scale);
    } else {
        if (is_alone && is_high) {
            for (std::uint32_t x = 0; x < width_; ++x) from[x] *= 2;
        }
        if constexpr (sizeof(T) == 4) kernels_.analyse_row_5_3(from, low, high, scratch_, width_, odd_column);
        else kernels_.analyse_row_5_3_wide(from, low, high, scratch_, width_, odd_column);
    }
}

// What row y, which is even, or would be if the image went on, makes possible.
template <typename T>
void Analysis<T>::lift_behind(std::uint64_t y) {
    if (end_ - begin_ > 1) {
        for (unsigned step = 1; step <= steps; ++step) {
            if (y < begin_ + step || y - step >= end_) continue;
            lift(step, y - step);
        }
    }
    for (const std::uint64_t behind : {std::uint64_t{steps} + 1, std::uint64_t{steps}}) {
        if (y >= begin_ + behind && y - behind < end_) store(y - behind);
    }
}

template <typename T>
void Analysis<T>::advance() {
    const std::uint64_t y = front_++;
    if (y % 2 == 0) lift_behind(y);
    if (front_ != end_) return;
    const std::uint64_t after = end_ + end_ % 2;
    for (std::uint64_t next = after; next <= after + steps; next += 2) lift_behind(next);
}

template class Analysis<std::int32_t>;
template class Analysis<std::int64_t>;
template class Analysis<float>;

}  // namespace dcmturbo::jpeg2000
