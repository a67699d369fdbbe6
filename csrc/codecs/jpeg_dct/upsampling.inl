// Upsampling of components that have half the columns or half the rows. A new sample lies at a quarter of the way
// between two samples: it is 3/4 of the nearer one and 1/4 of the farther one. Halves are rounded up and down in turn.
// ISO/IEC 10918-1 leaves the filter open; this is libjpeg's.
//
// All sums fit in 16 bits: sixteen times a sample of 12 bits, and 8. Whole vectors are read and written: past the end
// of each row there is the slack of the arena, or the next row.

typedef std::uint16_t Sums __attribute__((vector_size(sizeof(Block))));
typedef std::uint8_t Bytes8 __attribute__((vector_size(sizeof(Block) / 2)));
constexpr std::size_t sums_width = sizeof(Block) / 2;

template <typename Sample>
static inline __attribute__((always_inline)) void load_sums(const Sample* from, Sums& sums) {
    if constexpr (sizeof(Sample) == 1) {
        Bytes8 bytes;
        __builtin_memcpy(&bytes, from, sizeof bytes);
        sums = __builtin_convertvector(bytes, Sums);
    } else {
        __builtin_memcpy(&sums, from, sizeof sums);
    }
}

// The samples of a row from `i` on, or the sums of three times these and of those of another row.
template <bool has_other, typename Sample>
static inline __attribute__((always_inline)) Sums sums_at(const Sample* near, const Sample* far, std::size_t i) {
    Sums here;
    load_sums(near + i, here);
    if constexpr (has_other) {
        Sums other;
        load_sums(far + i, other);
        here = here + here + here + other;
    }
    return here;
}

// Each sum in the place of the next, and the first in its own, too. Through memory, this would wait for the store.
template <std::size_t... k>
static inline __attribute__((always_inline)) Sums moved(const Sums& sums, std::index_sequence<k...>) {
    return __builtin_shufflevector(sums, sums, (k == 0 ? 0 : k - 1)...);
}

// Two samples for each sum: left of its middle, and right.
template <typename Sample>
static inline __attribute__((always_inline)) void store_pairs(const Sums& left, const Sums& right, Sample* to) {
    if constexpr (sizeof(Sample) == 1) {
        const Sums both = left | right << 8;
        __builtin_memcpy(to, &both, sizeof both);
    } else {
        for (std::size_t k = 0; k < sums_width; ++k) {
            to[2 * k] = left[k];
            to[2 * k + 1] = right[k];
        }
    }
}

template <bool has_other, typename Sample>
static inline __attribute__((always_inline)) void double_row(const Sample* __restrict near,
                                                             const Sample* __restrict far, Sample* __restrict to,
                                                             std::size_t count) {
    // What is added before the shift, left and right.
    constexpr std::uint16_t left_bias = has_other ? 8 : 1;
    constexpr std::uint16_t right_bias = has_other ? 7 : 2;
    constexpr int shift = has_other ? 4 : 2;
    const auto put = [&](const Sums& before, const Sums& here, std::size_t i) __attribute__((always_inline)) {
        const Sums after = sums_at<has_other>(near, far, i + 1);
        const Sums tripled = here + here + here;
        store_pairs((tripled + before + left_bias) >> shift, (tripled + after + right_bias) >> shift, to + 2 * i);
    };
    // The sum before the first is the first, and the one after the last is the last.
    Sums here = sums_at<has_other>(near, far, 0);
    put(moved(here, std::make_index_sequence<sums_width>()), here, 0);
    for (std::size_t i = sums_width; i < count; i += sums_width) {
        here = sums_at<has_other>(near, far, i);
        put(sums_at<has_other>(near, far, i - 1), here, i);
    }
    unsigned last = near[count - 1];
    if constexpr (has_other) last = 3 * last + far[count - 1];
    to[2 * count - 1] = static_cast<Sample>((4 * last + right_bias) >> shift);
}

template <typename Sample>
static void double_columns(const Sample* __restrict near, const Sample* __restrict far, Sample* __restrict to,
                           std::size_t count) {
    if (far == nullptr) double_row<false>(near, far, to, count);
    else double_row<true>(near, far, to, count);
}

template <typename Sample>
static void between_rows(const Sample* __restrict near, const Sample* __restrict far, Sample* __restrict to,
                         std::size_t count, unsigned bias) {
    for (std::size_t i = 0; i < count; ++i)
        to[i] = static_cast<Sample>(static_cast<std::uint16_t>(near[i] * 3 + far[i] + static_cast<int>(bias)) >> 2);
}
