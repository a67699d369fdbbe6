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

struct KeptTable {
    HuffmanTable source;
    CoefficientTable table;
    bool is_there = false;
    bool is_right = false;
    std::uint64_t asked = 0;
};

struct KeptTables {
    std::array<KeptTable, kept_tables> tables;
    std::uint64_t asked = 0;
};

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

Symbol CoefficientTable::symbol_of(unsigned symbol, unsigned length) const {
    const unsigned size = symbol & 15;
    const unsigned run = symbol >> 4;
    // F.2.2.2: sixteen zeros, or the end of the block.
    return {length, !is_dc && size == 0 && run != 15 ? end_of_block : run, size};
}

Symbol CoefficientTable::find(std::uint32_t bits, unsigned least) const {
    const CodesByLength::Found found = codes.find(bits, least);
    return symbol_of(found.symbol, found.length);
}

bool CoefficientTable::build(const HuffmanTable& table, bool dc) {
    is_dc = dc;
    codes.build(table);
    entries.fill({CoefficientEntry::unfinished, 0, 0, 1, 1, 0});
    std::uint32_t code = 0;
    unsigned k = 0;
    for (unsigned length = 1; length <= max_code_length; ++length, code <<= 1) {
        for (unsigned i = 0; i < table.counts[length]; ++i, ++code, ++k) {
            if (dc && table.symbols[k] > 15) return false;
            if (length > index_bits) continue;
            const auto [_, run, size] = symbol_of(table.symbols[k], length);
            CoefficientEntry entry{static_cast<std::uint8_t>(length), static_cast<std::uint8_t>(run), 0, 1, 1, 0};
            CoefficientEntry* to = entries.data() + (code << (index_bits - length));
            if (length + size > index_bits) {
                entry.length |= CoefficientEntry::unfinished;
                entry.first = static_cast<std::int16_t>(size);
                std::fill_n(to, std::size_t{1} << (index_bits - length), entry);
                continue;
            }
            entry.length = static_cast<std::uint8_t>(length + size);
            const std::size_t copies = std::size_t{1} << (index_bits - length - size);
            for (std::uint32_t bits = 0; bits < 1u << size; ++bits) {
                entry.first = static_cast<std::int16_t>(extend(bits, size));
                to = std::fill_n(to, copies, entry);
            }
        }
    }
    if (!dc) pair_entries();
    return true;
}

void CoefficientTable::pair_entries() {
    constexpr std::uint32_t mask = (1u << index_bits) - 1;
    // Pairs are made of entries of one coefficient.
    const std::array<CoefficientEntry, 1u << index_bits> single = entries;
    for (std::uint32_t bits = 0; bits <= mask; ++bits) {
        CoefficientEntry& entry = entries[bits];
        if (entry.is_unfinished() || entry.run == end_of_block) continue;
        const CoefficientEntry& second = single[bits << entry.length & mask];
        if (second.is_unfinished() || entry.length + second.length > int{index_bits}) continue;
        entry.length = static_cast<std::uint8_t>(entry.length + second.length);
        entry.distance = static_cast<std::uint8_t>(1 + second.run);
        entry.next = static_cast<std::uint8_t>(entry.distance + 1);
        entry.second = second.first;
    }
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

const CoefficientTable* coefficient_table(const HuffmanTable& table, bool is_dc) {
    thread_local std::unique_ptr<KeptTables> kept;
    if (kept == nullptr) kept = std::make_unique<KeptTables>();
    KeptTable* oldest = kept->tables.data();
    for (KeptTable& one : kept->tables) {
        if (one.is_there && one.table.is_dc == is_dc && one.source == table) {
            one.asked = ++kept->asked;
            return one.is_right ? &one.table : nullptr;
        }
        if (one.asked < oldest->asked) oldest = &one;
    }
    oldest->source = table;
    oldest->is_right = oldest->table.build(table, is_dc);
    oldest->is_there = true;
    oldest->asked = ++kept->asked;
    return oldest->is_right ? &oldest->table : nullptr;
}

}  // namespace dcmturbo::jpeg_dct
