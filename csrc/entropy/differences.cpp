#include "entropy/differences.h"

#include <algorithm>
#include <bit>

namespace dcmturbo {

void DifferenceTable::build(const HuffmanTable& table, bool category_16_has_bits) {
    source_ = table;
    category_16_has_bits_ = category_16_has_bits;
    shortest_ = max_code_length;  // what a place without a code counts as
    finished.fill(unfinished);
    categories.fill(unfinished);
    std::uint32_t code = 0;  // in max_code_length bits
    unsigned k = 0;
    for (unsigned length = 1; length <= max_code_length; ++length) {
        first_[length] = static_cast<std::uint16_t>(k);
        for (unsigned i = 0; i < table.counts[length]; ++i, ++k) {
            const unsigned category = table.symbols[k];
            shortest_ = std::min(shortest_, length + (category < 16 ? category : 0));
            finish(code, length, category);
            code += 1u << (max_code_length - length);
        }
        limit_[length] = code;
    }
}

// Enters a code into the look-ups, as far as they reach.
void DifferenceTable::finish(std::uint32_t code, unsigned length, unsigned category) {
    if (length <= category_index_bits && category < 16) {
        std::fill_n(categories.begin() + (code >> (max_code_length - category_index_bits)),
                    std::size_t{1} << (category_index_bits - length),
                    length << 16 | coded_difference_bits | category << 8 | (length + category));
    }
    if (length > index_bits) return;
    auto* to = finished.data() + (code >> (max_code_length - index_bits));
    const std::size_t run = std::size_t{1} << (index_bits - length);
    if (category == 16 && !category_16_has_bits_) {
        std::fill_n(to, run, 0x8000u << 16 | length);
    } else if (category < 16 && length + category <= index_bits) {
        const std::uint32_t half = category == 0 ? 0 : 1u << (category - 1);
        for (std::uint32_t bits = 0; bits < 1u << category; ++bits, to += run >> category) {
            const std::uint32_t difference = bits < half ? bits + 1 - (1u << category) : bits;
            std::fill_n(to, run >> category, difference << 16 | (length + category));
        }
    }
}

DifferenceCodes::DifferenceCodes(const HuffmanTable& table) {
    const std::array<HuffmanCode, 256> codes = huffman_codes(table);
    for (std::uint32_t category = 0; category < difference_categories; ++category) {
        const std::uint32_t extra = category < 16 ? category : 0;
        categories[category] = {std::uint32_t{codes[category].code} << extra, codes[category].length + extra};
        if (codes[category].length != 0) longest = std::max(longest, categories[category].length);
    }
    for (std::uint32_t magnitude = 0; magnitude <= few; ++magnitude) {
        const auto category = static_cast<unsigned>(std::bit_width(magnitude));
        const DifferenceCode& code = categories[category];
        if (magnitude < few) usual[few + magnitude] = {code.code | magnitude, code.length};
        const std::uint32_t mask = (1u << category) - 1;
        usual[few - magnitude] = {code.code | (magnitude == 0 ? 0 : ~magnitude & mask), code.length};
    }
}

// Inlined into the loops, it would make them save registers that only it needs.
[[gnu::noinline]] DifferenceEntry DifferenceTable::decode_long(std::uint64_t window) const {
    const auto bits = static_cast<std::uint32_t>(window >> 48);
    unsigned length = 1;
    while (length <= max_code_length && bits >= limit_[length]) ++length;
    if (length > max_code_length) return invalid_difference | max_code_length;
    const std::uint32_t begin = limit_[length] - (std::uint32_t{source_.counts[length]} << (max_code_length - length));
    const unsigned category = source_.symbols[first_[length] + ((bits - begin) >> (max_code_length - length))];
    if (category > 16) return invalid_difference | length;
    if (category == 16) return 0x8000u << 16 | (length + (category_16_has_bits_ ? 16 : 0));
    if (category == 0) return length;
    const std::uint64_t rest = window << length;
    auto difference = static_cast<std::uint32_t>(rest >> (64 - category));
    if (rest >> 63 == 0) difference -= (1u << category) - 1;
    return difference << 16 | (length + category);
}

#define DCMTURBO_KERNELS "entropy/differences.inl"
#include "cpu/each_isa.h"

const DifferenceKernels& difference_kernels(Isa isa) { return table_of(isa); }

}  // namespace dcmturbo
