// Inverse wavelets of JPEG 2000 (ISO/IEC 15444-1, F.3), a row or a pair of rows at a time. Compiled once per
// instruction set, as part of wavelet/kernels.inl.
//
// A row is restored from its low-pass and high-pass halves. They are lifted apart from each other, with one sample of
// symmetric extension (F.3.7) on either side, and interleaved last. `odd` says that the row begins at an odd
// coordinate, hence with a high-pass sample. scratch: 2 x wavelet_scratch(count) elements.

// Sums wrap: coefficients of damaged streams may be anything.
template <typename T, typename U>
static inline __attribute__((always_inline)) T wavelet_sum(T a, T b, T c) {
    return static_cast<T>(static_cast<U>(a) + static_cast<U>(b) + static_cast<U>(c));
}

template <typename T, typename U>
static inline __attribute__((always_inline)) T lifted_low(T low, T a, T b) {
    return static_cast<T>(static_cast<U>(low) - static_cast<U>(wavelet_sum<T, U>(a, b, 2) >> 2));
}

template <typename T, typename U>
static inline __attribute__((always_inline)) void lift_low(T* __restrict row, const T* a, const T* b,
                                                           std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) row[i] = lifted_low<T, U>(row[i], a[i], b[i]);
}

template <typename T, typename U>
static inline __attribute__((always_inline)) void lift_high(T* __restrict row, const T* a, const T* b,
                                                            std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
        row[i] = static_cast<T>(static_cast<U>(row[i]) + static_cast<U>(wavelet_sum<T, U>(a[i], b[i], 0) >> 1));
}

template <typename T>
static inline __attribute__((always_inline)) void lift_real(T* __restrict row, const T* a, const T* b,
                                                            std::size_t count, T factor) {
    for (std::size_t i = 0; i < count; ++i) row[i] += factor * (a[i] + b[i]);
}

template <typename T>
static inline __attribute__((always_inline)) void interleave(const T* __restrict even, const T* __restrict odd,
                                                             T* __restrict to, std::size_t count) {
    const std::size_t pairs = count / 2;
    for (std::size_t i = 0; i < pairs; ++i) {
        to[2 * i] = even[i];
        to[2 * i + 1] = odd[i];
    }
    if (count % 2 != 0) to[count - 1] = even[pairs];
}

template <typename T>
static inline __attribute__((always_inline)) void extend(T* row, std::size_t count) {
    row[-1] = row[0];
    row[count] = row[count - 1];
}

template <typename T, typename U>
static inline __attribute__((always_inline)) void synthesise_row_integer(const T* low, const T* high, T* to, T* scratch,
                                                                         std::size_t count, bool odd) {
    if (count == 1) {  // F.3.6
        to[0] = odd ? high[0] / 2 : low[0];
        return;
    }
    const std::size_t highs = (count + odd) / 2;
    const std::size_t lows = count - highs;
    T* __restrict const l = scratch + 16;
    T* __restrict const h = l + wavelet_scratch(count);
    // Out of the halves where they are, which are not extended: at an edge both neighbours are the same.
    const std::size_t first = odd ? 0 : 1;
    const std::size_t last = highs - odd < lows ? highs - odd : lows;
    l[0] = lifted_low<T, U>(low[0], high[0], high[0]);
    for (std::size_t i = first; i < last; ++i) l[i] = lifted_low<T, U>(low[i], high[i - first], high[i - first + 1]);
    if (last < lows) l[last] = lifted_low<T, U>(low[last], high[highs - 1], high[highs - 1]);
    extend(l, lows);
    const T* const before = l - odd;
    for (std::size_t i = 0; i < highs; ++i)
        h[i] = static_cast<T>(static_cast<U>(high[i]) +
                              static_cast<U>(wavelet_sum<T, U>(before[i], before[i + 1], 0) >> 1));
    interleave(odd ? h : l, odd ? l : h, to, count);
}

static void synthesise_row_5_3_wide(const std::int64_t* low, const std::int64_t* high, std::int64_t* to,
                                    std::int64_t* scratch, std::size_t count, bool odd) {
    synthesise_row_integer<std::int64_t, std::uint64_t>(low, high, to, scratch, count, odd);
}

// The vertical steps: `row` lies between `above` and `below`.
static void lift_low_5_3(std::int32_t* row, const std::int32_t* above, const std::int32_t* below, std::size_t count) {
    lift_low<std::int32_t, std::uint32_t>(row, above, below, count);
}
static void lift_high_5_3(std::int32_t* row, const std::int32_t* above, const std::int32_t* below, std::size_t count) {
    lift_high<std::int32_t, std::uint32_t>(row, above, below, count);
}
static void lift_low_5_3_wide(std::int64_t* row, const std::int64_t* above, const std::int64_t* below,
                              std::size_t count) {
    lift_low<std::int64_t, std::uint64_t>(row, above, below, count);
}
static void lift_high_5_3_wide(std::int64_t* row, const std::int64_t* above, const std::int64_t* below,
                               std::size_t count) {
    lift_high<std::int64_t, std::uint64_t>(row, above, below, count);
}
static void lift_9_7(float* row, const float* above, const float* below, std::size_t count, float factor) {
    lift_real(row, above, below, count, factor);
}
static void lift_9_7_wide(double* row, const double* above, const double* below, std::size_t count, double factor) {
    lift_real(row, above, below, count, factor);
}

// A row that begins with a high-pass sample. `low_scale` and `high_scale` are K and 1/K (F.3.8.2), times what the
// column asks of this row.
static inline __attribute__((always_inline)) void synthesise_odd_row_9_7(const float* low, const float* high, float* to,
                                                                         float* scratch, std::size_t count,
                                                                         float low_scale, float high_scale) {
    const std::size_t highs = (count + 1) / 2;
    const std::size_t lows = count - highs;
    float* __restrict const l = scratch + 16;
    float* __restrict const h = l + wavelet_scratch(count);
    for (std::size_t i = 0; i < highs; ++i) h[i] = high[i] * high_scale;
    extend(h, highs);
    for (std::size_t i = 0; i < lows; ++i) l[i] = low[i] * low_scale + -wavelet_delta * (h[i] + h[i + 1]);
    extend(l, lows);
    lift_real(h, l - 1, l, highs, -wavelet_gamma);
    extend(h, highs);
    lift_real(l, h, h + 1, lows, -wavelet_beta);
    extend(l, lows);
    lift_real(h, l - 1, l, highs, -wavelet_alpha);
    interleave<float>(h, l, to, count);
}

// In double precision, for samples that floats cannot hold exactly.
static void synthesise_row_9_7_wide(const double* low, const double* high, double* to, double* scratch,
                                    std::size_t count, bool odd, double low_scale, double high_scale) {
    if (count == 1) {
        to[0] = odd ? high[0] * high_scale : low[0] * low_scale;
        return;
    }
    const std::size_t highs = (count + odd) / 2;
    const std::size_t lows = count - highs;
    double* __restrict const l = scratch + 16;
    double* __restrict const h = l + wavelet_scratch(count);
    for (std::size_t i = 0; i < lows; ++i) l[i] = low[i] * low_scale;
    for (std::size_t i = 0; i < highs; ++i) h[i] = high[i] * high_scale;
    const auto lift_lows = [=](double factor) {
        extend(h, highs);
        lift_real(l, odd ? h : h - 1, odd ? h + 1 : h, lows, factor);
    };
    const auto lift_highs = [=](double factor) {
        extend(l, lows);
        lift_real(h, odd ? l - 1 : l, odd ? l : l + 1, highs, factor);
    };
    lift_lows(-wide_delta);
    lift_highs(-wide_gamma);
    lift_lows(-wide_beta);
    lift_highs(-wide_alpha);
    interleave<double>(odd ? h : l, odd ? l : h, to, count);
}
