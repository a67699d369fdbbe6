// Where there are no vectors for them, the magnitudes of a row are decoded one after the other.

template <typename Sample>
static inline __attribute__((always_inline)) std::size_t decode_ht_magnitudes(const HtScratch& scratch,
                                                                              std::size_t position, unsigned limit,
                                                                              unsigned& most) {
    return decode_ht_magnitudes_singly<Sample>(scratch, position, limit, most);
}
