// YBR_FULL to RGB with the same results as colour_scalar.inl, in 16 bits. image/kernels.inl includes this file.
//
// R = Y + Cr' + 0.402 Cr' and B = Y + 2 Cb' - 0.228 Cb': the products are rounded half up from 15 fractional bits. Of
// all values of Cb', only 125 gives a half that the factor rounds down. Green has the factors of colour_scalar.inl,
// split in two so that each fits in 16 bits: -360854 = -2820 * 128 + 106, and -748827 = -5851 * 128 + 101.
//
// Bytes are widened by unpacking them within each 16 bytes of a vector, and packed in the same way, so that they are in
// their places again.

typedef std::int16_t Words __attribute__((vector_size(sizeof(Block))));
typedef std::int32_t Ints __attribute__((vector_size(sizeof(Block))));

#if defined(DCMTURBO_TARGET_AVX512)
typedef __m512i Wide;
static inline __attribute__((always_inline)) Wide wide(int value) {
    return _mm512_set1_epi16(static_cast<short>(value));
}
static inline __attribute__((always_inline)) Wide rounded_product(Wide a, Wide b) { return _mm512_mulhrs_epi16(a, b); }
static inline __attribute__((always_inline)) Wide pair_sums(Wide a, Wide b) { return _mm512_madd_epi16(a, b); }
static inline __attribute__((always_inline)) Wide low_pairs(Wide a, Wide b) { return _mm512_unpacklo_epi16(a, b); }
static inline __attribute__((always_inline)) Wide high_pairs(Wide a, Wide b) { return _mm512_unpackhi_epi16(a, b); }
static inline __attribute__((always_inline)) Wide packed16(Wide a, Wide b) { return _mm512_packs_epi32(a, b); }
static inline __attribute__((always_inline)) Wide packed8(Wide a, Wide b) { return _mm512_packus_epi16(a, b); }
static inline __attribute__((always_inline)) Wide low_bytes(Wide a) { return _mm512_unpacklo_epi8(a, wide(0)); }
static inline __attribute__((always_inline)) Wide high_bytes(Wide a) { return _mm512_unpackhi_epi8(a, wide(0)); }
#else
typedef __m256i Wide;
static inline __attribute__((always_inline)) Wide wide(int value) {
    return _mm256_set1_epi16(static_cast<short>(value));
}
static inline __attribute__((always_inline)) Wide rounded_product(Wide a, Wide b) { return _mm256_mulhrs_epi16(a, b); }
static inline __attribute__((always_inline)) Wide pair_sums(Wide a, Wide b) { return _mm256_madd_epi16(a, b); }
static inline __attribute__((always_inline)) Wide low_pairs(Wide a, Wide b) { return _mm256_unpacklo_epi16(a, b); }
static inline __attribute__((always_inline)) Wide high_pairs(Wide a, Wide b) { return _mm256_unpackhi_epi16(a, b); }
static inline __attribute__((always_inline)) Wide packed16(Wide a, Wide b) { return _mm256_packs_epi32(a, b); }
static inline __attribute__((always_inline)) Wide packed8(Wide a, Wide b) { return _mm256_packus_epi16(a, b); }
static inline __attribute__((always_inline)) Wide low_bytes(Wide a) { return _mm256_unpacklo_epi8(a, wide(0)); }
static inline __attribute__((always_inline)) Wide high_bytes(Wide a) { return _mm256_unpackhi_epi8(a, wide(0)); }
#endif

// Three samples of each pixel, of 8 or of 16 bits.
struct WidePixels {
    Wide a, b, c;
};

static inline __attribute__((always_inline)) Wide green_of_pairs(Wide pairs) {
    const auto high = (Ints)pair_sums(pairs, (Wide)(Ints{} + (-5851 * 65536 + (-2820 & 0xffff))));
    const auto low = (Ints)pair_sums(pairs, (Wide)(Ints{} + (101 * 65536 + 106)));
    return (Wide)((high * 128 + low + ((1 << 19) + 8)) >> 20);
}

static inline __attribute__((always_inline)) void convert_words(Wide y, Wide cb, Wide cr, WidePixels& to) {
    const auto luma = (Words)y;
    const Words blue = (Words)cb - 128;
    const Words red = (Words)cr - 128;
    to.a = (Wide)(luma + red + (Words)rounded_product((Wide)red, wide(13172)));
    to.b = (Wide)(luma + (Words)packed16(green_of_pairs(low_pairs((Wide)blue, (Wide)red)),
                                         green_of_pairs(high_pairs((Wide)blue, (Wide)red))));
    const Words is_half = blue == 125;  // -1
    to.c = (Wide)(luma + ((Words)rounded_product((Wide)blue, wide(-7473)) - is_half) + (blue + blue));
}

static inline __attribute__((always_inline)) void convert_bytes(const std::uint8_t* y, const std::uint8_t* cb,
                                                                const std::uint8_t* cr, WidePixels& to) {
    Wide from[3];
    __builtin_memcpy(&from[0], y, sizeof(Wide));
    __builtin_memcpy(&from[1], cb, sizeof(Wide));
    __builtin_memcpy(&from[2], cr, sizeof(Wide));
    WidePixels low;
    WidePixels high;
    convert_words(low_bytes(from[0]), low_bytes(from[1]), low_bytes(from[2]), low);
    convert_words(high_bytes(from[0]), high_bytes(from[1]), high_bytes(from[2]), high);
    to.a = packed8(low.a, high.a);
    to.b = packed8(low.b, high.b);
    to.c = packed8(low.c, high.c);
}

static void ybr_full_to_rgb(std::uint8_t* __restrict y, std::uint8_t* __restrict cb, std::uint8_t* __restrict cr,
                            std::size_t pixels) {
    constexpr std::size_t width = sizeof(Wide);
    const auto convert = [](std::uint8_t * a, std::uint8_t * b, std::uint8_t * c) __attribute__((always_inline)) {
        WidePixels found;
        convert_bytes(a, b, c, found);
        __builtin_memcpy(a, &found.a, width);
        __builtin_memcpy(b, &found.b, width);
        __builtin_memcpy(c, &found.c, width);
    };
    std::size_t i = 0;
    for (; i + width <= pixels; i += width) convert(y + i, cb + i, cr + i);
    if (i == pixels) return;
    std::uint8_t rest[3][width] = {};
    std::uint8_t* const planes[3] = {y + i, cb + i, cr + i};
    for (int plane = 0; plane < 3; ++plane) __builtin_memcpy(rest[plane], planes[plane], pixels - i);
    convert(rest[0], rest[1], rest[2]);
    for (int plane = 0; plane < 3; ++plane) __builtin_memcpy(planes[plane], rest[plane], pixels - i);
}

static inline __attribute__((always_inline)) void convert_to_pixels(const std::uint8_t* y, const std::uint8_t* cb,
                                                                    const std::uint8_t* cr, std::uint8_t* to) {
    constexpr std::size_t width = sizeof(ShuffleBlock);
    constexpr auto bytes = std::make_integer_sequence<int, static_cast<int>(width)>{};
    WidePixels found;
    convert_bytes(y, cb, cr, found);
    ShuffleBlock parts[3][sizeof(Wide) / width];
    __builtin_memcpy(parts[0], &found.a, sizeof(Wide));
    __builtin_memcpy(parts[1], &found.b, sizeof(Wide));
    __builtin_memcpy(parts[2], &found.c, sizeof(Wide));
#pragma GCC unroll 2
    for (std::size_t i = 0; i < sizeof(Wide) / width; ++i) {
        interleave_part<0>(parts[0][i], parts[1][i], parts[2][i], to + 3 * width * i, bytes);
        interleave_part<1>(parts[0][i], parts[1][i], parts[2][i], to + 3 * width * i, bytes);
        interleave_part<2>(parts[0][i], parts[1][i], parts[2][i], to + 3 * width * i, bytes);
    }
}

static void ybr_full_to_rgb_pixels(const std::uint8_t* __restrict y, const std::uint8_t* __restrict cb,
                                   const std::uint8_t* __restrict cr, std::uint8_t* __restrict to, std::size_t pixels) {
    constexpr std::size_t width = sizeof(Wide);
    if (pixels < width) {
        std::uint8_t rest[3][width] = {};
        std::uint8_t converted[3 * width];
        __builtin_memcpy(rest[0], y, pixels);
        __builtin_memcpy(rest[1], cb, pixels);
        __builtin_memcpy(rest[2], cr, pixels);
        convert_to_pixels(rest[0], rest[1], rest[2], converted);
        __builtin_memcpy(to, converted, 3 * pixels);
        return;
    }
    // The last vector may have pixels of the one before.
    for (std::size_t i = 0; i < pixels; i += width) {
        const std::size_t at = i + width <= pixels ? i : pixels - width;
        convert_to_pixels(y + at, cb + at, cr + at, to + 3 * at);
    }
}
