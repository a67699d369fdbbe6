// The streams of HTJ2K's cleanup segments: MagSgn forwards, VLC backwards (ISO/IEC 15444-15, 7.1).
#include "bits/ht_bits.h"

#include <doctest/doctest.h>

#include <vector>

#include "bytes.h"

using namespace dcmturbo;
using dcmturbo::test::Random;

namespace {

struct PlainStream {
    std::vector<std::uint8_t> bytes;
    std::size_t count = 0;

    [[nodiscard]] unsigned bit(std::size_t i) const { return bytes[i / 8] >> i % 8 & 1; }
};

// Of ten bits, `ones` are 1. `fill` stands behind them.
PlainStream random_stream(Random& random, bool fill) {
    PlainStream stream;
    stream.count = random.below(500);
    const unsigned ones = random.below(10) + 1;
    stream.bytes.assign(stream.count / 8 + 24, 0);
    for (std::size_t i = 0; i < stream.count; ++i) {
        if (random.below(10) < ones) stream.bytes[i / 8] = static_cast<std::uint8_t>(stream.bytes[i / 8] | 1U << i % 8);
    }
    fill_behind(stream.bytes.data(), stream.count, fill, 16);
    return stream;
}

}  // namespace

TEST_CASE("forwards: bits come back, ones that are left out included, and no marker stands in the bytes") {
    Random random(41);
    for (int round = 0; round < 500; ++round) {
        const PlainStream stream = random_stream(random, true);
        std::vector<std::uint8_t> to(stream.bytes.size() * 8 / 7 + 16);
        to.resize(stuff_forward(stream.bytes.data(), stream.count, to.data()));
        for (std::size_t i = 1; i < to.size(); ++i) REQUIRE((to[i - 1] != 0xFF || to[i] < 0x80));
        if (!to.empty()) REQUIRE(to.back() != 0xFF);
        std::vector<std::uint8_t> back(stream.bytes.size() + 24);
        const PlainBits plain = unstuff_forward(to.data(), to.size(), back.data());
        REQUIRE_FALSE(plain.is_damaged);
        fill_behind(back.data(), plain.count, true, 1);
        // A decoder reads ones behind the data.
        for (std::size_t i = 0; i < stream.count; ++i)
            REQUIRE((i < plain.count ? unsigned{back[i / 8]} >> i % 8 & 1 : 1) == stream.bit(i));
        REQUIRE(plain.count < stream.count + 8);
    }
}

TEST_CASE("forwards: a stuffed bit that is 1 is damage") {
    std::uint8_t to[16];
    const std::uint8_t damaged[] = {0xFF, 0x80, 0x00};
    CHECK(unstuff_forward(damaged, 3, to).is_damaged);
    const std::uint8_t right[] = {0xFF, 0x7F, 0x80};
    const PlainBits plain = unstuff_forward(right, 3, to);
    CHECK_FALSE(plain.is_damaged);
    CHECK(plain.count == 23);
}

TEST_CASE("backwards: bits come back behind those that share a byte with Scup") {
    Random random(43);
    for (int round = 0; round < 500; ++round) {
        const PlainStream stream = random_stream(random, false);
        std::vector<std::uint8_t> to(stream.bytes.size() * 8 / 7 + 16);
        const BackwardBytes bytes = stuff_backward(stream.bytes.data(), stream.count, 0xF, 4, to.data());
        REQUIRE(bytes.held < 8);
        to.resize(bytes.count);
        if (bytes.held != 0) to.push_back(static_cast<std::uint8_t>(bytes.held_bits));
        // As a decoder does: the first byte has Scup's four ones below, or 7 bits if they make it 7F.
        if (to.empty()) continue;
        REQUIRE((to[0] & 0xF) == 0xF);
        const unsigned last = to[0];
        const unsigned first = last >> 4;
        const bool is_short = (first & 7) == 7;
        const std::vector<std::uint8_t> reversed(to.rbegin(), to.rend() - 1);
        std::vector<std::uint8_t> back(reversed.size() + 24);
        const std::size_t count = unstuff_backward(reversed.data(), reversed.size(), last, is_short ? 7 : first,
                                                   is_short ? 3 : 4, back.data());
        REQUIRE(count >= stream.count);
        REQUIRE(count < stream.count + 8);
        for (std::size_t i = 0; i < stream.count; ++i) REQUIRE((back[i / 8] >> i % 8 & 1U) == stream.bit(i));
        for (std::size_t i = 1; i < to.size(); ++i) REQUIRE_FALSE((to[i - 1] > 0x8F && to[i] == 0xFF));
    }
}
