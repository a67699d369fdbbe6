// Forward wavelets of JPEG 2000 (ISO/IEC 15444-1, F.4), a row at a time, and the forward component transforms (Annex
// G). Compiled once per instruction set, as part of kernels.inl. It mirrors lifting.inl, whose helpers it uses.
//
// A row is taken apart into its even and odd samples, which are lifted against each other and stored as its low-pass
// and high-pass halves. `odd` says that the row begins at an odd coordinate, hence with a high-pass sample. scratch:
// 2 x wavelet_scratch(count) elements.

template <typename T>
static inline __attribute__((always_inline)) void deinterleave(const T* __restrict from, T* __restrict even,
                                                               T* __restrict odd, std::size_t count) {
    const std::size_t pairs = count / 2;
    for (std::size_t i = 0; i < pairs; ++i) {
        even[i] = from[2 * i];
        odd[i] = from[2 * i + 1];
    }
    if (count % 2 != 0) even[pairs] = from[count - 1];
}

template <typename T, typename U>
static inline __attribute__((always_inline)) void forward_low(T* __restrict row, const T* a, const T* b,
                                                              std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
        row[i] = static_cast<T>(static_cast<U>(row[i]) + static_cast<U>(wavelet_sum<T, U>(a[i], b[i], 2) >> 2));
}

template <typename T, typename U>
static inline __attribute__((always_inline)) void forward_high(T* __restrict row, const T* a, const T* b,
                                                               std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
        row[i] = static_cast<T>(static_cast<U>(row[i]) - static_cast<U>(wavelet_sum<T, U>(a[i], b[i], 0) >> 1));
}

template <typename T, typename U>
static inline __attribute__((always_inline)) void analyse_row_integer(const T* from, T* low, T* high, T* scratch,
                                                                      std::size_t count, bool odd) {
    if (count == 1) {  // F.4.6
        if (odd) high[0] = static_cast<T>(static_cast<U>(from[0]) * 2);
        else low[0] = from[0];
        return;
    }
    const std::size_t highs = (count + odd) / 2;
    const std::size_t lows = count - highs;
    T* const l = scratch + 16;
    T* const h = l + wavelet_scratch(count);
    deinterleave(from, odd ? h : l, odd ? l : h, count);
    extend(l, lows);
    forward_high<T, U>(h, l - odd, l + 1 - odd, highs);
    extend(h, highs);
    forward_low<T, U>(l, h - 1 + odd, h + odd, lows);
    __builtin_memcpy(low, l, lows * sizeof(T));
    __builtin_memcpy(high, h, highs * sizeof(T));
}

static void analyse_row_5_3(const std::int32_t* from, std::int32_t* low, std::int32_t* high, std::int32_t* scratch,
                            std::size_t count, bool odd) {
    analyse_row_integer<std::int32_t, std::uint32_t>(from, low, high, scratch, count, odd);
}
static void analyse_row_5_3_wide(const std::int64_t* from, std::int64_t* low, std::int64_t* high, std::int64_t* scratch,
                                 std::size_t count, bool odd) {
    analyse_row_integer<std::int64_t, std::uint64_t>(from, low, high, scratch, count, odd);
}

// The vertical steps: `row` lies between `above` and `below`.
static void forward_low_5_3(std::int32_t* row, const std::int32_t* above, const std::int32_t* below,
                            std::size_t count) {
    forward_low<std::int32_t, std::uint32_t>(row, above, below, count);
}
static void forward_high_5_3(std::int32_t* row, const std::int32_t* above, const std::int32_t* below,
                             std::size_t count) {
    forward_high<std::int32_t, std::uint32_t>(row, above, below, count);
}
static void forward_low_5_3_wide(std::int64_t* row, const std::int64_t* above, const std::int64_t* below,
                                 std::size_t count) {
    forward_low<std::int64_t, std::uint64_t>(row, above, below, count);
}
static void forward_high_5_3_wide(std::int64_t* row, const std::int64_t* above, const std::int64_t* below,
                                  std::size_t count) {
    forward_high<std::int64_t, std::uint64_t>(row, above, below, count);
}

// `low_scale` and `high_scale` are 1/K and K (F.4.8.2), times what the column asks of this row.
static void analyse_row_9_7(const float* from, float* low, float* high, float* scratch, std::size_t count, bool odd,
                            float low_scale, float high_scale) {
    if (count == 1) {
        if (odd) high[0] = from[0] * high_scale;
        else low[0] = from[0] * low_scale;
        return;
    }
    const std::size_t highs = (count + odd) / 2;
    const std::size_t lows = count - highs;
    float* __restrict const l = scratch + 16;
    float* __restrict const h = l + wavelet_scratch(count);
    deinterleave<float>(from, odd ? h : l, odd ? l : h, count);
    extend(l, lows);
    lift_real(h, l - odd, l + 1 - odd, highs, wavelet_alpha);
    extend(h, highs);
    lift_real(l, h - 1 + odd, h + odd, lows, wavelet_beta);
    extend(l, lows);
    lift_real(h, l - odd, l + 1 - odd, highs, wavelet_gamma);
    extend(h, highs);
    lift_real(l, h - 1 + odd, h + odd, lows, wavelet_delta);
    for (std::size_t i = 0; i < lows; ++i) low[i] = l[i] * low_scale;
    for (std::size_t i = 0; i < highs; ++i) high[i] = h[i] * high_scale;
}

// G.2.1, in place.
static void forward_rct(std::int32_t* __restrict red, std::int32_t* __restrict green, std::int32_t* __restrict blue,
                        std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        const std::int32_t r = red[i];
        const std::int32_t g = green[i];
        const std::int32_t b = blue[i];
        red[i] = (r + 2 * g + b) >> 2;
        green[i] = b - g;
        blue[i] = r - g;
    }
}

static void forward_rct_wide(std::int64_t* __restrict red, std::int64_t* __restrict green,
                             std::int64_t* __restrict blue, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        const std::int64_t r = red[i];
        const std::int64_t g = green[i];
        const std::int64_t b = blue[i];
        red[i] = (r + 2 * g + b) >> 2;
        green[i] = b - g;
        blue[i] = r - g;
    }
}

// G.3.1, in place.
static void forward_ict(float* __restrict red, float* __restrict green, float* __restrict blue, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        const float r = red[i];
        const float g = green[i];
        const float b = blue[i];
        red[i] = 0.299F * r + 0.587F * g + 0.114F * b;
        green[i] = -0.168736F * r - 0.331264F * g + 0.5F * b;
        blue[i] = 0.5F * r - 0.418688F * g - 0.081312F * b;
    }
}

// (E-1): towards zero.
static void quantise_row(const float* row, std::int32_t* to, std::size_t count, float scale) {
    for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<std::int32_t>(row[i] * scale);
}
