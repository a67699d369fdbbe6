// The samples of quads whose bounds and places are known (ISO/IEC 15444-15, 7.3.8), four quads at a time.

// A number of each of four quads, in the four lanes of its samples.
static inline __attribute__((always_inline)) __m512i ht_spread(const std::uint32_t* from) {
    const __m512i lanes = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    return _mm512_permutexvar_epi32(lanes,
                                    _mm512_castsi128_si512(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
}

// Whether the bit of each sample is set, the first of which is `bit`.
static inline __attribute__((always_inline)) __mmask16 ht_is_set(__m512i word, int bit) {
    return _mm512_test_epi32_mask(word, _mm512_broadcast_i32x4(_mm_setr_epi32(bit, bit << 1, bit << 2, bit << 3)));
}

static inline __attribute__((always_inline)) __m128i ht_load_bytes(const HtScratch& scratch, std::size_t q) {
    return _mm_loadu_si128(
        reinterpret_cast<const __m128i*>(scratch.magsgn + scratch.row->positions[ht_margin + q] / 8));
}

// The samples of four quads, in 32 bits each.
static inline __attribute__((always_inline)) __m512i decode_four_ht_quads(const HtScratch& scratch, std::size_t q) {
    const __m512i one = _mm512_set1_epi32(1);
    const __m512i seven = _mm512_set1_epi32(7);
    const __m512i word = ht_spread(scratch.row->bounds.data() + ht_margin + q);
    const __mmask16 is_significant = ht_is_set(word, 0x10);
    const __mmask16 is_shorter = ht_is_set(word, 0x100);
    const __mmask16 reaches = ht_is_set(word, 0x1000);
    const __m512i bound = _mm512_maskz_srli_epi32(is_significant, word, 16);
    const __m512i count = _mm512_mask_sub_epi32(bound, is_shorter, bound, one);
    __m512i sum = _mm512_add_epi32(count, _mm512_bslli_epi128(count, 4));
    sum = _mm512_add_epi32(sum, _mm512_bslli_epi128(sum, 8));
    const __m512i begin = _mm512_and_si512(ht_spread(scratch.row->positions.data() + ht_margin + q), seven);
    const __m512i at = _mm512_add_epi32(begin, _mm512_sub_epi32(sum, count));

    __m512i bytes = _mm512_castsi128_si512(ht_load_bytes(scratch, q));
    bytes = _mm512_mask_broadcast_i32x4(bytes, 0x00F0, ht_load_bytes(scratch, q + 1));
    bytes = _mm512_mask_broadcast_i32x4(bytes, 0x0F00, ht_load_bytes(scratch, q + 2));
    bytes = _mm512_mask_broadcast_i32x4(bytes, 0xF000, ht_load_bytes(scratch, q + 3));
    const __m512i first_bytes =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12));
    const __m512i places =
        _mm512_add_epi8(_mm512_shuffle_epi8(_mm512_srli_epi32(at, 3), first_bytes), _mm512_set1_epi32(0x03020100));
    const __m512i window = _mm512_srlv_epi32(_mm512_shuffle_epi8(bytes, places), _mm512_and_si512(at, seven));
    const __m512i end = _mm512_sllv_epi32(one, count);
    const __m512i read = _mm512_and_si512(window, _mm512_sub_epi32(end, one));
    const __m512i value = _mm512_mask_or_epi32(read, reaches, read, end);
    return _mm512_maskz_add_epi32(is_significant, value, _mm512_set1_epi32(2));
}

static inline __attribute__((always_inline)) void decode_ht_samples(const HtScratch& scratch, std::uint16_t* samples) {
    for (std::size_t q = 0; q < scratch.quads; q += 4) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(samples + 4 * q),
                            _mm512_cvtepi32_epi16(decode_four_ht_quads(scratch, q)));
    }
}

static inline __attribute__((always_inline)) void decode_ht_samples(const HtScratch& scratch, std::uint32_t* samples) {
    for (std::size_t q = 0; q < scratch.quads; q += 4)
        _mm512_storeu_si512(samples + 4 * q, decode_four_ht_quads(scratch, q));
}
