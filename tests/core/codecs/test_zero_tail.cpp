// What a copy that broke off leaves.
#include "codecs/zero_tail.h"

#include <doctest/doctest.h>

#include <vector>

using namespace dcmturbo;

namespace {

// `begin` bytes that are not zero, then zeroes.
std::vector<std::byte> data_of(std::size_t size, std::size_t begin) {
    std::vector<std::byte> data(size);
    for (std::size_t i = 0; i < begin; ++i) data[i] = std::byte{7};
    return data;
}

}  // namespace

TEST_CASE("zero tail: more than half, to the byte") {
    for (const std::size_t size : {512U, 513U, 1000U, 4095U, 65536U}) {
        const std::size_t most = (size - 1) / 2;
        CHECK(has_zero_tail(data_of(size, most)));
        CHECK_FALSE(has_zero_tail(data_of(size, most + 1)));
        CHECK(has_zero_tail(data_of(size, 1)));
        CHECK_FALSE(has_zero_tail(data_of(size, 0)));
        CHECK_FALSE(has_zero_tail(data_of(size, size)));
    }
}

TEST_CASE("zero tail: one other byte anywhere in it") {
    for (std::size_t at = 2047; at < 4096; ++at) {
        auto data = data_of(4096, 1000);
        data[at] = std::byte{1};
        REQUIRE_FALSE(has_zero_tail(data));
    }
}

TEST_CASE("zero tail: less than a sector is not looked at") {
    CHECK_FALSE(has_zero_tail(data_of(511, 1)));
    CHECK_FALSE(has_zero_tail({}));
}
