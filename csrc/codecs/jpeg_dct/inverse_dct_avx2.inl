// The inverse DCT of inverse_dct.inl for samples of 8 bits. A vector has a pair of coefficients of each of eight
// columns, which one instruction multiplies and adds. No sum leaves 32 bits: the factors of a line sum up to less than
// 2^15.97, and coefficients have 16 bits.

static inline __attribute__((always_inline)) __m256i dct_pair(int first, int second) {
    return _mm256_set1_epi32((second << 16) | (first & 0xffff));
}

static inline __attribute__((always_inline)) void dct_lines(const __m256i in[4], __m256i out[8], int offset) {
    const __m256i start = _mm256_set1_epi32(offset);
    const __m256i sum = _mm256_add_epi32(_mm256_madd_epi16(in[0], dct_pair(dct_even[0][0], dct_even[0][1])), start);
    const __m256i difference =
        _mm256_add_epi32(_mm256_madd_epi16(in[0], dct_pair(dct_even[1][0], dct_even[1][1])), start);
    const __m256i inner = _mm256_madd_epi16(in[1], dct_pair(dct_even[2][0], dct_even[2][1]));
    const __m256i outer = _mm256_madd_epi16(in[1], dct_pair(dct_even[3][0], dct_even[3][1]));
    const __m256i even[4] = {_mm256_add_epi32(sum, outer), _mm256_add_epi32(difference, inner),
                             _mm256_sub_epi32(difference, inner), _mm256_sub_epi32(sum, outer)};
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        const int* const odd = dct_odd[3 - i];
        const __m256i other = _mm256_add_epi32(_mm256_madd_epi16(in[2], dct_pair(odd[0], odd[1])),
                                               _mm256_madd_epi16(in[3], dct_pair(odd[2], odd[3])));
        out[i] = _mm256_add_epi32(even[i], other);
        out[7 - i] = _mm256_sub_epi32(even[i], other);
    }
}

static inline __attribute__((always_inline)) void transform_bytes(const std::int16_t* block, std::byte* to,
                                                                  std::ptrdiff_t stride) {
    __m256i in[4];
    __m256i out[8];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) in[i] = _mm256_load_si256(reinterpret_cast<const __m256i*>(block + 16 * i));
    dct_lines(in, out, 1 << 10);
    // Rows y and y + 4, in 16 bits; the columns are in the order of pairs, so that 32 bits hold a pair.
    __m256i rows[4];
#pragma GCC unroll 4
    for (int y = 0; y < 4; ++y) {
        rows[y] = _mm256_permute4x64_epi64(
            _mm256_packs_epi32(_mm256_srai_epi32(out[y], 11), _mm256_srai_epi32(out[y + 4], 11)), 0xD8);
    }
    const __m256i a = _mm256_unpacklo_epi32(rows[0], rows[1]);
    const __m256i b = _mm256_unpackhi_epi32(rows[0], rows[1]);
    const __m256i c = _mm256_unpacklo_epi32(rows[2], rows[3]);
    const __m256i d = _mm256_unpackhi_epi32(rows[2], rows[3]);
    in[0] = _mm256_unpacklo_epi64(a, c);
    in[1] = _mm256_unpackhi_epi64(a, c);
    in[2] = _mm256_unpacklo_epi64(b, d);
    in[3] = _mm256_unpackhi_epi64(b, d);
    dct_lines(in, out, (128 << 18) + (1 << 17));
#pragma GCC unroll 8
    for (int x = 0; x < 8; ++x) out[x] = _mm256_srai_epi32(out[x], 18);
    // Bytes: four columns of four rows in each half, then four rows of four columns.
    const __m256i turn = _mm256_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15,  //
                                          0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m256i left = _mm256_shuffle_epi8(
        _mm256_packus_epi16(_mm256_packs_epi32(out[0], out[1]), _mm256_packs_epi32(out[2], out[3])), turn);
    const __m256i right = _mm256_shuffle_epi8(
        _mm256_packus_epi16(_mm256_packs_epi32(out[4], out[5]), _mm256_packs_epi32(out[6], out[7])), turn);
    const __m256i even = _mm256_unpacklo_epi32(left, right);  // rows 0 and 1; 4 and 5
    const __m256i odd = _mm256_unpackhi_epi32(left, right);   // rows 2 and 3; 6 and 7
    const auto store = [&](int y, __m128i two) {
        _mm_storel_epi64(reinterpret_cast<__m128i*>(to + y * stride), two);
        _mm_storeh_pd(reinterpret_cast<double*>(to + (y + 1) * stride), _mm_castsi128_pd(two));
    };
    store(0, _mm256_castsi256_si128(even));
    store(2, _mm256_castsi256_si128(odd));
    store(4, _mm256_extracti128_si256(even, 1));
    store(6, _mm256_extracti128_si256(odd, 1));
}
