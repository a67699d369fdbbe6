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

// The two samples next to each sum: left of its middle, and right.
template <typename Sample>
static inline __attribute__((always_inline)) void double_sums(const std::uint16_t* __restrict sums,
                                                              Sample* __restrict to, std::size_t count, int left_bias,
                                                              int right_bias, int shift) {
    std::size_t i = 0;
    if constexpr (sizeof(Sample) == 1) {
        for (; i < count; i += sums_width) {
            Sums before;
            Sums here;
            Sums after;
            __builtin_memcpy(&before, sums + i, sizeof before);
            __builtin_memcpy(&here, sums + i + 1, sizeof here);
            __builtin_memcpy(&after, sums + i + 2, sizeof after);
            const Sums tripled = here + here + here;
            const Sums left = (tripled + before + static_cast<std::uint16_t>(left_bias)) >> shift;
            const Sums right = (tripled + after + static_cast<std::uint16_t>(right_bias)) >> shift;
            const Sums both = left | right << 8;
            __builtin_memcpy(to + 2 * i, &both, sizeof both);
        }
    }
    for (; i < count; ++i) {
        const int tripled = sums[i + 1] * 3;
        to[2 * i] = static_cast<Sample>((tripled + sums[i] + left_bias) >> shift);
        to[2 * i + 1] = static_cast<Sample>((tripled + sums[i + 2] + right_bias) >> shift);
    }
}

template <typename Sample>
static void double_columns(const Sample* __restrict near, const Sample* __restrict far, std::uint16_t* __restrict sums,
                           Sample* __restrict to, std::size_t count) {
    std::uint16_t* const middle = sums + 1;
    for (std::size_t i = 0; i < count; i += sums_width) {
        Sums here;
        load_sums(near + i, here);
        if (far != nullptr) {
            Sums other;
            load_sums(far + i, other);
            here = here + here + here + other;
        }
        __builtin_memcpy(middle + i, &here, sizeof here);
    }
    sums[0] = middle[0];
    middle[count] = middle[count - 1];
    if (far == nullptr) double_sums(sums, to, count, 1, 2, 2);
    else double_sums(sums, to, count, 8, 7, 4);
}

template <typename Sample>
static void between_rows(const Sample* __restrict near, const Sample* __restrict far, Sample* __restrict to,
                         std::size_t count, unsigned bias) {
    for (std::size_t i = 0; i < count; ++i)
        to[i] = static_cast<Sample>(static_cast<std::uint16_t>(near[i] * 3 + far[i] + static_cast<int>(bias)) >> 2);
}
