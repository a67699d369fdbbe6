// The first and the last step of JPEG 2000's arithmetic: coefficients out of code-blocks (ISO/IEC 15444-1, E.1),
// and inverse component transform, level shift and clamping of rows (Annex G). Included once per instruction set; see
// kernels/isa_scalar.cpp.

// Coefficients with one fractional bit, which reversible coding drops.
static void halve_coefficients(std::int32_t* row, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
        row[i] = (row[i] + static_cast<std::int32_t>(static_cast<std::uint32_t>(row[i]) >> 31)) >> 1;
}

// The same memory, as floats.
static void scale_coefficients(std::int32_t* row, std::size_t count, float scale) {
    for (std::size_t i = 0; i < count; ++i) {
        const float value = static_cast<float>(row[i]) * scale;
        __builtin_memcpy(row + i, &value, sizeof value);
    }
}

// G.2.2. Sums wrap: damaged streams may hold anything.
static void inverse_rct(std::int32_t* __restrict y, std::int32_t* __restrict cb, std::int32_t* __restrict cr,
                        std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        const auto blue = static_cast<std::uint32_t>(cb[i]);
        const auto red = static_cast<std::uint32_t>(cr[i]);
        const std::uint32_t green =
            static_cast<std::uint32_t>(y[i]) - static_cast<std::uint32_t>(static_cast<std::int32_t>(blue + red) >> 2);
        y[i] = static_cast<std::int32_t>(red + green);
        cb[i] = static_cast<std::int32_t>(green);
        cr[i] = static_cast<std::int32_t>(blue + green);
    }
}

// G.3.2
static void inverse_ict(float* __restrict y, float* __restrict cb, float* __restrict cr, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        const float luminance = y[i];
        const float blue = cb[i];
        const float red = cr[i];
        y[i] = luminance + 1.402F * red;
        cb[i] = luminance - 0.344136F * blue - 0.714136F * red;
        cr[i] = luminance + 1.772F * blue;
    }
}

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

// To the nearest integer, ties to even, within [low, high], both below 2^22 in magnitude: adding 1.5 x 2^23 leaves
// the integer in the lower bits of the mantissa. Not a number becomes `low`.
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
