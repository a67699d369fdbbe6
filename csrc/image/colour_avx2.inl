// YBR_FULL to RGB with the same results as colour_scalar.inl, in 16 bits. image/kernels.inl includes this file.
//
// R = Y + Cr' + 0.402 Cr' and B = Y + 2 Cb' - 0.228 Cb': the products are rounded half up from 15 fractional bits. Of
// all values of Cb', only 125 gives a half that the factor rounds down. Green has the factors of colour_scalar.inl,
// split in two so that each fits in 16 bits: -360854 = -2820 * 128 + 106, and -748827 = -5851 * 128 + 101.

static inline __attribute__((always_inline)) __m256i green_of_four_pairs(__m256i pairs) {
    const __m256i high = _mm256_madd_epi16(pairs, _mm256_set1_epi32(-5851 * 65536 + (-2820 & 0xffff)));
    const __m256i low = _mm256_madd_epi16(pairs, _mm256_set1_epi32(101 * 65536 + 106));
    const __m256i sum = _mm256_add_epi32(_mm256_slli_epi32(high, 7), low);
    return _mm256_srai_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32((1 << 19) + 8)), 20);
}

struct SixteenPixels {
    __m256i red, green, blue;
};

static inline __attribute__((always_inline)) __m256i widen16(const std::uint8_t* from) {
    return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}

static inline __attribute__((always_inline)) void convert16(const std::uint8_t* y, const std::uint8_t* cb,
                                                            const std::uint8_t* cr, SixteenPixels& to) {
    const __m256i middle = _mm256_set1_epi16(128);
    const __m256i luma = widen16(y);
    const __m256i blue = _mm256_sub_epi16(widen16(cb), middle);
    const __m256i red = _mm256_sub_epi16(widen16(cr), middle);
    to.red = _mm256_add_epi16(_mm256_add_epi16(luma, red), _mm256_mulhrs_epi16(red, _mm256_set1_epi16(13172)));
    const __m256i is_half = _mm256_cmpeq_epi16(blue, _mm256_set1_epi16(125));  // -1
    const __m256i product = _mm256_sub_epi16(_mm256_mulhrs_epi16(blue, _mm256_set1_epi16(-7473)), is_half);
    to.blue = _mm256_add_epi16(_mm256_add_epi16(luma, product), _mm256_add_epi16(blue, blue));
    to.green = _mm256_add_epi16(luma, _mm256_packs_epi32(green_of_four_pairs(_mm256_unpacklo_epi16(blue, red)),
                                                         green_of_four_pairs(_mm256_unpackhi_epi16(blue, red))));
}

static inline __attribute__((always_inline)) void store32(__m256i first, __m256i second, std::uint8_t* to) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                        _mm256_permute4x64_epi64(_mm256_packus_epi16(first, second), 0xD8));
}

static inline __attribute__((always_inline)) void convert32(std::uint8_t* y, std::uint8_t* cb, std::uint8_t* cr) {
    SixteenPixels first;
    SixteenPixels second;
    convert16(y, cb, cr, first);
    convert16(y + 16, cb + 16, cr + 16, second);
    store32(first.red, second.red, y);
    store32(first.green, second.green, cb);
    store32(first.blue, second.blue, cr);
}

static void ybr_full_to_rgb(std::uint8_t* __restrict y, std::uint8_t* __restrict cb, std::uint8_t* __restrict cr,
                            std::size_t pixels) {
    std::size_t i = 0;
    for (; i + 32 <= pixels; i += 32) convert32(y + i, cb + i, cr + i);
    if (i == pixels) return;
    std::uint8_t rest[3][32] = {};
    std::uint8_t* const planes[3] = {y + i, cb + i, cr + i};
    for (int plane = 0; plane < 3; ++plane) __builtin_memcpy(rest[plane], planes[plane], pixels - i);
    convert32(rest[0], rest[1], rest[2]);
    for (int plane = 0; plane < 3; ++plane) __builtin_memcpy(planes[plane], rest[plane], pixels - i);
}
