// The cleanup pass of a code-block of HTJ2K (ISO/IEC 15444-15, 7.3), a row of quads at a time. First the symbols of MEL
// and VLC, which depend on each other; then the magnitudes, whose places in MagSgn follow from the symbols. Compiled
// once per instruction set (ht_block.cpp).

static inline __attribute__((always_inline)) bool decode_mel_symbol(MelDecoder& mel) {
    if (mel.left == 0) mel.next_run();
    if (mel.left == 1) {
        mel.left = 0;
        return true;
    }
    mel.left -= 2;
    return false;
}

// The codeword of a quad that begins with the seven bits of `next`.
static inline __attribute__((always_inline)) std::uint32_t decode_quad(const HtCodes& codes, std::uint32_t context,
                                                                       std::uint64_t next, MelDecoder& mel) {
    const std::uint32_t code = codes[context | (next & 127)];
    if (context == 0 && !decode_mel_symbol(mel)) return 0;
    return code;
}

// u_ext (7.3.6): four bits more of each suffix from 28 on. Returns how many bits there were.
static __attribute__((noinline)) unsigned extend_ht_residuals(std::uint64_t window, unsigned first, unsigned second,
                                                              std::uint16_t* to) {
    unsigned read = 0;
    if (first >= 28) {
        to[0] = static_cast<std::uint16_t>(to[0] + 4 * (window & 15));
        window >>= 4;
        read = 4;
    }
    if (second >= 28) {
        to[1] = static_cast<std::uint16_t>(to[1] + 4 * (window & 15));
        read += 4;
    }
    return read;
}

// Where the symbols of a block are read.
struct HtLane {
    std::uint64_t window;
    std::size_t position;  // in the plain bits of VLC
    const std::uint8_t* vlc;
    HtRow* row;
    std::uint32_t left;  // what the quad before gives to the context
};

static inline __attribute__((always_inline)) HtLane start_ht_lane(const HtScratch& scratch, std::size_t position) {
    return {ht_window(scratch.vlc, position), position, scratch.vlc, scratch.row, 0};
}

// Two quads. The next codeword waits for the bits before it: its first seven bits are taken from the window of the two
// quads before, which holds them, while the new window is loaded.
template <bool is_first_row, bool are_two>
static inline __attribute__((always_inline)) void decode_two_quad_symbols(HtLane& lane, std::size_t q) {
    const HtCodes& codes = is_first_row ? ht_first_row : ht_other_rows;
    const HtResiduals& prefixes = is_first_row ? ht_residuals_first_row : ht_residuals_other_rows;
    HtRow& row = *lane.row;
    const std::size_t at = ht_margin + q;
    const std::uint64_t loaded = ht_window(lane.vlc, lane.position);
    const std::uint32_t first = decode_quad(codes, row.contexts[at] | lane.left, lane.window, row.mel);
    std::uint64_t window = loaded >> (first & 7);
    std::uint32_t second = 0;
    if (are_two) second = decode_quad(codes, row.contexts[at + 1] | first >> 16, window, row.mel);
    window >>= second & 7;
    lane.left = second >> 16;
    row.codes[at] = static_cast<std::uint16_t>(first);
    row.codes[at + 1] = static_cast<std::uint16_t>(second);
    unsigned mode = (first & 8) << 3 | (second & 8) << 4;
    if (is_first_row && mode == 3 << 6) mode |= decode_mel_symbol(row.mel) ? 4u << 6 : 0u;
    const std::uint32_t entry = prefixes[mode | (window & 63)];
    const std::uint64_t suffixes = window >> (entry >> 5 & 7);
    const auto first_suffix = static_cast<unsigned>(suffixes) & ~(~0u << (entry >> 8 & 7));
    const auto second_suffix = static_cast<unsigned>(suffixes >> (entry >> 8 & 7)) & ~(~0u << (entry >> 11 & 7));
    row.residuals[at] = static_cast<std::uint16_t>((entry >> 16 & 15) + first_suffix);
    row.residuals[at + 1] = static_cast<std::uint16_t>((entry >> 20 & 15) + second_suffix);
    lane.window = window >> (entry & 31);
    lane.position += (first & 7) + (second & 7) + (entry & 31);
    if (__builtin_expect((first_suffix | second_suffix) >= 28, 0)) {
        const unsigned more = extend_ht_residuals(lane.window, first_suffix, second_suffix, &row.residuals[at]);
        lane.window >>= more;
        lane.position += more;
    }
}

// The quads of a row from `q` on. Returns how far VLC has been read.
template <bool is_first_row>
static inline __attribute__((always_inline)) std::size_t finish_ht_lane(HtLane& lane, std::size_t q,
                                                                        std::size_t quads) {
    for (; q + 1 < quads; q += 2) decode_two_quad_symbols<is_first_row, true>(lane, q);
    if (q < quads) decode_two_quad_symbols<is_first_row, false>(lane, q);
    return lane.position;
}

// Of a row. Returns how far VLC has been read.
template <bool is_first_row>
static __attribute__((noinline)) std::size_t decode_ht_symbols(const HtScratch& scratch, std::size_t position) {
    HtLane lane = start_ht_lane(scratch, position);
    return finish_ht_lane<is_first_row>(lane, 0, scratch.quads);
}

// Of a row of two blocks: one waits for its next codeword while the other goes on. The longer row ends alone.
template <bool is_first_row>
static __attribute__((noinline)) void decode_two_rows_of_ht_symbols(HtScratch* const scratches[2],
                                                                    std::size_t positions[2]) {
    HtLane a = start_ht_lane(*scratches[0], positions[0]);
    HtLane b = start_ht_lane(*scratches[1], positions[1]);
    const std::size_t quads[2] = {scratches[0]->quads, scratches[1]->quads};
    const std::size_t even = (quads[0] < quads[1] ? quads[0] : quads[1]) & ~std::size_t{1};
    for (std::size_t q = 0; q < even; q += 2) {
        decode_two_quad_symbols<is_first_row, true>(a, q);
        decode_two_quad_symbols<is_first_row, true>(b, q);
    }
    positions[0] = finish_ht_lane<is_first_row>(a, even, quads[0]);
    positions[1] = finish_ht_lane<is_first_row>(b, even, quads[1]);
}

// What a row gives to the contexts of the row below (7.3.5).
static inline __attribute__((always_inline)) void derive_ht_contexts(const std::uint16_t* codes, std::uint16_t* to,
                                                                     std::size_t quads) {
    const std::uint16_t* const before = codes - 1;
    for (std::size_t q = 0; q < quads; ++q) {
        const unsigned left = before[q], own = codes[q], right = codes[q + 1];
        to[q] = static_cast<std::uint16_t>(((left >> 7 | own >> 5) & 1) << 7 | ((own >> 7 | right >> 5) & 1) << 9);
    }
}

// A word holds the two samples of a column of a row of quads; the upper one is in its lower half.
template <typename Sample>
struct HtColumn;
template <>
struct HtColumn<std::uint16_t> {
    typedef std::uint32_t Word;
};
template <>
struct HtColumn<std::uint32_t> {
    typedef std::uint64_t Word;
};
template <>
struct HtColumn<std::uint64_t> {
    typedef unsigned __int128 Word;
};

// 2 x magnitude + sign to a coefficient.
template <typename Sample, typename Coefficient, bool is_whole>
struct HtInteger {
    typedef std::make_unsigned_t<Coefficient> Magnitude;
    unsigned shift;
    Magnitude half;

    explicit HtInteger(unsigned plane)
        : shift(is_whole ? plane : plane + 1),
          half(static_cast<Magnitude>(is_whole ? Magnitude{1} << plane >> 1 : Magnitude{1} << plane)) {}
    __attribute__((always_inline)) Coefficient operator()(Sample sample) const {
        auto magnitude = static_cast<Magnitude>(static_cast<Magnitude>(sample >> 1) << shift);
        magnitude = static_cast<Magnitude>(magnitude | (sample != 0 ? half : Magnitude{0}));
        const auto negative = static_cast<Magnitude>(0 - static_cast<Magnitude>(sample & 1));
        return static_cast<Coefficient>(static_cast<Magnitude>((magnitude ^ negative) - negative));
    }
};

// The same where the lowest bit-plane has been decoded, which needs no shift.
template <typename Sample, typename Coefficient>
struct HtExact {
    typedef std::make_unsigned_t<Coefficient> Magnitude;
    __attribute__((always_inline)) Coefficient operator()(Sample sample) const {
        const auto magnitude = static_cast<Magnitude>(sample >> 1);
        const auto negative = static_cast<Magnitude>(0 - static_cast<Magnitude>(sample & 1));
        return static_cast<Coefficient>(static_cast<Magnitude>((magnitude ^ negative) - negative));
    }
};

template <typename Sample>
struct HtReal {
    float scale;
    __attribute__((always_inline)) float operator()(Sample sample) const {
        const auto magnitude = static_cast<std::int32_t>(sample != 0 ? sample | 1 : 0);
        const auto negative = -static_cast<std::int32_t>(sample & 1);
        return static_cast<float>((magnitude ^ negative) - negative) * scale;
    }
};

// Both rows of a row of quads, and of the lower one what the exponents of the row below need: its samples, less 2.
template <typename Sample, typename Coefficient, typename Form>
static inline __attribute__((always_inline)) void store_ht_rows_as(const HtScratch& scratch, std::size_t width,
                                                                   Coefficient* __restrict upper,
                                                                   Coefficient* __restrict lower, Form form) {
    const Sample* __restrict samples = static_cast<const Sample*>(scratch.samples);
    Sample* __restrict bottom = static_cast<Sample*>(scratch.bottom) + ht_margin;
    for (std::size_t x = 0; x < width; ++x) {
        typename HtColumn<Sample>::Word word;
        __builtin_memcpy(&word, samples + 2 * x, sizeof word);
        if constexpr (std::endian::native != std::endian::little)
            word = word << 8 * sizeof(Sample) | word >> 8 * sizeof(Sample);
        const auto high = static_cast<Sample>(word);
        const auto low = static_cast<Sample>(word >> 8 * sizeof(Sample));
        upper[x] = form(high);
        lower[x] = form(low);
        bottom[x] = static_cast<Sample>((low > 2 ? low : Sample{2}) - 2);
    }
}

template <typename Sample, typename Coefficient, typename Form>
static __attribute__((noinline)) void store_ht_rows_with(const HtScratch& scratch, const HtBlock& block,
                                                         std::size_t row, const HtTarget& target, Form form) {
    Coefficient* const upper = static_cast<Coefficient*>(target.to) + 2 * row * target.stride;
    // A row below the block goes to memory that nobody reads.
    Coefficient* const lower =
        2 * row + 1 < block.height ? upper + target.stride : static_cast<Coefficient*>(scratch.spare_row);
    store_ht_rows_as<Sample>(scratch, block.width, upper, lower, form);
}

template <typename Sample>
static inline __attribute__((always_inline)) void store_ht_rows(const HtScratch& scratch, const HtBlock& block,
                                                                std::size_t row, const HtTarget& target) {
    const unsigned plane = block.plane;
    switch (target.form) {
        case HtForm::whole_16:
            store_ht_rows_with<Sample, std::int16_t>(scratch, block, row, target,
                                                     HtInteger<Sample, std::int16_t, true>(plane));
            break;
        case HtForm::whole_32:
            if (plane == 0)
                store_ht_rows_with<Sample, std::int32_t>(scratch, block, row, target, HtExact<Sample, std::int32_t>{});
            else
                store_ht_rows_with<Sample, std::int32_t>(scratch, block, row, target,
                                                         HtInteger<Sample, std::int32_t, true>(plane));
            break;
        case HtForm::half_32:
            store_ht_rows_with<Sample, std::int32_t>(scratch, block, row, target,
                                                     HtInteger<Sample, std::int32_t, false>(plane));
            break;
        case HtForm::half_64:
            store_ht_rows_with<Sample, std::int64_t>(scratch, block, row, target,
                                                     HtInteger<Sample, std::int64_t, false>(plane));
            break;
        case HtForm::real_32:
            store_ht_rows_with<Sample, float>(scratch, block, row, target, HtReal<Sample>{target.scale});
            break;
    }
}

// Rows from `row` on, of which nothing is known.
static inline __attribute__((always_inline)) void clear_ht_rows(const HtBlock& block, std::size_t row,
                                                                const HtTarget& target) {
    const std::size_t size = target.form == HtForm::half_64 ? 8 : target.form == HtForm::whole_16 ? 2 : 4;
    for (std::size_t y = 2 * row; y < block.height; ++y)
        __builtin_memset(static_cast<std::uint8_t*>(target.to) + y * target.stride * size, 0, block.width * size);
}

// How far a block has been decoded.
struct HtProgress {
    std::size_t row = 0;
    std::size_t vlc = 0;
    std::size_t magsgn = 0;
    unsigned most = 0;  // the largest exponent bound
};

// The second half of a row. False where the data are damaged.
template <typename Sample>
static inline __attribute__((always_inline)) bool finish_ht_row(const HtBlock& block, HtScratch& scratch,
                                                                const HtTarget& target, HtProgress& progress) {
    const unsigned limit = block.most_exponent();
    progress.magsgn = decode_ht_magnitudes<Sample>(scratch, progress.magsgn, limit, progress.most);
    if (progress.most > limit || is_ht_overread(scratch, progress.vlc, progress.magsgn)) {
        clear_ht_rows(block, progress.row, target);
        return false;
    }
    derive_ht_contexts(scratch.row->codes.data() + ht_margin, scratch.row->contexts.data() + ht_margin, scratch.quads);
    store_ht_rows<Sample>(scratch, block, progress.row, target);
    ++progress.row;
    return true;
}

template <typename Sample>
static __attribute__((noinline)) bool decode_ht_rows(const HtBlock& block, HtScratch& scratch, const HtTarget& target,
                                                     HtProgress progress) {
    const std::size_t rows = (block.height + 1) / 2;
    while (progress.row < rows) {
        progress.vlc = progress.row == 0 ? decode_ht_symbols<true>(scratch, progress.vlc)
                                         : decode_ht_symbols<false>(scratch, progress.vlc);
        if (!finish_ht_row<Sample>(block, scratch, target, progress)) return false;
    }
    return true;
}

template <typename Sample>
static __attribute__((noinline)) void decode_two_blocks_of_ht_rows(const HtBlock* const blocks[2],
                                                                   HtScratch* const scratches[2],
                                                                   const HtTarget* const targets[2],
                                                                   bool are_right[2]) {
    HtProgress progress[2];
    are_right[0] = are_right[1] = true;
    const std::size_t rows[2] = {(blocks[0]->height + 1) / 2, (blocks[1]->height + 1) / 2};
    const std::size_t together = rows[0] < rows[1] ? rows[0] : rows[1];
    for (std::size_t row = 0; row < together && are_right[0] && are_right[1]; ++row) {
        std::size_t positions[2] = {progress[0].vlc, progress[1].vlc};
        if (row == 0) decode_two_rows_of_ht_symbols<true>(scratches, positions);
        else decode_two_rows_of_ht_symbols<false>(scratches, positions);
        for (int i = 0; i < 2; ++i) {
            progress[i].vlc = positions[i];
            are_right[i] = finish_ht_row<Sample>(*blocks[i], *scratches[i], *targets[i], progress[i]);
        }
    }
    for (int i = 0; i < 2; ++i) {  // one that is higher, or not damaged, goes on alone
        if (are_right[i] && progress[i].row < rows[i])
            are_right[i] = decode_ht_rows<Sample>(*blocks[i], *scratches[i], *targets[i], progress[i]);
    }
}

static bool decode_ht_cleanup(const HtBlock& block, HtScratch& scratch, const HtTarget& target) {
    switch (ht_sample_size(block)) {
        case 2: return decode_ht_rows<std::uint16_t>(block, scratch, target, {});
        case 4: return decode_ht_rows<std::uint32_t>(block, scratch, target, {});
        default: return decode_ht_rows<std::uint64_t>(block, scratch, target, {});
    }
}

static void decode_two_ht_cleanups(const HtBlock* const blocks[2], HtScratch* const scratches[2],
                                   const HtTarget* const targets[2], bool are_right[2]) {
    switch (ht_sample_size(*blocks[0])) {
        case 2: return decode_two_blocks_of_ht_rows<std::uint16_t>(blocks, scratches, targets, are_right);
        case 4: return decode_two_blocks_of_ht_rows<std::uint32_t>(blocks, scratches, targets, are_right);
        default: return decode_two_blocks_of_ht_rows<std::uint64_t>(blocks, scratches, targets, are_right);
    }
}
