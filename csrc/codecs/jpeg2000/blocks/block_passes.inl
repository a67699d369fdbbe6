// The three coding passes of a bit-plane (ISO/IEC 15444-1, D.3). Each goes through words of a bitmap and from bit to
// bit of what is to be decoded there: nothing else is visited, and the only branches that data decide are the end of
// a word and whether a coefficient became significant.

#include "codecs/jpeg2000/blocks/bitmaps.inl"
#include "entropy/mq.inl"

constexpr unsigned neighbour_bits = 0x1ef;

// What comes later in the scan next to row 0 to 3 at bit 0: below, and the column to the right.
constexpr std::uint8_t later_neighbours[4] = {0x32, 0x3a, 0x3a, 0x18};

// How the first and the last row of a column are told to the stripe above and below: by how much its flags are
// away in stripes, where the bits go (of the column to the left: one higher, to the right: one lower), and whether
// there is anything to tell.
struct OtherStripe {
    std::int8_t stripes;
    std::uint8_t shift;
    std::uint8_t is_told;
};
constexpr OtherStripe other_stripes[4] = {{-1, 16, 1}, {0, 1, 0}, {0, 1, 0}, {1, 1, 1}};

// Marks a coefficient in the flags of its neighbours (and in its own).
static inline __attribute__((always_inline)) void spread_significance(ColumnFlags* column, std::ptrdiff_t pitch,
                                                                      unsigned row, bool is_causal) {
    const std::uint32_t here = 1u << (3 * row + 3);
    column[0].significant |= here << 1;
    column[-1].significant |= here << 2;
    column[1].significant |= here;
    const OtherStripe other = other_stripes[row];
    const std::uint32_t told = other.is_told & ~static_cast<unsigned>(is_causal && row == 0);
    const std::uint32_t there = told << (other.shift - 1);
    ColumnFlags* const other_column = column + other.stripes * pitch;
    other_column[0].significant |= there << 1;
    other_column[-1].significant |= there << 2;
    other_column[1].significant |= there;
}

static inline __attribute__((always_inline)) void spread_sign(ColumnFlags* column, std::ptrdiff_t pitch, unsigned row,
                                                              bool is_causal, std::uint32_t is_negative) {
    const std::uint32_t here = is_negative << (3 * row + 3);
    column[0].negative |= here << 1;
    column[-1].negative |= here << 2;
    column[1].negative |= here;
    const OtherStripe other = other_stripes[row];
    const std::uint32_t told = other.is_told & ~static_cast<unsigned>(is_causal && row == 0) & is_negative;
    column[other.stripes * pitch].negative |= told << other.shift;
}

// Context and XOR bit of the sign (D.3.2), from the contributions of four neighbours.
static inline __attribute__((always_inline)) unsigned sign_entry_of(const ColumnFlags* column, unsigned row) {
    const std::uint32_t significant = column->significant >> (3 * row) & 0xaa;
    return sign_coding[significant | (column->negative >> (3 * row + 1) & 0x55)];
}

template <typename Magnitude>
static inline __attribute__((always_inline)) Magnitude newly_significant(unsigned plane, std::uint64_t is_negative) {
    return Magnitude{3} << plane | static_cast<Magnitude>(is_negative) << (8 * sizeof(Magnitude) - 1);
}

template <typename Magnitude, bool is_raw>
static inline __attribute__((always_inline)) void propagate_significance(BlockPasses& block) {
    const std::size_t pitch = block.bitmap_pitch();
    const auto flags_pitch = static_cast<std::ptrdiff_t>(block.flags_pitch());
    const MqState* const states = mq_states.data();
    const std::uint8_t* const zero_coding = block.zero_coding;
    const bool is_causal = block.is_causal;
    const unsigned plane = block.plane;
    MqDecoder mq = block.mq;
    RawDecoder raw = block.raw;
    for (std::size_t stripe = 0; stripe < block.stripes; ++stripe) {
        ColumnFlags* const row_of_flags = block.flags + (static_cast<std::ptrdiff_t>(stripe) + 1) * flags_pitch + 1;
        for (std::size_t word = 0; word < block.words; ++word) {
            const std::size_t at = (stripe + 1) * pitch + 1 + word;
            std::uint64_t significant = block.significant[at];
            const std::uint64_t exists = existing(block, stripe, word);
            std::uint64_t rest = neighbourhood(block.significant + at, pitch, is_causal) & ~significant & exists;
            std::uint64_t visited = 0;
            ColumnFlags* const columns = row_of_flags + 16 * word;
            Magnitude* const magnitudes =
                static_cast<Magnitude*>(block.magnitudes) + 64 * (stripe * block.words + word);
            while (rest != 0) {
                const auto i = static_cast<unsigned>(__builtin_ctzll(rest));
                const std::uint64_t bit = rest & (0 - rest);
                rest ^= bit;
                visited |= bit;
                const unsigned row = i & 3;
                ColumnFlags* const column = columns + (i >> 2);
                std::uint64_t is_one;
                unsigned sign_entry = 0;
                if constexpr (is_raw) {
                    is_one = decode_raw_bit(raw);
                } else {
                    const unsigned label = zero_coding[column->significant >> (3 * row) & neighbour_bits];
                    // Looked up before it is known whether there is a sign: if there is, a branch was mispredicted
                    // as often as not, and all that is left to do then is waited for.
                    sign_entry = sign_entry_of(column, row);
                    asm volatile("" : "+r"(sign_entry));
                    is_one = decode_decision(mq, &block.contexts[label], states);
                }
                if (is_one != 0) {
                    significant |= bit;
                    rest |= static_cast<std::uint64_t>(later_neighbours[row]) << i & ~significant & exists;
                    spread_significance(column, flags_pitch, row, is_causal);
                    std::uint64_t is_negative;
                    if constexpr (is_raw) is_negative = decode_raw_bit(raw);
                    else
                        is_negative = decode_decision(mq, &block.contexts[sign_entry & 0x7f], states) ^ sign_entry >> 7;
                    spread_sign(column, flags_pitch, row, is_causal, static_cast<std::uint32_t>(is_negative));
                    magnitudes[i] = newly_significant<Magnitude>(plane, is_negative);
                }
            }
            block.significant[at] = significant;
            block.visited[at] = visited;
        }
    }
    block.mq = mq;
    block.raw = raw;
}

template <typename Magnitude, bool is_raw>
static inline __attribute__((always_inline)) void refine_magnitudes(BlockPasses& block) {
    const std::size_t pitch = block.bitmap_pitch();
    const MqState* const states = mq_states.data();
    const unsigned plane = block.plane;
    const Magnitude half = Magnitude{1} << plane;
    const bool is_causal = block.is_causal;
    MqDecoder mq = block.mq;
    RawDecoder raw = block.raw;
    MqState* const contexts = &block.contexts[first_refinement_context];
    for (std::size_t stripe = 0; stripe < block.stripes; ++stripe) {
        for (std::size_t word = 0; word < block.words; ++word) {
            const std::size_t at = (stripe + 1) * pitch + 1 + word;
            std::uint64_t rest = block.significant[at] & ~block.visited[at];
            if (rest == 0) continue;
            // No significance changes in this pass: the contexts of Table D.4 are two bits that are known now.
            const std::uint64_t later = block.refined[at];
            const std::uint64_t near = neighbourhood(block.significant + at, pitch, is_causal) & ~later;
            block.refined[at] = later | rest;
            Magnitude* const magnitudes =
                static_cast<Magnitude*>(block.magnitudes) + 64 * (stripe * block.words + word);
            while (rest != 0) {
                const auto i = static_cast<unsigned>(__builtin_ctzll(rest));
                rest &= rest - 1;
                std::uint64_t is_one;
                if constexpr (is_raw) is_one = decode_raw_bit(raw);
                else is_one = decode_decision(mq, contexts + ((later >> i & 1) * 2 + (near >> i & 1)), states);
                // The half of the plane above becomes the bit, and below it stands the half of this plane.
                magnitudes[i] += (static_cast<Magnitude>(is_one) << (plane + 1)) - half;
            }
        }
    }
    block.mq = mq;
    block.raw = raw;
}

// Columns that stay empty, from the first of `rest` on, as long as the run-length context gives its more probable
// symbol without renormalisation: that leaves the state as it is, and most decisions about empty columns are such.
static inline __attribute__((always_inline)) std::uint64_t skip_empty_columns(MqDecoder& mq, MqState state,
                                                                              std::uint64_t rest, std::uint64_t runs) {
    if ((state & 1) != 0) return rest;
    const std::uint64_t estimate = state & mq_estimate;
    std::uint64_t a = mq.a - estimate;
    std::uint64_t c = mq.c;
    std::uint64_t first = rest & (0 - rest);
    while ((first & runs) != 0 && a >> 63 != 0 && c >= estimate) {
        rest -= first * 15;
        first = rest & (0 - rest);
        c -= estimate;
        a -= estimate;
    }
    mq.a = a + estimate;
    mq.c = c;
    return rest;
}

template <typename Magnitude>
static inline __attribute__((always_inline)) void clean_up(BlockPasses& block) {
    const std::size_t pitch = block.bitmap_pitch();
    const auto flags_pitch = static_cast<std::ptrdiff_t>(block.flags_pitch());
    const MqState* const states = mq_states.data();
    const std::uint8_t* const zero_coding = block.zero_coding;
    const bool is_causal = block.is_causal;
    const unsigned plane = block.plane;
    MqDecoder mq = block.mq;
    for (std::size_t stripe = 0; stripe < block.stripes; ++stripe) {
        ColumnFlags* const row_of_flags = block.flags + (static_cast<std::ptrdiff_t>(stripe) + 1) * flags_pitch + 1;
        const bool is_whole = stripe + 1 != block.stripes || block.last_is_whole;
        for (std::size_t word = 0; word < block.words; ++word) {
            const std::size_t at = (stripe + 1) * pitch + 1 + word;
            std::uint64_t significant = block.significant[at];
            const std::uint64_t exists = existing(block, stripe, word);
            std::uint64_t rest = exists & ~significant & ~block.visited[at];
            block.visited[at] = 0;
            if (rest == 0) continue;
            // Columns of four that are all to be decoded and all in the zero context (D.3.4).
            std::uint64_t runs = neighbourhood(block.significant + at, pitch, is_causal) | ~rest;
            runs |= runs >> 2;
            runs |= runs >> 1;
            runs = is_whole ? ~runs & first_rows : 0;
            ColumnFlags* const columns = row_of_flags + 16 * word;
            Magnitude* const magnitudes =
                static_cast<Magnitude*>(block.magnitudes) + 64 * (stripe * block.words + word);
            while (rest != 0) {
                auto i = static_cast<unsigned>(__builtin_ctzll(rest));
                unsigned sign_entry;
                if ((runs >> i & 1) != 0) {
                    rest = skip_empty_columns(mq, block.contexts[run_length_context], rest, runs);
                    if (rest == 0) break;
                    i = static_cast<unsigned>(__builtin_ctzll(rest));
                    if ((runs >> i & 1) == 0) continue;
                    if (decode_decision(mq, &block.contexts[run_length_context], states) == 0) {
                        rest &= ~(std::uint64_t{15} << i);
                        continue;
                    }
                    MqState* const uniform = &block.contexts[uniform_context];
                    const auto high = static_cast<unsigned>(decode_decision(mq, uniform, states));
                    const auto skipped = high * 2 + static_cast<unsigned>(decode_decision(mq, uniform, states));
                    rest &= ~(((std::uint64_t{2} << skipped) - 1) << i);
                    i += skipped;
                    sign_entry = sign_entry_of(columns + (i >> 2), i & 3);
                } else {
                    rest &= rest - 1;
                    const ColumnFlags* const column = columns + (i >> 2);
                    const unsigned label = zero_coding[column->significant >> (3 * (i & 3)) & neighbour_bits];
                    if (decode_decision(mq, &block.contexts[label], states) == 0) continue;
                    sign_entry = sign_entry_of(column, i & 3);
                }
                const unsigned row = i & 3;
                ColumnFlags* const column = columns + (i >> 2);
                significant |= std::uint64_t{1} << i;
                runs &= ~(std::uint64_t{16} << (i & ~3u));  // the next column has a neighbour now
                spread_significance(column, flags_pitch, row, is_causal);
                const std::uint64_t is_negative =
                    decode_decision(mq, &block.contexts[sign_entry & 0x7f], states) ^ sign_entry >> 7;
                spread_sign(column, flags_pitch, row, is_causal, static_cast<std::uint32_t>(is_negative));
                magnitudes[i] = newly_significant<Magnitude>(plane, is_negative);
            }
            block.significant[at] = significant;
        }
    }
    if (block.has_segmentation_symbols) {
        std::uint64_t symbol = 0;
        for (int k = 0; k < 4; ++k)
            symbol = symbol << 1 | decode_decision(mq, &block.contexts[uniform_context], states);
        block.is_damaged = block.is_damaged || symbol != 10;  // D.5
    }
    block.mq = mq;
}

// One function a pass, so that its loop has all the registers.
template <typename Magnitude, bool is_raw>
static __attribute__((noinline)) void run_propagation(BlockPasses& block) {
    propagate_significance<Magnitude, is_raw>(block);
}
template <typename Magnitude, bool is_raw>
static __attribute__((noinline)) void run_refinement(BlockPasses& block) {
    refine_magnitudes<Magnitude, is_raw>(block);
}
template <typename Magnitude>
static __attribute__((noinline)) void run_clean_up(BlockPasses& block) {
    clean_up<Magnitude>(block);
}

template <typename Magnitude>
static inline __attribute__((always_inline)) void run_pass(BlockPasses& block, BlockPass pass, bool is_raw) {
    if (pass == BlockPass::clean_up) run_clean_up<Magnitude>(block);
    else if (pass == BlockPass::significance_propagation)
        is_raw ? run_propagation<Magnitude, true>(block) : run_propagation<Magnitude, false>(block);
    else is_raw ? run_refinement<Magnitude, true>(block) : run_refinement<Magnitude, false>(block);
}

static void decode_block_pass(BlockPasses& block, BlockPass pass, bool is_raw) {
    if (block.is_wide) run_pass<std::uint64_t>(block, pass, is_raw);
    else run_pass<std::uint32_t>(block, pass, is_raw);
}

// Magnitude and sign, in each lane of a vector, to two's complement.
template <typename Magnitude, typename T>
static inline __attribute__((always_inline)) T signed_of(T magnitude) {
    const T negative = 0 - (magnitude >> (8 * sizeof(Magnitude) - 1));
    return ((magnitude & static_cast<Magnitude>(~Magnitude{0}) >> 1) ^ negative) - negative;
}

// Columns of four magnitudes to rows of coefficients.
template <typename Magnitude, typename Coefficient>
static inline __attribute__((always_inline)) void store_columns(const Magnitude* magnitudes, std::size_t columns,
                                                                std::size_t rows, Coefficient* to, std::size_t stride) {
    for (std::size_t row = 0; row < rows; ++row) {
        for (std::size_t column = 0; column < columns; ++column)
            to[row * stride + column] = static_cast<Coefficient>(signed_of<Magnitude>(magnitudes[4 * column + row]));
    }
}

typedef std::uint32_t FourMagnitudes __attribute__((vector_size(16)));

// Four whole columns, by two halvings. Compilers find no such vectors.
static inline __attribute__((always_inline)) void store_four_columns(const std::uint32_t* magnitudes, std::int32_t* to,
                                                                     std::size_t stride) {
    FourMagnitudes v[4];
    __builtin_memcpy(v, magnitudes, sizeof v);
    const FourMagnitudes upper[2] = {__builtin_shufflevector(v[0], v[1], 0, 4, 1, 5),
                                     __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5)};
    const FourMagnitudes lower[2] = {__builtin_shufflevector(v[0], v[1], 2, 6, 3, 7),
                                     __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7)};
    const FourMagnitudes rows[4] = {__builtin_shufflevector(upper[0], upper[1], 0, 1, 4, 5),
                                    __builtin_shufflevector(upper[0], upper[1], 2, 3, 6, 7),
                                    __builtin_shufflevector(lower[0], lower[1], 0, 1, 4, 5),
                                    __builtin_shufflevector(lower[0], lower[1], 2, 3, 6, 7)};
    for (std::size_t row = 0; row < 4; ++row) {
        const FourMagnitudes coefficients = signed_of<std::uint32_t>(rows[row]);
        __builtin_memcpy(to + row * stride, &coefficients, sizeof coefficients);
    }
}

// A word of a bitmap: 16 whole columns.
static inline __attribute__((always_inline)) void store_word(const std::uint32_t* magnitudes, std::int32_t* to,
                                                             std::size_t stride) {
    for (std::size_t column = 0; column < 16; column += 4)
        store_four_columns(magnitudes + 4 * column, to + column, stride);
}

static inline __attribute__((always_inline)) void store_word(const std::uint64_t* magnitudes, std::int64_t* to,
                                                             std::size_t stride) {
    store_columns(magnitudes, 16, 4, to, stride);
}

template <typename Magnitude, typename Coefficient>
static inline __attribute__((always_inline)) void store_coefficients(const BlockPasses& block, std::size_t width,
                                                                     std::size_t height, Coefficient* to,
                                                                     std::size_t stride) {
    const Magnitude* magnitudes = static_cast<const Magnitude*>(block.magnitudes);
    for (std::size_t stripe = 0; stripe < block.stripes; ++stripe) {
        const std::size_t rows = height - 4 * stripe < 4 ? height - 4 * stripe : 4;
        for (std::size_t word = 0; word < block.words; ++word) {
            const std::size_t columns = width - 16 * word < 16 ? width - 16 * word : 16;
            Coefficient* const corner = to + 4 * stripe * stride + 16 * word;
            if (columns == 16 && rows == 4) store_word(magnitudes, corner, stride);
            else store_columns(magnitudes, columns, rows, corner, stride);
            magnitudes += 64;
        }
    }
}

static void store_block(const BlockPasses& block, std::size_t width, std::size_t height, std::int32_t* to,
                        std::size_t stride) {
    store_coefficients<std::uint32_t>(block, width, height, to, stride);
}

static void store_block_wide(const BlockPasses& block, std::size_t width, std::size_t height, std::int64_t* to,
                             std::size_t stride) {
    store_coefficients<std::uint64_t>(block, width, height, to, stride);
}

constexpr BlockPassKernels table = {
    .decode_block_pass = decode_block_pass,
    .store_block = store_block,
    .store_block_wide = store_block_wide,
};
