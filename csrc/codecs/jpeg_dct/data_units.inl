// Decodes data units (ISO/IEC 10918-1, F.2.2): coefficients out of the entropy-coded data, times their quantisation
// steps, and through the inverse DCT into the rows of their component.

// Bits from memory; at least 56 are valid then.
static inline __attribute__((always_inline)) void refill(BitWindow& bits) {
    std::uint64_t more;
    std::memcpy(&more, bits.next, sizeof more);
    if constexpr (std::endian::native == std::endian::little) more = __builtin_bswap64(more);
    bits.window |= more >> bits.count;
    bits.next += (63 - bits.count) >> 3;
    bits.count |= 56;
}

static inline __attribute__((always_inline)) void consume(BitWindow& bits, unsigned length) {
    bits.window <<= length;
    bits.count -= length;
}

// What the look-up cannot finish. Returns an entry as the look-up has them, whose length is consumed; with
// unfinished_coefficient where no code is. The window is full afterwards.
static __attribute__((noinline)) CoefficientEntry decode_long(BitWindow& bits, const CoefficientTable& table,
                                                              CoefficientEntry entry) {
    refill(bits);
    unsigned length = entry & 0x7f;
    unsigned run = entry >> 8 & 0xff;
    unsigned size = entry >> 16 & 0xffff;
    if (length == 0) {
        const auto code = static_cast<std::uint32_t>(bits.window >> (64 - max_code_length));
        length = CoefficientTable::index_bits + 1;
        while (length <= max_code_length && code >= table.limit[length]) ++length;
        if (length > max_code_length) return unfinished_coefficient;
        const auto index = static_cast<std::int32_t>(code >> (max_code_length - length)) + table.first[length];
        const unsigned symbol = table.symbols[static_cast<std::uint8_t>(index)];
        size = symbol & 15;
        run = symbol >> 4;
        if (!table.is_dc && size == 0 && run != 15) run = end_of_block;
    }
    consume(bits, length);
    std::int32_t value = 0;
    if (size != 0) {
        value = static_cast<std::int32_t>(bits.window >> (64 - size));
        if (value >> (size - 1) == 0) value -= (1 << size) - 1;
        consume(bits, size);
    }
    refill(bits);
    return single_entry(value, run, 0);
}

static inline __attribute__((always_inline)) std::int32_t value_of(CoefficientEntry entry) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(entry)) >> 16;
}

static inline __attribute__((always_inline)) bool is_unfinished(CoefficientEntry entry) {
    return (entry & unfinished_coefficient) != 0;
}

// The next entry, consumed. Ten valid bits are enough for it.
static inline __attribute__((always_inline)) CoefficientEntry next_entry(BitWindow& bits,
                                                                         const CoefficientTable& table) {
    CoefficientEntry entry = table.entries[bits.window >> (64 - CoefficientTable::index_bits)];
    if (__builtin_expect(is_unfinished(entry), 0)) {
        // A copy, so that the window itself can be in registers.
        BitWindow copy = bits;
        entry = decode_long(copy, table, entry);
        bits.window = copy.window;
        bits.next = copy.next;
        bits.count = copy.count;
    } else {
        consume(bits, entry & 0x7f);
    }
    return entry;
}

// The coefficients of a block, which is zero but for its last place. Returns the position of the last one, or -1 where
// the bits are not those of a block.
static inline __attribute__((always_inline)) int decode_coefficients(BitWindow& bits, const UnitPlan& unit,
                                                                     std::int16_t* block) {
    const Steps& steps = *unit.steps;
    const CoefficientTable& ac = *unit.ac;
    refill(bits);
    const CoefficientEntry first = next_entry(bits, *unit.dc);
    if (__builtin_expect(is_unfinished(first), 0)) return -1;
    // A sum that leaves 16 bits wraps: no right stream has it.
    const auto dc = static_cast<std::int16_t>(*unit.prediction + value_of(first));
    *unit.prediction = dc;
    block[0] = static_cast<std::int16_t>(dc * steps[0]);

    unsigned k = 1;
    unsigned at = 0;  // the position of the last coefficient, or past the block
    const auto put = [&](int value) __attribute__((always_inline)) {
        block[places[at]] = static_cast<std::int16_t>(value * steps[at]);
    };
    // Whether the block goes on behind the next entry.
    const auto step = [&]() __attribute__((always_inline)) {
        const std::uint64_t window = bits.window;
        const unsigned count = bits.count;
        const CoefficientEntry entry = next_entry(bits, ac);
        at = k + (entry >> 8 & 0xff);
        put(value_of(entry));
        if (__builtin_expect(at >= block_samples - 1, 0)) {
            // The second belongs to the next block.
            if ((entry >> 40 & 1) != 0) {
                const unsigned length = entry >> 41 & 0x7f;
                bits.window = window << length;
                bits.count = count - length;
            }
            return false;
        }
        if (__builtin_expect(is_unfinished(entry), 0)) {
            at = block_samples;
            return false;
        }
        at += entry >> 32 & 0xff;
        put(static_cast<std::int32_t>(static_cast<std::int64_t>(entry) >> 48));
        k = at + (entry >> 40 & 1);
        return k < block_samples;
    };
    // A full window is enough for five look-ups, and the first coefficient has taken one.
    while (step() && step() && step() && step()) refill(bits);
    if (at < block_samples) return static_cast<int>(at);
    return static_cast<int>(at) - static_cast<int>(end_of_block) - 1;
}

template <typename Sample>
static inline __attribute__((always_inline)) void transform_one(const std::int16_t* block, std::byte* to,
                                                                std::ptrdiff_t stride) {
    if constexpr (sizeof(Sample) == 1) {
        // More than one: the same again.
        const std::int16_t* blocks[bytes_at_once];
        std::byte* places[bytes_at_once];
        std::ptrdiff_t strides[bytes_at_once];
        for (std::size_t k = 0; k < bytes_at_once; ++k) {
            blocks[k] = block;
            places[k] = to;
            strides[k] = stride;
        }
        transform_bytes(blocks, places, strides);
    } else {
        transform_block<Sample>(block, to, stride);
    }
}

// Blocks on their way to the inverse DCT. A block is transformed while the next ones are decoded: a vector that is
// loaded right after its coefficients were stored one by one would wait for all stores before.
template <typename Sample>
class BlockQueue {
  public:
    // The next block, of zeros. It may transform earlier ones.
    inline __attribute__((always_inline)) std::int16_t* begin() {
        if (count_ == done_ + most) transform();
        std::int16_t* const block = blocks_[count_ % most];
        std::memset(block, 0, sizeof(std::int16_t) * block_samples);
        return block;
    }
    // `last` is the position of its last coefficient.
    inline __attribute__((always_inline)) void end(int last, std::byte* to, std::ptrdiff_t stride) {
        places_[count_ % most] = to;
        strides_[count_ % most] = stride;
        last_[count_ % most] = last;
        ++count_;
    }
    // Transforms those that are left.
    inline __attribute__((always_inline)) void finish() {
        while (done_ + at_once <= count_) transform();
        for (; done_ < count_; ++done_) {
            const std::size_t i = done_ % most;
            transform_one<Sample>(blocks_[i], places_[i], strides_[i]);
        }
    }

  private:
    static constexpr std::size_t at_once = sizeof(Sample) == 1 ? bytes_at_once : 1;
    static constexpr std::size_t most = 2 * at_once;

    inline __attribute__((always_inline)) void transform() {
        const std::size_t first = done_ % most;
        done_ += at_once;
        int last = 0;
        for (std::size_t k = 0; k < at_once; ++k) last |= last_[first + k];
        if (last == 0) {
            for (std::size_t k = 0; k < at_once; ++k)
                fill_block<Sample>(blocks_[first + k][0], places_[first + k], strides_[first + k]);
        } else if constexpr (sizeof(Sample) == 1) {
            const std::int16_t* blocks[at_once];
            for (std::size_t k = 0; k < at_once; ++k) blocks[k] = blocks_[first + k];
            transform_bytes(blocks, places_ + first, strides_ + first);
        } else {
            transform_block<Sample>(blocks_[first], places_[first], strides_[first]);
        }
    }

    alignas(64) std::int16_t blocks_[most][block_samples + 32];
    std::byte* places_[most];
    std::ptrdiff_t strides_[most];
    int last_[most];
    std::size_t count_ = 0;
    std::size_t done_ = 0;  // of these, transformed
};

template <typename Sample>
static std::uint32_t decode_mcus(BitWindow& caller, const std::uint8_t* end, const UnitPlan* units,
                                 std::size_t unit_count, std::uint32_t first, std::uint32_t count) {
    BlockQueue<Sample> queue;
    BitWindow bits = caller;
    std::uint32_t mcu = 0;
    for (; mcu < count; ++mcu) {
        for (std::size_t i = 0; i < unit_count; ++i) {
            const UnitPlan& unit = units[i];
            const int last = decode_coefficients(bits, unit, queue.begin());
            if (__builtin_expect(last < 0, 0)) {
                caller = bits;
                return mcu;
            }
            queue.end(last, unit.to + static_cast<std::ptrdiff_t>(first + mcu) * unit.mcu_step, unit.row_stride);
        }
        if (__builtin_expect(bits.left(end) < 0, 0)) break;
    }
    queue.finish();
    caller = bits;
    return mcu;
}

template <typename Sample>
static void transform_blocks(const std::int16_t* blocks, std::size_t count, const std::int16_t* steps, std::byte* to,
                             std::ptrdiff_t row_stride) {
    alignas(64) std::int16_t products[block_samples];
    for (std::size_t i = 0; i < count; ++i, blocks += block_samples, to += 8 * sizeof(Sample)) {
        // Products wrap, as in decode_coefficients().
        for (unsigned k = 0; k < block_samples; ++k) products[k] = static_cast<std::int16_t>(blocks[k] * steps[k]);
        transform_one<Sample>(products, to, row_stride);
    }
}
