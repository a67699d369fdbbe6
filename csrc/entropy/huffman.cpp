#include "entropy/huffman.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace dcmturbo {

unsigned HuffmanTable::size() const {
    unsigned total = 0;
    for (const std::uint8_t count : counts) total += count;
    return total;
}

bool is_prefix_code(const HuffmanTable& table) {
    std::uint32_t used = 0;  // of 2^16 leaves
    for (unsigned length = 1; length <= max_code_length; ++length)
        used += std::uint32_t{table.counts[length]} << (max_code_length - length);
    return used <= 1u << max_code_length && table.size() <= table.symbols.size();
}

std::array<HuffmanCode, 256> huffman_codes(const HuffmanTable& table) {
    std::array<HuffmanCode, 256> codes{};
    std::uint32_t code = 0;
    unsigned k = 0;
    for (unsigned length = 1; length <= max_code_length; ++length, code <<= 1) {
        for (unsigned i = 0; i < table.counts[length]; ++i, ++code, ++k)
            codes[table.symbols[k]] = {static_cast<std::uint16_t>(code), static_cast<std::uint8_t>(length)};
    }
    return codes;
}

// Package-merge (Larmore and Hirschberg 1990): of every level's packages, as many of the cheapest are taken as
// make a complete code; how often a symbol is among them is the length of its code.
HuffmanTable optimal_huffman_table(const std::uint64_t* frequencies, std::size_t count) {
    struct Package {
        std::uint64_t weight;
        std::vector<std::uint16_t> symbols;
    };
    // Stands for the code of only ones: the longest, because nothing is rarer.
    constexpr std::uint16_t reserved = 0xffff;
    std::vector<Package> leaves{{0, {reserved}}};
    for (std::size_t symbol = 0; symbol < count; ++symbol) {
        if (frequencies[symbol] != 0) leaves.push_back({frequencies[symbol], {static_cast<std::uint16_t>(symbol)}});
    }
    if (leaves.size() == 1) leaves.push_back({1, {0}});
    const auto lighter = [](const Package& a, const Package& b) { return a.weight < b.weight; };
    std::stable_sort(leaves.begin(), leaves.end(), lighter);

    std::vector<Package> level = leaves;
    for (unsigned length = 1; length < max_code_length; ++length) {
        std::vector<Package> packages;
        for (std::size_t i = 0; i + 1 < level.size(); i += 2) {
            Package pair{level[i].weight + level[i + 1].weight, level[i].symbols};
            pair.symbols.insert(pair.symbols.end(), level[i + 1].symbols.begin(), level[i + 1].symbols.end());
            packages.push_back(std::move(pair));
        }
        level.clear();
        std::merge(leaves.begin(), leaves.end(), packages.begin(), packages.end(), std::back_inserter(level), lighter);
    }
    std::array<std::uint8_t, 256> lengths{};
    for (std::size_t i = 0; i < 2 * leaves.size() - 2; ++i) {
        for (const std::uint16_t symbol : level[i].symbols) {
            if (symbol != reserved) ++lengths[symbol];
        }
    }
    HuffmanTable table;
    std::vector<std::uint16_t> order;
    for (std::size_t symbol = 0; symbol < count; ++symbol) {
        if (lengths[symbol] != 0) order.push_back(static_cast<std::uint16_t>(symbol));
    }
    // Codes of one length: the reserved one, which no symbol gets, is the last of the longest.
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint16_t a, std::uint16_t b) { return lengths[a] < lengths[b]; });
    unsigned k = 0;
    for (const std::uint16_t symbol : order) {
        ++table.counts[lengths[symbol]];
        table.symbols[k++] = static_cast<std::uint8_t>(symbol);
    }
    return table;
}

}  // namespace dcmturbo
