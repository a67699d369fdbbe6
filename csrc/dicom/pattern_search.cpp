// The search of Wu and Manber ("A fast algorithm for multi-pattern searching", 1994): two bytes of the data tell how
// far the next place can be that a pattern begins at. Patterns are compared where they may begin.
#include "dicom/pattern_search.h"

#include <algorithm>
#include <array>

#include "base/error.h"

namespace dcmturbo {

namespace {

constexpr std::size_t most_shift = 255;

constexpr std::array<std::uint8_t, 256> small_letters = [] {
    std::array<std::uint8_t, 256> table{};
    for (unsigned i = 0; i < 256; ++i) table[i] = static_cast<std::uint8_t>(i >= 'A' && i <= 'Z' ? i + 32 : i);
    return table;
}();

unsigned small(std::byte byte) { return small_letters[static_cast<std::uint8_t>(byte)]; }

unsigned pair_at(Bytes bytes, std::size_t i) { return small(bytes[i]) | small(bytes[i + 1]) << 8; }

class PatternSearch {
  public:
    explicit PatternSearch(std::span<const Bytes> patterns) : patterns_(patterns), found_(patterns.size()) {
        shortest_ = most_shift;
        for (const Bytes pattern : patterns) {
            if (pattern.size() < 2) fail(ErrorCode::argument, no_offset, "a pattern has less than two bytes");
            shortest_ = std::min(shortest_, pattern.size());
        }
        // No pair of a pattern's first bytes: the next place is behind the pair's first byte.
        shifts_.assign(65536, static_cast<std::uint8_t>(shortest_ - 1));
        first_.assign(65536, none);
        next_.resize(patterns.size());
        for (std::size_t k = 0; k < patterns.size(); ++k) {
            for (std::size_t i = 0; i + 2 <= shortest_; ++i) {
                std::uint8_t& shift = shifts_[pair_at(patterns[k], i)];
                shift = std::min(shift, static_cast<std::uint8_t>(shortest_ - 2 - i));
            }
            std::uint32_t& first = first_[pair_at(patterns[k], shortest_ - 2)];
            next_[k] = first;
            first = static_cast<std::uint32_t>(k);
        }
    }

    std::vector<bool> run(Bytes data) {
        for (std::size_t begin = 0; begin + shortest_ <= data.size();) {
            const unsigned pair = pair_at(data, begin + shortest_ - 2);
            const std::size_t shift = shifts_[pair];
            if (shift == 0) compare(pair, data.subspan(begin));
            begin += std::max<std::size_t>(shift, 1);
        }
        return std::move(found_);
    }

  private:
    static constexpr std::uint32_t none = ~std::uint32_t{0};

    // Patterns that have been found are taken from their list.
    void compare(unsigned pair, Bytes data) {
        for (std::uint32_t* link = &first_[pair]; *link != none;) {
            const std::uint32_t k = *link;
            const Bytes pattern = patterns_[k];
            const bool is_here =
                pattern.size() <= data.size() &&
                std::equal(pattern.begin(), pattern.end(), data.begin(), [](std::byte wanted, std::byte byte) {
                    return static_cast<std::uint8_t>(wanted) == small(byte);
                });
            if (is_here) {
                found_[k] = true;
                *link = next_[k];
            } else {
                link = &next_[k];
            }
        }
    }

    std::span<const Bytes> patterns_;
    std::vector<bool> found_;
    std::size_t shortest_ = 0;
    std::vector<std::uint8_t> shifts_;
    std::vector<std::uint32_t> first_, next_;  // lists of the patterns whose first `shortest_` bytes end with a pair
};

}  // namespace

std::vector<bool> find_patterns(Bytes data, std::span<const Bytes> patterns) {
    if (patterns.empty()) return {};
    return PatternSearch(patterns).run(data);
}

}  // namespace dcmturbo
