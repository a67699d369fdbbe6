// The cleanup pass of an HT code-block, written (ISO/IEC 15444-15, clause 7.3): code tables, the MEL code, stuffing.
#include "entropy/ht_encode.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "entropy/ht_codes.h"

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

// At least 57 bits from one on.
std::uint64_t bits_at(const std::uint8_t* bytes, std::size_t first) {
    std::uint64_t eight;
    std::memcpy(&eight, bytes + first / 8, 8);
    if constexpr (std::endian::native == std::endian::big) eight = __builtin_bswap64(eight);
    return eight >> first % 8;
}

// The last byte, whose missing bits are `fill`, and two words more of it.
void close(HtBits& bits, std::uint8_t fill) {
    const std::uint64_t mask = (std::uint64_t{1} << bits.held) - 1;
    bits.to[0] = static_cast<std::uint8_t>((bits.bits & mask) | (fill & ~mask));
    std::memset(bits.to + 1, fill, 16);
}

constexpr std::uint64_t seven_bytes = 0x0101010101010101U >> 8;

// 7.1.2: after a byte of FF, a byte of seven bits. The last one is filled with ones; ones that fill a byte, or follow
// an FF, are left out, since the decoder reads ones there.
std::size_t stuff_magsgn(HtBits& bits, std::uint8_t* to) {
    close(bits, 0xFF);
    const std::size_t total = bits.total();
    std::uint8_t* const begin = to;
    std::size_t at = 0;
    bool after_ff = false;
    while (at < total) {
        const std::uint64_t next = bits_at(bits.begin, at);
        if (!after_ff && at + 56 <= total && ((~next - seven_bytes) & next & seven_bytes * 0x80) == 0) {
            std::memcpy(to, &next, 8);
            to += 7;
            at += 56;
            continue;
        }
        const unsigned byte = next & (after_ff ? 0x7F : 0xFF);
        *to++ = static_cast<std::uint8_t>(byte);
        at += after_ff ? 7 : 8;
        after_ff = byte == 0xFF;
    }
    if (to != begin && at > total && to[-1] == (to - begin > 1 && to[-2] == 0xFF ? 0x7F : 0xFF)) --to;
    if (to != begin && to[-1] == 0xFF) --to;
    return static_cast<std::size_t>(to - begin);
}

// 7.1.4: the bytes grow towards the front. After a byte above 8F, a byte whose lower seven bits are ones has no eighth.
// The first bits stand in the upper half of the first byte, beside what the length takes. `last` gets the bits of the
// byte that is not full. Returns the bytes that are.
std::size_t stuff_vlc(HtBits& bits, std::uint8_t* to, unsigned& last, unsigned& last_count) {
    close(bits, 0);
    const std::size_t total = bits.total();
    std::size_t count = 0;
    std::size_t at = 0;
    unsigned current = 0xF;
    unsigned held = 4;
    bool after_large = true;
    for (;;) {
        const std::size_t left = total - at;
        unsigned width = 8;
        unsigned byte = 0;
        const auto fresh = static_cast<unsigned>(left == 0 ? 0 : bits_at(bits.begin, at) & 0xFF);
        byte = (current | fresh << held) & 0xFF;
        if (after_large && (byte & 0x7F) == 0x7F) {
            byte = 0x7F;
            width = 7;
        }
        if (left < width - held || (left == 0 && held < width)) {
            last = byte & ((1U << (held + left)) - 1);
            last_count = held + static_cast<unsigned>(left);
            return count;
        }
        at += width - held;
        to[count++] = static_cast<std::uint8_t>(byte);
        after_large = byte > 0x8F;
        current = 0;
        held = 0;
    }
}

}  // namespace

const HtEncodeCodes ht_encode_first_row = codes_of(ht_codes_first_row);
const HtEncodeCodes ht_encode_other_rows = codes_of(ht_codes_other_rows);

namespace {

// Table 2
constexpr std::uint8_t mel_exponents[13] = {0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5};

void mel_put_bit(MelEncoder& mel, unsigned bit) {
    mel.current = mel.current << 1 | bit;
    if (--mel.left != 0) return;
    mel.to[mel.size++] = static_cast<std::uint8_t>(mel.current);
    mel.left = mel.current == 0xFF ? 7 : 8;
    mel.current = 0;
}

}  // namespace

void mel_finish_run(MelEncoder& mel) {
    mel_put_bit(mel, 1);
    mel.run = 0;
    mel.state = std::min(mel.state + 1, 12U);
    mel.longest = 1U << mel_exponents[mel.state];
}

void mel_end_run(MelEncoder& mel) {
    mel_put_bit(mel, 0);
    for (unsigned i = mel_exponents[mel.state]; i-- > 0;) mel_put_bit(mel, mel.run >> i & 1);
    mel.run = 0;
    mel.state -= mel.state != 0 ? 1 : 0;
    mel.longest = 1U << mel_exponents[mel.state];
}

// Of each sample at most 33 bits of MagSgn; of each quad 7 bits, and 12 for u, of VLC; MEL takes less than a bit and a
// half of each quad.
std::size_t ht_encode_scratch_size(std::size_t width, std::size_t height) {
    const std::size_t quads = ((width + 1) / 2) * ((height + 1) / 2);
    return quads * (4 * 33 + 20) / 8 + quads * 13 / 4 + pitch_of(width) * (2 * 4 + 3 + 3 * 4 / 2) + 16 * margin;
}

std::size_t ht_encode_bound(std::size_t width, std::size_t height) {
    const std::size_t quads = ((width + 1) / 2) * ((height + 1) / 2);
    return quads * 4 * 33 / 7 + quads * 20 / 7 + quads / 4 + 96;
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
    scratch.magsgn.to = scratch.magsgn.begin = reinterpret_cast<std::uint8_t*>(take(quads * 4 * 33 / 8 + 32));
    scratch.vlc.to = scratch.vlc.begin = reinterpret_cast<std::uint8_t*>(take(quads * 20 / 8 + 32));
    scratch.values = reinterpret_cast<std::uint32_t*>(take(scratch.pitch * 2 * 4));
    scratch.exponents = reinterpret_cast<std::uint8_t*>(take(scratch.pitch * 2));
    scratch.above = reinterpret_cast<std::uint8_t*>(take(scratch.pitch));
    scratch.quads = reinterpret_cast<std::uint32_t*>(take(scratch.pitch / 2 * 4));
    scratch.significant = reinterpret_cast<std::uint32_t*>(take(scratch.pitch / 2 * 4));
    scratch.greatest = reinterpret_cast<std::uint32_t*>(take(scratch.pitch / 2 * 4));
    scratch.reversed = reinterpret_cast<std::uint8_t*>(take(quads * 3 + 16));
    scratch.mel.to = reinterpret_cast<std::uint8_t*>(at);
}

std::size_t finish_ht_encode(HtEncodeScratch& scratch, std::uint8_t* to) {
    std::size_t size = stuff_magsgn(scratch.magsgn, to);
    MelEncoder& mel = scratch.mel;
    if (mel.run != 0) mel_put_bit(mel, 1);  // the run may be cut off: a decoder takes it for a whole one
    unsigned last = 0;
    unsigned last_count = 0;
    std::uint8_t* const reversed = scratch.reversed;
    std::size_t vlc = stuff_vlc(scratch.vlc, reversed, last, last_count);
    std::memcpy(to + size, mel.to, mel.size);
    std::uint8_t* const suffix = to + size;
    std::size_t suffix_size = mel.size;
    // 7.1.5: the last byte of MEL and that of VLC are one where they agree.
    const unsigned full = mel.size != 0 && mel.to[mel.size - 1] == 0xFF ? 7 : 8;
    const unsigned mel_byte = mel.current << mel.left;
    const unsigned mel_mask = mel.left == full ? 0 : (0xFFU << mel.left) & 0xFF;
    const unsigned vlc_mask = (1U << last_count) - 1;
    if (mel_mask != 0 || vlc_mask != 0) {
        const unsigned both = mel_byte | last;
        const bool agree = ((both ^ mel_byte) & mel_mask) == 0 && ((both ^ last) & vlc_mask) == 0;
        if (agree && both != 0xFF && vlc > 0) {
            suffix[suffix_size++] = static_cast<std::uint8_t>(both);
        } else {
            if (mel_mask != 0) suffix[suffix_size++] = static_cast<std::uint8_t>(mel_byte);
            if (vlc_mask != 0) reversed[vlc++] = static_cast<std::uint8_t>(last);
        }
    }
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
