// Where the samples of a row of quads of HTJ2K are (ISO/IEC 15444-15, 7.3.7), with AVX2: the exponent bounds of
// eight quads at a time say where in MagSgn each quad begins.

// Exponent bounds up to this are decoded here: four samples of a quad, which may begin at any bit of a byte, are then
// within 16 bytes, and each of them is within four.
constexpr unsigned most_ht_vector_exponent = 25;

// floor(log2(x)) of lanes from 1 to 2^24, and of larger ones perhaps 1 more.
static inline __attribute__((always_inline)) __m256i ht_floor_log2(__m256i x) {
    const __m256i bits = _mm256_castps_si256(_mm256_cvtepi32_ps(x));
    return _mm256_sub_epi32(_mm256_srli_epi32(bits, 23), _mm256_set1_epi32(127));
}

// Of the four samples around the upper edge of each quad, in their lower rows, all bits.
static inline __attribute__((always_inline)) __m256i ht_above(const std::uint16_t* bottom, std::size_t q) {
    const __m256i left = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bottom + 2 * q - 1));
    const __m256i right = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bottom + 2 * q + 1));
    const __m256i both = _mm256_or_si256(left, right);
    return _mm256_and_si256(_mm256_or_si256(both, _mm256_srli_epi32(both, 16)), _mm256_set1_epi32(0xFFFF));
}

static inline __attribute__((always_inline)) __m256i ht_load_or(const std::uint32_t* a, const std::uint32_t* b) {
    return _mm256_or_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(a)),
                           _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b)));
}

static inline __attribute__((always_inline)) __m256i ht_above(const std::uint32_t* bottom, std::size_t q) {
    const __m256i low = ht_load_or(bottom + 2 * q - 1, bottom + 2 * q + 1);
    const __m256i high = ht_load_or(bottom + 2 * q + 7, bottom + 2 * q + 9);
    const __m256i even =
        _mm256_castps_si256(_mm256_shuffle_ps(_mm256_castsi256_ps(low), _mm256_castsi256_ps(high), 0x88));
    const __m256i odd =
        _mm256_castps_si256(_mm256_shuffle_ps(_mm256_castsi256_ps(low), _mm256_castsi256_ps(high), 0xDD));
    return _mm256_permute4x64_epi64(_mm256_or_si256(even, odd), 0xD8);
}

// Puts code and bound of each quad into scratch.bounds, and where its samples begin into scratch.positions. Returns
// where the row ends.
template <typename Sample>
static inline __attribute__((always_inline)) std::size_t decode_ht_bounds(const HtScratch& scratch,
                                                                          std::size_t position, unsigned limit,
                                                                          unsigned& most) {
    const Sample* const bottom = static_cast<const Sample*>(scratch.bottom) + ht_margin;
    const __m256i counts = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const __m256i one = _mm256_set1_epi32(1);
    const __m256i nibble = _mm256_set1_epi32(15);
    const __m256i limits = _mm256_set1_epi32(static_cast<int>(limit));
    __m256i largest = _mm256_setzero_si256();
    for (std::size_t q = 0; q < scratch.quads; q += 8) {
        const __m256i code = _mm256_cvtepu16_epi32(
            _mm_loadu_si128(reinterpret_cast<const __m128i*>(scratch.row->codes.data() + ht_margin + q)));
        const __m256i residual = _mm256_cvtepu16_epi32(
            _mm_loadu_si128(reinterpret_cast<const __m128i*>(scratch.row->residuals.data() + ht_margin + q)));
        const __m256i rho = _mm256_and_si256(_mm256_srli_epi32(code, 4), nibble);
        const __m256i e_k = _mm256_and_si256(_mm256_srli_epi32(code, 8), nibble);
        const __m256i is_single =
            _mm256_cmpeq_epi32(_mm256_and_si256(rho, _mm256_sub_epi32(rho, one)), _mm256_setzero_si256());
        const __m256i above = _mm256_or_si256(ht_above(bottom, q), _mm256_set1_epi32(2));
        const __m256i predicted = _mm256_sub_epi32(ht_floor_log2(above), one);
        __m256i bound = _mm256_add_epi32(residual, _mm256_add_epi32(one, _mm256_andnot_si256(is_single, predicted)));
        largest = _mm256_max_epi32(largest, bound);
        bound = _mm256_min_epi32(bound, limits);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(scratch.row->bounds.data() + ht_margin + q),
                            _mm256_or_si256(code, _mm256_slli_epi32(bound, 16)));
        // How many bits each quad has, and all before it.
        const __m256i bits = _mm256_sub_epi32(_mm256_mullo_epi16(bound, _mm256_shuffle_epi8(counts, rho)),
                                              _mm256_shuffle_epi8(counts, e_k));
        __m256i sum = _mm256_add_epi32(bits, _mm256_slli_si256(bits, 4));
        sum = _mm256_add_epi32(sum, _mm256_slli_si256(sum, 8));
        const __m256i lower = _mm256_shuffle_epi32(_mm256_permute2x128_si256(sum, sum, 0x08), 0xFF);
        sum = _mm256_add_epi32(sum, lower);
        const __m256i base = _mm256_set1_epi32(static_cast<int>(position));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(scratch.row->positions.data() + ht_margin + q),
                            _mm256_add_epi32(base, _mm256_sub_epi32(sum, bits)));
        position += static_cast<std::uint32_t>(_mm256_extract_epi32(sum, 7));
    }
    __m128i four = _mm_max_epi32(_mm256_castsi256_si128(largest), _mm256_extracti128_si256(largest, 1));
    four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4E));
    four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0xB1));
    const auto found = static_cast<unsigned>(_mm_cvtsi128_si32(four));
    most = found > most ? found : most;
    return position;
}
