// The loop over the quads of an HT cleanup pass (ISO/IEC 15444-15, 7.3).

// At most 56 bits.
static inline __attribute__((always_inline)) void put_bits(HtBits& to, std::uint64_t value, unsigned width) {
    const std::uint64_t bits = to.bits | value << to.held;
    const unsigned held = to.held + width;
    __builtin_memcpy(to.to, &bits, 8);
    to.to += held >> 3;
    to.bits = bits >> (held & 56);
    to.held = held & 7;
}

typedef std::int32_t EightCoefficients __attribute__((vector_size(32)));
typedef std::uint32_t EightValues __attribute__((vector_size(32)));
typedef float EightFloats __attribute__((vector_size(32)));
typedef std::uint8_t EightBytes __attribute__((vector_size(8)));

// A row of samples to 2 x (magnitude - 1) + sign, and to exponents: the bits of 2 x magnitude - 1, or 0. Floats find
// the leading bit: the bits below it that could round it up are taken off first. Reads and writes up to seven samples
// more, which may be anything: hence the arithmetic without a sign, which wraps.
static inline __attribute__((always_inline)) void measure_samples(const std::int32_t* row, std::size_t count,
                                                                  std::uint32_t* values, std::uint8_t* exponents) {
    for (std::size_t i = 0; i < count; i += 8) {
        EightCoefficients sample;
        __builtin_memcpy(&sample, row + i, sizeof sample);
        const EightCoefficients sign = sample >> 31;
        const EightValues twice = 2 * ((EightValues)(sample ^ sign) - (EightValues)sign);
        const auto odd = (EightCoefficients)(twice - 1);
        const EightValues value = twice - 2 - (EightValues)sign;
        __builtin_memcpy(values + i, &value, sizeof value);
        const EightFloats leading = __builtin_convertvector(odd & ~(odd >> 1), EightFloats);
        EightCoefficients bits;
        __builtin_memcpy(&bits, &leading, sizeof bits);
        const EightCoefficients exponent = ((bits >> 23) - 126) & ~(odd >> 31);
        const EightBytes bytes = __builtin_convertvector(exponent, EightBytes);
        __builtin_memcpy(exponents + i, &bytes, sizeof bytes);
    }
}

// The same of wide samples.
static inline __attribute__((always_inline)) void measure_samples(const std::int64_t* row, std::size_t count,
                                                                  std::uint64_t* values, std::uint8_t* exponents) {
    for (std::size_t i = 0; i < count; ++i) {
        const auto sign = static_cast<std::uint64_t>(row[i] >> 63);
        const std::uint64_t magnitude = (static_cast<std::uint64_t>(row[i]) ^ sign) - sign;
        values[i] = 2 * magnitude - 2 - sign;
        exponents[i] = static_cast<std::uint8_t>(magnitude == 0 ? 0 : 64 - __builtin_clzll(2 * magnitude - 1));
    }
}

typedef std::uint16_t ExponentPair __attribute__((may_alias));

// Of each quad: its exponents in the order of 7.3.1 (upper left, lower left, upper right, lower right), rho, and the
// greatest of the exponents.
static inline __attribute__((always_inline)) void collect_quads(const std::uint8_t* upper, const std::uint8_t* lower,
                                                                std::size_t count, std::uint32_t* __restrict quads,
                                                                std::uint32_t* __restrict significant,
                                                                std::uint32_t* __restrict greatest) {
    const auto* const top = reinterpret_cast<const ExponentPair*>(upper);
    const auto* const bottom = reinterpret_cast<const ExponentPair*>(lower);
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t a = top[i];
        const std::uint32_t b = bottom[i];
        const std::uint32_t quad = (a & 0xffU) | (b & 0xffU) << 8 | (a & 0xff00U) << 8 | (b & 0xff00U) << 16;
        quads[i] = quad;
        const std::uint32_t present = (quad + 0x7f7f7f7fU) & 0x80808080U;
        significant[i] = (present >> 7 | present >> 14 | present >> 21 | present >> 28) & 15;
        const std::uint32_t left = (a & 0xffU) > (b & 0xffU) ? (a & 0xffU) : (b & 0xffU);
        const std::uint32_t right = (a >> 8) > (b >> 8) ? a >> 8 : b >> 8;
        greatest[i] = left > right ? left : right;
    }
}

// u as it is written (7.3.6): bits 0 to 2: the prefix; 3 and 4: its length; 5 to 13: the suffix, and four bits of
// extension above its five; 14 to 16: the suffix's length; 17: whether there is an extension.
struct HtResidualCodes {
    std::uint32_t of[64];
};
static constexpr HtResidualCodes make_residual_codes() {
    HtResidualCodes codes{};
    for (unsigned u = 1; u < 64; ++u) {
        if (u < 3) codes.of[u] = u | u << 3;
        else if (u < 5) codes.of[u] = 4 | 3 << 3 | (u - 3) << 5 | 1 << 14;
        else if (u < 33) codes.of[u] = 3 << 3 | (u - 5) << 5 | 5 << 14;
        else codes.of[u] = 3 << 3 | (28 + (u - 33) % 4 + ((u - 33) / 4 << 5)) << 5 | 5 << 14 | 1 << 17;
    }
    return codes;
}
static constexpr HtResidualCodes residual_codes = make_residual_codes();

// Bits that wait to be put together into one piece.
struct HtPiece {
    std::uint64_t bits = 0;
    unsigned width = 0;
    inline __attribute__((always_inline)) void add(std::uint64_t value, unsigned more) {
        bits |= value << width;
        width += more;
    }
};

// Prefixes, then suffixes, then extensions.
static inline __attribute__((always_inline)) void add_residuals(HtPiece& piece, unsigned first, unsigned second) {
    const std::uint32_t a = residual_codes.of[first];
    const std::uint32_t b = residual_codes.of[second];
    piece.add(a & 7, a >> 3 & 3);
    piece.add(b & 7, b >> 3 & 3);
    piece.add(a >> 5 & 31, a >> 14 & 7);
    piece.add(b >> 5 & 31, b >> 14 & 7);
    if (__builtin_expect(((a | b) >> 17) != 0, 0)) {
        if (a >> 17 != 0) piece.add(a >> 10 & 15, 4);
        if (b >> 17 != 0) piece.add(b >> 10 & 15, 4);
    }
}

// Codes a quad: MEL, MagSgn, and its codeword into `piece`. Returns u.
template <typename Value>
static inline __attribute__((always_inline)) unsigned code_quad(const HtEncodeScratch& scratch, MelEncoder& mel,
                                                                HtBits& magsgn, HtPiece& piece,
                                                                const HtEncodeCodes& codes, std::size_t quad,
                                                                unsigned context, unsigned bound_above) {
    const unsigned rho = scratch.significant[quad];
    if (context == 0) {
        if (rho == 0) {
            if (++mel.run >= mel.longest) mel_finish_run(mel);
            return 0;
        }
        mel_end_run(mel);
    }
    const unsigned greatest = scratch.greatest[quad];
    // kappa = max(1, gamma x (the greatest exponent above - 1)), where gamma is 0 for a single sample (7.3.7).
    const unsigned predicted = (rho & (rho - 1)) != 0 && bound_above > 2 ? bound_above - 1 : 1;
    const unsigned bound = greatest > predicted ? greatest : predicted;
    const unsigned residual = bound - predicted;
    const std::uint32_t differs = scratch.quads[quad] ^ (bound * 0x01010101U);
    const std::uint32_t equal = ~(differs + 0x7f7f7f7fU) & 0x80808080U & (residual != 0 ? ~0U : 0U);
    const unsigned pattern = (equal * 0x00204081U >> 28) & 15;
    const unsigned code = codes[context * 256 + rho * 16 + pattern];
    piece.add(code & 0x7f, code >> 8 & 15);
    const unsigned known = code >> 12;
    const Value* const top = static_cast<const Value*>(scratch.values) + 2 * quad;
    const Value* const bottom = top + scratch.pitch;
    const unsigned widths[4] = {(rho & 1) * bound - (known & 1), (rho >> 1 & 1) * bound - (known >> 1 & 1),
                                (rho >> 2 & 1) * bound - (known >> 2 & 1), (rho >> 3) * bound - (known >> 3)};
    const auto low = [](Value value, unsigned width) { return value & ((std::uint64_t{1} << width) - 1); };
    const std::uint64_t left = low(top[0], widths[0]) | low(bottom[0], widths[1]) << widths[0];
    const std::uint64_t right = low(top[1], widths[2]) | low(bottom[1], widths[3]) << widths[2];
    const unsigned left_width = widths[0] + widths[1];
    const unsigned right_width = widths[2] + widths[3];
    if (__builtin_expect(bound <= 14, 1)) {
        put_bits(magsgn, left | right << left_width, left_width + right_width);
    } else if (bound <= 28) {
        put_bits(magsgn, left, left_width);
        put_bits(magsgn, right, right_width);
    } else {
        for (unsigned i = 0; i < 4; ++i)
            put_bits(magsgn, low(i % 2 == 0 ? top[i / 2] : bottom[i / 2], widths[i]), widths[i]);
    }
    return residual;
}

// The first row of quads, whose contexts look to the left only.
template <typename Value>
static inline __attribute__((always_inline)) void code_first_row(HtEncodeScratch& scratch, HtBits& vlc, HtBits& magsgn,
                                                                 MelEncoder& mel, std::size_t quads) {
    const std::uint32_t* const rho = scratch.significant;
    unsigned context = 0;
    for (std::size_t quad = 0; quad < quads; quad += 2) {
        HtPiece piece;
        unsigned first = code_quad<Value>(scratch, mel, magsgn, piece, ht_encode_first_row, quad, context, 0);
        context = rho[quad] >> 1 | (rho[quad] & 1);
        unsigned second = 0;
        if (quad + 1 < quads) {
            second = code_quad<Value>(scratch, mel, magsgn, piece, ht_encode_first_row, quad + 1, context, 0);
            context = rho[quad + 1] >> 1 | (rho[quad + 1] & 1);
        }
        if (first != 0 && second != 0) {
            if (first > 2 && second > 2) {
                mel_end_run(mel);
                first -= 2;
                second -= 2;
            } else {
                if (++mel.run >= mel.longest) mel_finish_run(mel);
                if (first > 2) {
                    // The second is 1 or 2: one bit between the first one's prefix and suffix.
                    const std::uint32_t of = residual_codes.of[first];
                    piece.add(of & 7, of >> 3 & 3);
                    piece.add(second - 1, 1);
                    piece.add(of >> 5 & 31, of >> 14 & 7);
                    if (of >> 17 != 0) piece.add(of >> 10 & 15, 4);
                    put_bits(vlc, piece.bits, piece.width);
                    continue;
                }
            }
        }
        add_residuals(piece, first, second);
        put_bits(vlc, piece.bits, piece.width);
    }
}

// Any other row: `above` are the exponents of the samples above it.
template <typename Value>
static inline __attribute__((always_inline)) void code_row(HtEncodeScratch& scratch, HtBits& vlc, HtBits& magsgn,
                                                           MelEncoder& mel, const std::uint8_t* above,
                                                           std::size_t quads) {
    const std::uint32_t* const rho = scratch.significant;
    unsigned before = 0;  // what the quad to the left adds to the context
    // The greater of a sample above and of that to its left, the rightmost of the quad before first.
    unsigned near = above[0] > above[-1] ? above[0] : above[-1];
    const auto code = [&](std::size_t quad, HtPiece & piece) __attribute__((always_inline)) {
        const std::uint8_t* const up = above + 2 * quad;
        const unsigned far = up[2] > up[1] ? up[2] : up[1];
        const unsigned context = static_cast<unsigned>(near != 0) | before | static_cast<unsigned>(far != 0) << 2;
        const unsigned residual =
            code_quad<Value>(scratch, mel, magsgn, piece, ht_encode_other_rows, quad, context, near > far ? near : far);
        before = static_cast<unsigned>((rho[quad] & 12) != 0) << 1;
        near = far;
        return residual;
    };
    std::size_t quad = 0;
    for (; quad + 1 < quads; quad += 2) {
        HtPiece piece;
        const unsigned first = code(quad, piece);
        const unsigned second = code(quad + 1, piece);
        add_residuals(piece, first, second);
        put_bits(vlc, piece.bits, piece.width);
    }
    if (quad < quads) {
        HtPiece piece;
        const unsigned first = code(quad, piece);
        add_residuals(piece, first, 0);
        put_bits(vlc, piece.bits, piece.width);
    }
}

// Takes apart the two rows of samples of a row of quads; `lower` is null where there is none.
template <typename Value, typename Coefficient>
static inline __attribute__((always_inline)) void measure_quads(const Coefficient* upper, const Coefficient* lower,
                                                                std::size_t width, HtEncodeScratch& scratch) {
    const std::size_t quads = (width + 1) / 2;
    std::uint8_t* const exponents = scratch.exponents + scratch.pitch;
    auto* const values = static_cast<Value*>(scratch.values);
    measure_samples(upper, width, values, scratch.exponents);
    if (lower != nullptr) measure_samples(lower, width, values + scratch.pitch, exponents);
    else __builtin_memset(exponents, 0, 2 * quads);
    if (width % 2 != 0) scratch.exponents[width] = exponents[width] = 0;
    collect_quads(scratch.exponents, exponents, quads, scratch.quads, scratch.significant, scratch.greatest);
}

template <typename Value, typename Coefficient>
static inline __attribute__((always_inline)) void encode_ht_quads_of(const Coefficient* from, std::size_t stride,
                                                                     std::size_t width, std::size_t height,
                                                                     HtEncodeScratch& scratch) {
    HtBits vlc = scratch.vlc;
    HtBits magsgn = scratch.magsgn;
    MelEncoder& mel = scratch.mel;
    const std::size_t quads = (width + 1) / 2;
    std::uint8_t* const lower = scratch.exponents + scratch.pitch;
    std::uint8_t* const above = scratch.above + 16;
    __builtin_memset(scratch.above, 0, scratch.pitch);
    for (std::size_t y = 0; y < height; y += 2) {
        measure_quads<Value>(from + y * stride, y + 1 < height ? from + (y + 1) * stride : nullptr, width, scratch);
        if (y == 0) code_first_row<Value>(scratch, vlc, magsgn, mel, quads);
        else code_row<Value>(scratch, vlc, magsgn, mel, above, quads);
        __builtin_memcpy(above, lower, 2 * quads);
    }
    scratch.vlc = vlc;
    scratch.magsgn = magsgn;
}

static void encode_ht_quad_row(const std::int32_t* from_above, const std::int32_t* from, std::size_t stride,
                               std::size_t width, bool has_lower, HtEncodeScratch& scratch) {
    HtBits vlc = scratch.vlc;
    HtBits magsgn = scratch.magsgn;
    const std::size_t quads = (width + 1) / 2;
    __builtin_memset(scratch.above, 0, scratch.pitch);
    if (from_above != nullptr) {
        measure_samples(from_above, width, static_cast<std::uint32_t*>(scratch.values), scratch.above + 16);
        __builtin_memset(scratch.above + 16 + width, 0, 8);
    }
    measure_quads<std::uint32_t>(from, has_lower ? from + stride : nullptr, width, scratch);
    if (from_above == nullptr) code_first_row<std::uint32_t>(scratch, vlc, magsgn, scratch.mel, quads);
    else code_row<std::uint32_t>(scratch, vlc, magsgn, scratch.mel, scratch.above + 16, quads);
    scratch.vlc = vlc;
    scratch.magsgn = magsgn;
}

static void encode_ht_quads(const std::int32_t* from, std::size_t stride, std::size_t width, std::size_t height,
                            HtEncodeScratch& scratch) {
    encode_ht_quads_of<std::uint32_t>(from, stride, width, height, scratch);
}

static void encode_ht_quads_wide(const std::int64_t* from, std::size_t stride, std::size_t width, std::size_t height,
                                 HtEncodeScratch& scratch) {
    encode_ht_quads_of<std::uint64_t>(from, stride, width, height, scratch);
}

constexpr HtEncodeKernels table = {
    .encode = encode_ht_quads, .encode_wide = encode_ht_quads_wide, .encode_quad_row = encode_ht_quad_row};
