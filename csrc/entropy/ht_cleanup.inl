// The cleanup pass of a code-block of HTJ2K (ISO/IEC 15444-15, 7.3), a row of quads at a time. First the symbols of
// MEL and VLC, which depend on each other; then the magnitudes, whose places in MagSgn follow from the symbols.
// Compiled once per instruction set (ht_block.cpp).

// 57 bits at least.
static inline __attribute__((always_inline)) std::uint64_t ht_window(const std::uint8_t* bits, std::size_t position) {
    std::uint64_t window;
    __builtin_memcpy(&window, bits + position / 8, sizeof window);
    if constexpr (std::endian::native != std::endian::little) window = __builtin_bswap64(window);
    return window >> position % 8;
}

// `count` bits, as many as a sample may have.
template <typename Sample>
static inline __attribute__((always_inline)) std::uint64_t ht_bits(const std::uint8_t* bits, std::size_t position,
                                                                   unsigned count) {
    std::uint64_t window = ht_window(bits, position);
    if constexpr (sizeof(Sample) == 8) window = (window & 0xFFFFFFFF) | ht_window(bits, position + 32) << 32;
    return window & ~(~std::uint64_t{0} << count);
}

static inline __attribute__((always_inline)) bool decode_mel_symbol(MelDecoder& mel) {
    if (mel.left == 0) mel.next_run();
    if (mel.left == 1) {
        mel.left = 0;
        return true;
    }
    mel.left -= 2;
    return false;
}

// The codeword of a quad, and past it in `window`.
static inline __attribute__((always_inline)) std::uint32_t decode_quad(const HtCodes& codes, std::uint32_t context,
                                                                       std::uint64_t& window, std::size_t& read,
                                                                       MelDecoder& mel) {
    std::uint32_t code = codes[context | (window & 127)];
    if (context == 0 && !decode_mel_symbol(mel)) code = 0;
    window >>= code & 7;
    read += code & 7;
    return code;
}

// u of two quads.
static inline __attribute__((always_inline)) void decode_residuals(const HtResiduals& prefixes, unsigned mode,
                                                                   std::uint64_t window, std::size_t& read,
                                                                   std::uint16_t* to) {
    const std::uint32_t entry = prefixes[mode << 6 | (window & 63)];
    const unsigned length = entry & 7;
    const unsigned first_length = entry >> 3 & 7;
    const unsigned second_length = entry >> 6 & 7;
    window >>= length;
    auto first = static_cast<std::uint32_t>(window) & ~(~0u << first_length);
    window >>= first_length;
    auto second = static_cast<std::uint32_t>(window) & ~(~0u << second_length);
    window >>= second_length;
    read += length + first_length + second_length;
    if (__builtin_expect(first >= 28 || second >= 28, 0)) {  // u_ext
        if (first >= 28) {
            first += 4 * (static_cast<std::uint32_t>(window) & 15);
            window >>= 4;
            read += 4;
        }
        if (second >= 28) {
            second += 4 * (static_cast<std::uint32_t>(window) & 15);
            read += 4;
        }
    }
    to[0] = static_cast<std::uint16_t>((entry >> 12 & 15) + first);
    to[1] = static_cast<std::uint16_t>((entry >> 16 & 15) + second);
}

template <bool is_first_row>
static __attribute__((noinline)) std::size_t decode_ht_symbols(HtScratch& scratch, std::size_t position) {
    const HtCodes& codes = is_first_row ? ht_first_row : ht_other_rows;
    const HtResiduals& prefixes = is_first_row ? ht_residuals_first_row : ht_residuals_other_rows;
    MelDecoder& mel = scratch.streams.mel;
    const std::uint8_t* const vlc = scratch.streams.vlc;
    const std::size_t quads = scratch.quads;
    std::uint16_t* const to = scratch.codes;
    std::uint32_t left = 0;
    for (std::size_t q = 0; q < quads; q += 2) {
        std::uint64_t window = ht_window(vlc, position);
        const std::uint32_t first = decode_quad(codes, scratch.contexts[q] | left, window, position, mel);
        std::uint32_t second = 0;
        if (q + 1 < quads) second = decode_quad(codes, scratch.contexts[q + 1] | first >> 16, window, position, mel);
        left = second >> 16;
        to[q] = static_cast<std::uint16_t>(first);
        to[q + 1] = static_cast<std::uint16_t>(second);
        unsigned mode = (first >> 3 & 1) | (second >> 2 & 2);
        if (is_first_row && mode == 3) mode |= decode_mel_symbol(mel) ? 4u : 0u;
        decode_residuals(prefixes, mode, window, position, scratch.residuals + q);
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

// The magnitudes of a row of quads. Returns how far MagSgn has been read; `most` is raised to the largest exponent
// bound.
template <typename Sample>
static __attribute__((noinline)) std::size_t decode_ht_magnitudes(const HtScratch& scratch, std::size_t position,
                                                                  unsigned limit, unsigned& most) {
    const std::uint8_t* const magsgn = scratch.streams.magsgn;
    Sample* const samples = static_cast<Sample*>(scratch.samples);
    const Sample* const bottom = static_cast<const Sample*>(scratch.bottom) + ht_margin;
    for (std::size_t q = 0; q < scratch.quads; ++q) {
        const unsigned code = scratch.codes[q];
        const unsigned rho = code >> 4 & 15;
        unsigned bound = scratch.residuals[q] + 1u;
        if ((rho & (rho - 1)) != 0) {
            const std::uint64_t above =
                static_cast<std::uint64_t>(bottom[2 * q - 1] | bottom[2 * q] | bottom[2 * q + 1] | bottom[2 * q + 2]);
            bound += 62u - static_cast<unsigned>(__builtin_clzll(above | 2));
        }
        most = bound > most ? bound : most;
        bound = bound < limit ? bound : limit;
        for (unsigned n = 0; n < 4; ++n) {
            const std::uint64_t is_significant = code >> (4 + n) & 1;
            const unsigned count = static_cast<unsigned>(is_significant) * (bound - (code >> (8 + n) & 1));
            const std::uint64_t value =
                ht_bits<Sample>(magsgn, position, count) | static_cast<std::uint64_t>(code >> (12 + n) & 1) << count;
            samples[4 * q + n] = static_cast<Sample>((value + 2) * is_significant);
            position += count;
        }
    }
    return position;
}

// The lower samples of a row, less 2, for the exponents of the row below.
template <typename Sample>
static inline __attribute__((always_inline)) void keep_ht_bottom(const HtScratch& scratch) {
    const Sample* const samples = static_cast<const Sample*>(scratch.samples);
    Sample* const bottom = static_cast<Sample*>(scratch.bottom) + ht_margin;
    for (std::size_t x = 0; x < 2 * scratch.quads; ++x) {
        const Sample sample = samples[2 * x + 1];
        bottom[x] = static_cast<Sample>((sample > 2 ? sample : Sample{2}) - 2);
    }
}

// Samples of one row of coefficients, every other one of a row of quads, to coefficients.
template <typename Sample, typename Coefficient, bool is_whole>
static inline __attribute__((always_inline)) void store_ht_row(const Sample* samples, Coefficient* to,
                                                               std::size_t count, unsigned plane) {
    typedef std::make_unsigned_t<Coefficient> Magnitude;
    const auto half = static_cast<Magnitude>(is_whole ? Magnitude{1} << plane >> 1 : Magnitude{1} << plane);
    const unsigned shift = is_whole ? plane : plane + 1;
    for (std::size_t x = 0; x < count; ++x) {
        const Sample sample = samples[2 * x];
        auto magnitude = static_cast<Magnitude>(static_cast<Magnitude>(sample >> 1) << shift);
        magnitude = static_cast<Magnitude>(magnitude | (sample != 0 ? half : Magnitude{0}));
        const auto negative = static_cast<Magnitude>(0 - static_cast<Magnitude>(sample & 1));
        to[x] = static_cast<Coefficient>(static_cast<Magnitude>((magnitude ^ negative) - negative));
    }
}

template <typename Sample>
static inline __attribute__((always_inline)) void store_ht_real_row(const Sample* samples, float* to, std::size_t count,
                                                                    float scale) {
    for (std::size_t x = 0; x < count; ++x) {
        const Sample sample = samples[2 * x];
        const auto magnitude = static_cast<std::int32_t>(sample | 1);
        const auto value = static_cast<std::int32_t>((sample & 1) != 0 ? -magnitude : magnitude);
        to[x] = static_cast<float>(sample != 0 ? value : 0) * scale;
    }
}

template <typename Sample>
static inline __attribute__((always_inline)) void store_ht_rows(const HtScratch& scratch, const HtBlock& block,
                                                                std::size_t row, const HtTarget& target) {
    for (std::size_t r = 0; r < 2 && 2 * row + r < block.height; ++r) {
        const Sample* const samples = static_cast<const Sample*>(scratch.samples) + r;
        const std::size_t at = (2 * row + r) * target.stride;
        const std::size_t width = block.width;
        switch (target.form) {
            case HtForm::whole_16:
                store_ht_row<Sample, std::int16_t, true>(samples, static_cast<std::int16_t*>(target.to) + at, width,
                                                         block.plane);
                break;
            case HtForm::whole_32:
                store_ht_row<Sample, std::int32_t, true>(samples, static_cast<std::int32_t*>(target.to) + at, width,
                                                         block.plane);
                break;
            case HtForm::half_32:
                store_ht_row<Sample, std::int32_t, false>(samples, static_cast<std::int32_t*>(target.to) + at, width,
                                                          block.plane);
                break;
            case HtForm::half_64:
                store_ht_row<Sample, std::int64_t, false>(samples, static_cast<std::int64_t*>(target.to) + at, width,
                                                          block.plane);
                break;
            case HtForm::real_32:
                store_ht_real_row(samples, static_cast<float*>(target.to) + at, width, target.scale);
                break;
        }
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
        keep_ht_bottom<Sample>(scratch);
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

constexpr HtKernels table = {decode_ht_cleanup};
