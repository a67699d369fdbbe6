// The loops of image/frame_step. image/kernels.inl includes this file, which is compiled once per instruction set.

// Calls body with a null pointer to the type of the samples, which FrameStep::takes.
template <typename Body>
static inline __attribute__((always_inline)) void for_samples(SampleType type, Body body) {
    switch (type) {
        case SampleType::u8: return body(static_cast<const std::uint8_t*>(nullptr));
        case SampleType::i8: return body(static_cast<const std::int8_t*>(nullptr));
        case SampleType::u16: return body(static_cast<const std::uint16_t*>(nullptr));
        case SampleType::i16: return body(static_cast<const std::int16_t*>(nullptr));
        case SampleType::u32: return body(static_cast<const std::uint32_t*>(nullptr));
        default: return body(static_cast<const std::int32_t*>(nullptr));
    }
}

template <typename To, typename From>
static inline __attribute__((always_inline)) void linear_cells(const From* __restrict from, To* __restrict to,
                                                               std::size_t count, To gain, To offset, bool clips) {
    if (!clips) {
        for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<To>(from[i]) * gain + offset;
        return;
    }
    for (std::size_t i = 0; i < count; ++i) {
        To value = static_cast<To>(from[i]) * gain + offset;
        value = value < 0 ? 0 : value;
        to[i] = value > 1 ? 1 : value;
    }
}

static void linear_row(SampleType type, const void* from, void* to, std::size_t count, const FrameStep& step) {
    for_samples(
        type, [&](auto* sample) __attribute__((always_inline)) {
            const auto* samples = static_cast<decltype(sample)>(from);
            if (step.result == SampleType::f64) {
                linear_cells(samples, static_cast<double*>(to), count, step.gain, step.offset, step.clips);
            } else {
                linear_cells(samples, static_cast<float*>(to), count, static_cast<float>(step.gain),
                             static_cast<float>(step.offset), step.clips);
            }
        });
}

static double sum_row(SampleType type, const void* from, std::size_t count) {
    std::int64_t sum = 0;
    for_samples(
        type, [&](auto* sample) __attribute__((always_inline)) {
            const auto* samples = static_cast<decltype(sample)>(from);
            for (std::size_t i = 0; i < count; ++i) sum += samples[i];
        });
    return static_cast<double>(sum);
}

// Of the differences from the mean. Eight sums, because a vector has up to eight doubles: the order of the additions is
// the same on every instruction set.
static double sum_squares_row(SampleType type, const void* from, std::size_t count, double mean) {
    double sums[8] = {};
    for_samples(
        type, [&](auto* sample) __attribute__((always_inline)) {
            const auto* samples = static_cast<decltype(sample)>(from);
            const std::size_t whole = count & ~std::size_t{7};
            for (std::size_t i = 0; i < whole; i += 8) {
                for (std::size_t k = 0; k < 8; ++k) {
                    const double difference = static_cast<double>(samples[i + k]) - mean;
                    sums[k] += difference * difference;
                }
            }
            for (std::size_t i = whole; i < count; ++i) {
                const double difference = static_cast<double>(samples[i]) - mean;
                sums[i - whole] += difference * difference;
            }
        });
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

// The loops have no branch in them, so that compilers use vectors.
template <typename Cell>
static inline __attribute__((always_inline)) std::uint32_t label_cells(const std::uint8_t* __restrict from,
                                                                       Cell* __restrict to, std::size_t count,
                                                                       const FrameStep& step) {
    const auto label = static_cast<Cell>(step.label);
    const std::uint8_t threshold = step.threshold;
    if (step.over == FrameStep::Over::replace_all) {
        for (std::size_t i = 0; i < count; ++i) to[i] = from[i] >= threshold ? label : Cell{0};
        return 0;
    }
    // Only bits of the mask make a cell one that is kept.
    const Cell mask = step.over == FrameStep::Over::keep ? static_cast<Cell>(~Cell{0}) : Cell{0};
    std::uint32_t overlaps = 0;
    constexpr std::size_t block = 192;  // a cell counts them without overflow
    for (std::size_t begin = 0; begin < count; begin += block) {
        const std::size_t end = begin + block < count ? begin + block : count;
        Cell here = 0;
        for (std::size_t i = begin; i < end; ++i) {
            const bool inside = from[i] >= threshold;
            here = static_cast<Cell>(here + (inside & (to[i] != 0) & (to[i] != label)));
            to[i] = (inside & ((to[i] & mask) == 0)) ? label : to[i];
        }
        overlaps += here;
    }
    return overlaps;
}

static std::uint32_t label_row(const std::uint8_t* from, void* to, std::size_t count, const FrameStep& step) {
    switch (step.result) {
        case SampleType::u8: return label_cells(from, static_cast<std::uint8_t*>(to), count, step);
        case SampleType::u16: return label_cells(from, static_cast<std::uint16_t*>(to), count, step);
        default: return label_cells(from, static_cast<std::uint32_t*>(to), count, step);
    }
}
