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

bool CoefficientTable::build(const HuffmanTable& table, bool dc) {
    is_dc = dc;
    symbols = table.symbols;
    entries.fill(unfinished_coefficient);
    std::uint32_t code = 0;
    unsigned k = 0;
    for (unsigned length = 1; length <= max_code_length; ++length, code <<= 1) {
        first[length] = static_cast<std::int32_t>(k) - static_cast<std::int32_t>(code);
        for (unsigned i = 0; i < table.counts[length]; ++i, ++code, ++k) {
            const unsigned symbol = symbols[k];
            if (dc && symbol > 15) return false;
            if (length > index_bits) continue;
            const unsigned size = symbol & 15;
            unsigned run = symbol >> 4;
            // F.2.2.2: sixteen zeros, or the end of the block.
            if (!dc && size == 0 && run != 15) run = end_of_block;
            CoefficientEntry* const to = entries.data() + (code << (index_bits - length));
            if (length + size > index_bits) {
                const CoefficientEntry entry = std::uint64_t{size} << 16 | run << 8 | unfinished_coefficient | length;
                std::fill_n(to, std::size_t{1} << (index_bits - length), entry);
                continue;
            }
            const std::size_t copies = std::size_t{1} << (index_bits - length - size);
            for (std::uint32_t bits = 0; bits < 1u << size; ++bits) {
                std::fill_n(to + bits * copies, copies, single_entry(extend(bits, size), run, length + size));
            }
        }
        limit[length] = code << (max_code_length - length);
    }
    if (!dc) pair_entries();
    return true;
}

void CoefficientTable::pair_entries() {
    constexpr std::uint32_t mask = (1u << index_bits) - 1;
    // Pairs are made of entries of one coefficient.
    const std::array<CoefficientEntry, 1u << index_bits> single = entries;
    for (std::uint32_t bits = 0; bits <= mask; ++bits) {
        const CoefficientEntry first = single[bits];
        const auto length = static_cast<unsigned>(first & 0x7f);
        const bool is_last = (first >> 8 & 0xff) == end_of_block;
        if ((first & unfinished_coefficient) != 0 || is_last) continue;
        const CoefficientEntry second = single[bits << length & mask];
        const auto both = length + static_cast<unsigned>(second & 0x7f);
        if ((second & unfinished_coefficient) != 0 || both > index_bits) continue;
        const std::uint64_t distance = 1 + (second >> 8 & 0xff);
        const std::uint64_t value = second >> 16 & 0xffff;
        entries[bits] = value << 48 | std::uint64_t{length} << 41 | std::uint64_t{1} << 40 | distance << 32 |
                        (first & 0xffffff00U) | both;
    }
}

void SymbolTable::build(const HuffmanTable& table) {
    symbols = table.symbols;
    entries.fill(0);
    std::uint32_t code = 0;
    unsigned k = 0;
    for (unsigned length = 1; length <= max_code_length; ++length, code <<= 1) {
        first[length] = static_cast<std::int32_t>(k) - static_cast<std::int32_t>(code);
        for (unsigned i = 0; i < table.counts[length]; ++i, ++code, ++k) {
            if (length > index_bits) continue;
            std::fill_n(entries.data() + (code << (index_bits - length)), std::size_t{1} << (index_bits - length),
                        static_cast<std::uint16_t>(length << 8 | symbols[k]));
        }
        limit[length] = code << (max_code_length - length);
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
