// Detects frames whose end is missing and was replaced by zeros.
#include "codecs/zero_tail.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace dcmturbo {

namespace {

constexpr std::size_t sector = 512;
constexpr std::size_t samples = 64;
constexpr std::size_t block = 256;

std::uint64_t word_at(Bytes data, std::size_t at) {
    std::uint64_t word;
    std::memcpy(&word, data.data() + at, sizeof word);
    return word;
}

// Checks only some words, including the first.
bool looks_zero(Bytes data) {
    const std::size_t step = std::max<std::size_t>(1, (data.size() - 8) / samples);
    for (std::size_t at = 0; at + 8 <= data.size(); at += step)
        if (word_at(data, at) != 0) return false;
    return true;
}

bool is_zero(Bytes data) {
    while (data.size() >= block) {
        std::uint64_t any = 0;
        for (std::size_t i = 0; i < block; i += 8) any |= word_at(data, i);
        if (any != 0) return false;
        data = data.subspan(block);
    }
    return std::all_of(data.begin(), data.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

}  // namespace

bool has_zero_tail(Bytes data) {
    if (data.size() < sector || word_at(data, data.size() - 8) != 0) return false;
    // A frame of nothing but zeros is common and not suspicious. If some words suggest that, the rest is not read.
    const std::size_t half = (data.size() - 1) / 2;
    return looks_zero(data.subspan(half)) && !looks_zero(data.first(half)) && is_zero(data.subspan(half));
}

}  // namespace dcmturbo
