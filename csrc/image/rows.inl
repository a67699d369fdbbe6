// Converts rows of samples from the working type of a codec to cells. image/kernels.inl includes this file, which is
// compiled once per instruction set.

// Shifts 16-bit samples to the left and stores them in 8-bit cells.
static void narrow_row(const std::uint16_t* __restrict row, std::uint8_t* __restrict to, std::size_t count,
                       unsigned shift) {
    for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<std::uint8_t>(row[i] << shift);
}

static void shift_row(const std::uint16_t* __restrict row, std::uint16_t* __restrict to, std::size_t count,
                      unsigned shift) {
    for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<std::uint16_t>(row[i] << shift);
}

// Adds `shift` to signed 32-bit samples, clamps them to [low, high] and stores them in cells.
template <typename Cell>
static inline __attribute__((always_inline)) void store_row(const std::int32_t* __restrict row, Cell* __restrict to,
                                                            std::size_t count, std::int32_t shift, std::int32_t low,
                                                            std::int32_t high) {
    for (std::size_t i = 0; i < count; ++i) {
        auto value = static_cast<std::int32_t>(static_cast<std::uint32_t>(row[i]) + static_cast<std::uint32_t>(shift));
        value = value < low ? low : value;
        value = value > high ? high : value;
        to[i] = static_cast<Cell>(value);
    }
}

static void store_row8(const std::int32_t* row, std::uint8_t* to, std::size_t count, std::int32_t shift,
                       std::int32_t low, std::int32_t high) {
    store_row<std::uint8_t>(row, to, count, shift, low, high);
}
static void store_row16(const std::int32_t* row, std::uint16_t* to, std::size_t count, std::int32_t shift,
                        std::int32_t low, std::int32_t high) {
    store_row<std::uint16_t>(row, to, count, shift, low, high);
}
static void store_row32(const std::int32_t* row, std::uint32_t* to, std::size_t count, std::int32_t shift,
                        std::int32_t low, std::int32_t high) {
    store_row<std::uint32_t>(row, to, count, shift, low, high);
}

// Rounds to the nearest integer, ties to even, in [low, high]. Both bounds are below 2^22 in magnitude. Adding 1.5 x
// 2^23 moves the integer to the lower bits of the mantissa. NaN becomes `low`.
static void round_row(const float* row, std::int32_t* to, std::size_t count, float low, float high) {
    for (std::size_t i = 0; i < count; ++i) {
        float value = row[i];
        value = value > low ? value : low;
        value = value < high ? value : high;
        value += 12582912.0F;
        std::int32_t bits;
        __builtin_memcpy(&bits, &value, sizeof bits);
        to[i] = bits - 0x4B400000;
    }
}
