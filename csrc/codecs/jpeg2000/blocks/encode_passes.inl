// The three coding passes of a bit-plane, as lists of decisions (ISO/IEC 15444-1, D.3).
//
// All that a pass codes is known before it begins, so nothing here waits for the arithmetic coder. Which coefficients
// of a word a pass visits, and what each sees of its neighbours at its turn, are found with operations on whole
// bitmaps: a neighbour that comes earlier in the scan counts as it is after the pass, one that comes later as before.
// Only the writing of the list goes from one coefficient to the next, and it does not branch on their values.

#include "codecs/jpeg2000/blocks/bitmaps.inl"

// Of each coefficient of a word, its eight neighbours' bits.
struct NeighbourMaps {
    std::uint64_t of[8];  // by Neighbour
};

// `old` and `now` are the word before and after the pass. The words to the left and above have had the pass, those to
// the right and below have not.
static inline __attribute__((always_inline)) NeighbourMaps neighbours_of(const std::uint64_t* word, std::size_t pitch,
                                                                         std::uint64_t old, std::uint64_t now,
                                                                         std::uint64_t below_mask) {
    const std::uint64_t* const up = word - pitch;
    const std::uint64_t* const down = word + pitch;
    const std::uint64_t to_left = now << 4 | word[-1] >> 60;
    const std::uint64_t to_right = old >> 4 | word[1] << 60;
    const std::uint64_t up_left = (up[0] << 4 | up[-1] >> 60) >> 3 & first_rows;
    const std::uint64_t up_right = (up[0] >> 4 | up[1] << 60) >> 3 & first_rows;
    const std::uint64_t down_left = (down[0] << 4 | down[-1] >> 60) << 3 & below_mask;
    const std::uint64_t down_right = (down[0] >> 4 | down[1] << 60) << 3 & below_mask;
    NeighbourMaps maps;
    maps.of[left] = to_left;
    maps.of[right] = to_right;
    maps.of[above] = (now << 1 & ~first_rows) | (up[0] >> 3 & first_rows);
    maps.of[below] = (old >> 1 & ~last_rows) | (down[0] << 3 & below_mask);
    maps.of[above_left] = (to_left << 1 & ~first_rows) | up_left;
    maps.of[above_right] = (to_right << 1 & ~first_rows) | up_right;
    maps.of[below_left] = (to_left >> 1 & ~last_rows) | down_left;
    maps.of[below_right] = (to_right >> 1 & ~last_rows) | down_right;
    return maps;
}

// Of the four sides, also which are negative.
static inline __attribute__((always_inline)) NeighbourMaps sides_of(const NeighbourMaps& maps,
                                                                    const std::uint64_t* negative, std::size_t pitch) {
    NeighbourMaps sides;
    for (unsigned i = 0; i < 4; ++i) sides.of[i] = maps.of[i];
    const std::uint64_t own = negative[0];
    sides.of[4 + left] = maps.of[left] & (own << 4 | negative[-1] >> 60);
    sides.of[4 + right] = maps.of[right] & (own >> 4 | negative[1] << 60);
    sides.of[4 + above] = maps.of[above] & ((own << 1 & ~first_rows) | (*(negative - pitch) >> 3 & first_rows));
    sides.of[4 + below] = maps.of[below] & ((own >> 1 & ~last_rows) | (negative[pitch] << 3 & last_rows));
    return sides;
}

// Eight bitmaps of 64 bits to 64 bytes, where byte i holds bit i of each.
static inline __attribute__((always_inline)) void transpose_maps(const NeighbourMaps& maps, std::uint8_t* to) {
    for (unsigned k = 0; k < 8; ++k) {
        std::uint64_t x = 0;
        for (unsigned b = 0; b < 8; ++b) x |= (maps.of[b] >> (8 * k) & 0xff) << (8 * b);
        std::uint64_t t = (x ^ x >> 7) & 0x00aa00aa00aa00aaU;
        x ^= t ^ t << 7;
        t = (x ^ x >> 14) & 0x0000cccc0000ccccU;
        x ^= t ^ t << 14;
        t = (x ^ x >> 28) & 0x00000000f0f0f0f0U;
        x ^= t ^ t << 28;
        __builtin_memcpy(to + 8 * k, &x, 8);
    }
}

#if defined(DCMTURBO_TARGET_AVX512)
#include "codecs/jpeg2000/blocks/decisions_avx512.inl"
#else
// The decisions about the coefficients of a word: whether each is significant, and its sign.
struct WordDecisions {
    const Decision* zero_coding;
    std::uint64_t bits;
    std::uint64_t negative;
    alignas(64) std::uint8_t zero_index[64];
    alignas(64) std::uint8_t sign_index[64];

    [[gnu::always_inline]] WordDecisions(const BlockToEncode& block, const NeighbourMaps& maps, std::uint64_t becomes,
                                         const std::uint64_t* of_negative)
        : zero_coding(block.zero_coding), bits(becomes), negative(*of_negative) {
        transpose_maps(maps, zero_index);
        if (becomes != 0) transpose_maps(sides_of(maps, of_negative, block.bitmap_pitch()), sign_index);
        else __builtin_memset(sign_index, 0, sizeof sign_index);
    }
    [[gnu::always_inline]] void store() {}
    [[nodiscard, gnu::always_inline]] Decision zero_at(unsigned i) const {
        return static_cast<Decision>(zero_coding[zero_index[i]] | (bits >> i & 1));
    }
    [[nodiscard, gnu::always_inline]] Decision sign_at(unsigned i) const {
        return static_cast<Decision>(encode_sign_coding[sign_index[i]] ^ (negative >> i & 1));
    }
    // Those of all coefficients that a pass visits.
    [[gnu::always_inline]] Decision* list(std::uint64_t visits, std::uint64_t becomes, Decision* to) const {
        for (; visits != 0; visits &= visits - 1) {
            const auto i = static_cast<unsigned>(__builtin_ctzll(visits));
            to[0] = zero_at(i);
            to[1] = sign_at(i);
            to += 1 + (becomes >> i & 1);
        }
        return to;
    }
};

static inline __attribute__((always_inline)) Decision* list_refined(std::uint64_t rest, std::uint64_t later,
                                                                    std::uint64_t near, std::uint64_t bits,
                                                                    Decision* to) {
    for (; rest != 0; rest &= rest - 1) {
        const auto i = static_cast<unsigned>(__builtin_ctzll(rest));
        const auto which = static_cast<unsigned>((later >> i & 1) * 2 + (near >> i & 1));
        *to++ = decision_of(first_refinement_context + which, bits >> i & 1);
    }
    return to;
}
#endif

// What comes later in the scan next to one of `bits`.
static inline __attribute__((always_inline)) std::uint64_t later_than(std::uint64_t bits) {
    const std::uint64_t right = bits << 4;
    return (bits << 1 & ~first_rows) | right | (right << 1 & ~first_rows) | (right >> 1 & ~last_rows);
}

// Returns the end of the list. With `is_raw`, decisions have no context (D.6).
template <bool is_raw>
static inline __attribute__((always_inline)) Decision* list_propagation_as(BlockToEncode& block, unsigned plane,
                                                                           Decision* to) {
    const std::size_t pitch = block.bitmap_pitch();
    const std::uint64_t* bits_of_plane = block.planes + plane * block.plane_words();
    std::uint64_t* changed = block.changed;
    const std::uint64_t below_mask = block.is_causal ? 0 : last_rows;
    for (std::size_t stripe = 0; stripe < block.stripes; ++stripe) {
        for (std::size_t word = 0; word < block.words; ++word) {
            const std::size_t at = (stripe + 1) * pitch + 1 + word;
            std::uint64_t* const significant = block.significant + at;
            const std::uint64_t old = *significant;
            const std::uint64_t can = existing(block, stripe, word) & ~old;
            std::uint64_t visits = neighbourhood(significant, pitch, block.is_causal) & can;
            const std::uint64_t bits = *bits_of_plane++;
            std::uint64_t becomes = visits & bits;
            *changed++ = becomes;
            block.visited[at] = visits;
            if (visits == 0) continue;
            for (std::uint64_t fresh = becomes; fresh != 0;) {
                const std::uint64_t more = later_than(fresh) & can & ~visits;
                visits |= more;
                fresh = more & bits;
                becomes |= fresh;
            }
            const std::uint64_t now = old | becomes;
            changed[-1] = becomes;
            block.visited[at] = visits;
            *significant = now;
            if constexpr (is_raw) {
                const std::uint64_t negative = block.negative[at];
                for (std::uint64_t rest = visits; rest != 0; rest &= rest - 1) {
                    const auto i = static_cast<unsigned>(__builtin_ctzll(rest));
                    const auto is_one = static_cast<unsigned>(bits >> i & 1);
                    to[0] = static_cast<Decision>(is_one);
                    to[1] = static_cast<Decision>(negative >> i & 1);
                    to += 1 + is_one;
                }
                continue;
            }
            const NeighbourMaps maps = neighbours_of(significant, pitch, old, now, below_mask);
            to = WordDecisions(block, maps, becomes, block.negative + at).list(visits, becomes, to);
        }
    }
    return to;
}

template <bool is_raw>
static inline __attribute__((always_inline)) Decision* list_refinement_as(BlockToEncode& block, unsigned plane,
                                                                          Decision* to) {
    const std::size_t pitch = block.bitmap_pitch();
    const std::uint64_t* bits_of_plane = block.planes + plane * block.plane_words();
    std::uint64_t* changed = block.changed;
    for (std::size_t stripe = 0; stripe < block.stripes; ++stripe) {
        for (std::size_t word = 0; word < block.words; ++word) {
            const std::size_t at = (stripe + 1) * pitch + 1 + word;
            const std::uint64_t bits = *bits_of_plane++;
            std::uint64_t rest = block.significant[at] & ~block.visited[at];
            *changed++ = rest;
            if (rest == 0) continue;
            const std::uint64_t later = block.refined[at];
            const std::uint64_t near = neighbourhood(block.significant + at, pitch, block.is_causal) & ~later;
            block.refined[at] = later | rest;
            if constexpr (is_raw) {
                for (; rest != 0; rest &= rest - 1) *to++ = static_cast<Decision>(bits >> __builtin_ctzll(rest) & 1);
            } else {
                to = list_refined(rest, later, near, bits, to);
            }
        }
    }
    return to;
}

static Decision* list_clean_up(BlockToEncode& block, unsigned plane, bool has_segmentation_symbols, Decision* to) {
    const std::size_t pitch = block.bitmap_pitch();
    const std::uint64_t* bits_of_plane = block.planes + plane * block.plane_words();
    std::uint64_t* changed = block.changed;
    const std::uint64_t below_mask = block.is_causal ? 0 : last_rows;
    for (std::size_t stripe = 0; stripe < block.stripes; ++stripe) {
        const bool is_whole = stripe + 1 != block.stripes || block.last_is_whole;
        for (std::size_t word = 0; word < block.words; ++word) {
            const std::size_t at = (stripe + 1) * pitch + 1 + word;
            std::uint64_t* const significant = block.significant + at;
            const std::uint64_t old = *significant;
            const std::uint64_t bits = *bits_of_plane++;
            std::uint64_t rest = existing(block, stripe, word) & ~old & ~block.visited[at];
            block.visited[at] = 0;
            const std::uint64_t becomes = rest & bits;
            *changed++ = becomes;
            if (rest == 0) continue;
            const std::uint64_t now = old | becomes;
            *significant = now;
            const NeighbourMaps maps = neighbours_of(significant, pitch, old, now, below_mask);
            // Columns of four that are all to be coded, and see nothing significant outside themselves (D.3.4).
            std::uint64_t runs = ~rest;
            for (const Neighbour n : {left, right, above_left, above_right, below_left, below_right})
                runs |= maps.of[n];
            runs |= (maps.of[above] & first_rows) | (maps.of[below] & last_rows);
            runs |= runs >> 2;
            runs |= runs >> 1;
            runs = is_whole ? ~runs & first_rows : 0;
            if (becomes == 0 && rest == runs * 15) {  // nothing but empty columns
                for (int k = __builtin_popcountll(runs); k > 0; --k) *to++ = decision_of(run_length_context, 0);
                continue;
            }
            WordDecisions decisions(block, maps, becomes, block.negative + at);
            if (runs == 0) {
                to = decisions.list(rest, becomes, to);
                continue;
            }
            decisions.store();
            while (rest != 0) {
                auto i = static_cast<unsigned>(__builtin_ctzll(rest));
                if ((runs >> i & 1) != 0) {
                    const auto column = static_cast<unsigned>(becomes >> i & 15);
                    if (column == 0) {
                        *to++ = decision_of(run_length_context, 0);
                        rest &= ~(std::uint64_t{15} << i);
                        continue;
                    }
                    const auto skipped = static_cast<unsigned>(__builtin_ctz(column));
                    *to++ = decision_of(run_length_context, 1);
                    *to++ = decision_of(uniform_context, skipped >> 1);
                    *to++ = decision_of(uniform_context, skipped & 1);
                    rest &= ~(((std::uint64_t{2} << skipped) - 1) << i);
                    i += skipped;
                    *to++ = decisions.sign_at(i);
                    continue;
                }
                rest &= rest - 1;
                to[0] = decisions.zero_at(i);
                to[1] = decisions.sign_at(i);
                to += 1 + (becomes >> i & 1);
            }
        }
    }
    if (has_segmentation_symbols) {  // D.5
        for (const unsigned bit : {1U, 0U, 1U, 0U}) *to++ = decision_of(uniform_context, bit);
    }
    return to;
}

static __attribute__((noinline)) Decision* list_propagation(BlockToEncode& block, unsigned plane, bool is_raw,
                                                            Decision* to) {
    return is_raw ? list_propagation_as<true>(block, plane, to) : list_propagation_as<false>(block, plane, to);
}
static __attribute__((noinline)) Decision* list_refinement(BlockToEncode& block, unsigned plane, bool is_raw,
                                                           Decision* to) {
    return is_raw ? list_refinement_as<true>(block, plane, to) : list_refinement_as<false>(block, plane, to);
}

// Eight magnitudes' bits, a byte of each at a time, into bitmaps: bit i of byte b of the result is bit b of byte i.
static inline __attribute__((always_inline)) std::uint64_t transpose_bits(std::uint64_t x) {
    std::uint64_t t = (x ^ x >> 7) & 0x00aa00aa00aa00aaU;
    x ^= t ^ t << 7;
    t = (x ^ x >> 14) & 0x0000cccc0000ccccU;
    x ^= t ^ t << 14;
    t = (x ^ x >> 28) & 0x00000000f0f0f0f0U;
    return x ^ t ^ t << 28;
}

// By how much the last pass lowered the squared error, in units of the squared step of its plane. A decoder puts a
// coefficient into the middle of what it knows of it, so all that counts is how many there are, and the sum of what
// lies below the plane: its four highest planes say that well enough. `is_exact`: nothing lies below plane 0.
static double measure_pass(const BlockToEncode& block, unsigned plane, bool is_refinement, bool is_exact) {
    const std::size_t words = block.plane_words();
    const std::uint64_t* const bits = block.planes + plane * words;
    const unsigned below = plane < 4 ? plane : 4;
    std::uint64_t ones = 0, zeros = 0, rest_of_ones = 0, rest_of_zeros = 0;  // the rests in 16ths
    for (std::size_t i = 0; i < words; ++i) {
        const std::uint64_t set = block.changed[i];
        if (set == 0) continue;
        const std::uint64_t one = set & bits[i];
        const std::uint64_t zero = set & ~bits[i];
        ones += static_cast<unsigned>(__builtin_popcountll(one));
        zeros += static_cast<unsigned>(__builtin_popcountll(zero));
        for (unsigned k = 1; k <= below; ++k) {
            const std::uint64_t lower = *(bits + i - k * words);
            rest_of_ones += static_cast<std::uint64_t>(__builtin_popcountll(one & lower)) << (4 - k);
            rest_of_zeros += static_cast<std::uint64_t>(__builtin_popcountll(zero & lower)) << (4 - k);
        }
    }
    const auto n1 = static_cast<double>(ones);
    const auto n0 = static_cast<double>(zeros);
    if (plane == 0 && is_exact) return is_refinement ? n0 : n1;
    // What lies below those planes is a half of the last on average.
    const double unknown = plane <= 4 && is_exact ? 0 : 0.5 / static_cast<double>(1U << below);
    const double f1 = static_cast<double>(rest_of_ones) / 16 + n1 * unknown;
    const double f0 = static_cast<double>(rest_of_zeros) / 16 + n0 * unknown;
    return is_refinement ? f1 - n1 / 4 + n0 * 3 / 4 - f0 : n1 * 3 / 4 + 3 * f1;
}

// The magnitudes of a block's coefficients, or-ed.
template <typename T, typename U>
static inline __attribute__((always_inline)) U magnitude_of_all(const T* from, std::size_t stride, std::size_t width,
                                                                std::size_t height) {
    U all = 0;
    for (std::size_t y = 0; y < height; ++y, from += stride) {
        for (std::size_t x = 0; x < width; ++x) {
            const auto sign = static_cast<U>(from[x] >> (8 * sizeof(T) - 1));
            all |= (static_cast<U>(from[x]) ^ sign) - sign;
        }
    }
    return all;
}
static std::uint32_t block_magnitude(const std::int32_t* from, std::size_t stride, std::size_t width,
                                     std::size_t height) {
    return magnitude_of_all<std::int32_t, std::uint32_t>(from, stride, width, height);
}
static std::uint64_t block_magnitude_wide(const std::int64_t* from, std::size_t stride, std::size_t width,
                                          std::size_t height) {
    return magnitude_of_all<std::int64_t, std::uint64_t>(from, stride, width, height);
}

// Takes a block's coefficients, in two's complement, apart into bitmaps of signs and of the lowest `planes` planes.
template <typename T, typename U>
static inline __attribute__((always_inline)) void split_coefficients(const T* from, std::size_t stride,
                                                                     std::size_t width, std::size_t height,
                                                                     unsigned planes, BlockToEncode& block) {
    const std::size_t pitch = block.bitmap_pitch();
    const std::size_t plane_words = block.plane_words();
    alignas(64) U magnitudes[64];
    for (std::size_t stripe = 0; stripe < block.stripes; ++stripe) {
        const std::size_t rows = height - 4 * stripe < 4 ? height - 4 * stripe : 4;
        for (std::size_t word = 0; word < block.words; ++word) {
            const std::size_t columns = width - 16 * word < 16 ? width - 16 * word : 16;
            if (rows != 4 || columns != 16) __builtin_memset(magnitudes, 0, sizeof magnitudes);
            std::uint64_t negative = 0;
            for (std::size_t row = 0; row < rows; ++row) {
                const T* const line = from + (4 * stripe + row) * stride + 16 * word;
                std::uint64_t signs = 0;
                for (std::size_t column = 0; column < columns; ++column) {
                    const T value = line[column];
                    const auto sign = static_cast<U>(value >> (8 * sizeof(T) - 1));
                    signs |= static_cast<std::uint64_t>(sign & 1) << (4 * column);
                    magnitudes[4 * column + row] = (static_cast<U>(value) ^ sign) - sign;
                }
                negative |= signs << row;
            }
            block.negative[(stripe + 1) * pitch + 1 + word] = negative;
            std::uint64_t* const maps_of = block.planes + stripe * block.words + word;
            for (unsigned first = 0; first < planes; first += 8) {
                std::uint64_t maps[8] = {};
                for (unsigned group = 0; group < 8; ++group) {
                    std::uint64_t x = 0;
                    for (unsigned i = 0; i < 8; ++i)
                        x |= static_cast<std::uint64_t>(magnitudes[8 * group + i] >> first & 0xff) << (8 * i);
                    x = transpose_bits(x);
                    for (unsigned b = 0; b < 8; ++b) maps[b] |= (x >> (8 * b) & 0xff) << (8 * group);
                }
                for (unsigned b = 0; b < 8 && first + b < planes; ++b) maps_of[(first + b) * plane_words] = maps[b];
            }
        }
    }
}
static void split_block(const std::int32_t* from, std::size_t stride, std::size_t width, std::size_t height,
                        unsigned planes, BlockToEncode& block) {
    split_coefficients<std::int32_t, std::uint32_t>(from, stride, width, height, planes, block);
}
static void split_block_wide(const std::int64_t* from, std::size_t stride, std::size_t width, std::size_t height,
                             unsigned planes, BlockToEncode& block) {
    split_coefficients<std::int64_t, std::uint64_t>(from, stride, width, height, planes, block);
}

constexpr EncodePassKernels table = {
    .block_magnitude = block_magnitude,
    .block_magnitude_wide = block_magnitude_wide,
    .split_block = split_block,
    .split_block_wide = split_block_wide,
    .list_propagation = list_propagation,
    .list_refinement = list_refinement,
    .list_clean_up = list_clean_up,
    .measure_pass = measure_pass,
};
