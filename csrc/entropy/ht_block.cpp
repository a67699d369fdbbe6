#include "entropy/ht_block.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>

#include "bits/ht_bits.h"
#include "entropy/ht_codes.h"

namespace dcmturbo {
namespace {

constexpr unsigned bit(unsigned value, unsigned position) { return value >> position & 1; }

// 7.3.5. Samples 0 and 1 are the left ones of a quad, 1 and 3 the lower ones.
constexpr std::uint32_t left_context(unsigned rho, bool is_first_row) {
    if (is_first_row) return (bit(rho, 0) | bit(rho, 1)) + 2 * bit(rho, 2) + 4 * bit(rho, 3);
    return 2 * (bit(rho, 2) | bit(rho, 3));
}

template <std::size_t count>
constexpr HtCodes make_codes(const HtCode (&codes)[count], bool is_first_row) {
    HtCodes table{};
    for (const HtCode& code : codes) {
        const std::uint32_t entry = code.length | unsigned{code.u_off} << 3 | unsigned{code.rho} << 4 |
                                    unsigned{code.e_k} << 8 | unsigned{code.e_1} << 12 |
                                    left_context(code.rho, is_first_row) << 7 << 16;
        for (unsigned rest = code.word; rest < 128; rest += 1u << code.length) table[code.context * 128 + rest] = entry;
    }
    return table;
}

struct Prefix {
    unsigned length, value, suffix;
};

// Table 3
constexpr Prefix prefix_of(unsigned bits) {
    if (bit(bits, 0) != 0) return {1, 1, 0};
    if (bit(bits, 1) != 0) return {2, 2, 0};
    if (bit(bits, 2) != 0) return {3, 3, 1};
    return {3, 5, 5};
}

constexpr std::uint32_t residual_entry(unsigned bits, bool has_first, bool has_second, bool is_first_row, bool is_far) {
    Prefix first{0, 0, 0}, second{0, 0, 0};
    if (has_first) first = prefix_of(bits);
    if (has_second) {
        // In the first row, two that are both above 2 are told by MEL; else one of them is 1 or 2.
        const bool is_short = is_first_row && has_first && !is_far && first.value > 2;
        second = is_short ? Prefix{1, bit(bits, first.length) + 1, 0} : prefix_of(bits >> first.length);
    }
    const unsigned more = is_first_row && is_far && has_first && has_second ? 2 : 0;
    const unsigned prefixes = first.length + second.length;
    return (prefixes + first.suffix + second.suffix) | prefixes << 5 | first.suffix << 8 | second.suffix << 11 |
           (first.value + more) << 16 | (second.value + more) << 20;
}

constexpr HtResiduals make_residuals(bool is_first_row) {
    HtResiduals table{};
    for (unsigned i = 0; i < table.size(); ++i)
        table[i] = residual_entry(i & 63, bit(i, 6) != 0, bit(i, 7) != 0, is_first_row, bit(i, 8) != 0);
    return table;
}

// Table 2
constexpr std::uint8_t mel_exponents[13] = {0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5};

constexpr std::size_t longest_suffix = 4079;

// Bits that a row of quads may read: behind the end of the data there must be as many. A row is looked at when it is
// done.
std::size_t magsgn_padding(const HtBlock& block) {
    return std::size_t{(block.width + 1) / 2} * 4 * block.most_exponent() / 8 + 80;
}
std::size_t vlc_padding(const HtBlock& block) { return std::size_t{(block.width + 1) / 2} * 20 / 8 + 80; }

struct Layout {
    std::size_t magsgn, vlc, row, spare, samples, bottom, quads;
};

std::size_t rounded(std::size_t size) { return (size + 63) & ~std::size_t{63}; }

Layout layout_of(const HtBlock& block) {
    Layout layout{};
    layout.quads = (block.width + 1) / 2;
    layout.magsgn = rounded(block.cleanup_size + magsgn_padding(block));
    layout.vlc = rounded(std::min<std::size_t>(block.cleanup_size, longest_suffix) + vlc_padding(block));
    layout.row = rounded(sizeof(HtRow));
    layout.spare = rounded(8 * (2 * layout.quads + ht_margin));
    const std::size_t sample = ht_sample_size(block);
    layout.samples = rounded(sample * (4 * layout.quads + 2 * ht_margin));
    layout.bottom = rounded(sample * (2 * layout.quads + 2 * ht_margin));
    return layout;
}

}  // namespace

constinit const HtCodes ht_first_row = make_codes(ht_codes_first_row, true);
constinit const HtCodes ht_other_rows = make_codes(ht_codes_other_rows, false);
constinit const HtResiduals ht_residuals_first_row = make_residuals(true);
constinit const HtResiduals ht_residuals_other_rows = make_residuals(false);

void MelDecoder::next_run() {
    while (count <= 48) {
        // The last two bytes are Scup, and read as ones (7.1.1); so does what lies behind them.
        const unsigned byte = position + 2 < size    ? data[position]
                              : position + 2 == size ? data[position] | 0x0Fu
                                                     : 0xFFu;
        ++position;
        const unsigned bits = after_ff ? 7 : 8;
        window |= static_cast<std::uint64_t>(byte) << (64 - bits) >> count;
        count += bits;
        after_ff = byte == 0xFF;
    }
    const unsigned exponent = mel_exponents[state];
    if (window >> 63 != 0) {
        left = 2u << exponent;
        window <<= 1;
        --count;
        if (state < 12) ++state;
    } else {
        left = 2 * static_cast<std::uint32_t>((window << 1) >> 1 >> (63 - exponent)) + 1;
        window <<= exponent + 1;
        count -= exponent + 1;
        if (state > 0) --state;
    }
}

std::size_t ht_scratch_size(const HtBlock& block) {
    const Layout layout = layout_of(block);
    return layout.magsgn + layout.vlc + layout.row + layout.spare + layout.samples + layout.bottom + 64;
}

bool start_ht(const HtBlock& block, void* memory, HtScratch& scratch) {
    if (block.cleanup_size < 2) return false;
    const std::uint8_t* const data = block.cleanup;
    const std::size_t size = block.cleanup_size;
    const std::size_t suffix = 16u * data[size - 1] + (data[size - 2] & 0x0Fu);
    if (suffix < 2 || suffix > std::min(size, longest_suffix)) return false;

    const Layout layout = layout_of(block);
    auto* at = static_cast<std::uint8_t*>(memory);
    const auto take = [&](std::size_t bytes) {
        std::uint8_t* const taken = at;
        at += bytes;
        return taken;
    };
    scratch.magsgn = take(layout.magsgn);
    scratch.vlc = take(layout.vlc);
    HtRow& row = *reinterpret_cast<HtRow*>(take(layout.row));
    scratch.row = &row;
    scratch.spare_row = take(layout.spare);
    scratch.samples = take(layout.samples);
    scratch.bottom = take(layout.bottom);
    scratch.quads = static_cast<std::uint32_t>(layout.quads);
    const std::size_t used = 2 * (layout.quads + 2 * ht_margin);
    std::memset(row.codes.data(), 0, used);
    std::memset(row.residuals.data(), 0, used);
    std::memset(row.contexts.data(), 0, used);
    std::memset(scratch.bottom, 0, layout.bottom);

    const PlainBits magsgn = unstuff_forward(data, size - suffix, scratch.magsgn);
    scratch.magsgn_count = magsgn.count;
    fill_behind(scratch.magsgn, magsgn.count, true, magsgn_padding(block) - 8);
    const unsigned last = data[size - 2] | 0x0Fu;  // 7.1.2
    const unsigned first = last >> 4;
    scratch.vlc_count = unstuff_backward(data + size - suffix, suffix - 2, last, (first & 7) == 7 ? 7 : first,
                                         (first & 7) == 7 ? 3 : 4, scratch.vlc);
    fill_behind(scratch.vlc, scratch.vlc_count, false, vlc_padding(block) - 8);
    row.mel = {.data = data + size - suffix, .size = suffix};
    scratch.suffix_size = suffix;
    return !magsgn.is_damaged && !holds_marker(data + size - suffix, suffix);
}

bool is_ht_overread(const HtScratch& scratch, std::size_t vlc_read, std::size_t magsgn_read) {
    // A coder leaves out ones at the end of MagSgn: an FF, and what stands behind one.
    if (magsgn_read > scratch.magsgn_count + 15) return true;
    if (vlc_read > scratch.vlc_count) return true;
    const std::size_t vlc_bytes = vlc_read > 4 ? (vlc_read - 4 + 7) / 8 : 0;
    return scratch.row->mel.whole_bytes_read() + vlc_bytes > scratch.suffix_size - 1;
}

}  // namespace dcmturbo
