// The cleanup pass of an HT code-block, written (ISO/IEC 15444-15, clause 7.3): code tables, the MEL code, the segment.
#include "entropy/ht_encode.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "bits/ht_bits.h"
#include "entropy/ht_codes.h"
#include "entropy/mel.h"

namespace dcmturbo {

namespace {

// Of the codewords that fit a quad, the one that says the most of its greatest exponents: each bit of e_k saves one of
// MagSgn.
template <std::size_t count>
HtEncodeCodes codes_of(const HtCode (&codes)[count]) {
    HtEncodeCodes table{};
    for (const HtCode& code : codes) {
        for (unsigned greatest = 0; greatest < 16; ++greatest) {
            if ((code.u_off != 0) != (greatest != 0) || (greatest & code.e_k) != code.e_1 ||
                (greatest & ~code.rho) != 0)
                continue;
            std::uint16_t& entry = table[code.context * 256U + code.rho * 16U + greatest];
            if (entry != 0 && std::popcount(static_cast<unsigned>(entry >> 12)) >= std::popcount(unsigned{code.e_k}))
                continue;
            entry = static_cast<std::uint16_t>(code.word | code.length << 8 | code.e_k << 12);
        }
    }
    return table;
}

// Rows are read and written a vector past their ends.
constexpr std::size_t margin = 64;

std::size_t pitch_of(std::size_t width) { return ((width + 1) & ~std::size_t{1}) + margin; }

// The bits in memory, with two words of ones or zeros behind them.
const std::uint8_t* plain_bits(const HtBits& bits, bool ones) {
    fill_behind(bits.begin, bits.total(), ones, 16);
    return bits.begin;
}

}  // namespace

const HtEncodeCodes ht_encode_first_row = codes_of(ht_codes_first_row);
const HtEncodeCodes ht_encode_other_rows = codes_of(ht_codes_other_rows);

void mel_finish_run(MelEncoder& mel) {
    mel.bits.put_bit(1);
    mel.run = 0;
    mel.state = std::min(mel.state + 1, 12U);
    mel.longest = 1U << mel_exponents[mel.state];
}

void mel_end_run(MelEncoder& mel) {
    mel.bits.put_bit(0);
    for (unsigned i = mel_exponents[mel.state]; i-- > 0;) mel.bits.put_bit(mel.run >> i & 1);
    mel.run = 0;
    mel.state -= mel.state != 0 ? 1 : 0;
    mel.longest = 1U << mel_exponents[mel.state];
}

// Of each sample at most 41 bits of MagSgn; of each quad 7 bits, and 12 for u, of VLC; MEL takes less than a bit and a
// half of each quad.
constexpr std::size_t quad_bits = 4 * (most_ht_bits + 1);

std::size_t ht_encode_scratch_size(std::size_t width, std::size_t height) {
    const std::size_t quads = ((width + 1) / 2) * ((height + 1) / 2);
    return quads * (quad_bits + 20) / 8 + quads * 13 / 4 + pitch_of(width) * (2 * 8 + 3 + 3 * 4 / 2) + 16 * margin;
}

std::size_t ht_encode_bound(std::size_t width, std::size_t height) {
    const std::size_t quads = ((width + 1) / 2) * ((height + 1) / 2);
    return quads * quad_bits / 7 + quads * 20 / 7 + quads / 4 + 96;
}

void start_ht_encode(std::size_t width, std::size_t height, void* memory, HtEncodeScratch& scratch) {
    const std::size_t quads = ((width + 1) / 2) * ((height + 1) / 2);
    auto* at = static_cast<std::byte*>(memory);
    const auto take = [&at](std::size_t bytes) {
        std::byte* const begin = at;
        at += (bytes + margin - 1) & ~(margin - 1);
        return begin;
    };
    scratch = HtEncodeScratch{};
    scratch.pitch = pitch_of(width);
    scratch.magsgn.to = scratch.magsgn.begin = reinterpret_cast<std::uint8_t*>(take(quads * quad_bits / 8 + 32));
    scratch.vlc.to = scratch.vlc.begin = reinterpret_cast<std::uint8_t*>(take(quads * 20 / 8 + 32));
    scratch.values = take(scratch.pitch * 2 * 8);
    scratch.exponents = reinterpret_cast<std::uint8_t*>(take(scratch.pitch * 2));
    scratch.above = reinterpret_cast<std::uint8_t*>(take(scratch.pitch));
    scratch.quads = reinterpret_cast<std::uint32_t*>(take(scratch.pitch / 2 * 4));
    scratch.significant = reinterpret_cast<std::uint32_t*>(take(scratch.pitch / 2 * 4));
    scratch.greatest = reinterpret_cast<std::uint32_t*>(take(scratch.pitch / 2 * 4));
    scratch.reversed = reinterpret_cast<std::uint8_t*>(take(quads * 3 + 16));
    scratch.mel.begin = reinterpret_cast<std::uint8_t*>(at);
    scratch.mel.bits = ZeroBitWriter(ByteOutput{scratch.mel.begin});
}

std::size_t ht_encoded_bits(const HtEncodeScratch& scratch) {
    const auto& mel = scratch.mel.bits;
    return scratch.magsgn.total() + scratch.vlc.total() +
           8 * static_cast<std::size_t>(mel.output().end - scratch.mel.begin) +
           static_cast<std::size_t>(std::popcount(mel.held_mask()));
}

std::size_t finish_ht_encode(HtEncodeScratch& scratch, std::uint8_t* to) {
    std::size_t size = stuff_forward(plain_bits(scratch.magsgn, true), scratch.magsgn.total(), to);
    MelEncoder& mel = scratch.mel;
    if (mel.run != 0) mel.bits.put_bit(1);  // the run may be cut off: a decoder takes it for a whole one
    std::uint8_t* const reversed = scratch.reversed;
    // The first bits of VLC share a byte with Scup.
    const BackwardBytes vlc_bytes =
        stuff_backward(plain_bits(scratch.vlc, false), scratch.vlc.total(), 0xF, 4, reversed);
    std::size_t vlc = vlc_bytes.count;
    const auto mel_size = static_cast<std::size_t>(mel.bits.output().end - mel.begin);
    std::memcpy(to + size, mel.begin, mel_size);
    std::uint8_t* const suffix = to + size;
    std::size_t suffix_size = mel_size;
    // 7.1.5: the last byte of MEL and that of VLC are one where they agree.
    const unsigned mel_byte = mel.bits.held_bits();
    const unsigned mel_mask = mel.bits.held_mask();
    const unsigned last = vlc_bytes.held_bits;
    const unsigned vlc_mask = (1U << vlc_bytes.held) - 1;
    if (mel_mask != 0 || vlc_mask != 0) {
        const unsigned both = mel_byte | last;
        const bool agree = ((both ^ mel_byte) & mel_mask) == 0 && ((both ^ last) & vlc_mask) == 0;
        const bool follows_ff = suffix_size > 0 && suffix[suffix_size - 1] == 0xFF;
        if (agree && both != 0xFF && !(follows_ff && both > 0x8F) && vlc > 0) {
            suffix[suffix_size++] = static_cast<std::uint8_t>(both);
        } else {
            if (mel_mask != 0) suffix[suffix_size++] = static_cast<std::uint8_t>(mel_byte);
            if (vlc_mask != 0) reversed[vlc++] = static_cast<std::uint8_t>(last);
        }
    }
    // No two bytes of a segment are above FF8F: where MEL ends with FF, a byte of zeros may have to follow, which no
    // decoder reads as MEL.
    if (suffix_size > 0 && suffix[suffix_size - 1] == 0xFF && vlc > 0 && reversed[vlc - 1] > 0x8F)
        suffix[suffix_size++] = 0;
    for (std::size_t i = vlc; i-- > 0;) suffix[suffix_size++] = reversed[i];
    // 7.1.1: Scup stands in a byte of its own, and in the lower half of the one before.
    ++suffix_size;
    size += suffix_size;
    to[size - 1] = static_cast<std::uint8_t>(suffix_size >> 4);
    to[size - 2] = static_cast<std::uint8_t>((to[size - 2] & 0xF0) | (suffix_size & 0xF));
    return size;
}

#define DCMTURBO_KERNELS "entropy/ht_encode.inl"
#include "cpu/each_isa.h"

const HtEncodeKernels& ht_encode_kernels(Isa isa) { return table_of(isa); }

}  // namespace dcmturbo
