// Huffman tables as JPEG states them (ISO/IEC 10918-1, C.2): how many codes there are of each length, and their
// symbols in the order of the codes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace dcmturbo {

inline constexpr unsigned max_code_length = 16;

struct HuffmanTable {
    std::array<std::uint8_t, max_code_length + 1> counts{};  // [length]; [0] is 0
    std::array<std::uint8_t, 256> symbols{};

    [[nodiscard]] unsigned size() const;  // codes; up to 256
    bool operator==(const HuffmanTable&) const = default;
};

// Whether no more codes of each length are asked for than there are (10918-1, C.2).
bool is_prefix_code(const HuffmanTable& table);

// Codes by symbol: the lowest `length` bits of `code`; length 0: the table does not have the symbol.
struct HuffmanCode {
    std::uint16_t code = 0;
    std::uint8_t length = 0;
};
std::array<HuffmanCode, 256> huffman_codes(const HuffmanTable& table);

// The table with the fewest bits for symbols that occur this often, within 16 bits and without a code of only
// ones (10918-1, C.2 and K.2). Symbols that never occur get no code; of none at all, symbol 0 gets one.
HuffmanTable optimal_huffman_table(const std::uint64_t* frequencies, std::size_t count);

}  // namespace dcmturbo
