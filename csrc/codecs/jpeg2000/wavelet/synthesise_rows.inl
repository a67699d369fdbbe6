// Rows of the inverse wavelets that begin at an even coordinate (ISO/IEC 15444-1, F.3), as nearly all rows do. Compiled
// once per instruction set, as part of wavelet/kernels.inl, after lifting.inl.
//
// All lifting steps are done in one loop, vector by vector: a step needs from the step before only the neighbouring
// elements, and those beyond the vector come from the vector before or after it. At the ends of the row both neighbours
// are the same (F.3.7). The last vectors reach beyond the end: the halves can be read there, `to` has room for it, and
// nobody uses what is written.

template <typename T>
struct WaveletVector;
template <>
struct WaveletVector<std::int32_t> {
    typedef std::int32_t Signed __attribute__((vector_size(sizeof(Block))));
    typedef std::uint32_t Type __attribute__((vector_size(sizeof(Block))));
};
template <>
struct WaveletVector<float> {
    typedef float Type __attribute__((vector_size(sizeof(Block))));
};
typedef std::int32_t WaveletMask __attribute__((vector_size(sizeof(Block))));

constexpr std::size_t wavelet_lanes = sizeof(Block) / 4;
using WaveletLanes = std::make_index_sequence<wavelet_lanes>;

// The elements one place to the left of those of `now`.
template <typename V, std::size_t... i>
static inline __attribute__((always_inline)) V left_of(V before, V now, std::index_sequence<i...>) {
    return __builtin_shufflevector(before, now, static_cast<int>(wavelet_lanes - 1 + i)...);
}

// The same in the first vector of a row.
template <typename V, std::size_t... i>
static inline __attribute__((always_inline)) V left_of_first(V now, std::index_sequence<i...>) {
    return __builtin_shufflevector(now, now, static_cast<int>(i == 0 ? 0 : i - 1)...);
}

// The elements one place to the right of those of `now`.
template <typename V, std::size_t... i>
static inline __attribute__((always_inline)) V right_of(V now, V after, std::index_sequence<i...>) {
    return __builtin_shufflevector(now, after, static_cast<int>(i + 1)...);
}

template <typename V, typename T, std::size_t... i>
static inline __attribute__((always_inline)) void store_interleaved(V low, V high, T* to, std::index_sequence<i...>) {
    const V first = __builtin_shufflevector(low, high, static_cast<int>(i / 2 + i % 2 * wavelet_lanes)...);
    const V second =
        __builtin_shufflevector(low, high, static_cast<int>((wavelet_lanes + i) / 2 + i % 2 * wavelet_lanes)...);
    __builtin_memcpy(to, &first, sizeof first);
    __builtin_memcpy(to + wavelet_lanes, &second, sizeof second);
}

template <std::size_t... i>
static inline __attribute__((always_inline)) WaveletMask only_lane(std::size_t lane, std::index_sequence<i...>) {
    return WaveletMask{static_cast<std::int32_t>(i)...} == static_cast<std::int32_t>(lane);
}

// Where the vectors of a row of at least two elements end, and what is special there: the last element has its left
// neighbour on both sides. It is an even one where the row's length is odd.
struct WaveletRow {
    std::size_t lows, highs;
    std::size_t last;  // where the last vector begins
    WaveletMask is_end;
    bool ends_even;

    explicit __attribute__((always_inline)) WaveletRow(std::size_t count)
        : lows((count + 1) / 2),
          highs(count / 2),
          last((lows - 1) / wavelet_lanes * wavelet_lanes),
          is_end(only_lane((lows - 1) % wavelet_lanes, WaveletLanes{})),
          ends_even(count % 2 != 0) {}

    // The elements to the right of even or odd ones.
    template <typename V>
    __attribute__((always_inline)) V right(V neighbours, V left, std::size_t at, bool of_even) const {
        return at == last && ends_even == of_even ? (is_end ? left : neighbours) : neighbours;
    }
    template <typename V, typename T>
    static __attribute__((always_inline)) V load(const T* from, std::size_t at, std::size_t count) {
        V vector{};
        if (at < count) __builtin_memcpy(&vector, from + at, sizeof vector);
        return vector;
    }
};

static inline __attribute__((always_inline)) void synthesise_even_row_5_3(const std::int32_t* low,
                                                                          const std::int32_t* high, std::int32_t* to,
                                                                          std::size_t count) {
    using V = WaveletVector<std::int32_t>::Type;
    using Signed = WaveletVector<std::int32_t>::Signed;
    const WaveletLanes lanes;
    const WaveletRow row(count);
    const auto lift_even = [&](std::size_t at, V left, V high_here) __attribute__((always_inline)) {
        const V sum = left + row.right(high_here, left, at, true) + 2;
        return row.load<V>(low, at, row.lows) - reinterpret_cast<V>(reinterpret_cast<Signed>(sum) >> 2);
    };
    V here = row.load<V>(high, 0, row.highs);
    V even = lift_even(0, left_of_first(here, lanes), here);
    for (std::size_t at = 0;; at += wavelet_lanes) {
        V next{}, even_next{};
        if (at != row.last) {
            next = row.load<V>(high, at + wavelet_lanes, row.highs);
            even_next = lift_even(at + wavelet_lanes, left_of(here, next, lanes), next);
        }
        const V sum = even + row.right(right_of(even, even_next, lanes), even, at, false);
        store_interleaved(even, here + reinterpret_cast<V>(reinterpret_cast<Signed>(sum) >> 1), to + 2 * at, lanes);
        if (at == row.last) return;
        here = next;
        even = even_next;
    }
}

static inline __attribute__((always_inline)) void synthesise_even_row_9_7(const float* low, const float* high,
                                                                          float* to, std::size_t count, float low_scale,
                                                                          float high_scale) {
    using V = WaveletVector<float>::Type;
    const WaveletLanes lanes;
    const WaveletRow row(count);
    const auto scaled_high = [&](std::size_t at) __attribute__((always_inline)) {
        return row.load<V>(high, at, row.highs) * high_scale;
    };
    const auto lift_1 = [&](std::size_t at, V left, V odd) __attribute__((always_inline)) {
        return row.load<V>(low, at, row.lows) * low_scale + -wavelet_delta * (left + row.right(odd, left, at, true));
    };
    // The number counts the steps that have changed the elements.
    V odd_0 = scaled_high(0);
    V even_1 = lift_1(0, left_of_first(odd_0, lanes), odd_0);
    V odd_1{}, even_2{};
    for (std::size_t at = 0;; at += wavelet_lanes) {
        V odd_0_next{}, even_1_next{};
        if (at != row.last) {
            odd_0_next = scaled_high(at + wavelet_lanes);
            even_1_next = lift_1(at + wavelet_lanes, left_of(odd_0, odd_0_next, lanes), odd_0_next);
        }
        const V odd_1_here =
            odd_0 + -wavelet_gamma * (even_1 + row.right(right_of(even_1, even_1_next, lanes), even_1, at, false));
        const V left = at == 0 ? left_of_first(odd_1_here, lanes) : left_of(odd_1, odd_1_here, lanes);
        const V even_2_here = even_1 + -wavelet_beta * (left + row.right(odd_1_here, left, at, true));
        if (at != 0) {
            const V odd_2 = odd_1 + -wavelet_alpha * (even_2 + right_of(even_2, even_2_here, lanes));
            store_interleaved(even_2, odd_2, to + 2 * (at - wavelet_lanes), lanes);
        }
        odd_1 = odd_1_here;
        even_2 = even_2_here;
        if (at == row.last) break;
        odd_0 = odd_0_next;
        even_1 = even_1_next;
    }
    const V right = row.right(right_of(even_2, even_2, lanes), even_2, row.last, false);
    store_interleaved(even_2, odd_1 + -wavelet_alpha * (even_2 + right), to + 2 * row.last, lanes);
}

static void synthesise_row_5_3(const std::int32_t* low, const std::int32_t* high, std::int32_t* to,
                               std::int32_t* scratch, std::size_t count, bool odd) {
    if (odd || count == 1)
        return synthesise_row_integer<std::int32_t, std::uint32_t>(low, high, to, scratch, count, odd);
    synthesise_even_row_5_3(low, high, to, count);
}

// `low_scale` and `high_scale` are K and 1/K (F.3.8.2), times what the column asks of this row.
static void synthesise_row_9_7(const float* low, const float* high, float* to, float* scratch, std::size_t count,
                               bool odd, float low_scale, float high_scale) {
    if (count == 1) {
        to[0] = odd ? high[0] * high_scale : low[0] * low_scale;
    } else if (odd) {
        synthesise_odd_row_9_7(low, high, to, scratch, count, low_scale, high_scale);
    } else {
        synthesise_even_row_9_7(low, high, to, count, low_scale, high_scale);
    }
}
