#include "codecs/jpeg_dct/scan_writer.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "base/endian.h"
#include "base/error.h"
#include "bits/zero_byte_stuffing.h"
#include "codecs/jpeg/markers.h"

namespace dcmturbo::jpeg_dct {

CodedValue coded_value(std::int32_t value) {
    const auto magnitude = static_cast<std::uint32_t>(std::abs(value));
    const auto size = static_cast<unsigned>(std::bit_width(magnitude));
    if (size > 15) fail(ErrorCode::malformed, no_offset, "a coefficient is larger than a JPEG image can have");
    return {size, value < 0 ? ~magnitude & ((1u << size) - 1) : magnitude};
}

void BitOutput::flush_word() {
    held_ -= 32;
    const auto word = static_cast<std::uint32_t>(window_ >> held_);
    const std::size_t at = bytes_.size();
    bytes_.resize(at + 4);
    for (std::size_t i = 0; i < 4; ++i) bytes_[at + i] = static_cast<std::uint8_t>(word >> (24 - 8 * i));
}

void BitOutput::copy(const std::uint8_t* from, std::ptrdiff_t begin, std::ptrdiff_t end) {
    const auto bits_at = [&](std::ptrdiff_t position) {
        return static_cast<std::uint32_t>(load_be<std::uint64_t>(from + position / 8) << (position % 8) >> 32);
    };
    for (; end - begin >= 32; begin += 32) put(bits_at(begin), 32);
    if (const auto rest = static_cast<unsigned>(end - begin); rest > 0) put(bits_at(begin) >> (32 - rest), rest);
}

void BitOutput::finish() {
    if (const unsigned padding = (8 - held_ % 8) % 8; padding > 0) put((1u << padding) - 1, padding);
    for (; held_ > 0; held_ -= 8) bytes_.push_back(static_cast<std::uint8_t>(window_ >> (held_ - 8)));
    const std::size_t size = bytes_.size();
    bytes_.resize(size + 8);
    const std::size_t at = to_.size();
    to_.resize(at + 2 * size + 16);
    std::uint8_t* const end = stuff(bytes_.data(), size, to_.data() + at);
    to_.resize(static_cast<std::size_t>(end - to_.data()));
    bytes_.clear();
    window_ = 0;
}

void BitOutput::restart(std::uint64_t n) {
    finish();
    to_.push_back(0xff);
    to_.push_back(static_cast<std::uint8_t>(jpeg::RST0 + n % 8));
}

bool SymbolScan::has(std::size_t slot) const {
    return std::any_of(frequencies_[slot].begin(), frequencies_[slot].end(), [](std::uint64_t n) { return n > 0; });
}

void SymbolScan::write(BitOutput& to) const {
    std::array<std::array<HuffmanCode, 256>, table_slots> codes;
    for (std::size_t slot = 0; slot < table_slots; ++slot) codes[slot] = huffman_codes(table(slot));
    std::uint64_t restarts = 0;
    for (const Token& token : tokens_) {
        if (token.slot == restart_marker) {
            to.restart(restarts++);
            continue;
        }
        if (token.slot != no_symbol) {
            const HuffmanCode code = codes[token.slot][token.symbol];
            to.put(code.code, code.length);
        }
        if (token.count > 0) to.put(token.bits, token.count);
    }
    to.finish();
}

}  // namespace dcmturbo::jpeg_dct
