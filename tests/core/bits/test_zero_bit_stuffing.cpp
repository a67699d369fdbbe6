// Zero bits after bytes of FF: read and written bit by bit (headers of packets, raw segments, MEL), and in bulk
// (JPEG-LS).
#include "bits/zero_bit_stuffing.h"

#include <doctest/doctest.h>

#include <vector>

#include "bits/zero_bit_reader.h"
#include "bits/zero_bit_writer.h"
#include "bytes.h"

using namespace dcmturbo;
using dcmturbo::test::bytes;
using dcmturbo::test::Random;

namespace {

using Writer = ZeroBitWriter<std::vector<std::uint8_t>&>;

// Bits of which `ones` of ten are 1: many ones make many FFs.
std::vector<unsigned> random_bits(Random& random, unsigned most) {
    const unsigned ones = random.below(9) + 2;
    std::vector<unsigned> bits;
    for (unsigned i = random.below(most) + 1; i > 0; --i) bits.push_back(random.below(10) < ones ? 1 : 0);
    return bits;
}

// The rule, written plainly: a 0 before the first bit of the byte after FF. The last byte is not completed.
struct Plain {
    std::vector<std::uint8_t> bytes;
    unsigned room = 0;  // of the last byte
};
Plain stuff_plainly(const std::vector<unsigned>& bits) {
    Plain plain;
    for (const unsigned bit : bits) {
        if (plain.room == 0) {
            plain.room = !plain.bytes.empty() && plain.bytes.back() == 0xFF ? 7 : 8;
            plain.bytes.push_back(0);
        }
        --plain.room;
        plain.bytes.back() = static_cast<std::uint8_t>(plain.bytes.back() | bit << plain.room);
    }
    return plain;
}

Bytes view(const std::vector<std::uint8_t>& data) { return std::as_bytes(std::span(data)); }

}  // namespace

TEST_CASE("zero bits read: after FF the top bit of the next byte is stuffed") {
    const auto data = bytes({0xFF, 0x55, 0x80});
    ZeroBitReader bits(data);
    CHECK(bits.bits(8) == 0xFF);
    CHECK(bits.bits(7) == 0x55);
    CHECK(bits.bit() == 1);
    CHECK(bits.end() == 3);
    CHECK_FALSE(bits.is_overrun());
}

TEST_CASE("zero bits read: a header that ends with FF takes the byte behind it") {
    const auto data = bytes({0xFF, 0x00, 0xAB});
    ZeroBitReader bits(data);
    CHECK(bits.bits(8) == 0xFF);
    CHECK(bits.end() == 2);
}

TEST_CASE("zero bits read: a byte above 7F after FF is a marker") {
    const auto data = bytes({0xFF, 0x7F, 0xFF, 0x80});
    ZeroBitReader bits(data);
    CHECK(bits.bits(15) == 0x7FFF);
    CHECK(bits.bits(8) == 0xFF);
    CHECK_FALSE(bits.holds_marker());
    CHECK(bits.bit() == 0);
    CHECK(bits.holds_marker());
    const Bytes whole(data);
    ZeroBitReader ends(whole.subspan(2));
    CHECK(ends.bits(8) == 0xFF);
    CHECK(ends.end() == 2);
    CHECK(ends.holds_marker());
}

TEST_CASE("zero bits read: past the end they are ones, and that is known") {
    const auto data = bytes({0x00});
    ZeroBitReader bits(data);
    CHECK(bits.bits(8) == 0);
    CHECK_FALSE(bits.is_overrun());
    CHECK(bits.bits(3) == 7);
    CHECK(bits.is_overrun());
}

TEST_CASE("zero bits: the writer gives the bytes of the plain rule, and the reader gives the bits back") {
    Random random(11);
    for (int round = 0; round < 300; ++round) {
        const std::vector<unsigned> bits = random_bits(random, 200);
        std::vector<std::uint8_t> to;
        Writer writer(to);
        for (const unsigned bit : bits) writer.put_bit(bit);
        const Plain plain = stuff_plainly(bits);
        const unsigned mask = plain.room == 0 ? 0 : 0xFFU << plain.room & 0xFF;
        REQUIRE(writer.held_mask() == mask);
        if (mask != 0) REQUIRE((writer.held_bits() & mask) == plain.bytes.back());
        writer.finish_with_zeros();
        std::vector<std::uint8_t> expected = plain.bytes;
        if (expected.back() == 0xFF) expected.push_back(0);
        REQUIRE(to == expected);
        ZeroBitReader reader(view(to));
        for (const unsigned bit : bits) REQUIRE(reader.bit() == bit);
        REQUIRE(reader.end() == to.size());
        REQUIRE_FALSE(reader.is_overrun());
        REQUIRE_FALSE(reader.holds_marker());
    }
}

TEST_CASE("zero bits: a raw segment ends with 0 and 1 in turn, and with no FF") {
    const auto end_of = [](std::uint32_t value, unsigned count) {
        std::vector<std::uint8_t> to;
        Writer writer(to);
        writer.put(value, count);
        writer.finish_with_zeros_and_ones();
        return to;
    };
    CHECK(end_of(0, 0).empty());
    CHECK(end_of(0b1, 1) == std::vector<std::uint8_t>{0b10101010});
    CHECK(end_of(0b1111111, 7) == std::vector<std::uint8_t>{0xFE});
    CHECK(end_of(0x12, 8) == std::vector<std::uint8_t>{0x12});
    CHECK(end_of(0xFF, 8).empty());
    CHECK(end_of(0x12FF, 16) == std::vector<std::uint8_t>{0x12});
    CHECK(end_of(0x1FF, 9) == std::vector<std::uint8_t>{0xFF, 0b01010101});
    CHECK(end_of(0xFF << 7 | 0x7F, 15) == std::vector<std::uint8_t>{0xFF, 0x7F});
}

TEST_CASE("zero bits in bulk: the bytes of the plain rule from any number of calls, and back") {
    Random random(29);
    for (int round = 0; round < 300; ++round) {
        std::vector<std::uint8_t> to(2000);
        std::uint8_t* end = to.data();
        StuffedTail tail;
        std::vector<unsigned> all;
        for (unsigned calls = random.below(4) + 1; calls > 0; --calls) {
            const std::vector<unsigned> bits = random_bits(random, 400);
            std::vector<std::uint8_t> from(bits.size() / 8 + 9);
            for (std::size_t i = 0; i < bits.size(); ++i)
                from[i / 8] = static_cast<std::uint8_t>(from[i / 8] | bits[i] << (7 - i % 8));
            end = stuff_bits(from.data(), bits.size(), end, tail);
            all.insert(all.end(), bits.begin(), bits.end());
        }
        end = finish_stuffed_bits(end, tail);
        to.resize(static_cast<std::size_t>(end - to.data()));
        std::vector<std::uint8_t> expected = stuff_plainly(all).bytes;
        if (expected.back() == 0xFF) expected.push_back(0);
        REQUIRE(to == expected);
        std::vector<std::uint8_t> back(to.size() + unstuff_bits_slack);
        const UnstuffedBits run = unstuff_bits(view(to), back.data());
        REQUIRE(run.marker == 0);
        REQUIRE(run.end == to.size());
        REQUIRE(run.bits >= all.size());
        for (std::size_t i = 0; i < all.size(); ++i) REQUIRE((back[i / 8] >> (7 - i % 8) & 1U) == all[i]);
    }
}
