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

// Of samples of 8 bits, `bytes_at_once` blocks; of others, one.
template <typename Sample>
constexpr std::size_t blocks_at_once = sizeof(Sample) == 1 ? bytes_at_once : 1;

template <typename Sample>
static void transform_blocks(const std::int16_t* blocks, std::size_t count, const Steps& steps, std::byte* to,
                             std::ptrdiff_t row_stride) {
    constexpr std::size_t at_once = blocks_at_once<Sample>;
    for (std::size_t i = 0; i < count; ++i, blocks += block_samples, to += 8 * sizeof(Sample)) {
        const std::int16_t* sources[at_once];
        const std::uint16_t* steps_of[at_once];
        std::byte* places[at_once];
        std::ptrdiff_t strides[at_once];
        // More than one: the same again.
        for (std::size_t k = 0; k < at_once; ++k) {
            sources[k] = blocks;
            steps_of[k] = steps.data();
            places[k] = to;
            strides[k] = row_stride;
        }
        if constexpr (sizeof(Sample) == 1) {
            DctBetween between;
            if (transform_columns(sources, steps_of, between)) transform_rows(between, places, strides);
            else fill_block<Sample>(static_cast<std::int16_t>(blocks[0] * steps[0]), to, row_stride);
        } else {
            transform_block<Sample>(blocks, steps.data(), to, row_stride);
        }
    }
}

// A block on its way to the inverse DCT.
struct PendingBlock {
    // Positions past the block have a place behind it.
    alignas(64) std::int16_t coefficients[block_samples + 4];
    const CoefficientTable* dc;
    const CoefficientTable* ac;
    const CoefficientTable* next_dc;  // of the next block
    const std::uint16_t* steps;
    std::byte* to;
    std::ptrdiff_t stride;
};

typedef Block ZeroBlock __attribute__((may_alias));

static inline __attribute__((always_inline)) void clear(PendingBlock& block) {
    // Of a memset(), GCC makes a string instruction here, which takes longer to start than these stores take.
    for (std::size_t k = 0; k < block_samples; k += sizeof(Block) / sizeof *block.coefficients)
        *reinterpret_cast<ZeroBlock*>(block.coefficients + k) = ZeroBlock{};
}

// Some blocks, which are decoded while those before them are transformed: a vector that is loaded right after its
// coefficients were stored one by one would wait for all stores before, and the inverse DCT fills the time in which
// look-ups wait for each other.
template <typename Sample>
struct Batch {
    static constexpr std::size_t most = most_mcu_units;
    static constexpr std::size_t at_once = blocks_at_once<Sample>;

    PendingBlock blocks[most + 1];
    DctBetween between;
    PendingBlock* next = blocks;  // is transformed next
    PendingBlock* end = blocks;
    bool is_half = false;  // one of two passes is done

    // One pass over the next blocks, or both. There may be one block more than `end` says.
    __attribute__((noinline)) void transform() {
        const std::int16_t* sources[at_once];
        const std::uint16_t* steps[at_once];
        std::byte* to[at_once];
        std::ptrdiff_t strides[at_once];
#pragma GCC unroll 2
        for (std::size_t k = 0; k < at_once; ++k) {
            sources[k] = next[k].coefficients;
            steps[k] = next[k].steps;
            to[k] = next[k].to;
            strides[k] = next[k].stride;
        }
        if constexpr (sizeof(Sample) != 1) {
            transform_block<Sample>(sources[0], steps[0], to[0], strides[0]);
        } else if (is_half) {
            transform_rows(between, to, strides);
            is_half = false;
        } else if (transform_columns(sources, steps, between)) {
            is_half = true;
            return;
        } else {
            for (std::size_t k = 0; k < at_once; ++k)
                fill_block<Sample>(static_cast<std::int16_t>(sources[k][0] * steps[k][0]), to[k], strides[k]);
        }
#pragma GCC unroll 2
        for (std::size_t k = 0; k < at_once; ++k) clear(next[k]);
        next += at_once;
    }
};

constexpr auto block_begin = -std::int64_t{block_samples};

// Adds the position, less 64, to `next`. If the sum is not negative, goes on with the next block.
static inline __attribute__((always_inline)) void go_on(std::int64_t& left, std::int64_t& next, PendingBlock*& block,
                                                        const CoefficientTable*& table) {
    PendingBlock* const after = block + 1;
    table = block->ac;
#if defined(__x86_64__)
    // Compilers make a branch of it. Early clobbers: at the first look-up, `left` is known to be `begin`.
    asm("addq %[left], %[next]\n\t"
        "cmovnsq %[next_dc], %[table]\n\t"
        "cmovnsq %[after], %[block]\n\t"
        "movq %[next], %[left]\n\t"
        "cmovnsq %[begin], %[left]"
        : [left] "+&r"(left), [next] "+&r"(next), [table] "+r"(table), [block] "+r"(block)
        : [next_dc] "m"(block->next_dc), [after] "r"(after), [begin] "rm"(block_begin)
        : "cc");
#elif defined(__aarch64__)
    const CoefficientTable* const next_dc = block->next_dc;
    asm("adds %[next], %[next], %[left]\n\t"
        "csel %[table], %[next_dc], %[table], pl\n\t"
        "csel %[block], %[after], %[block], pl\n\t"
        "csel %[left], %[begin], %[next], pl"
        : [left] "+&r"(left), [next] "+&r"(next), [table] "+&r"(table), [block] "+&r"(block)
        : [next_dc] "r"(next_dc), [after] "r"(after), [begin] "r"(block_begin)
        : "cc");
#else
    next += left;
    const bool is_end = next >= 0;
    table = is_end ? block->next_dc : table;
    block = is_end ? after : block;
    left = is_end ? block_begin : next;
#endif
}

// The coefficient or the end of the block that a symbol stands for, and its bits. `left` is the position in the block,
// less 64. False if there is no symbol, or if there are more coefficients than a block has.
static inline __attribute__((always_inline)) bool take_symbol(BitWindow& bits, const Symbol& symbol,
                                                              std::int16_t* block, std::int64_t& left) {
    if (symbol.length == 0) return false;
    consume(bits, symbol.length);
    if (symbol.run == end_of_block) {
        left = 0;
        return true;
    }
    left += symbol.run;
    block[places[left + std::int64_t{block_samples}]] = take_value(bits, symbol.size);
    return ++left <= 0;
}

// Decodes the coefficients of blocks, which are zero before; those of the first of each are differences. Meanwhile,
// transforms other blocks. False if the bits are not those of blocks.
//
// What ends a block is not predictable, so there is no branch for it: the next look-up is in another table then, and
// what it gives goes into another block. Nor is there one for how many coefficients a look-up gives: it always gives
// two of which one may be a 0 where a 0 is.
template <typename Sample>
static __attribute__((noinline)) bool decode_blocks(BitWindow& caller, unsigned index_bits, PendingBlock* block,
                                                    PendingBlock* end, Batch<Sample>& others) {
    BitWindow bits = caller;
    const CoefficientTable* table = block->dc;
    std::int64_t left = block_begin;  // the position, less 64
    unsigned shift = 64 - index_bits;
    asm("" : "+r"(shift));  // in a register, a shift needs no copy of the window before
    // Whether the entry was right for this place.
    const auto step = [&]() __attribute__((always_inline)) {
        const CoefficientEntry* const entries = table->entries.data();
        std::uint64_t index = bits.window >> shift;
        // The next look-up waits for these two, so they must not wait for the address of the entry.
        const unsigned length = entries[index].length;
        asm("" : "+r"(index));
        std::int64_t next = entries[index].positions;
        asm("" : "+r"(index));
        const CoefficientEntry& entry = entries[index];
        const std::uint8_t* const here = places.data() + block_samples + left;
        block->coefficients[here[entry.last_at]] =
            static_cast<std::int16_t>((bits.window >> (-length & 63)) + entry.last);
        std::int32_t value = entry.first;
        asm("" : "+r"(value));  // not a move to half a register
        block->coefficients[here[entry.first_at]] = static_cast<std::int16_t>(value);
        go_on(left, next, block, table);
        // The last coefficient of the entry, or the end of the block, is behind the block; or it was not found.
        if (__builtin_expect(static_cast<std::int8_t>(next) > 0, 0)) {
            --block;
            left = next - entry.positions;
            table = left == block_begin ? block->dc : block->ac;
            return false;
        }
        consume(bits, length);
        return true;
    };
    for (;;) {
        if (__builtin_expect(others.next < others.end, 1)) others.transform();
        refill(bits);
        if (step() && step() && step()) continue;
        if (block == end) break;
        // One symbol without the look-up, which left something here.
        std::uint64_t window = bits.window;
        asm("" : "+r"(window));  // or compilers prepare what follows before each look-up
        const CoefficientEntry& entry = table->entries[window >> shift];
        block->coefficients[places[left + std::int64_t{block_samples} + entry.first_at]] = 0;
        block->coefficients[places[left + std::int64_t{block_samples} + entry.last_at]] = 0;
        refill(bits);
        const auto code = static_cast<std::uint32_t>(bits.window >> (64 - max_code_length));
        if (!take_symbol(bits, table->find(code, entry), block->coefficients, left)) return false;
        std::int64_t next = 0;
        go_on(left, next, block, table);
    }
    caller = bits;
    return true;
}

// The decoding of a part of a row of MCUs.
template <typename Sample>
class RowDecoder {
  public:
    RowDecoder(const std::uint8_t* end, const UnitPlan* units, std::size_t unit_count, std::uint32_t first,
               std::uint32_t count)
        : end_(end),
          units_(units),
          unit_count_(unit_count),
          mcus_at_once_(std::min(static_cast<std::uint32_t>(Batch<Sample>::most / unit_count), count)),
          next_(first),
          last_(first + count) {
        for (Batch<Sample>& batch : batches_) {
            PendingBlock* block = batch.blocks;
            for (std::uint32_t mcu = 0; mcu < mcus_at_once_; ++mcu) {
                for (std::size_t i = 0; i < unit_count; ++i, ++block) {
                    block->dc = &units[i].tables->dc;
                    block->ac = &units[i].tables->ac;
                    block->next_dc = &units[i + 1 == unit_count ? 0 : i + 1].tables->dc;
                    block->steps = units[i].steps->data();
                    block->stride = units[i].row_stride;
                    clear(*block);
                }
            }
            block->dc = block->ac = block->next_dc = &no_table;
            clear(*block);
        }
    }

    // Returns the MCU after the last one that is right.
    std::uint32_t decode(BitWindow& bits) {
        unsigned turn = 0;
        for (; next_ < last_; turn = 1 - turn) {
            Batch<Sample>& batch = batches_[turn];
            Batch<Sample>& before = batches_[1 - turn];
            const std::uint32_t mcus = std::min(mcus_at_once_, last_ - next_);
            PendingBlock* const end = batch.blocks + mcus * unit_count_;
            end[-1].next_dc = &no_table;
            const BitWindow begin = bits;
            const bool is_right =
                decode_blocks(bits, units_->tables->ac.index_bits, batch.blocks, end, before) && bits.left(end_) >= 0;
            finish(before);
            if (__builtin_expect(!is_right, 0)) {
                bits = begin;
                while (next_ < last_ && decode_mcu_exactly(bits, batch.blocks[0])) ++next_;
                return next_;
            }
            place(batch, end);
        }
        finish(batches_[1 - turn]);
        return next_;
    }

  private:
    static void finish(Batch<Sample>& batch) {
        while (batch.next < batch.end) batch.transform();
    }

    // The first coefficients of blocks from their differences, and where the samples go.
    void place(Batch<Sample>& batch, PendingBlock* end) {
        for (PendingBlock* block = batch.blocks; block != end; ++next_) {
            for (std::size_t i = 0; i < unit_count_; ++i, ++block) {
                const UnitPlan& unit = units_[i];
                // A sum that leaves 16 bits wraps: no right stream has it.
                const auto dc = static_cast<std::int16_t>(*unit.prediction + *block->coefficients);
                *unit.prediction = dc;
                *block->coefficients = dc;
                block->to = unit.to + static_cast<std::ptrdiff_t>(next_) * unit.mcu_step;
            }
        }
        // With the last one, one more is transformed if they are not even.
        end->steps = end[-1].steps;
        end->to = nowhere_;
        end->stride = 8 * sizeof(Sample);
        batch.next = batch.blocks;
        batch.end = end;
    }

    // Finds out where exactly the data are wrong. `block` is any of zeros.
    __attribute__((noinline)) bool decode_mcu_exactly(BitWindow& bits, PendingBlock& block) {
        for (std::size_t i = 0; i < unit_count_; ++i) {
            const UnitPlan& unit = units_[i];
            clear(block);
            const CoefficientTable* table = &unit.tables->dc;
            for (std::int64_t left = block_begin; left < 0; table = &unit.tables->ac) {
                refill(bits);
                const auto code = static_cast<std::uint32_t>(bits.window >> (64 - max_code_length));
                if (!take_symbol(bits, table->find(code, 1), block.coefficients, left)) return false;
            }
            *block.coefficients = static_cast<std::int16_t>(*unit.prediction + *block.coefficients);
            *unit.prediction = *block.coefficients;
            transform_blocks<Sample>(block.coefficients, 1, *unit.steps,
                                     unit.to + static_cast<std::ptrdiff_t>(next_) * unit.mcu_step, unit.row_stride);
        }
        return bits.left(end_) >= 0;
    }

    Batch<Sample> batches_[2];
    alignas(64) std::byte nowhere_[8 * 8 * sizeof(Sample)];
    const std::uint8_t* end_;
    const UnitPlan* units_;
    std::size_t unit_count_;
    std::uint32_t mcus_at_once_;
    std::uint32_t next_;
    std::uint32_t last_;
};

template <typename Sample>
static std::uint32_t decode_mcus(BitWindow& bits, const std::uint8_t* end, const UnitPlan* units,
                                 std::size_t unit_count, std::uint32_t first, std::uint32_t count) {
    return RowDecoder<Sample>(end, units, unit_count, first, count).decode(bits) - first;
}
