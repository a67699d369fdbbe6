// Reading and writing Golomb codes, within a target region. See golomb.h.

// What only long codes need.
struct LongGolomb {
    const std::uint8_t* last;  // of the GolombPlace
    unsigned qbpp;
};

// A reader whose place is in registers.
struct GolombReader {
    // What refill() makes known at least.
    static constexpr unsigned refilled = 56;

    explicit GolombReader(const GolombPlace& place) : next(place.next), window(place.window), count(place.count) {}
    void leave(GolombPlace& place) const {
        place.next = next;
        place.window = window;
        place.count = count;
    }

    [[gnu::always_inline]] void refill() {
        std::uint64_t bytes;
        __builtin_memcpy(&bytes, next, sizeof bytes);
        if constexpr (std::endian::native == std::endian::little) bytes = __builtin_bswap64(bytes);
        window |= bytes >> count;
        next += (count ^ 63) >> 3;
        count |= 56;
    }
    [[gnu::always_inline]] void drop(unsigned bits) {
        window <<= bits;
        count -= bits;
    }
    // 1 to 56 bits of what refill() has made known.
    [[gnu::always_inline]] std::uint32_t take(unsigned bits) {
        const auto value = static_cast<std::uint32_t>(window >> (64 - bits));
        drop(bits);
        return value;
    }

    // A code whose number has at most `quick` zeros, which is below LIMIT - qbpp - 1 and leaves room for k in what
    // refill() has made known. The caller has looked.
    [[gnu::always_inline]] std::uint32_t take_short(unsigned zeros, unsigned k) {
        // The one at the top of the shifted window counts as 1 << k, which 'zeros - 1' takes away. ~k is 63 - k, modulo
        // 64.
        const auto low = static_cast<std::uint32_t>((window << zeros) >> (~k & 63));
        drop(zeros + 1 + k);
        return ((zeros - 1) << k) + low;
    }

    // Any code. `escape` is LIMIT - qbpp - 1, or less for a run interruption sample; `quick` is at most that, and below
    // refilled - most k.
    std::uint32_t take_code(unsigned k, unsigned quick, const LongGolomb& how, unsigned escape);

    const std::uint8_t* next;
    std::uint64_t window;
    unsigned count;
};

struct LongGolombCode {
    GolombReader after;
    std::uint32_t value;
};

// By value, so that a reader whose codes are short stays in registers.
[[gnu::noinline]] static LongGolombCode take_long_golomb(GolombReader reader, unsigned k, const LongGolomb& how,
                                                         unsigned escape) {
    constexpr unsigned refilled = GolombReader::refilled;
    unsigned zeros = 0;
    for (;;) {
        reader.refill();
        if (reader.next > how.last) reader.next = how.last;
        const unsigned here = reader.window == 0 ? 64 : static_cast<unsigned>(__builtin_clzll(reader.window));
        if (here < refilled) {
            reader.drop(here + 1);
            zeros += here;
            break;
        }
        reader.drop(refilled);
        zeros += refilled;
        if (zeros > escape) break;  // damage: no code has so many
    }
    reader.refill();
    std::uint32_t value;
    if (zeros >= escape) value = reader.take(how.qbpp) + 1;
    else value = (zeros << k) + (k == 0 ? 0 : reader.take(k));
    return {reader, value};
}

[[gnu::always_inline]] inline std::uint32_t GolombReader::take_code(unsigned k, unsigned quick, const LongGolomb& how,
                                                                    unsigned escape) {
    refill();
    const unsigned zeros = window == 0 ? 64 : static_cast<unsigned>(__builtin_clzll(window));
    if (zeros < quick) [[likely]]
        return take_short(zeros, k);
    const LongGolombCode code = take_long_golomb(*this, k, how, escape);
    *this = code.after;
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
