// The inverse DCT of inverse_dct.inl for samples of 8 bits. A vector has a pair of coefficients of each of eight
// columns, which one instruction multiplies and adds; with AVX-512, of two blocks. No sum leaves 32 bits: the factors
// of a line sum up to less than 2^15.97, and coefficients have 16 bits.
//
// A pair of rows of coefficients is loaded as it is, and multiplied by its quantisation steps.

typedef std::int32_t DctSums __attribute__((vector_size(sizeof(Block))));

#if defined(DCMTURBO_TARGET_AVX512)
constexpr std::size_t bytes_at_once = 2;  // blocks

typedef __m512i DctVector;
static inline __attribute__((always_inline)) DctSums dct_products(DctVector a, int pair) {
    return (DctSums)_mm512_madd_epi16(a, _mm512_set1_epi32(pair));
}
static inline __attribute__((always_inline)) DctVector dct_words(DctSums a, DctSums b) {
    return _mm512_packs_epi32((DctVector)a, (DctVector)b);
}
static inline __attribute__((always_inline)) DctVector dct_bytes(DctVector a, DctVector b) {
    return _mm512_packus_epi16(a, b);
}
static inline __attribute__((always_inline)) DctVector dct_middle_quarters(DctVector a) {
    return _mm512_permutex_epi64(a, 0xD8);
}
static inline __attribute__((always_inline)) DctVector dct_low32(DctVector a, DctVector b) {
    return _mm512_unpacklo_epi32(a, b);
}
static inline __attribute__((always_inline)) DctVector dct_high32(DctVector a, DctVector b) {
    return _mm512_unpackhi_epi32(a, b);
}
static inline __attribute__((always_inline)) DctVector dct_low64(DctVector a, DctVector b) {
    return _mm512_unpacklo_epi64(a, b);
}
static inline __attribute__((always_inline)) DctVector dct_high64(DctVector a, DctVector b) {
    return _mm512_unpackhi_epi64(a, b);
}
static inline __attribute__((always_inline)) DctVector dct_turned(DctVector a, __m128i order) {
    return _mm512_shuffle_epi8(a, _mm512_broadcast_i32x4(order));
}
template <typename Cell>
static inline __attribute__((always_inline)) DctVector dct_pairs(const Cell* const cells[], int i) {
    const auto* const first = reinterpret_cast<const __m256i*>(cells[0]) + i;
    const auto* const second = reinterpret_cast<const __m256i*>(cells[1]) + i;
    return _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_loadu_si256(first)), _mm256_loadu_si256(second), 1);
}
static inline __attribute__((always_inline)) DctVector dct_load(const std::int16_t* const blocks[],
                                                                const std::uint16_t* const steps[], int i) {
    return _mm512_mullo_epi16(dct_pairs(blocks, i), dct_pairs(steps, i));
}
// Without the first coefficient of each block.
static inline __attribute__((always_inline)) DctVector dct_without_first(DctVector a) {
    return _mm512_maskz_mov_epi16(0xFFFEFFFE, a);
}
static inline __attribute__((always_inline)) bool dct_is_zero(DctVector a) { return _mm512_test_epi64_mask(a, a) == 0; }
static inline __attribute__((always_inline)) __m128i dct_quarter(DctVector a, int i) {
    switch (i) {
        case 0: return _mm512_castsi512_si128(a);
        case 1: return _mm512_extracti64x2_epi64(a, 1);
        case 2: return _mm512_extracti64x2_epi64(a, 2);
        default: return _mm512_extracti64x2_epi64(a, 3);
    }
}
#else
constexpr std::size_t bytes_at_once = 1;

typedef __m256i DctVector;
static inline __attribute__((always_inline)) DctSums dct_products(DctVector a, int pair) {
    return (DctSums)_mm256_madd_epi16(a, _mm256_set1_epi32(pair));
}
static inline __attribute__((always_inline)) DctVector dct_words(DctSums a, DctSums b) {
    return _mm256_packs_epi32((DctVector)a, (DctVector)b);
}
static inline __attribute__((always_inline)) DctVector dct_bytes(DctVector a, DctVector b) {
    return _mm256_packus_epi16(a, b);
}
static inline __attribute__((always_inline)) DctVector dct_middle_quarters(DctVector a) {
    return _mm256_permute4x64_epi64(a, 0xD8);
}
static inline __attribute__((always_inline)) DctVector dct_low32(DctVector a, DctVector b) {
    return _mm256_unpacklo_epi32(a, b);
}
static inline __attribute__((always_inline)) DctVector dct_high32(DctVector a, DctVector b) {
    return _mm256_unpackhi_epi32(a, b);
}
static inline __attribute__((always_inline)) DctVector dct_low64(DctVector a, DctVector b) {
    return _mm256_unpacklo_epi64(a, b);
}
static inline __attribute__((always_inline)) DctVector dct_high64(DctVector a, DctVector b) {
    return _mm256_unpackhi_epi64(a, b);
}
static inline __attribute__((always_inline)) DctVector dct_turned(DctVector a, __m128i order) {
    return _mm256_shuffle_epi8(a, _mm256_broadcastsi128_si256(order));
}
static inline __attribute__((always_inline)) DctVector dct_load(const std::int16_t* const blocks[],
                                                                const std::uint16_t* const steps[], int i) {
    return _mm256_mullo_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(blocks[0]) + i),
                              _mm256_loadu_si256(reinterpret_cast<const __m256i*>(steps[0]) + i));
}
static inline __attribute__((always_inline)) DctVector dct_without_first(DctVector a) {
    return _mm256_andnot_si256(_mm256_setr_epi32(0xFFFF, 0, 0, 0, 0, 0, 0, 0), a);
}
static inline __attribute__((always_inline)) bool dct_is_zero(DctVector a) { return _mm256_testz_si256(a, a) != 0; }
static inline __attribute__((always_inline)) __m128i dct_quarter(DctVector a, int i) {
    return i == 0 ? _mm256_castsi256_si128(a) : _mm256_extracti128_si256(a, 1);
}
#endif

constexpr int dct_pair(int first, int second) { return first + second * 65536 - (first < 0 ? -65536 : 0); }

static inline __attribute__((always_inline)) void dct_lines(const DctVector in[4], DctSums out[8], int offset) {
    const DctSums sum = dct_products(in[0], dct_pair(dct_even[0][0], dct_even[0][1])) + offset;
    const DctSums difference = dct_products(in[0], dct_pair(dct_even[1][0], dct_even[1][1])) + offset;
    const DctSums inner = dct_products(in[1], dct_pair(dct_even[2][0], dct_even[2][1]));
    const DctSums outer = dct_products(in[1], dct_pair(dct_even[3][0], dct_even[3][1]));
    const DctSums even[4] = {sum + outer, difference + inner, difference - inner, sum - outer};
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        const int* const odd = dct_odd[3 - i];
        const DctSums other =
            dct_products(in[2], dct_pair(odd[0], odd[1])) + dct_products(in[3], dct_pair(odd[2], odd[3]));
        out[i] = even[i] + other;
        out[7 - i] = even[i] - other;
    }
}

// What the first pass over the blocks that are transformed together leaves to the second.
struct DctBetween {
    DctVector rows[4];
};

// False if all coefficients are zero but the first ones: see fill_block().
static inline __attribute__((always_inline)) bool transform_columns(const std::int16_t* const blocks[],
                                                                    const std::uint16_t* const steps[],
                                                                    DctBetween& between) {
    DctVector in[4];
    DctSums out[8];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) in[i] = dct_load(blocks, steps, i);
    if (dct_is_zero(dct_without_first(in[0]) | in[1] | in[2] | in[3])) return false;
    dct_lines(in, out, 1 << 10);
    // Rows y and y + 4, in 16 bits; the columns are in the order of pairs, so that 32 bits hold a pair.
#pragma GCC unroll 4
    for (int y = 0; y < 4; ++y) between.rows[y] = dct_words(out[y] >> 11, out[y + 4] >> 11);
    return true;
}

static inline __attribute__((always_inline)) void transform_rows(const DctBetween& between, std::byte* const to[],
                                                                 const std::ptrdiff_t strides[]) {
    DctVector rows[4];
    DctVector in[4];
    DctSums out[8];
#pragma GCC unroll 4
    for (int y = 0; y < 4; ++y) rows[y] = dct_middle_quarters(between.rows[y]);
    const DctVector a = dct_low32(rows[0], rows[1]);
    const DctVector b = dct_high32(rows[0], rows[1]);
    const DctVector c = dct_low32(rows[2], rows[3]);
    const DctVector d = dct_high32(rows[2], rows[3]);
    in[0] = dct_low64(a, c);
    in[1] = dct_high64(a, c);
    in[2] = dct_low64(b, d);
    in[3] = dct_high64(b, d);
    dct_lines(in, out, (128 << 18) + (1 << 17));
#pragma GCC unroll 8
    for (int x = 0; x < 8; ++x) out[x] >>= 18;
    // Bytes: four columns of four rows in each half, then four rows of four columns.
    const __m128i order = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const DctVector left = dct_turned(dct_bytes(dct_words(out[0], out[1]), dct_words(out[2], out[3])), order);
    const DctVector right = dct_turned(dct_bytes(dct_words(out[4], out[5]), dct_words(out[6], out[7])), order);
    const DctVector even = dct_low32(left, right);  // rows 0 and 1; 4 and 5
    const DctVector odd = dct_high32(left, right);  // rows 2 and 3; 6 and 7
#pragma GCC unroll 4
    for (int i = 0; i < static_cast<int>(2 * bytes_at_once); ++i) {
        const std::ptrdiff_t stride = strides[i / 2];
        std::byte* const row = to[i / 2] + (i % 2) * 4 * stride;
        const auto store = [&](int y, __m128i two) __attribute__((always_inline)) {
            _mm_storel_epi64(reinterpret_cast<__m128i*>(row + y * stride), two);
            _mm_storeh_pd(reinterpret_cast<double*>(row + (y + 1) * stride), _mm_castsi128_pd(two));
        };
        store(0, dct_quarter(even, i));
        store(2, dct_quarter(odd, i));
    }
}
