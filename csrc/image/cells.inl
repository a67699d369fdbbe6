// Loops over cells of 8 to 64 bits. image/kernels.inl includes this file, which is compiled once per instruction set.

static void merge16(const std::uint8_t* __restrict high, const std::uint8_t* __restrict low,
                    std::uint16_t* __restrict to, std::size_t count, unsigned unused_bits, bool sign_extend) {
    if (unused_bits == 0) {
        for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<std::uint16_t>(high[i] << 8 | low[i]);
    } else if (sign_extend) {
        const int shift = static_cast<int>(unused_bits);
        for (std::size_t i = 0; i < count; ++i) {
            const auto cell = static_cast<std::uint16_t>(high[i] << 8 | low[i]);
            to[i] = static_cast<std::uint16_t>(static_cast<std::int16_t>(static_cast<std::uint16_t>(cell << shift)) >>
                                               shift);
        }
    } else {
        const auto mask = static_cast<std::uint16_t>(0xffffu >> unused_bits);
        for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<std::uint16_t>((high[i] << 8 | low[i]) & mask);
    }
}

static void merge32(const std::uint8_t* const planes[4], std::uint32_t* __restrict to, std::size_t count) {
    const std::uint8_t* __restrict a = planes[0];
    const std::uint8_t* __restrict b = planes[1];
    const std::uint8_t* __restrict c = planes[2];
    const std::uint8_t* __restrict d = planes[3];
    for (std::size_t i = 0; i < count; ++i) {
        to[i] = static_cast<std::uint32_t>(a[i]) << 24 | static_cast<std::uint32_t>(b[i]) << 16 |
                static_cast<std::uint32_t>(c[i]) << 8 | d[i];
    }
}

static void merge64(const std::uint8_t* const planes[8], std::uint64_t* __restrict to, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        std::uint64_t cell = 0;
        for (int plane = 0; plane < 8; ++plane) cell = cell << 8 | planes[plane][i];
        to[i] = cell;
    }
}

static void split16(const std::uint16_t* __restrict from, std::uint8_t* __restrict high, std::uint8_t* __restrict low,
                    std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        high[i] = static_cast<std::uint8_t>(from[i] >> 8);
        low[i] = static_cast<std::uint8_t>(from[i]);
    }
}

template <typename Cell, typename SignedCell>
static inline __attribute__((always_inline)) void correct(const Cell* from, Cell* to, std::size_t count,
                                                          unsigned unused_bits, bool sign_extend) {
    if (sign_extend) {
        const int shift = static_cast<int>(unused_bits);
        for (std::size_t i = 0; i < count; ++i) {
            to[i] = static_cast<Cell>(static_cast<SignedCell>(static_cast<Cell>(from[i] << shift)) >> shift);
        }
    } else {
        const auto mask = static_cast<Cell>(static_cast<Cell>(~Cell{0}) >> unused_bits);
        for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<Cell>(from[i] & mask);
    }
}

static void correct8(const std::uint8_t* from, std::uint8_t* to, std::size_t count, unsigned unused_bits,
                     bool sign_extend) {
    correct<std::uint8_t, std::int8_t>(from, to, count, unused_bits, sign_extend);
}
static void correct16(const std::uint16_t* from, std::uint16_t* to, std::size_t count, unsigned unused_bits,
                      bool sign_extend) {
    correct<std::uint16_t, std::int16_t>(from, to, count, unused_bits, sign_extend);
}
static void correct32(const std::uint32_t* from, std::uint32_t* to, std::size_t count, unsigned unused_bits,
                      bool sign_extend) {
    correct<std::uint32_t, std::int32_t>(from, to, count, unused_bits, sign_extend);
}
static void correct64(const std::uint64_t* from, std::uint64_t* to, std::size_t count, unsigned unused_bits,
                      bool sign_extend) {
    correct<std::uint64_t, std::int64_t>(from, to, count, unused_bits, sign_extend);
}

static void swap16(const std::uint16_t* from, std::uint16_t* to, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<std::uint16_t>(from[i] << 8 | from[i] >> 8);
}
static void swap32(const std::uint32_t* from, std::uint32_t* to, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) to[i] = __builtin_bswap32(from[i]);
}
static void swap64(const std::uint64_t* from, std::uint64_t* to, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) to[i] = __builtin_bswap64(from[i]);
}

#if defined(DCMTURBO_TARGET_AVX512)
typedef std::uint64_t BitGroup;
static inline __attribute__((always_inline)) void spread(BitGroup bits, std::uint8_t* to) {
    _mm512_storeu_si512(to, _mm512_maskz_mov_epi8(bits, _mm512_set1_epi8(1)));
}
#elif defined(DCMTURBO_TARGET_AVX2)
typedef std::uint32_t BitGroup;
static inline __attribute__((always_inline)) void spread(BitGroup bits, std::uint8_t* to) {
    const __m256i byte_of = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3,
                                             3, 3, 3, 3, 3, 3, 3);
    const __m256i bit_of = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201u));
    const __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(static_cast<int>(bits)), byte_of);
    const __m256i is_set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit_of), bit_of);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_and_si256(is_set, _mm256_set1_epi8(1)));
}
#else
typedef std::uint8_t BitGroup;
// A multiplication copies the eight bits to eight bytes. The mask keeps one bit in each byte, which then becomes 0 or
// 1.
static inline __attribute__((always_inline)) void spread(BitGroup bits, std::uint8_t* to) {
    const std::uint64_t each = (bits * 0x0101010101010101u) & 0x8040201008040201u;
    const std::uint64_t ones = ((each + 0x7f7f7f7f7f7f7f7fu) | each) >> 7 & 0x0101010101010101u;
    __builtin_memcpy(to, &ones, 8);
}
#endif

static void unpack_bits(const std::uint8_t* from, unsigned first_bit, std::uint8_t* to, std::size_t count) {
    constexpr std::size_t group = 8 * sizeof(BitGroup);
    from += first_bit / 8;
    first_bit %= 8;
    std::size_t i = 0;
    // Beyond a byte border, the last bits of a group are in one byte more.
    for (; i + group <= count; i += group) {
        BitGroup bits;
        __builtin_memcpy(&bits, from + i / 8, sizeof bits);
        if (first_bit != 0) {
            const auto more = static_cast<BitGroup>(from[i / 8 + sizeof bits]);
            bits = static_cast<BitGroup>(bits >> first_bit | more << (group - first_bit));
        }
        spread(bits, to + i);
    }
    for (; i < count; ++i) {
        const std::size_t bit = first_bit + i;
        to[i] = from[bit / 8] >> (bit % 8) & 1;
    }
}

static void pack_bits(const std::uint8_t* from, std::uint8_t* to, std::size_t count) {
    for (std::size_t i = 0; i < count; i += 8) {
        unsigned byte = 0;
        for (std::size_t bit = 0; bit < 8 && i + bit < count; ++bit)
            byte |= static_cast<unsigned>(from[i + bit] != 0) << bit;
        to[i / 8] = static_cast<std::uint8_t>(byte);
    }
}
