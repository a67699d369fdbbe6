// The magnitudes of a row of quads of a code-block of HTJ2K (ISO/IEC 15444-15, 7.3.7 and 7.3.8), one after the other.

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

// The magnitudes of a row of quads. Returns how far MagSgn has been read; `most` is raised to the largest exponent
// bound.
template <typename Sample>
static __attribute__((noinline)) std::size_t decode_ht_magnitudes_singly(const HtScratch& scratch, std::size_t position,
                                                                         unsigned limit, unsigned& most) {
    const std::uint8_t* const magsgn = scratch.magsgn;
    Sample* const samples = static_cast<Sample*>(scratch.samples);
    const Sample* const bottom = static_cast<const Sample*>(scratch.bottom) + ht_margin;
    for (std::size_t q = 0; q < scratch.quads; ++q) {
        const unsigned code = scratch.row->codes[ht_margin + q];
        const unsigned rho = code >> 4 & 15;
        unsigned bound = scratch.row->residuals[ht_margin + q] + 1u;
        if ((rho & (rho - 1)) != 0) {
            const Sample* const above_left = bottom + 2 * q - 1;
            const auto above =
                static_cast<std::uint64_t>(above_left[0] | above_left[1] | above_left[2] | above_left[3]);
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
