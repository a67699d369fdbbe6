// Decodes data units (ISO/IEC 10918-1, F.2.2): coefficients out of the entropy-coded data, and through the inverse DCT,
// which multiplies them by their quantisation steps, into the rows of their component.

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

// The value of a coefficient from its bits (F.2.2.1), which are at the top of the window.
static inline __attribute__((always_inline)) std::int16_t take_value(BitWindow& bits, unsigned size) {
    const std::uint64_t value = bits.window >> 1 >> (63 - size);
    // Values whose first bit is 0 are negative.
    const auto is_negative = static_cast<std::uint64_t>(static_cast<std::int64_t>(~bits.window) >> 63);
    consume(bits, size);
    return static_cast<std::int16_t>(value - (((std::uint64_t{1} << size) - 1) & is_negative));
}

// The symbol of an entry that is not finished; the window is full before. False if the bits are no code.
static inline __attribute__((always_inline)) bool take_symbol(BitWindow& bits, const CoefficientTable& table,
                                                              const CoefficientEntry& entry, Symbol& symbol) {
    symbol = {entry.code_length(), entry.run, static_cast<unsigned>(entry.first)};
    if (__builtin_expect(symbol.length == 0, 0)) {
        symbol = table.find(static_cast<std::uint32_t>(bits.window >> (64 - max_code_length)),
                            CoefficientTable::index_bits + 1);
        if (symbol.length == 0) return false;
    }
    consume(bits, symbol.length);
    return true;
}

// The position of the last coefficient of a block, from the position behind its last code. Below 0: it has more
// coefficients than a block.
static inline __attribute__((always_inline)) int last_before(unsigned end) {
    const auto last = static_cast<int>(end) - 1;
    return last < static_cast<int>(block_samples) ? last : last - 1 - static_cast<int>(end_of_block);
}

// The coefficients of a block, which is zero before. Returns the position of the last one, or -1 where the bits are not
// those of a block.
static inline __attribute__((always_inline)) int decode_coefficients(BitWindow& bits, const UnitPlan& unit,
                                                                     std::int16_t* block) {
    refill(bits);
    const CoefficientEntry& first = unit.dc->entries[bits.window >> (64 - CoefficientTable::index_bits)];
    std::int16_t difference = first.first;
    if (__builtin_expect(first.is_unfinished(), 0)) {
        Symbol symbol;
        if (!take_symbol(bits, *unit.dc, first, symbol)) return -1;
        difference = take_value(bits, symbol.size);
        refill(bits);
    } else {
        consume(bits, first.length);
    }
    // A sum that leaves 16 bits wraps: no right stream has it.
    const auto dc = static_cast<std::int16_t>(*unit.prediction + difference);
    *unit.prediction = dc;
    block[0] = dc;

    const CoefficientTable& ac = *unit.ac;
    unsigned k = 1;                           // the next position
    unsigned at = 0;                          // the position of the first coefficient of the last entry
    const CoefficientEntry* entry = nullptr;  // the last one
    std::uint64_t window = 0;                 // before it
    // Whether the block goes on and the entry was finished.
    const auto step = [&]() __attribute__((always_inline)) {
        std::uint64_t index = bits.window >> (64 - CoefficientTable::index_bits);
        const std::uint8_t length = ac.entries[index].length;
        // The next look-up waits for the length, so its load must not wait for the address of the entry.
        asm("" : "+r"(index));
        entry = &ac.entries[index];
        if (__builtin_expect((length & CoefficientEntry::unfinished) != 0, 0)) return false;
        window = bits.window;
        consume(bits, length);
        at = k + entry->run;
        block[places[at]] = entry->first;
        block[places[at + entry->distance]] = entry->second;
        k = at + entry->next;
        return k < block_samples;
    };
    for (;;) {
        // A full window is enough for five look-ups, and the first coefficient has taken one.
        if (step() && step() && step() && step()) {
            refill(bits);
            continue;
        }
        if (k >= block_samples) break;
        refill(bits);
        Symbol symbol;
        if (!take_symbol(bits, ac, *entry, symbol)) return -1;
        at = k + symbol.run;
        block[places[at]] = take_value(bits, symbol.size);
        k = at + 1;
        refill(bits);
        if (k >= block_samples) return last_before(k);
    }
    // Not `&&`: where an entry has no second one, `at` is behind the block as often as not, and that would be
    // mispredicted.
    if (__builtin_expect(static_cast<unsigned>(at >= block_samples - 1) & entry->has_second(), 0)) {
        if (at >= block_samples) return -1;
        // The second belongs to the next block.
        const Symbol symbol = ac.find(static_cast<std::uint32_t>(window >> (64 - max_code_length)), 1);
        const unsigned length = symbol.length + symbol.size;
        bits.window = window << length;
        bits.count += entry->length - length;
        k = block_samples;
    }
    return last_before(k);
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
        // Of a memset(), GCC makes a string instruction here, which takes longer to start than these stores take.
        for (std::size_t k = 0; k < block_samples; k += sizeof(Block) / sizeof *block)
            *reinterpret_cast<ZeroBlock*>(block + k) = ZeroBlock{};
        return block;
    }
    // `last` is the position of its last coefficient.
    inline __attribute__((always_inline)) void end(int last, const Steps& steps, std::byte* to, std::ptrdiff_t stride) {
        steps_[count_ % most] = steps.data();
        places_[count_ % most] = to;
        strides_[count_ % most] = stride;
        last_[count_ % most] = last;
        ++count_;
    }
    // Transforms those that are left.
    inline __attribute__((always_inline)) void finish() {
        while (done_ < count_) transform();
    }

  private:
    typedef Block ZeroBlock __attribute__((may_alias));
    static constexpr std::size_t at_once = sizeof(Sample) == 1 ? bytes_at_once : 1;
    static constexpr std::size_t most = 2 * at_once;

    // The blocks that are transformed together; if they are the last ones, maybe fewer.
    inline __attribute__((always_inline)) void transform() {
        const std::int16_t* blocks[at_once];
        const std::uint16_t* steps[at_once];
        std::byte* places[at_once];
        std::ptrdiff_t strides[at_once];
        int last = 0;
        for (std::size_t k = 0; k < at_once; ++k, ++done_) {
            // The last one once more.
            const std::size_t i = (done_ < count_ ? done_ : count_ - 1) % most;
            blocks[k] = blocks_[i];
            steps[k] = steps_[i];
            places[k] = places_[i];
            strides[k] = strides_[i];
            last |= last_[i];
        }
        if (last == 0) {
            for (std::size_t k = 0; k < at_once; ++k)
                fill_block<Sample>(static_cast<std::int16_t>(blocks[k][0] * steps[k][0]), places[k], strides[k]);
        } else if constexpr (sizeof(Sample) == 1) {
            transform_bytes(blocks, steps, places, strides);
        } else {
            transform_block<Sample>(blocks[0], steps[0], places[0], strides[0]);
        }
    }

    alignas(64) std::int16_t blocks_[most][block_samples + 32];
    const std::uint16_t* steps_[most];
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
            queue.end(last, *unit.steps, unit.to + static_cast<std::ptrdiff_t>(first + mcu) * unit.mcu_step,
                      unit.row_stride);
        }
        if (__builtin_expect(bits.left(end) < 0, 0)) break;
    }
    queue.finish();
    caller = bits;
    return mcu;
}

template <typename Sample>
static void transform_blocks(const std::int16_t* blocks, std::size_t count, const Steps& steps, std::byte* to,
                             std::ptrdiff_t row_stride) {
    for (std::size_t i = 0; i < count; ++i, blocks += block_samples, to += 8 * sizeof(Sample)) {
        if constexpr (sizeof(Sample) == 1) {
            const std::int16_t* sources[bytes_at_once];
            const std::uint16_t* steps_of[bytes_at_once];
            std::byte* places[bytes_at_once];
            std::ptrdiff_t strides[bytes_at_once];
            // More than one: the same again.
            for (std::size_t k = 0; k < bytes_at_once; ++k) {
                sources[k] = blocks;
                steps_of[k] = steps.data();
                places[k] = to;
                strides[k] = row_stride;
            }
            transform_bytes(sources, steps_of, places, strides);
        } else {
            transform_block<Sample>(blocks, steps.data(), to, row_stride);
        }
    }
}
