// The cleanup pass of an HT code-block, written (ISO/IEC 15444-15, clause 7.3): all bit-planes of a block in one pass.
// The loop over quads is in ht_encode.inl.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "bits/zero_bit_writer.h"
#include "cpu/features.h"

namespace dcmturbo {

// The codeword of a quad by context, rho, and which of its samples have the greatest exponent (0: u_off is 0). Bits 0
// to 6: the codeword, its first bit lowest; 8 to 11: its length; 12 to 15: e_k.
using HtEncodeCodes = std::array<std::uint16_t, 8 * 16 * 16>;
extern const HtEncodeCodes ht_encode_first_row;
extern const HtEncodeCodes ht_encode_other_rows;

// Bits without stuffing, the first one lowest.
struct HtBits {
    std::uint8_t* begin = nullptr;
    std::uint8_t* to = nullptr;
    std::uint64_t bits = 0;
    unsigned held = 0;  // in `bits`, fewer than 8

    [[nodiscard]] std::size_t total() const { return 8 * static_cast<std::size_t>(to - begin) + held; }
};

// Runs of the MEL code (7.3.3), as bytes with stuffing.
struct MelEncoder {
    std::uint8_t* begin = nullptr;
    ZeroBitWriter<ByteOutput> bits{ByteOutput{nullptr}};
    unsigned run = 0;
    unsigned longest = 1;  // of a run in this state
    unsigned state = 0;
};

struct HtEncodeScratch {
    HtBits magsgn;
    HtBits vlc;
    MelEncoder mel;
    std::size_t pitch = 0;                 // of a row of samples below
    void* values = nullptr;                // two rows of 2 x (magnitude - 1) + sign, as wide as the coefficients
    std::uint8_t* exponents = nullptr;     // two rows, 0 where a sample is 0
    std::uint8_t* above = nullptr;         // exponents of the lower samples of the row of quads above
    std::uint32_t* quads = nullptr;        // four exponents of each quad of a row
    std::uint32_t* significant = nullptr;  // rho of each
    std::uint32_t* greatest = nullptr;     // exponent of each
    std::uint8_t* reversed = nullptr;      // bytes of VLC
};

// Of magnitudes: what 32 bits hold with a sign and a bit more, and what the longest u says.
inline constexpr unsigned most_ht_narrow_bits = 30;
inline constexpr unsigned most_ht_bits = 40;

// Bytes of memory that a block of these sizes needs, and of its codeword segment at most.
std::size_t ht_encode_scratch_size(std::size_t width, std::size_t height);
std::size_t ht_encode_bound(std::size_t width, std::size_t height);

void start_ht_encode(std::size_t width, std::size_t height, void* memory, HtEncodeScratch& scratch);

// Of the three streams so far, before stuffing.
std::size_t ht_encoded_bits(const HtEncodeScratch& scratch);

// Stuffs the three streams and puts them together. Returns the segment's size, Lcup.
std::size_t finish_ht_encode(HtEncodeScratch& scratch, std::uint8_t* to);

// A run that has become as long as it may, and one that ends.
void mel_finish_run(MelEncoder& mel);
void mel_end_run(MelEncoder& mel);

// The loop, one table for each instruction set. Every table gives the same bits.
struct HtEncodeKernels {
    // Codes a block of two's complement coefficients, not all of them 0, whose magnitudes have up to
    // most_ht_narrow_bits, into the streams of `scratch`. Rows can be read seven coefficients past their ends.
    void (*encode)(const std::int32_t* from, std::size_t stride, std::size_t width, std::size_t height,
                   HtEncodeScratch& scratch);
    // The same of magnitudes of up to most_ht_bits.
    void (*encode_wide)(const std::int64_t* from, std::size_t stride, std::size_t width, std::size_t height,
                        HtEncodeScratch& scratch);
    // Codes one row of quads of a block, so that the size of a block can be estimated from some of them. `above` is the
    // row of samples above it, null for the first. The streams of `scratch` go on, and so does the state of MEL.
    void (*encode_quad_row)(const std::int32_t* above, const std::int32_t* from, std::size_t stride, std::size_t width,
                            bool has_lower, HtEncodeScratch& scratch);
};

const HtEncodeKernels& ht_encode_kernels(Isa isa);

}  // namespace dcmturbo
