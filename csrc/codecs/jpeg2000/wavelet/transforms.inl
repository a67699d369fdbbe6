// Coefficients out of code-blocks (ISO/IEC 15444-1, E.1), and the inverse component transforms (Annex G). Compiled once
// per instruction set, as part of wavelet/kernels.inl.

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
