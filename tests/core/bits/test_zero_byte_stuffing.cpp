#include "bits/zero_byte_stuffing.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "bytes.h"

using namespace dcmturbo;
using dcmturbo::test::bytes;
using dcmturbo::test::Random;

namespace {

struct Unstuffed {
    StuffedRun run;
    std::vector<unsigned> bytes;
};

Unstuffed unstuff_all(const Fragments& frame, std::size_t position = 0) {
    std::vector<std::uint8_t> to(frame.size() + 8);
    const StuffedRun run = unstuff(frame, position, frame.size(), to.data());
    return {run, {to.begin(), to.begin() + static_cast<std::ptrdiff_t>(run.bytes)}};
}

Unstuffed unstuff_all(const std::vector<std::byte>& data, std::size_t position = 0) {
    const Bytes span(data);
    return unstuff_all(Fragments(span), position);
}

}  // namespace

TEST_CASE("unstuff: a zero after FF goes, a marker ends the run, fill bytes before it go too") {
    const auto plain = unstuff_all(bytes({1, 2, 3}));
    CHECK(plain.bytes == std::vector<unsigned>{1, 2, 3});
    CHECK(plain.run.end == 3);
    CHECK(plain.run.marker == 0);

    const auto stuffed = unstuff_all(bytes({1, 0xFF, 0, 2, 0xFF, 0, 0xFF, 0}));
    CHECK(stuffed.bytes == std::vector<unsigned>{1, 0xFF, 2, 0xFF, 0xFF});

    const auto ended = unstuff_all(bytes({1, 2, 0xFF, 0xD0, 9}));
    CHECK(ended.bytes == std::vector<unsigned>{1, 2});
    CHECK(ended.run.end == 2);
    CHECK(ended.run.marker == 0xD0);

    const auto filled = unstuff_all(bytes({1, 0xFF, 0xFF, 0xFF, 0xD9}));
    CHECK(filled.bytes == std::vector<unsigned>{1});
    CHECK(filled.run.end == 3);  // of the FF that belongs to the marker
    CHECK(filled.run.marker == 0xD9);

    const auto later = unstuff_all(bytes({7, 0xFF, 0xD0, 1, 2}), 3);
    CHECK(later.bytes == std::vector<unsigned>{1, 2});
}

TEST_CASE("unstuff: wherever the frame is cut into fragments, the same bytes come out") {
    Random random(3);
    for (int round = 0; round < 300; ++round) {
        std::vector<std::byte> data(random.below(60) + 2);
        for (std::byte& value : data) value = static_cast<std::byte>(random.below(3) == 0 ? 0xFF : random.below(2) * 7);
        const Unstuffed whole = unstuff_all(data);
        const std::size_t first = random.below(static_cast<std::uint32_t>(data.size()));
        const std::size_t second = first + random.below(static_cast<std::uint32_t>(data.size() - first));
        const Bytes all(data);
        const std::vector<Bytes> spans = {
            all.first(first), all.subspan(first, second - first), {}, all.subspan(second)};
        const Unstuffed parts = unstuff_all(Fragments(std::span<const Bytes>(spans)));
        REQUIRE(parts.bytes == whole.bytes);
        REQUIRE(parts.run.end == whole.run.end);
        REQUIRE(parts.run.marker == whole.run.marker);
    }
}

TEST_CASE("stuff: what it writes comes back, and holds no marker") {
    Random random(4);
    for (int round = 0; round < 300; ++round) {
        const std::size_t size = random.below(80);
        std::vector<std::uint8_t> from(size + 8);
        for (std::uint8_t& value : from)
            value = static_cast<std::uint8_t>(random.below(4) == 0 ? 0xFF : random.below(256));
        std::vector<std::uint8_t> to(2 * size + 16);
        to.resize(static_cast<std::size_t>(stuff(from.data(), size, to.data()) - to.data()));
        for (std::size_t i = 0; i + 1 < to.size(); ++i) REQUIRE((to[i] != 0xFF || to[i + 1] == 0));
        std::vector<std::byte> data(to.size());
        std::transform(to.begin(), to.end(), data.begin(),
                       [](std::uint8_t value) { return static_cast<std::byte>(value); });
        const Unstuffed back = unstuff_all(data);
        REQUIRE(back.bytes == std::vector<unsigned>(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(size)));
    }
}

TEST_CASE("place_to_cut: never between an FF and what follows it") {
    const auto data = bytes({1, 0xFF, 0, 0xFF, 0xFF, 0xD0, 2});
    const Bytes span(data);
    const Fragments frame(span);
    CHECK(place_to_cut(frame, 1) == 1);
    CHECK(place_to_cut(frame, 2) == 3);
    CHECK(place_to_cut(frame, 4) == 6);
    CHECK(place_to_cut(frame, 7) == 7);
}

TEST_CASE("stuffed_position: counts data, not what is stuffed into them") {
    const auto data = bytes({9, 1, 0xFF, 0, 2, 0xFF, 0xD0, 3});
    const Bytes span(data);
    const Fragments frame(span);
    CHECK(stuffed_position(frame, 1, 0) == 1);
    CHECK(stuffed_position(frame, 1, 1) == 2);  // the FF
    CHECK(stuffed_position(frame, 1, 2) == 4);
    CHECK(stuffed_position(frame, 1, 3) == 7);  // the restart marker is passed over
    CHECK(stuffed_position(frame, 1, 4) == frame.size());
}
