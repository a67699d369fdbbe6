#include "entropy/huffman.h"

#include <doctest/doctest.h>

#include <array>

#include "bytes.h"

using namespace dcmturbo;
using dcmturbo::test::Random;

TEST_CASE("huffman: codes are a prefix code, the most frequent symbols shortest, none of only ones") {
    Random random(9);
    for (int round = 0; round < 200; ++round) {
        std::array<std::uint64_t, 17> frequencies{};
        for (std::uint64_t& frequency : frequencies)
            frequency = random.below(4) == 0 ? 0 : std::uint64_t{1} << random.below(40);
        const HuffmanTable table = optimal_huffman_table(frequencies.data(), frequencies.size());
        REQUIRE(is_prefix_code(table));
        const auto codes = huffman_codes(table);
        for (std::size_t a = 0; a < frequencies.size(); ++a) {
            if (frequencies[a] == 0) continue;
            REQUIRE(codes[a].length >= 1);
            REQUIRE(codes[a].length <= max_code_length);
            const unsigned only_ones = (1u << codes[a].length) - 1;
            REQUIRE(codes[a].code != only_ones);
            for (std::size_t b = 0; b < frequencies.size(); ++b) {
                if (a == b || codes[b].length == 0) continue;
                if (codes[a].length <= codes[b].length) {
                    const unsigned beginning = codes[b].code >> (codes[b].length - codes[a].length);
                    REQUIRE(beginning != codes[a].code);
                }
                if (frequencies[a] > frequencies[b] && frequencies[b] > 0) REQUIRE(codes[a].length <= codes[b].length);
            }
        }
    }
}

TEST_CASE("huffman: of nothing, symbol 0 gets a code") {
    const std::uint64_t none[3] = {};
    const auto codes = huffman_codes(optimal_huffman_table(none, 3));
    CHECK(codes[0].length == 1);
    CHECK(codes[0].code == 0);
}

TEST_CASE("huffman: more codes of a length than there are is no prefix code") {
    HuffmanTable table;
    table.counts[1] = 3;
    CHECK_FALSE(is_prefix_code(table));
    table.counts[1] = 1;
    table.counts[2] = 3;
    CHECK_FALSE(is_prefix_code(table));
    table.counts[2] = 2;
    CHECK(is_prefix_code(table));
}
