// Upsampling of components that have half the columns or half the rows. A new sample lies at a quarter of the way
// between two samples: it is 3/4 of the nearer one and 1/4 of the farther one. Halves are rounded up and down in turn.
// ISO/IEC 10918-1 leaves the filter open; this is libjpeg's.

template <typename Sample>
static void double_columns(const Sample* __restrict near, const Sample* __restrict far, std::uint16_t* __restrict sums,
                           Sample* __restrict to, std::size_t count) {
    std::uint16_t* const middle = sums + 1;
    if (far == nullptr) {
        for (std::size_t i = 0; i < count; ++i) middle[i] = near[i];
    } else {
        for (std::size_t i = 0; i < count; ++i) middle[i] = static_cast<std::uint16_t>(near[i] * 3 + far[i]);
    }
    sums[0] = middle[0];
    middle[count] = middle[count - 1];
    if (far == nullptr) {
        for (std::size_t i = 0; i < count; ++i) {
            const unsigned here = middle[i] * 3u;
            to[2 * i] = static_cast<Sample>((here + sums[i] + 1) >> 2);
            to[2 * i + 1] = static_cast<Sample>((here + middle[i + 1] + 2) >> 2);
        }
    } else {
        for (std::size_t i = 0; i < count; ++i) {
            const unsigned here = middle[i] * 3u;
            to[2 * i] = static_cast<Sample>((here + sums[i] + 8) >> 4);
            to[2 * i + 1] = static_cast<Sample>((here + middle[i + 1] + 7) >> 4);
        }
    }
}

template <typename Sample>
static void between_rows(const Sample* __restrict near, const Sample* __restrict far, Sample* __restrict to,
                         std::size_t count, unsigned bias) {
    for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<Sample>((near[i] * 3u + far[i] + bias) >> 2);
}
