// The decisions about the coefficients of a word, all 64 at a time.

// What 256 bytes say of each of 64 indices.
static inline __attribute__((always_inline)) __m512i look_up(const std::uint8_t* table, __m512i index) {
    const __m512i low = _mm512_permutex2var_epi8(_mm512_loadu_si512(table), index, _mm512_loadu_si512(table + 64));
    const __m512i high =
        _mm512_permutex2var_epi8(_mm512_loadu_si512(table + 128), index, _mm512_loadu_si512(table + 192));
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(index), low, high);
}
// Bit i of eight bitmaps as byte i.
static inline __attribute__((always_inline)) __m512i index_of(const NeighbourMaps& maps) {
    __m512i index = _mm512_setzero_si512();
    for (unsigned b = 0; b < 8; ++b)
        index = _mm512_mask_add_epi8(index, maps.of[b], index, _mm512_set1_epi8(static_cast<char>(1U << b)));
    return index;
}
// Always writes 64 bytes, however few decisions there are: BlockToEncode::most_decisions leaves room for them.
static inline __attribute__((always_inline)) Decision* write_compressed(__m512i decisions, std::uint64_t which,
                                                                        Decision* to) {
    _mm512_storeu_si512(to, _mm512_maskz_compress_epi8(which, decisions));
    return to + __builtin_popcountll(which);
}

struct WordDecisions {
    __m512i zero;
    __m512i sign;
    alignas(64) Decision zeros[64];
    alignas(64) Decision signs[64];

    [[gnu::always_inline]] WordDecisions(const BlockToEncode& block, const NeighbourMaps& maps, std::uint64_t becomes,
                                         const std::uint64_t* negative) {
        const __m512i one = _mm512_set1_epi8(1);
        zero = look_up(block.zero_coding, index_of(maps));
        zero = _mm512_mask_add_epi8(zero, becomes, zero, one);
        sign = _mm512_setzero_si512();
        if (becomes == 0) return;
        sign = look_up(encode_sign_coding.data(), index_of(sides_of(maps, negative, block.bitmap_pitch())));
        sign = _mm512_xor_si512(sign, _mm512_maskz_mov_epi8(*negative, one));
    }
    // Those of all coefficients that a pass visits.
    [[gnu::always_inline]] Decision* list(std::uint64_t visits, std::uint64_t becomes, Decision* to) const {
        constexpr std::uint64_t even = 0x5555555555555555U;
        if (becomes == 0) return write_compressed(zero, visits, to);
        alignas(64) static constexpr std::array<std::uint8_t, 64> pairs = [] {
            std::array<std::uint8_t, 64> order{};
            for (unsigned k = 0; k < 64; ++k) order[k] = static_cast<std::uint8_t>(k / 2 + k % 2 * 64);
            return order;
        }();
        const __m512i first = _mm512_load_si512(pairs.data());
        const __m512i last = _mm512_add_epi8(first, _mm512_set1_epi8(32));
        const auto mask = [&](unsigned shift) {
            return _pdep_u64(visits >> shift, even) | _pdep_u64(becomes >> shift, ~even);
        };
        to = write_compressed(_mm512_permutex2var_epi8(zero, first, sign), mask(0), to);
        return write_compressed(_mm512_permutex2var_epi8(zero, last, sign), mask(32), to);
    }
    // For those who list them one by one.
    [[gnu::always_inline]] void store() {
        _mm512_store_si512(zeros, zero);
        _mm512_store_si512(signs, sign);
    }
    [[nodiscard, gnu::always_inline]] Decision zero_at(unsigned i) const { return zeros[i]; }
    [[nodiscard, gnu::always_inline]] Decision sign_at(unsigned i) const { return signs[i]; }
};

static inline __attribute__((always_inline)) Decision* list_refined(std::uint64_t rest, std::uint64_t later,
                                                                    std::uint64_t near, std::uint64_t bits,
                                                                    Decision* to) {
    __m512i decisions = _mm512_set1_epi8(decision_of(first_refinement_context, 0));
    decisions = _mm512_mask_add_epi8(decisions, later, decisions, _mm512_set1_epi8(decision_of(2, 0)));
    decisions = _mm512_mask_add_epi8(decisions, near, decisions, _mm512_set1_epi8(decision_of(1, 0)));
    decisions = _mm512_mask_add_epi8(decisions, bits, decisions, _mm512_set1_epi8(1));
    return write_compressed(decisions, rest, to);
}
