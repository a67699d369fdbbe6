// The samples of quads whose bounds and places are known (ISO/IEC 15444-15, 7.3.8), two quads at a time.

// A number of each of two quads, in the four lanes of its samples.
static inline __attribute__((always_inline)) __m256i ht_spread(const std::uint32_t* from) {
    return _mm256_permutevar8x32_epi32(_mm256_castsi128_si256(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))),
                                       _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1));
}

// Whether the bit of each sample is set, the first of which is `bit`.
static inline __attribute__((always_inline)) __m256i ht_is_set(__m256i word, int bit) {
    const __m256i bits = _mm256_setr_epi32(bit, bit << 1, bit << 2, bit << 3, bit, bit << 1, bit << 2, bit << 3);
    return _mm256_cmpeq_epi32(_mm256_and_si256(word, bits), bits);
}

// The samples of two quads, in 32 bits each.
static inline __attribute__((always_inline)) __m256i decode_two_ht_quads(const HtScratch& scratch, std::size_t q) {
    const __m256i word = ht_spread(scratch.row->bounds.data() + ht_margin + q);
    const __m256i is_significant = ht_is_set(word, 0x10);
    const __m256i is_shorter = ht_is_set(word, 0x100);
    const __m256i reaches = ht_is_set(word, 0x1000);
    const __m256i count = _mm256_and_si256(_mm256_add_epi32(_mm256_srli_epi32(word, 16), is_shorter), is_significant);
    __m256i sum = _mm256_add_epi32(count, _mm256_slli_si256(count, 4));
    sum = _mm256_add_epi32(sum, _mm256_slli_si256(sum, 8));
    const __m256i begin =
        _mm256_and_si256(ht_spread(scratch.row->positions.data() + ht_margin + q), _mm256_set1_epi32(7));
    const __m256i at = _mm256_add_epi32(begin, _mm256_sub_epi32(sum, count));

    const std::uint8_t* const magsgn = scratch.magsgn;
    const __m256i bytes = _mm256_inserti128_si256(
        _mm256_castsi128_si256(
            _mm_loadu_si128(reinterpret_cast<const __m128i*>(magsgn + scratch.row->positions[ht_margin + q] / 8))),
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(magsgn + scratch.row->positions[ht_margin + q + 1] / 8)), 1);
    const __m256i first_bytes =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12));
    const __m256i following = _mm256_set1_epi32(0x03020100);
    const __m256i places = _mm256_add_epi8(_mm256_shuffle_epi8(_mm256_srli_epi32(at, 3), first_bytes), following);
    const __m256i window =
        _mm256_srlv_epi32(_mm256_shuffle_epi8(bytes, places), _mm256_and_si256(at, _mm256_set1_epi32(7)));
    const __m256i end = _mm256_sllv_epi32(_mm256_set1_epi32(1), count);
    const __m256i read = _mm256_and_si256(window, _mm256_sub_epi32(end, _mm256_set1_epi32(1)));
    const __m256i value = _mm256_or_si256(read, _mm256_and_si256(end, reaches));
    return _mm256_and_si256(_mm256_add_epi32(value, _mm256_set1_epi32(2)), is_significant);
}

static inline __attribute__((always_inline)) void decode_ht_samples(const HtScratch& scratch, std::uint16_t* samples) {
    for (std::size_t q = 0; q < scratch.quads; q += 4) {
        const __m256i packed =
            _mm256_packus_epi32(decode_two_ht_quads(scratch, q), decode_two_ht_quads(scratch, q + 2));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(samples + 4 * q), _mm256_permute4x64_epi64(packed, 0xD8));
    }
}

static inline __attribute__((always_inline)) void decode_ht_samples(const HtScratch& scratch, std::uint32_t* samples) {
    for (std::size_t q = 0; q < scratch.quads; q += 2)
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(samples + 4 * q), decode_two_ht_quads(scratch, q));
}
