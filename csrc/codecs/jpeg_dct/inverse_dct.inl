// The inverse DCT (ISO/IEC 10918-1, A.3.3) in integers: the factorisation of Loeffler, Ligtenberg and Moschytz (1989),
// multiplied out to one product per pair of coefficients, with constants of 13 bits. First the columns, whose results
// keep some fractional bits, then the rows. The standard leaves the rounding open; this is what libjpeg's accurate
// integer transform gives.

// Constants times 2^13: cosines of n pi / 16, and sums of them.
constexpr int dct_bits = 13;
constexpr int dct_even[4][2] = {
    {8192, 8192},          // of coefficients 0 and 4
    {8192, -8192},         //
    {4433, 4433 - 15137},  // of 2 and 6
    {4433 + 6270, 4433},   //
};
constexpr int dct_odd[4][4] = {
    // of 1, 3, 5 and 7
    {9633 - 7373, 9633 - 16069, 9633, 9633 - 7373 - 16069 + 2446},
    {9633 - 3196, 9633 - 20995, 9633 - 20995 - 3196 + 16819, 9633},
    {9633, 9633 - 20995 - 16069 + 25172, 9633 - 20995, 9633 - 16069},
    {9633 - 7373 - 3196 + 12299, 9633, 9633 - 3196, 9633 - 7373},
};

// Sums of products modulo 2^32: coefficients of a damaged stream may be too large.
static inline __attribute__((always_inline)) std::uint32_t dct_product(std::int32_t a, int factor) {
    return static_cast<std::uint32_t>(a) * static_cast<std::uint32_t>(factor);
}

// Eight coefficients to eight samples, of which `shift` fractional bits are rounded away.
static inline __attribute__((always_inline)) void dct_line(const std::int32_t in[8], std::int32_t out[8], int shift,
                                                           std::uint32_t offset) {
    std::uint32_t even[4];
    std::uint32_t odd[4];
    const std::uint32_t sum = dct_product(in[0], dct_even[0][0]) + dct_product(in[4], dct_even[0][1]) + offset;
    const std::uint32_t difference = dct_product(in[0], dct_even[1][0]) + dct_product(in[4], dct_even[1][1]) + offset;
    const std::uint32_t inner = dct_product(in[2], dct_even[2][0]) + dct_product(in[6], dct_even[2][1]);
    const std::uint32_t outer = dct_product(in[2], dct_even[3][0]) + dct_product(in[6], dct_even[3][1]);
    even[0] = sum + outer;
    even[1] = difference + inner;
    even[2] = difference - inner;
    even[3] = sum - outer;
    for (int i = 0; i < 4; ++i) {
        odd[i] = dct_product(in[1], dct_odd[3 - i][0]) + dct_product(in[3], dct_odd[3 - i][1]) +
                 dct_product(in[5], dct_odd[3 - i][2]) + dct_product(in[7], dct_odd[3 - i][3]);
    }
    for (int i = 0; i < 4; ++i) {
        out[i] = static_cast<std::int32_t>(even[i] + odd[i]) >> shift;
        out[7 - i] = static_cast<std::int32_t>(even[i] - odd[i]) >> shift;
    }
}

static inline __attribute__((always_inline)) std::int32_t dct_clamp(std::int32_t value, std::int32_t low,
                                                                    std::int32_t high) {
    return value < low ? low : value > high ? high : value;
}

// What the first pass over a block leaves to the second. Samples of 8 bits keep two fractional bits, in 16 bits; those
// of 12 bits keep one.
struct DctColumns {
    std::int32_t columns[8][8];
};
template <typename Sample>
constexpr int dct_kept = sizeof(Sample) == 1 ? 2 : 1;

// One block of coefficients, without their quantisation steps: products that leave 16 bits wrap, and no right stream
// has them.
template <typename Sample>
static inline __attribute__((always_inline)) void transform_block_columns(const std::int16_t* block,
                                                                          const std::uint16_t* steps, DctColumns& to) {
    constexpr int shift = dct_bits - dct_kept<Sample>;
    for (int i = 0; i < 8; ++i) {
        std::int32_t in[8];
        std::int32_t out[8];
        for (int row = 0; row < 8; ++row) {
            const int place = (row / 2) * 16 + 2 * i + row % 2;
            in[pair_order[row]] = static_cast<std::int16_t>(block[place] * steps[place]);
        }
        dct_line(in, out, shift, 1u << (shift - 1));
        for (int y = 0; y < 8; ++y) to.columns[y][i] = sizeof(Sample) == 1 ? dct_clamp(out[y], -32768, 32767) : out[y];
    }
}

template <typename Sample>
static inline __attribute__((always_inline)) void transform_block_rows(const DctColumns& from, std::byte* to,
                                                                       std::ptrdiff_t stride) {
    constexpr bool is_byte = sizeof(Sample) == 1;
    constexpr std::int32_t largest = is_byte ? 255 : 4095;
    constexpr int shift = dct_bits + dct_kept<Sample> + 3;
    constexpr std::uint32_t middle = static_cast<std::uint32_t>(largest / 2 + 1) << shift;
    for (int y = 0; y < 8; ++y) {
        std::int32_t in[8];
        std::int32_t out[8];
        Sample row[8];
        for (int i = 0; i < 8; ++i) in[pair_order[i]] = from.columns[y][i];
        if constexpr (is_byte) {
            dct_line(in, out, shift, middle + (1u << (shift - 1)));
            for (int x = 0; x < 8; ++x) row[x] = static_cast<Sample>(dct_clamp(out[x], 0, largest));
        } else {
            // The middle value would not fit in with the sums.
            dct_line(in, out, shift, 1u << (shift - 1));
            for (int x = 0; x < 8; ++x)
                row[x] =
                    static_cast<Sample>(dct_clamp(out[x] + static_cast<std::int32_t>(largest / 2 + 1), 0, largest));
        }
        std::memcpy(to + y * stride, row, sizeof row);
    }
}

static inline __attribute__((always_inline)) bool has_only_first(const std::int16_t* block) {
    unsigned others = 0;
    for (std::size_t k = 1; k < block_samples; ++k) others |= static_cast<std::uint16_t>(block[k]);
    return others == 0;
}

// A block of which only the first coefficient is not zero: the passes shift it left by what they keep, and round.
template <typename Sample>
static inline __attribute__((always_inline)) void fill_block(std::int32_t dc, std::byte* to, std::ptrdiff_t stride) {
    constexpr bool is_byte = sizeof(Sample) == 1;
    constexpr std::int32_t largest = is_byte ? 255 : 4095;
    std::int32_t value = dc * 4;
    if (is_byte) value = dct_clamp(value, -32768, 32767);
    value = ((value + 16) >> 5) + largest / 2 + 1;
    if (!is_byte) value = ((dc * 2 + 8) >> 4) + largest / 2 + 1;
    const auto sample = static_cast<Sample>(dct_clamp(value, 0, largest));
    Sample row[8];
    for (Sample& one : row) one = sample;
    for (int y = 0; y < 8; ++y) std::memcpy(to + y * stride, row, sizeof row);
}

template <typename Sample>
static inline __attribute__((always_inline)) void transform_block(const std::int16_t* block, const std::uint16_t* steps,
                                                                  std::byte* to, std::ptrdiff_t stride) {
    if (has_only_first(block)) return fill_block<Sample>(static_cast<std::int16_t>(block[0] * steps[0]), to, stride);
    DctColumns columns;
    transform_block_columns<Sample>(block, steps, columns);
    transform_block_rows<Sample>(columns, to, stride);
}
