// Loops over the differences of entropy/differences.h. Compiled once per instruction set.

static inline __attribute__((always_inline)) std::uint64_t difference_window(const std::uint8_t* data,
                                                                             std::uint64_t position) {
    std::uint64_t bytes;
    __builtin_memcpy(&bytes, data + (position >> 3), 8);
    return __builtin_bswap64(bytes) << (position & 7);
}

// Whatever the look-up could not finish in a group of `count`.
static __attribute__((noinline)) std::uint64_t difference_group_slow(const std::uint8_t* data, std::uint64_t position,
                                                                     const DifferenceTable& table, DifferenceEntry* to,
                                                                     int count) {
    for (int i = 0; i < count; ++i) {
        to[i] = table.decode(difference_window(data, position));
        position += length_of(to[i]);
    }
    return position;
}

// Four differences of at most 12 bits each: a window holds 57.
static inline __attribute__((always_inline)) std::uint64_t difference_group_short(const std::uint8_t* data,
                                                                                  std::uint64_t position,
                                                                                  const DifferenceTable& table,
                                                                                  DifferenceEntry* to,
                                                                                  std::uint32_t& slow) {
    constexpr int shift = 64 - static_cast<int>(DifferenceTable::index_bits);
    std::uint64_t window = difference_window(data, position);
    const DifferenceEntry* const finished = table.finished.data();
    const DifferenceEntry a = finished[window >> shift];
    window <<= a & 63;
    const DifferenceEntry b = finished[window >> shift];
    window <<= b & 63;
    const DifferenceEntry c = finished[window >> shift];
    window <<= c & 63;
    const DifferenceEntry d = finished[window >> shift];
    to[0] = a;
    to[1] = b;
    to[2] = c;
    to[3] = d;
    const std::uint32_t sum = a + b + c + d;
    // Four that are unfinished sum to 256: the mask reaches one bit further than a length does.
    if (__builtin_expect((sum & 0x1c0) != 0, 0)) {
        ++slow;
        return difference_group_slow(data, position, table, to, 4);
    }
    return position + (sum & 63);
}

// A difference as it is coded: what follows the code, and how to read it.
static inline __attribute__((always_inline)) void store_coded_difference(std::uint64_t window, std::uint32_t entry,
                                                                         DifferenceEntry* to) {
    const auto bits = static_cast<std::uint16_t>(window << (entry >> 16 & 63) >> 48);
    const auto low = static_cast<std::uint16_t>(entry);
    // Halves, or compilers gather vectors of two here.
    auto* const halves = reinterpret_cast<unsigned char*>(to);
    constexpr int first = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 2;
    __builtin_memcpy(halves + first, &low, sizeof low);
    __builtin_memcpy(halves + 2 - first, &bits, sizeof bits);
}

// Two differences of at most 10 + 15 bits each, without a branch on their size.
static inline __attribute__((always_inline)) std::uint64_t difference_group_long(const std::uint8_t* data,
                                                                                 std::uint64_t position,
                                                                                 const DifferenceTable& table,
                                                                                 DifferenceEntry* to,
                                                                                 std::uint32_t& slow) {
    constexpr int shift = 64 - static_cast<int>(DifferenceTable::category_index_bits);
    std::uint64_t window = difference_window(data, position);
    const std::uint32_t* const categories = table.categories.data();
    const std::uint32_t a = categories[window >> shift];
    store_coded_difference(window, a, to);
    window <<= a & 63;
    const std::uint32_t b = categories[window >> shift];
    store_coded_difference(window, b, to + 1);
    if (__builtin_expect(((a | b) & DifferenceTable::unfinished) != 0, 0)) {
        ++slow;
        return difference_group_slow(data, position, table, to, 2);
    }
    return position + (a & 63) + (b & 63);
}

// Differences as they are coded become finished ones; others stay.
static void finish_differences(DifferenceEntry* entries, DifferenceEntry* end) {
    for (DifferenceEntry* at = entries; at != end; ++at) {
        const DifferenceEntry entry = *at;
        // A leading zero bit means a negative difference: its magnitude, with all bits inverted (H.1.2.2).
        const std::uint32_t is_negative = ~static_cast<std::uint32_t>(static_cast<std::int32_t>(entry) >> 31);
        const std::uint32_t magnitude = (entry ^ is_negative) >> 1 >> (31 - (entry >> 8 & 15));
        const std::uint32_t difference = (magnitude ^ is_negative) - is_negative;
        *at = (entry & coded_difference_bits) != 0 ? difference << 16 | (entry & 0xff) : entry;
    }
}

// A function each, so that its loop has all the registers.
template <int count, bool is_long>
static __attribute__((noinline)) void run_difference_lanes(const std::uint8_t* data, const DifferenceTable& table,
                                                           DifferenceLane* lanes) {
    constexpr int group = is_long ? 2 : 4;
    std::uint64_t position[count];
    std::uint64_t limit[count];
    DifferenceEntry* to[count];
    std::uint32_t slow[count] = {};
    for (int k = 0; k < count; ++k) {
        position[k] = lanes[k].position;
        limit[k] = lanes[k].limit;
        to[k] = lanes[k].to;
    }
    std::size_t done = 0;
    bool more = true;
    while (more) {
#pragma GCC unroll 4
        for (int k = 0; k < count; ++k) {
            if constexpr (is_long) position[k] = difference_group_long(data, position[k], table, to[k] + done, slow[k]);
            else position[k] = difference_group_short(data, position[k], table, to[k] + done, slow[k]);
        }
        done += group;
#pragma GCC unroll 4
        for (int k = 0; k < count; ++k) more = more && position[k] < limit[k];
    }
    for (int k = 0; k < count; ++k) {
        if constexpr (is_long) finish_differences(to[k], to[k] + done);
        lanes[k].position = position[k];
        lanes[k].to = to[k] + done;
        lanes[k].slow += slow[k];
    }
}

// Decodes until one of `count` lanes is done; none must be done at the start. `is_long`: for streams in which few
// differences and their codes fit in 12 bits.
static void decode_differences(const std::uint8_t* data, const DifferenceTable& table, DifferenceLane* lanes, int count,
                               bool is_long) {
    switch (count + (is_long ? max_difference_lanes : 0)) {
        case 1: return run_difference_lanes<1, false>(data, table, lanes);
        case 2: return run_difference_lanes<2, false>(data, table, lanes);
        case 3: return run_difference_lanes<3, false>(data, table, lanes);
        case 4: return run_difference_lanes<4, false>(data, table, lanes);
        case 5: return run_difference_lanes<1, true>(data, table, lanes);
        case 6: return run_difference_lanes<2, true>(data, table, lanes);
        case 7: return run_difference_lanes<3, true>(data, table, lanes);
        default: return run_difference_lanes<4, true>(data, table, lanes);
    }
}

// The bits that hold the magnitude of a difference modulo 2^16: 0 to 16.
static inline __attribute__((always_inline)) unsigned difference_category(std::uint32_t difference) {
    const auto value = static_cast<std::int32_t>(static_cast<std::int16_t>(difference));
    const auto magnitude = static_cast<std::uint32_t>(value < 0 ? -value : value);
    return 31 - static_cast<unsigned>(__builtin_clz(magnitude << 1 | 1));
}

// Adds how often each category occurs.
static void count_categories(const std::uint16_t* differences, std::size_t count, std::uint64_t* frequencies) {
    // Neighbours are of one category so often that a single counter would wait for itself.
    std::uint32_t counts[4][difference_categories] = {};
    std::size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        ++counts[0][difference_category(differences[i])];
        ++counts[1][difference_category(differences[i + 1])];
        ++counts[2][difference_category(differences[i + 2])];
        ++counts[3][difference_category(differences[i + 3])];
    }
    for (; i < count; ++i) ++counts[0][difference_category(differences[i])];
    for (std::size_t k = 0; k < difference_categories; ++k)
        frequencies[k] += std::uint64_t{counts[0][k]} + counts[1][k] + counts[2][k] + counts[3][k];
}

// The code and the bits after it, in the lowest `length` bits.
static inline __attribute__((always_inline)) std::uint64_t coded_difference(std::uint32_t difference,
                                                                            const DifferenceCodes& codes,
                                                                            unsigned& length) {
    const std::uint32_t index = (difference + DifferenceCodes::few) & 0xffff;
    if (__builtin_expect(index < 2 * DifferenceCodes::few, 1)) {
        length = codes.usual[index].length;
        return codes.usual[index].code;
    }
    const unsigned category = difference_category(difference);
    const auto value = static_cast<std::int32_t>(static_cast<std::int16_t>(difference));
    length = codes.categories[category].length;
    // Category 16 has no bits after its code.
    const std::uint32_t mask = category == 16 ? 0 : (1u << category) - 1;
    return codes.categories[category].code | (static_cast<std::uint32_t>(value + (value >> 31)) & mask);
}

struct BitWriter {
    std::uint64_t bits;  // those that wait, at the top
    unsigned count;      // below 8
    std::uint8_t* to;
};

// Up to 57 bits.
static inline __attribute__((always_inline)) void write_bits(BitWriter& writer, std::uint64_t bits, unsigned length) {
    writer.bits |= bits << (64 - writer.count - length);
    writer.count += length;
    const std::uint64_t bytes = __builtin_bswap64(writer.bits);
    __builtin_memcpy(writer.to, &bytes, 8);
    writer.to += writer.count >> 3;
    writer.bits <<= writer.count & 56;
    writer.count &= 7;
}

// Writes differences, not stuffed, and returns where the whole bytes end; up to 8 bytes more are written.
static std::uint8_t* encode_differences(const std::uint16_t* differences, std::size_t count,
                                        const DifferenceCodes& codes, PendingBits* pending, std::uint8_t* to) {
    BitWriter writer = {pending->bits, pending->count, to};
    std::size_t i = 0;
    // Two that are at most 28 bits long are one of 56.
    if (codes.longest <= 28) {
        for (; i + 2 <= count; i += 2) {
            unsigned length_a;
            unsigned length_b;
            const std::uint64_t a = coded_difference(differences[i], codes, length_a);
            const std::uint64_t b = coded_difference(differences[i + 1], codes, length_b);
            write_bits(writer, a << length_b | b, length_a + length_b);
        }
    }
    for (; i < count; ++i) {
        unsigned length;
        const std::uint64_t bits = coded_difference(differences[i], codes, length);
        write_bits(writer, bits, length);
    }
    pending->bits = writer.bits;
    pending->count = writer.count;
    return writer.to;
}

constexpr DifferenceKernels table = {
    .decode = decode_differences,
    .count_categories = count_categories,
    .encode = encode_differences,
};
