// The magnitudes of a row of quads where there are vectors for them: first where all quads begin, then their samples.

template <typename Sample>
static __attribute__((noinline)) std::size_t decode_ht_magnitudes_together(const HtScratch& scratch,
                                                                           std::size_t position, unsigned limit,
                                                                           unsigned& most) {
    position = decode_ht_bounds<Sample>(scratch, position, limit, most);
    decode_ht_samples(scratch, static_cast<Sample*>(scratch.samples));
    return position;
}

template <typename Sample>
static inline __attribute__((always_inline)) std::size_t decode_ht_magnitudes(const HtScratch& scratch,
                                                                              std::size_t position, unsigned limit,
                                                                              unsigned& most) {
    if constexpr (sizeof(Sample) <= 4) {
        if (limit <= most_ht_vector_exponent)
            return decode_ht_magnitudes_together<Sample>(scratch, position, limit, most);
    }
    return decode_ht_magnitudes_singly<Sample>(scratch, position, limit, most);
}
