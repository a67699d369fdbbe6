#include "codecs/jpeg_dct/tables.h"

#include <algorithm>

#include "base/error.h"

namespace dcmturbo::jpeg_dct {

namespace {

constexpr std::array<std::uint8_t, most_positions> places = zigzag_places();

// Whether its symbols can be those of DC coefficients, which are sizes alone: F.1.2.1.
bool has_sizes(const HuffmanTable& table) {
    return std::all_of(table.symbols.begin(), table.symbols.begin() + table.size(),
                       [](std::uint8_t symbol) { return symbol <= 15; });
}

[[noreturn]] void fail_impossible(bool is_dc, unsigned destination, const jpeg::Segment& scan) {
    fail(ErrorCode::malformed, scan.offset, "Huffman table %u for %s coefficients has codes that are not possible",
         destination, is_dc ? "DC" : "AC");
}

}  // namespace

void Tables::read(const jpeg::Segment& segment) {
    if (segment.code == jpeg::DHT) read_huffman(segment);
    else if (segment.code == jpeg::DQT) read_quantisation(segment);
}

void Tables::read_huffman(const jpeg::Segment& segment) {
    std::size_t at = 0;
    while (at < segment.parameters.size()) {
        const unsigned destination = segment.u8(at) & 15;
        const unsigned table_class = segment.u8(at) >> 4;
        HuffmanTable table;
        for (unsigned length = 1; length <= max_code_length; ++length) table.counts[length] = segment.u8(at + length);
        const std::size_t size = table.size();
        const std::size_t offset = segment.parameters_offset + at;
        if (destination > 3 || table_class > 1) {
            fail(ErrorCode::malformed, offset,
                 "a Huffman table has class %u and destination %u; expected 0 to 1 and 0 to 3", table_class,
                 destination);
        }
        if (size > table.symbols.size())
            fail(ErrorCode::malformed, offset, "a Huffman table has more codes than are possible");
        at += 1 + max_code_length;
        segment.require(at + size);
        for (std::size_t i = 0; i < size; ++i) table.symbols[i] = segment.u8(at + i);
        at += size;
        huffman_[table_class][destination] = table;
    }
}

void Tables::read_quantisation(const jpeg::Segment& segment) {
    std::size_t at = 0;
    while (at < segment.parameters.size()) {
        const unsigned destination = segment.u8(at) & 15;
        const unsigned wide = segment.u8(at) >> 4;
        if (destination > 3 || wide > 1) {
            fail(ErrorCode::malformed, segment.parameters_offset + at,
                 "a quantisation table has precision %u and destination %u; expected 0 to 1 and 0 to 3", wide,
                 destination);
        }
        ++at;
        Steps steps{};
        segment.require(at + block_samples * (wide + 1));
        for (unsigned k = 0; k < block_samples; ++k, at += wide + 1)
            steps[places[k]] = wide != 0 ? segment.u16(at) : segment.u8(at);
        steps_[destination] = steps;
    }
}

bool Tables::symbols(bool is_dc, unsigned destination, const jpeg::Segment& scan, SymbolTable& to) const {
    const HuffmanTable* const table = huffman(is_dc, destination);
    if (table == nullptr) return false;
    if (!is_prefix_code(*table)) fail_impossible(is_dc, destination, scan);
    to.build(*table);
    return true;
}

const UnitTables* Tables::units(unsigned dc, unsigned ac, unsigned index_bits, const jpeg::Segment& scan) const {
    const HuffmanTable* const dc_codes = huffman(true, dc);
    const HuffmanTable* const ac_codes = huffman(false, ac);
    if (dc_codes != nullptr && !(is_prefix_code(*dc_codes) && has_sizes(*dc_codes))) fail_impossible(true, dc, scan);
    if (ac_codes != nullptr && !is_prefix_code(*ac_codes)) fail_impossible(false, ac, scan);
    return dc_codes != nullptr && ac_codes != nullptr ? &unit_tables(*dc_codes, *ac_codes, index_bits) : nullptr;
}

}  // namespace dcmturbo::jpeg_dct
