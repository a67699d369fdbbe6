// The three coding passes of a bit-plane (ISO/IEC 15444-1, D.3). Those that find significant coefficients go through
// the words of a bitmap, and from bit to bit of what is to be decoded there: nothing else is visited, and the only
// branches that data decide are the end of a word and whether a coefficient became significant.

// GCC keeps values in vector registers where it has no others left, and a step of the MQ decoder waits for them: that
// took 4 % of the time. In this part it may not. So nothing is called here that is compiled elsewhere, not even the
// operators of std::array.
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("general-regs-only")
#endif

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
    return sign_entries[significant | (column->negative >> (3 * row + 1) & 0x55)];
}

// The words of a bitmap, one after the other, with what a pass is to decode in each of them. A pass that has left a
// word goes on with the next one that it finds something in.
struct WordWalk {
    BlockPasses& block;
    std::size_t word;
    std::size_t stripe = ~std::size_t(0);  // before the first
    std::size_t place = ~std::size_t(0);   // in bitmaps without margins
    std::size_t at;                        // in those with margins
    ColumnFlags* columns;                  // of the word
    std::uint64_t significant = 0;         // of the word, as it is now
    std::uint64_t rest = 0;                // what is still to be decoded
    std::uint64_t negative = 0;            // among what became significant

    [[gnu::always_inline]] explicit WordWalk(BlockPasses& of)
        : block(of), word(of.words - 1), at(of.words), columns(of.flags + 16 * of.words - 15) {}

    [[gnu::always_inline]] bool step() {
        ++place;
        ++at;
        columns += 16;
        if (++word != block.words) return true;
        word = 0;
        at += 2;
        columns += 2;
        return ++stripe != block.stripes;
    }
    [[gnu::always_inline]] void leave() {
        const std::uint64_t became = significant & ~block.significant[at];
        if (became == 0) return;
        block.significant[at] = significant;
        block.planes[block.plane * (block.words * block.stripes) + place] |= became;
        block.negative[place] |= negative;
        negative = 0;
    }
    // A coefficient became significant: its neighbours learn of it, and its sign follows.
    template <typename DecodeSign>
    [[gnu::always_inline]] void become_significant(unsigned i, const DecodeSign& decode_sign) {
        const auto pitch = static_cast<std::ptrdiff_t>((block.words * 16 + 2));
        const unsigned row = i & 3;
        ColumnFlags* const column = columns + (i >> 2);
        significant |= std::uint64_t{1} << i;
        spread_significance(column, pitch, row, block.is_causal);
        const std::uint64_t is_negative = decode_sign();
        spread_sign(column, pitch, row, block.is_causal, static_cast<std::uint32_t>(is_negative));
        negative |= is_negative << i;
    }
};

template <bool is_raw>
struct Propagation : WordWalk {
    MqDecoder mq;
    RawDecoder raw;
    std::uint64_t exists = 0;
    std::uint64_t visited = 0;

    [[gnu::always_inline]] explicit Propagation(BlockPasses& of) : WordWalk(of), mq(of.mq), raw(of.raw) {}

    // False at the end of the block.
    [[gnu::always_inline]] bool next_word() {
        if (stripe != ~std::size_t(0)) {
            block.visited[at] = visited;
            leave();
        }
        while (step()) {
            significant = block.significant[at];
            exists = existing(block, stripe, word);
            rest = neighbourhood(block.significant + at, (block.words + 2), block.is_causal) & ~significant & exists;
            if (rest == 0) continue;
            visited = rest;
            return true;
        }
        if constexpr (is_raw) block.raw = raw;
        else block.mq = mq;
        return false;
    }
    [[gnu::always_inline]] void decode(const MqState* states) {
        auto i = static_cast<unsigned>(__builtin_ctzll(rest));
        rest &= rest - 1;
        const unsigned row = i & 3;
        std::uint64_t is_one;
        unsigned sign_entry = 0;
        if constexpr (is_raw) {
            is_one = decode_raw_bit(raw);
        } else {
            const ColumnFlags* const column = columns + (i >> 2);
            const unsigned label = block.zero_coding[column->significant >> (3 * row) & neighbour_bits];
            // Looked up before it is known whether there is a sign: if there is, a branch was mispredicted
            // as often as not, and all that is left to do then is waited for.
            sign_entry = sign_entry_of(column, row);
            asm volatile("" : "+r"(sign_entry));
            is_one = decode_decision(mq, &block.contexts[label], states);
        }
        if (is_one == 0) return;
        // Row and column are computed again. To keep them takes registers from the MQ decoder.
        asm volatile("" : "+r"(i));
        const std::uint64_t more = static_cast<std::uint64_t>(later_neighbours[i & 3]) << i & ~significant & exists;
        rest |= more;
        visited |= more;
        become_significant(i, [&] {
            if constexpr (is_raw) return decode_raw_bit(raw);
            else return decode_decision(mq, &block.contexts[sign_entry & 0x7f], states) ^ sign_entry >> 7;
        });
    }
};

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

struct CleanUp : WordWalk {
    MqDecoder mq;
    std::uint64_t runs = 0;  // the first rows of columns of four that are all to be decoded in the zero context (D.3.4)

    [[gnu::always_inline]] explicit CleanUp(BlockPasses& of) : WordWalk(of), mq(of.mq) {}

    [[gnu::always_inline]] bool next_word() {
        if (stripe != ~std::size_t(0)) leave();
        while (step()) {
            significant = block.significant[at];
            rest = existing(block, stripe, word) & ~significant & ~block.visited[at];
            block.visited[at] = 0;
            if (rest == 0) continue;
            runs = neighbourhood(block.significant + at, (block.words + 2), block.is_causal) | ~rest;
            runs |= runs >> 2;
            runs |= runs >> 1;
            runs = stripe + 1 != block.stripes || block.last_is_whole ? ~runs & first_rows : 0;
            if (rest == runs * 15 && skip_empty_word()) continue;
            return true;
        }
        block.mq = mq;
        return false;
    }
    // The same for a word of nothing but such columns, all at once.
    [[gnu::always_inline]] bool skip_empty_word() {
        const MqState state = block.contexts[run_length_context];
        const std::uint64_t size = (state >> 48) * static_cast<unsigned>(__builtin_popcountll(runs));
        if ((state & 1) != 0 || size >= 0x8000) return false;
        const std::uint64_t all = size << 48;
        if ((mq.a - all) >> 63 == 0 || mq.c < all) return false;
        mq.a -= all;
        mq.c -= all;
        return true;
    }
    [[gnu::always_inline]] void decode(const MqState* states) {
        auto i = static_cast<unsigned>(__builtin_ctzll(rest));
        unsigned sign_entry;
        if ((runs >> i & 1) != 0) {
            rest = skip_empty_columns(mq, block.contexts[run_length_context], rest, runs);
            if (rest == 0) return;
            i = static_cast<unsigned>(__builtin_ctzll(rest));
            if ((runs >> i & 1) == 0) return;
            if (decode_decision(mq, &block.contexts[run_length_context], states) == 0) {
                rest &= ~(std::uint64_t{15} << i);
                return;
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
            const unsigned label = block.zero_coding[column->significant >> (3 * (i & 3)) & neighbour_bits];
            if (decode_decision(mq, &block.contexts[label], states) == 0) return;
            asm volatile("" : "+r"(i));
            sign_entry = sign_entry_of(columns + (i >> 2), i & 3);
        }
        runs &= ~(std::uint64_t{16} << (i & ~3u));  // the next column has a neighbour now
        become_significant(
            i, [&] { return decode_decision(mq, &block.contexts[sign_entry & 0x7f], states) ^ sign_entry >> 7; });
    }
};

// One function a pass, so that its loop has all the registers.
template <typename Pass>
static __attribute__((noinline)) void walk(BlockPasses& block) {
    const MqState* const states = mq_state_table;
    Pass pass(block);
    while (pass.next_word()) {
        while (pass.rest != 0) pass.decode(states);
    }
}

// What a refinement pass decodes is known before it begins, because no significance changes: so are the contexts of
// Table D.4, two bits each.
struct Refinement {
    std::uint64_t rest;   // what is refined of a word
    std::uint64_t later;  // and not for the first time
    std::uint64_t near;   // for the first time, and has a significant neighbour
};

static inline __attribute__((always_inline)) Refinement refinement_at(BlockPasses& block, std::size_t at) {
    const std::uint64_t rest = block.significant[at] & ~block.visited[at];
    const std::uint64_t later = block.refined[at];
    if (rest == 0) return {0, 0, 0};
    // Most are not refined for the first time, and then the neighbours do not matter.
    const std::uint64_t near =
        (rest & ~later) == 0 ? 0 : neighbourhood(block.significant + at, block.words + 2, block.is_causal) & ~later;
    block.refined[at] = later | rest;
    return {rest, later, near};
}

#if defined(DCMTURBO_TARGET_AVX2) || defined(DCMTURBO_TARGET_AVX512)
// The contexts of a word's coefficients, a byte each; returns the end. Up to 7 bytes more are written.
static inline __attribute__((always_inline)) std::uint8_t* list_contexts(const Refinement& word, std::uint8_t* to) {
    constexpr std::uint64_t each = 0x0101010101010101U;
    std::uint64_t later = __builtin_ia32_pext_di(word.later, word.rest);
    std::uint64_t near = __builtin_ia32_pext_di(word.near, word.rest);
    const int count = __builtin_popcountll(word.rest);
    for (int k = 0; k < count; k += 8) {
        const std::uint64_t eight = __builtin_ia32_pdep_di(later, each) << 1 | __builtin_ia32_pdep_di(near, each);
        __builtin_memcpy(to + k, &eight, 8);
        later >>= 8;
        near >>= 8;
    }
    return to + count;
}
// The other way: the lowest bits of the bytes to the places of `rest`.
static inline __attribute__((always_inline)) std::uint64_t place_bits(const std::uint8_t* from, std::uint64_t rest) {
    constexpr std::uint64_t each = 0x0101010101010101U;
    const int count = __builtin_popcountll(rest);
    std::uint64_t bits = 0;
    for (int k = 0; k < count; k += 8) {
        std::uint64_t eight;
        __builtin_memcpy(&eight, from + k, 8);
        bits |= static_cast<std::uint64_t>(__builtin_ia32_pext_di(eight, each)) << k;
    }
    return __builtin_ia32_pdep_di(bits, rest);
}
#else
static inline __attribute__((always_inline)) std::uint8_t* list_contexts(const Refinement& word, std::uint8_t* to) {
    for (std::uint64_t rest = word.rest; rest != 0; rest &= rest - 1) {
        const auto i = static_cast<unsigned>(__builtin_ctzll(rest));
        *to++ = static_cast<std::uint8_t>((word.later >> i & 1) * 2 + (word.near >> i & 1));
    }
    return to;
}
static inline __attribute__((always_inline)) std::uint64_t place_bits(const std::uint8_t* from, std::uint64_t rest) {
    std::uint64_t bits = 0;
    for (; rest != 0; rest &= rest - 1) bits |= (*from++ & 1U) * (rest & (0 - rest));
    return bits;
}
#endif

static inline __attribute__((always_inline)) std::uint8_t* list_refinement(BlockPasses& block) {
    std::uint8_t* to = block.decisions;
    std::size_t at = block.words + 3;
    for (std::size_t stripe = 0; stripe < block.stripes; ++stripe, at += 2) {
        for (std::size_t word = 0; word < block.words; ++word, ++at) {
            const Refinement refinement = refinement_at(block, at);
            if (refinement.rest != 0) to = list_contexts(refinement, to);
        }
    }
    return to;
}

static inline __attribute__((always_inline)) void take_refinement(BlockPasses& block) {
    const std::uint8_t* from = block.decisions;
    std::uint64_t* plane = block.planes + block.plane * (block.words * block.stripes);
    std::size_t at = block.words + 3;
    for (std::size_t stripe = 0; stripe < block.stripes; ++stripe, at += 2) {
        for (std::size_t word = 0; word < block.words; ++word, ++at, ++plane) {
            const std::uint64_t rest = block.significant[at] & ~block.visited[at];
            if (rest == 0) continue;
            *plane |= place_bits(from, rest);
            from += __builtin_popcountll(rest);
        }
    }
}

// Each context of the list is replaced by what is decoded with it.
static __attribute__((noinline)) void decode_list(BlockPasses& block, std::uint8_t* decision, const std::uint8_t* end) {
    MqDecoder mq = block.mq;
    const MqState* states = mq_state_table;
    asm("" : "+r"(states));
    MqState* const contexts = &block.contexts[first_refinement_context];
    for (; decision != end; ++decision)
        *decision = static_cast<std::uint8_t>(decode_decision(mq, contexts + *decision, states));
    block.mq = mq;
}

// Of each of two blocks. Each decision has to wait for the one before it in its block, but not for the other block's.
static __attribute__((noinline)) void decode_two_lists(BlockPasses& first, BlockPasses& second, std::size_t count) {
    MqDecoder one = first.mq;
    MqDecoder other = second.mq;
    const MqState* states = mq_state_table;
    asm("" : "+r"(states));
    MqState* const contexts = &first.contexts[first_refinement_context];
    MqState* const other_contexts = &second.contexts[first_refinement_context];
    std::uint8_t* const decisions = first.decisions;
    std::uint8_t* const other_decisions = second.decisions;
    for (std::size_t i = 0; i < count; ++i) {
        decisions[i] = static_cast<std::uint8_t>(decode_decision(one, contexts + decisions[i], states));
        other_decisions[i] =
            static_cast<std::uint8_t>(decode_decision(other, other_contexts + other_decisions[i], states));
    }
    first.mq = one;
    second.mq = other;
}

static __attribute__((noinline)) void refine(BlockPasses& block) {
    decode_list(block, block.decisions, list_refinement(block));
    take_refinement(block);
}

static __attribute__((noinline)) void refine_two_blocks(BlockPasses& first, BlockPasses& second) {
    const std::uint8_t* const end = list_refinement(first);
    const std::uint8_t* const other_end = list_refinement(second);
    const std::ptrdiff_t count = end - first.decisions;
    const std::ptrdiff_t other_count = other_end - second.decisions;
    const std::ptrdiff_t both = count < other_count ? count : other_count;
    decode_two_lists(first, second, static_cast<std::size_t>(both));
    decode_list(first, first.decisions + both, end);
    decode_list(second, second.decisions + both, other_end);
    take_refinement(first);
    take_refinement(second);
}

static __attribute__((noinline)) void refine_raw(BlockPasses& block) {
    RawDecoder raw = block.raw;
    std::uint64_t* plane = block.planes + block.plane * (block.words * block.stripes);
    for (std::size_t stripe = 0; stripe < block.stripes; ++stripe) {
        for (std::size_t word = 0; word < block.words; ++word, ++plane) {
            std::uint64_t rest = refinement_at(block, (stripe + 1) * (block.words + 2) + 1 + word).rest;
            for (; rest != 0; rest &= rest - 1) *plane |= decode_raw_bit(raw) * (rest & (0 - rest));
        }
    }
    block.raw = raw;
}

static void read_segmentation_symbol(BlockPasses& block) {
    if (!block.has_segmentation_symbols) return;
    std::uint64_t symbol = 0;
    for (int k = 0; k < 4; ++k)
        symbol = symbol << 1 | decode_decision(block.mq, &block.contexts[uniform_context], mq_state_table);
    block.is_damaged = block.is_damaged || symbol != 10;  // D.5
}

static void decode_block_pass(BlockPasses& block, BlockPass pass, bool is_raw) {
    switch (pass) {
        case BlockPass::significance_propagation:
            return is_raw ? walk<Propagation<true>>(block) : walk<Propagation<false>>(block);
        case BlockPass::magnitude_refinement: return is_raw ? refine_raw(block) : refine(block);
        case BlockPass::clean_up: walk<CleanUp>(block); return read_segmentation_symbol(block);
    }
}

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__)
#pragma GCC pop_options
#endif

// A word of a bitmap of 16 columns and 4 rows, as a vector of columns for each row: lane c of row r is bit 4 x c + r.
typedef std::uint32_t Lanes __attribute__((vector_size(64)));
typedef std::int32_t SignedLanes __attribute__((vector_size(64)));

static inline __attribute__((always_inline)) Lanes bits_of_row(unsigned row) {
    const Lanes first = {1U, 1U << 4, 1U << 8, 1U << 12, 1U << 16, 1U << 20, 1U << 24, 1U << 28,
                         1U, 1U << 4, 1U << 8, 1U << 12, 1U << 16, 1U << 20, 1U << 24, 1U << 28};
    return first << row;
}
// All ones where the bitmap has a bit.
static inline __attribute__((always_inline)) Lanes lanes_of(std::uint64_t word, unsigned row) {
    const auto low = static_cast<std::uint32_t>(word);
    const auto high = static_cast<std::uint32_t>(word >> 32);
    const Lanes both = {low, low, low, low, low, low, low, low, high, high, high, high, high, high, high, high};
    return (Lanes)((both & bits_of_row(row)) != 0);
}

// The planes' bits one place up, and below them the half of the last one that was decoded of each coefficient.
template <typename Store>
static inline __attribute__((always_inline)) void for_each_word(const BlockPasses& block, const Store& store) {
    for (std::size_t stripe = 0; stripe < block.stripes; ++stripe) {
        for (std::size_t word = 0; word < block.words; ++word) {
            const std::size_t at = (stripe + 1) * block.bitmap_pitch() + 1 + word;
            const std::uint64_t significant = block.significant[at];
            // The last plane may have been decoded of some only.
            const std::uint64_t early = block.is_last_partial ? significant & ~block.visited[at] : 0;
            store(stripe, word, significant & ~early, early);
        }
    }
}

static void store_block(const BlockPasses& block, std::size_t width, std::size_t height, std::int32_t* to,
                        std::size_t stride) {
    const std::size_t plane_words = block.plane_words();
    for_each_word(block, [&](std::size_t stripe, std::size_t word, std::uint64_t late, std::uint64_t early) {
        const std::size_t place = stripe * block.words + word;
        const std::size_t rows = height - 4 * stripe < 4 ? height - 4 * stripe : 4;
        const std::size_t columns = width - 16 * word < 16 ? width - 16 * word : 16;
        std::int32_t* const corner = to + 4 * stripe * stride + 16 * word;
        if ((late | early) == 0) {
            for (unsigned row = 0; row < rows; ++row) {
                if (columns == 16) __builtin_memset(corner + row * stride, 0, 16 * sizeof *to);
                else __builtin_memset(corner + row * stride, 0, columns * sizeof *to);
            }
            return;
        }
        Lanes value[4];
        for (unsigned row = 0; row < 4; ++row)
            value[row] = (lanes_of(late, row) & (1U << block.plane)) | (lanes_of(early, row) & (2U << block.plane));
        for (unsigned plane = block.plane; plane < block.most_planes; ++plane) {
            const std::uint64_t bits = block.planes[plane * plane_words + place];
            for (unsigned row = 0; row < 4; ++row) value[row] |= lanes_of(bits, row) & (2U << plane);
        }
        for (unsigned row = 0; row < rows; ++row) {
            const Lanes sign = lanes_of(block.negative[place], row);
            const Lanes result = (value[row] ^ sign) - sign;
            if (columns == 16) __builtin_memcpy(corner + row * stride, &result, sizeof result);
            else __builtin_memcpy(corner + row * stride, &result, columns * sizeof *to);
        }
    });
}

static void store_block_wide(const BlockPasses& block, std::size_t width, std::size_t height, std::int64_t* to,
                             std::size_t stride) {
    const std::size_t plane_words = block.plane_words();
    for_each_word(block, [&](std::size_t stripe, std::size_t word, std::uint64_t late, std::uint64_t early) {
        const std::size_t place = stripe * block.words + word;
        for (unsigned i = 0; i < 64; ++i) {
            const std::size_t x = 16 * word + i / 4;
            const std::size_t y = 4 * stripe + i % 4;
            if (x >= width || y >= height) continue;
            std::uint64_t value = (late >> i & 1) << block.plane | (early >> i & 1) << (block.plane + 1);
            for (unsigned plane = block.plane; plane < block.most_planes; ++plane)
                value |= (block.planes[plane * plane_words + place] >> i & 1) << (plane + 1);
            const std::uint64_t sign = 0 - (block.negative[place] >> i & 1);
            to[y * stride + x] = static_cast<std::int64_t>((value ^ sign) - sign);
        }
    });
}

constexpr BlockPassKernels table = {
    .decode_block_pass = decode_block_pass,
    .refine_two_blocks = refine_two_blocks,
    .store_block = store_block,
    .store_block_wide = store_block_wide,
};
