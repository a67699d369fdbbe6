// Codeword segments of JPEG 2000: 7 bits after FF, whose top bit is a carry (arithmetic coding) or 0 (raw).
#include "bits/mq_stuffing.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "bits/zero_bit_writer.h"
#include "bytes.h"

using namespace dcmturbo;
using dcmturbo::test::Random;

namespace {

// Bytes as the sum of what each puts at its place: the rule of C.2.8 with numbers of one bit a digit. The first bit is
// 0.
std::vector<unsigned> add_plainly(const std::vector<std::uint8_t>& data, bool is_raw) {
    std::vector<unsigned> digits;
    if (!is_raw) digits.push_back(0);
    bool after_ff = false;
    for (const std::uint8_t byte : data) {
        if (after_ff && byte > 0x8F) break;
        if (after_ff && byte >= 0x80 && !is_raw) {
            std::size_t i = digits.size();
            while (i > 0 && ++digits[i - 1] == 2) digits[--i] = 0;
        }
        for (int bit = after_ff ? 6 : 7; bit >= 0; --bit) digits.push_back(byte >> bit & 1U);
        after_ff = byte == 0xFF;
    }
    return digits;
}

unsigned bit_of(const std::vector<std::uint32_t>& words, std::size_t i) { return words[i / 32] >> (31 - i % 32) & 1; }

void check_unstuffed(const std::vector<std::uint8_t>& data, bool is_raw) {
    std::vector<std::uint32_t> words(unstuffed_words_bound(data.size()) + 1, 0x5A5A5A5A);
    const UnstuffedWords found = is_raw ? unstuff_raw(data.data(), data.size(), words.data())
                                        : unstuff_mq(data.data(), data.size(), words.data());
    const auto last = static_cast<std::size_t>(found.last - words.data());
    REQUIRE(last < words.size() - 1);
    REQUIRE(words.back() == 0x5A5A5A5A);
    const std::vector<unsigned> expected = add_plainly(data, is_raw);
    REQUIRE(expected.size() <= 32 * last);
    for (std::size_t i = 0; i < expected.size(); ++i) REQUIRE(bit_of(words, i) == expected[i]);
    for (std::size_t i = expected.size(); i < 32 * (last + 1); ++i) REQUIRE(bit_of(words, i) == 1);
    bool has_marker = false;
    for (std::size_t i = 1; i < data.size(); ++i) {
        // Behind an FF that is itself the byte after an FF there is a marker already.
        has_marker = has_marker || (data[i - 1] == 0xFF && data[i] > 0x8F);
    }
    REQUIRE(found.is_whole == !has_marker);
}

}  // namespace

TEST_CASE("unstuffed words are the plain sum, and ones behind it") {
    Random random(3);
    for (int round = 0; round < 500; ++round) {
        std::vector<std::uint8_t> data(random.below(60));
        const unsigned kind = random.below(3);
        for (std::uint8_t& byte : data) {
            byte = static_cast<std::uint8_t>(random.below(256));
            if (random.below(3) < kind) byte = 0xFF;
        }
        // Mostly without markers, or nearly all the data would be behind one.
        for (std::size_t i = 1; kind != 0 && i < data.size(); ++i) {
            if (data[i - 1] == 0xFF && random.below(20) != 0) data[i] = static_cast<std::uint8_t>(random.below(0x90));
        }
        check_unstuffed(data, false);
        check_unstuffed(data, true);
    }
}

TEST_CASE("a carry passes all the ones before it") {
    check_unstuffed({0x00, 0xFF, 0x7F, 0xFF, 0x7F, 0xFF, 0x7F, 0xFF, 0x8F, 0x00}, false);
    std::uint32_t words[4];
    const std::uint8_t data[] = {0x3F, 0xFF, 0x80, 0x00};
    CHECK(unstuff_mq(data, 4, words).is_whole);
    CHECK(words[0] == 0x40000000U >> 1);
}

TEST_CASE("stuffed words come back, but for ones at the end, and ends count the bytes that hold the bits") {
    Random random(17);
    for (int round = 0; round < 500; ++round) {
        const std::uint64_t total = random.below(400) + 2;
        const unsigned ones = random.below(9) + 2;
        std::vector<std::uint32_t> words(total / 32 + 4, ~0U);
        const auto clear = [&](std::uint64_t i) { words[i / 32] &= ~(0x80000000U >> (i % 32)); };
        clear(0);
        for (std::uint64_t i = 1; i < total; ++i) {
            if (random.below(10) >= ones) clear(i);
        }
        std::vector<std::uint32_t> positions;
        for (unsigned i = random.below(5); i > 0; --i)
            positions.push_back(random.below(static_cast<std::uint32_t>(total)) + 1);
        std::vector<std::uint32_t> ends = positions;
        std::vector<std::uint8_t> to(stuffed_mq_bound(words.size()));
        to.resize(stuff_mq(words.data(), total, ends.data(), ends.size(), to.data()));
        for (std::size_t i = 1; i < to.size(); ++i) REQUIRE((to[i - 1] != 0xFF || to[i] < 0x80));
        if (!to.empty()) REQUIRE(to.back() != 0xFF);
        const auto bits_of = [](const std::vector<std::uint8_t>& data) {
            std::vector<std::uint32_t> back(unstuffed_words_bound(data.size()));
            REQUIRE(unstuff_mq(data.data(), data.size(), back.data()).is_whole);
            return back;
        };
        const auto agree = [&](const std::vector<std::uint32_t>& back, std::uint64_t count) {
            for (std::uint64_t i = 0; i < count; ++i) {
                // Ones stand behind the end.
                if ((i < 32 * back.size() ? bit_of(back, i) : 1) != bit_of(words, i)) return false;
            }
            return true;
        };
        REQUIRE(agree(bits_of(to), total));
        std::uint32_t before = 0;
        for (std::size_t i = 0; i < ends.size(); ++i) {
            before = std::max(before, positions[i]);
            REQUIRE(ends[i] <= to.size());
            REQUIRE(agree(bits_of({to.begin(), to.begin() + ends[i]}), before));
        }
    }
}

TEST_CASE("a raw segment that was written is read") {
    Random random(23);
    for (int round = 0; round < 300; ++round) {
        const unsigned ones = random.below(9) + 2;
        std::vector<unsigned> bits(random.below(300) + 1);
        std::vector<std::uint8_t> data;
        ZeroBitWriter<std::vector<std::uint8_t>&> writer(data);
        for (unsigned& bit : bits) writer.put_bit(bit = random.below(10) < ones ? 1 : 0);
        writer.finish_with_zeros_and_ones();
        std::vector<std::uint32_t> words(unstuffed_words_bound(data.size()));
        REQUIRE(unstuff_raw(data.data(), data.size(), words.data()).is_whole);
        for (std::size_t i = 0; i < bits.size(); ++i)
            REQUIRE((i < 32 * words.size() ? bit_of(words, i) : 1) == bits[i]);
    }
}
