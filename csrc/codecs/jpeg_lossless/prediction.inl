// Prediction of JPEG Lossless (ISO/IEC 10918-1, H.1.2.1), on rows of samples modulo 2^16. Compiled once per
// instruction set (kernels.cpp).

static std::uint32_t extract_differences(const DifferenceEntry* __restrict entries, std::uint16_t* __restrict to,
                                         std::size_t count) {
    std::uint32_t all = 0;
    for (std::size_t i = 0; i < count; ++i) {
        all |= entries[i];
        to[i] = static_cast<std::uint16_t>(entries[i] >> 16);
    }
    return all;
}

typedef std::uint16_t EightSamples __attribute__((vector_size(16)));

// Each sample becomes the sum of itself and all before it, and of `start`.
static void sum_row(std::uint16_t* row, std::size_t count, std::uint16_t start) {
    const EightSamples zero = {};
    EightSamples sum = zero + start;
    std::size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        EightSamples v;
        __builtin_memcpy(&v, row + i, sizeof v);
        v += __builtin_shufflevector(zero, v, 0, 8, 9, 10, 11, 12, 13, 14);
        v += __builtin_shufflevector(zero, v, 0, 0, 8, 9, 10, 11, 12, 13);
        v += __builtin_shufflevector(zero, v, 0, 0, 0, 0, 8, 9, 10, 11);
        const EightSamples out = v + sum;
        __builtin_memcpy(row + i, &out, sizeof out);
        // Off the chain from one step to the next: only an addition is on it.
        sum += __builtin_shufflevector(v, v, 7, 7, 7, 7, 7, 7, 7, 7);
    }
    std::uint16_t last = sum[0];
    for (; i < count; ++i) row[i] = last = static_cast<std::uint16_t>(last + row[i]);
}

// floor((a - b) / 2) modulo 2^16, of samples without a sign.
static inline __attribute__((always_inline)) std::uint16_t half_difference(std::uint16_t a, std::uint16_t b) {
    return static_cast<std::uint16_t>((a >> 1) - (b >> 1) - (~a & b & 1));
}

// From differences in `row` to samples: the first is predicted by `start`, the others as the selection value says
// from those at their left, in `above`, and at the left of that.
static void restore_row(unsigned selection_value, const std::uint16_t* __restrict above, std::uint16_t* __restrict row,
                        std::size_t count, std::uint16_t start) {
    if (count == 0) return;
    const auto first = static_cast<std::uint16_t>(row[0] + start);
    switch (selection_value) {
        case 0: break;
        case 1: return sum_row(row, count, start);
        case 2:
            for (std::size_t i = 1; i < count; ++i) row[i] = static_cast<std::uint16_t>(row[i] + above[i]);
            break;
        case 3:
            for (std::size_t i = 1; i < count; ++i) row[i] = static_cast<std::uint16_t>(row[i] + above[i - 1]);
            break;
        case 4:
            for (std::size_t i = 1; i < count; ++i)
                row[i] = static_cast<std::uint16_t>(row[i] + above[i] - above[i - 1]);
            return sum_row(row, count, start);
        case 5:
            for (std::size_t i = 1; i < count; ++i)
                row[i] = static_cast<std::uint16_t>(row[i] + half_difference(above[i], above[i - 1]));
            return sum_row(row, count, start);
        case 6: {
            std::uint16_t left = first;
            for (std::size_t i = 1; i < count; ++i)
                row[i] = left = static_cast<std::uint16_t>(row[i] + above[i] + half_difference(left, above[i - 1]));
            break;
        }
        default: {
            std::uint32_t left = first;
            for (std::size_t i = 1; i < count; ++i)
                row[i] = static_cast<std::uint16_t>(left = (row[i] + ((left + above[i]) >> 1)) & 0xffff);
            break;
        }
    }
    row[0] = first;
}

// The other way: the differences of a row of samples, of `step` components together, from its second pixel on.
static void difference_row(unsigned selection_value, const std::uint16_t* __restrict above,
                           const std::uint16_t* __restrict row, std::uint16_t* __restrict to, std::size_t count,
                           std::size_t step) {
    const std::uint16_t* __restrict left = row - step;
    const std::uint16_t* __restrict above_left = above - step;
    switch (selection_value) {
        case 1:
            for (std::size_t i = step; i < count; ++i) to[i] = static_cast<std::uint16_t>(row[i] - left[i]);
            break;
        case 2:
            for (std::size_t i = step; i < count; ++i) to[i] = static_cast<std::uint16_t>(row[i] - above[i]);
            break;
        case 3:
            for (std::size_t i = step; i < count; ++i) to[i] = static_cast<std::uint16_t>(row[i] - above_left[i]);
            break;
        case 4:
            for (std::size_t i = step; i < count; ++i)
                to[i] = static_cast<std::uint16_t>(row[i] - left[i] - above[i] + above_left[i]);
            break;
        case 5:
            for (std::size_t i = step; i < count; ++i)
                to[i] = static_cast<std::uint16_t>(row[i] - left[i] - half_difference(above[i], above_left[i]));
            break;
        case 6:
            for (std::size_t i = step; i < count; ++i)
                to[i] = static_cast<std::uint16_t>(row[i] - above[i] - half_difference(left[i], above_left[i]));
            break;
        default:
            for (std::size_t i = step; i < count; ++i) {
                const std::uint32_t mean = (std::uint32_t{left[i]} + above[i]) >> 1;
                to[i] = static_cast<std::uint16_t>(row[i] - mean);
            }
            break;
    }
}

// The differences of pixels of 2 to 4 components, one row a component.
static void separate_components(const std::uint16_t* __restrict from, std::size_t components, std::size_t pixels,
                                std::uint16_t* const to[]) {
    std::uint16_t* __restrict a = to[0];
    std::uint16_t* __restrict b = to[1];
    if (components == 3) {
        std::uint16_t* __restrict c = to[2];
        for (std::size_t x = 0; x < pixels; ++x) {
            a[x] = from[3 * x];
            b[x] = from[3 * x + 1];
            c[x] = from[3 * x + 2];
        }
    } else if (components == 2) {
        for (std::size_t x = 0; x < pixels; ++x) {
            a[x] = from[2 * x];
            b[x] = from[2 * x + 1];
        }
    } else {
        std::uint16_t* __restrict c = to[2];
        std::uint16_t* __restrict d = to[3];
        for (std::size_t x = 0; x < pixels; ++x) {
            a[x] = from[4 * x];
            b[x] = from[4 * x + 1];
            c[x] = from[4 * x + 2];
            d[x] = from[4 * x + 3];
        }
    }
}

constexpr PredictionKernels table = {extract_differences, separate_components, restore_row, difference_row};
