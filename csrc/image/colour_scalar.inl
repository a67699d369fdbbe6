// YBR_FULL to RGB. image/kernels.inl includes this file.

static inline __attribute__((always_inline)) std::uint8_t clamp8(int value) {
    return static_cast<std::uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

// The inverse of PS3.3, C.7.6.3.1.2: R = Y + 1.402 Cr', B = Y + 1.772 Cb', and G from Y = 0.299 R + 0.587 G + 0.114 B.
// Each result is rounded half up and clamped. With 20 fractional bits and these biases all 2^24 triplets are exact
// (tests/api/test_colour.py checks each). With fewer bits they are not. Floating point, which pydicom uses, is off by
// one in 42 triplets.
static void ybr_full_to_rgb(std::uint8_t* __restrict y, std::uint8_t* __restrict cb, std::uint8_t* __restrict cr,
                            std::size_t pixels) {
    constexpr int half = 1 << 19;
    for (std::size_t i = 0; i < pixels; ++i) {
        const int luma = y[i];
        const int blue = cb[i] - 128;
        const int red = cr[i] - 128;
        y[i] = clamp8(luma + ((1470104 * red + half) >> 20));
        cb[i] = clamp8(luma + ((-360854 * blue - 748827 * red + half + 8) >> 20));
        cr[i] = clamp8(luma + ((1858077 * blue + half + 96) >> 20));
    }
}

static void ybr_full_to_rgb_pixels(const std::uint8_t* __restrict y, const std::uint8_t* __restrict cb,
                                   const std::uint8_t* __restrict cr, std::uint8_t* __restrict to, std::size_t pixels) {
    constexpr std::size_t width = 64;
    std::uint8_t planes[3][width];
    while (pixels > 0) {
        const std::size_t now = pixels < width ? pixels : width;
        __builtin_memcpy(planes[0], y, now);
        __builtin_memcpy(planes[1], cb, now);
        __builtin_memcpy(planes[2], cr, now);
        ybr_full_to_rgb(planes[0], planes[1], planes[2], now);
        interleave3(planes[0], planes[1], planes[2], to, now);
        y += now;
        cb += now;
        cr += now;
        to += 3 * now;
        pixels -= now;
    }
}
