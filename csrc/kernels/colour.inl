// Three-component loops over 8-bit samples. Included once per instruction set; see kernels/isa_scalar.cpp.

static inline __attribute__((always_inline)) std::uint8_t clamp8(int value) {
    return static_cast<std::uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

// PS3.3, C.7.6.3.1.2, inverted: R = Y + 1.402 Cr', B = Y + 1.772 Cb', and G from Y = 0.299 R + 0.587 G +
// 0.114 B, each rounded half up and clamped. With 20 fractional bits and these biases every one of the
// 2^24 triplets is exact (tests/unit/test_colour.py walks them all); fewer bits are not, and
// floating point (pydicom's) is off by one in 42.
static void ybr_full_to_rgb(std::uint8_t* __restrict y, std::uint8_t* __restrict cb, std::uint8_t* __restrict cr, std::size_t pixels) {
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

// Pixels from planes: sixteen at a time where the target shuffles bytes within a vector.
static void interleave3(const std::uint8_t* __restrict a, const std::uint8_t* __restrict b, const std::uint8_t* __restrict c,
                        std::uint8_t* __restrict to, std::size_t pixels) {
    std::size_t i = 0;
    if constexpr (shuffles_bytes) {
        typedef std::uint8_t Sixteen __attribute__((vector_size(16)));
        for (; i + 16 <= pixels; i += 16) {
            Sixteen first;
            Sixteen second;
            Sixteen third;
            __builtin_memcpy(&first, a + i, 16);
            __builtin_memcpy(&second, b + i, 16);
            __builtin_memcpy(&third, c + i, 16);
            // Pairs of the first two components with a gap for the third, then the third into the gaps.
            const Sixteen low = __builtin_shufflevector(first, second, 0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5);
            const Sixteen middle = __builtin_shufflevector(first, second, 21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10, 26);
            const Sixteen high = __builtin_shufflevector(first, second, 0, 11, 27, 0, 12, 28, 0, 13, 29, 0, 14, 30, 0, 15, 31, 0);
            const Sixteen out0 = __builtin_shufflevector(low, third, 0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15);
            const Sixteen out1 = __builtin_shufflevector(middle, third, 0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15);
            const Sixteen out2 = __builtin_shufflevector(high, third, 26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31);
            __builtin_memcpy(to + 3 * i, &out0, 16);
            __builtin_memcpy(to + 3 * i + 16, &out1, 16);
            __builtin_memcpy(to + 3 * i + 32, &out2, 16);
        }
    }
    for (; i < pixels; ++i) {
        to[3 * i] = a[i];
        to[3 * i + 1] = b[i];
        to[3 * i + 2] = c[i];
    }
}

static void deinterleave3(const std::uint8_t* __restrict from, std::uint8_t* __restrict a, std::uint8_t* __restrict b,
                          std::uint8_t* __restrict c, std::size_t pixels) {
    for (std::size_t i = 0; i < pixels; ++i) {
        a[i] = from[3 * i];
        b[i] = from[3 * i + 1];
        c[i] = from[3 * i + 2];
    }
}

static void expand_422(const std::uint8_t* __restrict from, std::uint8_t* __restrict y, std::uint8_t* __restrict cb,
                       std::uint8_t* __restrict cr, std::size_t pixels) {
    for (std::size_t i = 0; i < pixels / 2; ++i) {
        y[2 * i] = from[4 * i];
        y[2 * i + 1] = from[4 * i + 1];
        cb[2 * i] = cb[2 * i + 1] = from[4 * i + 2];
        cr[2 * i] = cr[2 * i + 1] = from[4 * i + 3];
    }
}
