#include "entropy/differences.h"

#include <algorithm>
#include <bit>

namespace dcmturbo {

void DifferenceTable::build(const HuffmanTable& table, bool category_16_has_bits) {
    source_ = table;
    category_16_has_bits_ = category_16_has_bits;
    shortest_ = max_code_length;  // what a place without a code counts as
    std::uint32_t code = 0;       // in index_bits bits, or 16 for the limits
    unsigned k = 0;
    std::size_t filled = 0;
    for (unsigned length = 1; length <= max_code_length; ++length) {
        first_[length] = static_cast<std::uint16_t>(k);
        for (unsigned i = 0; i < table.counts[length]; ++i, ++k) {
            const unsigned category = table.symbols[k];
            const unsigned extra = category < 16 ? category : 0;
            shortest_ = std::min(shortest_, length + (category < 16 ? category : 0));
            code += 1u << (max_code_length - length);
            if (length > index_bits) continue;
            const std::size_t run = std::size_t{1} << (index_bits - length);
            // Category 16 (its one value has no bits of its own) is left to the long way.
            const bool usual = category < 16;
            const std::uint64_t bias = static_cast<std::uint16_t>(1u - (1u << extra));
            const std::uint64_t entry =
                usual ? bias << 48 | std::uint64_t{63 - extra} << 16 | length << 8 | (length + extra) : unfinished;
            std::fill_n(categories.begin() + static_cast<std::ptrdiff_t>(filled), run, entry);
            auto* to = finished.data() + filled;
            if (usual && length + extra <= index_bits) {
                const std::size_t each = run >> extra;
                const std::uint32_t half = extra == 0 ? 0 : 1u << (extra - 1);
                for (std::uint32_t bits = 0; bits < 1u << extra; ++bits, to += each) {
                    const std::uint32_t difference = bits < half ? bits + static_cast<std::uint32_t>(bias) : bits;
                    std::fill_n(to, each, difference << 16 | (length + extra));
                }
            } else if (category == 16 && !category_16_has_bits) {
                std::fill_n(to, run, 0x8000u << 16 | length);
            } else {
                std::fill_n(to, run, unfinished);
            }
            filled += run;
        }
        limit_[length] = code;
    }
    std::fill(categories.begin() + static_cast<std::ptrdiff_t>(filled), categories.end(), unfinished);
    std::fill(finished.begin() + static_cast<std::ptrdiff_t>(filled), finished.end(), unfinished);
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

DifferenceEntry DifferenceTable::decode_long(std::uint64_t window) const {
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

}  // namespace dcmturbo
