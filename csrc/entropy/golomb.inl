// Reading and writing Golomb codes, within a target region. See golomb.h.

// Leading zeros; of 0 not less than 63.
[[gnu::always_inline]] inline std::size_t count_zeros(std::uint64_t bits) {
#if defined(DCMTURBO_TARGET_AVX2) || defined(DCMTURBO_TARGET_AVX512)
    return __builtin_ia32_lzcnt_u64(bits);
#else
    return static_cast<std::size_t>(__builtin_clzll(bits | 1));
#endif
}

// What only long codes need.
struct LongGolomb {
    std::size_t last;  // of the GolombPlace
    unsigned qbpp;
    std::uint32_t all = 0;  // the bits of all numbers
};

// A reader whose place is in registers. Each code loads its bits anew: a position is one register, and decoders wait
// for the sample before, not for bits.
struct GolombReader {
    // How many bits peek() makes known at least.
    static constexpr unsigned known = 57;

    explicit GolombReader(const GolombPlace& place) : begin(place.begin), position(place.position) {}
    void leave(GolombPlace& place) const { place.position = position; }

    // The next bits, at the top.
    [[nodiscard, gnu::always_inline]] std::uint64_t peek() const {
        std::uint64_t bytes;
        __builtin_memcpy(&bytes, begin + (position >> 3), sizeof bytes);
        if constexpr (std::endian::native == std::endian::little) bytes = __builtin_bswap64(bytes);
        return bytes << (position & 7);
    }
    // 1 to 57 bits.
    [[gnu::always_inline]] std::uint32_t take(unsigned bits) {
        const auto value = static_cast<std::uint32_t>(peek() >> (64 - bits));
        position += bits;
        return value;
    }

    // The next bits, and how many zeros they begin with, before it is known what they are.
    struct Ahead {
        std::uint64_t bits;
        std::size_t zeros;
    };
    [[nodiscard]] Ahead look() const;
    // A code of which that is the begin. `shift` is 63 - k. `escape` is LIMIT - qbpp - 1, or less for a run
    // interruption sample. A code of fewer zeros than `short_zeros`, which is at most that and at most known - 1 - k,
    // is read at once.
    std::uint32_t take_code(const Ahead& ahead, std::size_t k, unsigned shift, unsigned short_zeros, LongGolomb& how,
                            unsigned escape);

    const std::uint8_t* begin;
    std::size_t position;
};

struct LongGolombCode {
    std::size_t position;
    std::uint32_t value;
};

// By value, so that a reader whose codes are short stays in registers.
[[gnu::noinline]] static LongGolombCode take_long_golomb(GolombReader reader, unsigned k, const LongGolomb& how,
                                                         unsigned escape) {
    unsigned zeros = 0;
    for (;;) {
        if (reader.position > how.last) reader.position = how.last;
        const std::uint64_t bits = reader.peek();
        const unsigned here = bits == 0 ? 64 : static_cast<unsigned>(__builtin_clzll(bits));
        if (here < GolombReader::known) {
            reader.position += here + 1;
            zeros += here;
            break;
        }
        reader.position += GolombReader::known;
        zeros += GolombReader::known;
        if (zeros > escape) break;  // damage: no code has so many
    }
    std::uint32_t value;
    if (zeros >= escape) value = reader.take(how.qbpp) + 1;
    else value = (zeros << k) + (k == 0 ? 0 : reader.take(k));
    return {reader.position, value};
}

[[gnu::always_inline]] inline GolombReader::Ahead GolombReader::look() const {
    const std::uint64_t bits = peek();
    return {bits, count_zeros(bits)};
}

[[gnu::always_inline]] inline std::uint32_t GolombReader::take_code(const Ahead& ahead, std::size_t k, unsigned shift,
                                                                    unsigned short_zeros, LongGolomb& how,
                                                                    unsigned escape) {
    const std::size_t zeros = ahead.zeros;
    if (zeros < short_zeros) [[likely]] {
        position += zeros + 1 + k;
        // The one at the top counts as 1 << k, which 'zeros - 1' takes away.
        return static_cast<std::uint32_t>(((zeros - 1) << k) + ((ahead.bits << zeros) >> shift));
    }
    const LongGolombCode code = take_long_golomb(*this, static_cast<unsigned>(k), how, escape);
    position = code.position;
    how.all |= code.value;
    return code.value;
}

// A writer whose place is in registers.
struct GolombWriter {
    explicit GolombWriter(const GolombOutput& output)
        : next(output.next), pending(output.pending), count(output.count) {}
    void leave(GolombOutput& output) const { output = {next, pending, count}; }

    // 1 to 56 bits; those above are zero.
    [[gnu::always_inline]] void put(std::uint64_t bits, unsigned size) {
        pending |= bits << (64 - count - size);
        count += size;
        std::uint64_t bytes = pending;
        if constexpr (std::endian::native == std::endian::little) bytes = __builtin_bswap64(bytes);
        __builtin_memcpy(next, &bytes, sizeof bytes);
        next += count >> 3;
        pending <<= count & 56;
        count &= 7;
    }

    [[gnu::always_inline]] void put_code(std::uint32_t value, unsigned k, unsigned escape, unsigned qbpp) {
        const std::uint32_t high = value >> k;
        if (high < escape && high + k < 56) [[likely]] {
            put((std::uint64_t{1} << k) | (value & ((1u << k) - 1)), high + 1 + k);
        } else {
            *this = put_long(*this, value, k, escape, qbpp);
        }
    }
    [[gnu::noinline]] static GolombWriter put_long(GolombWriter writer, std::uint32_t value, unsigned k,
                                                   unsigned escape, unsigned qbpp) {
        const bool escapes = value >> k >= escape;
        unsigned zeros = escapes ? escape : value >> k;
        for (; zeros > 32; zeros -= 32) writer.put(0, 32);
        writer.put(1, zeros + 1);
        if (escapes) writer.put(value - 1, qbpp);
        else if (k != 0) writer.put(value & ((1u << k) - 1), k);
        return writer;
    }

    std::uint8_t* next;
    std::uint64_t pending;
    unsigned count;
};
