#include "codecs/jpeg_dct/coefficient_table.h"

#include <algorithm>
#include <memory>

namespace dcmturbo::jpeg_dct {

namespace {

// F.2.2.1: the value of `size` bits.
constexpr std::int32_t extend(std::uint32_t bits, unsigned size) {
    const auto value = static_cast<std::int32_t>(bits);
    return size == 0 || bits >> (size - 1) != 0 ? value : value - (std::int32_t{1} << size) + 1;
}

struct KeptTables {
    HuffmanTable dc;
    HuffmanTable ac;
    UnitTables tables;
    std::uint64_t scan = 0;  // for which they were built
    std::uint64_t asked = 0;
};

struct Kept {
    std::array<KeptTables, kept_tables> all;
    std::uint64_t asked = 0;
    std::uint64_t scan = 0;         // the current one
    std::uint64_t last_repeat = 0;  // the last scan that had tables of one before
};

Symbol symbol_of(unsigned symbol, unsigned length, bool is_dc) {
    const unsigned size = symbol & 15;
    const unsigned run = symbol >> 4;
    // F.2.2.2: sixteen zeros, or the end of the block.
    return {length, !is_dc && size == 0 && run != 15 ? end_of_block : run, size};
}

// The symbol whose code begins the bits of an index, for each index.
using Symbols = std::array<Symbol, 1u << CoefficientTable::most_index_bits>;

void list_symbols(const HuffmanTable& table, bool is_dc, unsigned index_bits, Symbols& to) {
    std::fill_n(to.data(), std::size_t{1} << index_bits, Symbol{0, 0, 0});
    std::uint32_t code = 0;
    unsigned k = 0;
    for (unsigned length = 1; length <= index_bits; ++length, code <<= 1) {
        for (unsigned i = 0; i < table.counts[length]; ++i, ++code, ++k) {
            std::fill_n(to.data() + (code << (index_bits - length)), std::size_t{1} << (index_bits - length),
                        symbol_of(table.symbols[k], length, is_dc));
        }
    }
}

// The bits of an index.
class IndexBits {
  public:
    IndexBits(std::uint32_t bits, unsigned count) : bits_(bits), count_(count) {}

    // The first ones.
    [[nodiscard]] std::uint32_t first(unsigned count) const { return bits_ >> (count_ - count); }
    // The coefficient whose code ends before bit `at`.
    [[nodiscard]] std::int32_t value(unsigned at, unsigned size) const {
        return extend(first(at + size) & ((1u << size) - 1), size);
    }
    // Whether all bits of the code of a symbol are there, and the sign of the coefficient, if it has one. The code ends
    // before bit `at`.
    [[nodiscard]] bool has_code(unsigned at, const Symbol& symbol) const {
        return symbol.length != 0 && at + (symbol.size != 0 ? 1 : 0) <= count_;
    }
    // What follows the first bits; nothing, if the index has no more, or not the whole code.
    [[nodiscard]] Symbol symbol_after(unsigned count, const Symbols& symbols) const {
        if (count >= count_) return {0, 0, 0};
        const Symbol& found = symbols[bits_ << count & ((1u << count_) - 1)];
        return count + found.length <= count_ ? found : Symbol{0, 0, 0};
    }

  private:
    std::uint32_t bits_;
    unsigned count_;
};

// The look-up of the bits of an index that begin with `symbol`.
CoefficientEntry entry_of(const IndexBits& bits, const Symbol& symbol, const Symbols& ac) {
    constexpr unsigned longest = CoefficientTable::longest;
    unsigned at = symbol.length;  // the code of the last coefficient ends before this bit
    unsigned size = symbol.size;  // of the last coefficient
    if (!bits.has_code(at, symbol) || at + size > longest)
        return CoefficientEntry::not_found(symbol.length, symbol.run << 4 | symbol.size);
    CoefficientEntry entry{};
    if (symbol.run == end_of_block) {
        entry.length = static_cast<std::uint8_t>(at);
        entry.last = static_cast<std::uint16_t>(-bits.first(at));
        entry.positions = end_of_block;
        return entry;
    }
    unsigned last_at = symbol.run;
    unsigned first_at = last_at + 1;
    Symbol next = bits.symbol_after(at + size, ac);
    const bool is_coefficient = next.length != 0 && next.run != end_of_block;
    const unsigned next_at = at + size + next.length;
    if (is_coefficient && bits.has_code(next_at, next) && next_at + next.size <= longest) {
        const std::int32_t first = bits.value(at, size);
        if (first >= INT8_MIN && first <= INT8_MAX) {
            entry.first = static_cast<std::int8_t>(first);
            first_at = last_at;
            last_at += 1 + next.run;
            at = next_at;
            size = next.size;
            next = bits.symbol_after(at + size, ac);
        }
    }
    entry.last_at = static_cast<std::uint8_t>(last_at);
    entry.first_at = static_cast<std::uint8_t>(first_at);
    if (next.length != 0 && next.run == end_of_block) {
        // All bits are known.
        const unsigned length = at + size + next.length;
        entry.length = static_cast<std::uint8_t>(length);
        entry.last = static_cast<std::uint16_t>(static_cast<std::uint32_t>(bits.value(at, size)) - bits.first(length));
        entry.positions = static_cast<std::uint16_t>(end_of_block + last_at + 2);
        return entry;
    }
    // The value of a coefficient whose first bit is 0 is less than its bits (F.2.2.1).
    const bool is_negative = size != 0 && (bits.first(at + 1) & 1) == 0;
    entry.length = static_cast<std::uint8_t>(at + size);
    entry.last = static_cast<std::uint16_t>(-(bits.first(at) << size) - (is_negative ? (1u << size) - 1 : 0));
    entry.positions = static_cast<std::uint16_t>(last_at + 1);
    return entry;
}

}  // namespace

void CodesByLength::build(const HuffmanTable& table) {
    symbols = table.symbols;
    std::uint32_t code = 0;
    unsigned k = 0;
    for (unsigned length = 1; length <= max_code_length; ++length, code <<= 1) {
        first[length] = static_cast<std::int32_t>(k) - static_cast<std::int32_t>(code);
        code += table.counts[length];
        k += table.counts[length];
        limit[length] = code << (max_code_length - length);
    }
}

Symbol CoefficientTable::find(std::uint32_t bits, unsigned least) const {
    const CodesByLength::Found found = codes.find(bits, least);
    return symbol_of(found.symbol, found.length, is_dc);
}

Symbol CoefficientTable::find(std::uint32_t bits, const CoefficientEntry& entry) const {
    if (entry.positions != CoefficientEntry::unfinished) return find(bits, 1);
    if (entry.last == 0) return find(bits, index_bits + 1);
    const unsigned kept = entry.last;
    return {kept >> 8, kept >> 4 & 15, kept & 15};
}

void UnitTables::build(const HuffmanTable& dc_codes, const HuffmanTable& ac_codes, unsigned index_bits) {
    Symbols dc_symbols;
    Symbols ac_symbols;
    list_symbols(dc_codes, true, index_bits, dc_symbols);
    list_symbols(ac_codes, false, index_bits, ac_symbols);
    for (std::uint32_t index = 0; index < 1u << index_bits; ++index) {
        const IndexBits bits(index, index_bits);
        dc.entries[index] = entry_of(bits, dc_symbols[index], ac_symbols);
        ac.entries[index] = entry_of(bits, ac_symbols[index], ac_symbols);
    }
    dc.codes.build(dc_codes);
    ac.codes.build(ac_codes);
    dc.index_bits = ac.index_bits = index_bits;
    dc.is_dc = true;
}

void SymbolTable::build(const HuffmanTable& table) {
    codes.build(table);
    entries.fill(0);
    std::uint32_t code = 0;
    unsigned k = 0;
    for (unsigned length = 1; length <= index_bits; ++length, code <<= 1) {
        for (unsigned i = 0; i < table.counts[length]; ++i, ++code, ++k) {
            std::fill_n(entries.data() + (code << (index_bits - length)), std::size_t{1} << (index_bits - length),
                        static_cast<std::uint16_t>(length << 8 | table.symbols[k]));
        }
    }
}

#ifdef __clang__
// What is destroyed belongs to the thread that ends: no other thread can be using it.
#pragma clang diagnostic ignored "-Wexit-time-destructors"
#endif

static Kept& kept_by_this_thread() {
    thread_local std::unique_ptr<Kept> kept;
    if (kept == nullptr) kept = std::make_unique<Kept>();
    return *kept;
}

const UnitTables& unit_tables(const HuffmanTable& dc, const HuffmanTable& ac, unsigned index_bits) {
    Kept& kept = kept_by_this_thread();
    KeptTables* oldest = kept.all.data();
    for (KeptTables& one : kept.all) {
        if (one.tables.ac.index_bits == index_bits && one.ac == ac && one.dc == dc) {
            if (one.scan != kept.scan) kept.last_repeat = kept.scan;
            one.asked = ++kept.asked;
            return one.tables;
        }
        if (one.asked < oldest->asked) oldest = &one;
    }
    oldest->dc = dc;
    oldest->ac = ac;
    oldest->tables.build(dc, ac, index_bits);
    oldest->scan = kept.scan;
    oldest->asked = ++kept.asked;
    return oldest->tables;
}

unsigned index_bits_of_next_scan(unsigned most) {
    Kept& kept = kept_by_this_thread();
    constexpr std::uint64_t lately = 2;
    return ++kept.scan - kept.last_repeat > lately ? CoefficientTable::least_index_bits : most;
}

}  // namespace dcmturbo::jpeg_dct
