// The cleanup pass of a code-block of HTJ2K (ISO/IEC 15444-15, 7.3), a row of quads at a time. First the symbols of
// MEL and VLC, which depend on each other; then the magnitudes, whose places in MagSgn follow from the symbols.
// Compiled once per instruction set (ht_block.cpp).

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

// Two quads at a time. The next codeword waits for the bits before it: its first seven bits are taken from the window
// of the two quads before, which holds them, while the new window is loaded.
template <bool is_first_row>
static __attribute__((noinline)) std::size_t decode_ht_symbols(HtScratch& scratch, std::size_t position) {
    const HtCodes& codes = is_first_row ? ht_first_row : ht_other_rows;
    const HtResiduals& prefixes = is_first_row ? ht_residuals_first_row : ht_residuals_other_rows;
    MelDecoder& mel = scratch.streams.mel;
    const std::uint8_t* const vlc = scratch.streams.vlc;
    const std::size_t quads = scratch.quads;
    const std::uint16_t* const contexts = scratch.contexts;
    std::uint16_t* const to = scratch.codes;
    std::uint16_t* const residuals = scratch.residuals;
    std::uint32_t left = 0;
    std::uint64_t window = ht_window(vlc, position);
    for (std::size_t q = 0; q < quads; q += 2) {
        const std::uint64_t loaded = ht_window(vlc, position);
        const std::uint32_t first = decode_quad(codes, contexts[q] | left, window, mel);
        window = loaded >> (first & 7);
        std::uint32_t second = 0;
        if (q + 1 < quads) second = decode_quad(codes, contexts[q + 1] | first >> 16, window, mel);
        window >>= second & 7;
        left = second >> 16;
        to[q] = static_cast<std::uint16_t>(first);
        to[q + 1] = static_cast<std::uint16_t>(second);
        unsigned mode = (first & 8) << 3 | (second & 8) << 4;
        if (is_first_row && mode == 3 << 6) mode |= decode_mel_symbol(mel) ? 4u << 6 : 0u;
        const std::uint32_t entry = prefixes[mode | (window & 63)];
        const std::uint64_t suffixes = window >> (entry >> 5 & 7);
        const auto first_suffix = static_cast<unsigned>(suffixes) & ~(~0u << (entry >> 8 & 7));
        const auto second_suffix = static_cast<unsigned>(suffixes >> (entry >> 8 & 7)) & ~(~0u << (entry >> 11 & 7));
        residuals[q] = static_cast<std::uint16_t>((entry >> 16 & 15) + first_suffix);
        residuals[q + 1] = static_cast<std::uint16_t>((entry >> 20 & 15) + second_suffix);
        window >>= entry & 31;
        position += (first & 7) + (second & 7) + (entry & 31);
        if (__builtin_expect((first_suffix | second_suffix) >= 28, 0)) {
            const unsigned more = extend_ht_residuals(window, first_suffix, second_suffix, residuals + q);
            window >>= more;
            position += more;
        }
    }
    to[(quads + 1) & ~std::size_t{1}] = 0;
    return position;
}

// What a row gives to the contexts of the row below (7.3.5).
static inline __attribute__((always_inline)) void derive_ht_contexts(const std::uint16_t* codes, std::uint16_t* to,
                                                                     std::size_t quads) {
    for (std::size_t q = 0; q < quads; ++q) {
        const unsigned left = codes[q - 1], own = codes[q], right = codes[q + 1];
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

template <typename Sample>
static inline __attribute__((always_inline)) bool decode_ht_rows(const HtBlock& block, HtScratch& scratch,
                                                                 const HtTarget& target) {
    const std::size_t rows = (block.height + 1) / 2;
    const unsigned limit = block.most_exponent();
    unsigned most = 0;
    std::size_t vlc = 0, magsgn = 0;
    for (std::size_t row = 0; row < rows; ++row) {
        vlc = row == 0 ? decode_ht_symbols<true>(scratch, vlc) : decode_ht_symbols<false>(scratch, vlc);
        magsgn = decode_ht_magnitudes<Sample>(scratch, magsgn, limit, most);
        if (most > limit || is_ht_overread(scratch.streams, vlc, magsgn)) {
            clear_ht_rows(block, row, target);
            return false;
        }
        derive_ht_contexts(scratch.codes, scratch.contexts, scratch.quads);
        store_ht_rows<Sample>(scratch, block, row, target);
    }
    return true;
}

// False where the data are damaged; what was decoded before is there.
static bool decode_ht_cleanup(const HtBlock& block, HtScratch& scratch, const HtTarget& target) {
    if (block.most_exponent() <= 15) return decode_ht_rows<std::uint16_t>(block, scratch, target);
    if (block.most_exponent() <= 31) return decode_ht_rows<std::uint32_t>(block, scratch, target);
    return decode_ht_rows<std::uint64_t>(block, scratch, target);
}
