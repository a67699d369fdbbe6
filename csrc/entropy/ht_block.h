// Code-blocks of HTJ2K (ISO/IEC 15444-15, clause 7): what their passes share. The loops are in ht_cleanup.inl and
// ht_refinement.inl.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "cpu/features.h"

namespace dcmturbo {

// An HT set: a cleanup pass, which codes all bit-planes down to `plane`, and perhaps significance propagation and
// magnitude refinement for the plane below.
struct HtBlock {
    const std::uint8_t* cleanup = nullptr;
    std::uint32_t cleanup_size = 0;
    const std::uint8_t* refinement = nullptr;
    std::uint32_t refinement_size = 0;
    std::uint32_t width = 0;  // at most 1024; width x height at most 4096
    std::uint32_t height = 0;
    std::uint8_t planes = 0;  // magnitude bit-planes of the sub-band: M_b
    std::uint8_t plane = 0;
    std::uint8_t passes = 0;  // 1 to 3
    bool is_causal = false;   // vertically causal neighbourhoods

    // No exponent may be above this (7.3.7).
    [[nodiscard]] unsigned most_exponent() const { return planes - plane + 1u; }
};

// How a block's coefficients are wanted. `half`: magnitude x 2, plus the half of the last bit-plane that was decoded,
// where it is not 0. `whole`: the same without the fractional bit. `real`: `half` x scale.
enum class HtForm : std::uint8_t { whole_16, whole_32, half_32, half_64, real_32 };

struct HtTarget {
    void* to = nullptr;
    std::size_t stride = 0;  // in coefficients
    HtForm form = HtForm::half_32;
    float scale = 1;  // of real_32
};

// The adaptive run-length code (7.3.3). It says for one quad after the other, of those in context 0, whether any of its
// samples is significant.
struct MelDecoder {
    const std::uint8_t* data = nullptr;
    std::size_t size = 0;
    std::size_t position = 0;
    std::uint64_t window = 0;  // the next bit at the top
    unsigned count = 0;        // bits in the window
    bool after_ff = false;
    std::uint8_t state = 0;
    std::uint32_t left = 0;  // 2 x the zeroes to come, and 1 more if a one follows them

    void next_run();
    // No more than this many bits have been read.
    [[nodiscard]] std::size_t whole_bytes_read() const { return position - (count + 7) / 8; }
};

// A row of quads on its way from symbols to samples. One address reaches all of it: two blocks are decoded in one loop,
// which has no registers to spare.
struct HtRow {
    static constexpr std::size_t margin = 32;  // elements before and behind those of a row
    static constexpr std::size_t most_quads = 512;
    template <typename T>
    using OfQuads = std::array<T, margin + most_quads + margin>;

    MelDecoder mel;
    OfQuads<std::uint16_t> codes;      // see HtCodes
    OfQuads<std::uint16_t> residuals;  // u
    OfQuads<std::uint16_t> contexts;   // what the row above gives to the contexts
    OfQuads<std::uint32_t> bounds;     // the code, and from bit 16 the exponent bound
    OfQuads<std::uint32_t> positions;  // where the samples of a quad begin in MagSgn
};

// A cleanup segment that is ready to be read, and memory for one block.
struct HtScratch {
    std::uint8_t* magsgn = nullptr;  // plain bits, followed by ones
    std::size_t magsgn_count = 0;
    std::uint8_t* vlc = nullptr;  // plain bits, followed by zeroes
    std::size_t vlc_count = 0;
    std::size_t suffix_size = 0;  // Scup
    HtRow* row = nullptr;
    void* spare_row = nullptr;  // takes a row of coefficients below the block
    void* samples = nullptr;    // of a row of quads, in the order of 7.3.1: 2 x magnitude + sign
    void* bottom = nullptr;     // of the row above, the lower samples, less 2 where
                                // they are not 0
    std::uint32_t quads = 0;    // in a row
};

inline constexpr std::size_t ht_margin = HtRow::margin;
std::size_t ht_scratch_size(const HtBlock& block);

// Checks the segment's lengths and takes out what is stuffed. False where they cannot be.
bool start_ht(const HtBlock& block, void* memory, HtScratch& scratch);

// Significance propagation and magnitude refinement (7.4, 7.5) of a block whose cleanup pass has been decoded, as
// `half`. `memory`: ht_refinement_size bytes.
void refine_ht_block(const HtBlock& block, std::int32_t* coefficients, std::size_t stride, void* memory);
void refine_ht_block(const HtBlock& block, std::int64_t* coefficients, std::size_t stride, void* memory);
std::size_t ht_refinement_size(const HtBlock& block);

// Bytes that a sample of a block takes while it is decoded.
inline std::size_t ht_sample_size(const HtBlock& block) {
    return block.most_exponent() <= 15 ? 2 : block.most_exponent() <= 31 ? 4 : 8;
}

// Whether one loop can decode both: their samples take the same memory.
inline bool are_ht_alike(const HtBlock& a, const HtBlock& b) { return ht_sample_size(a) == ht_sample_size(b); }

// Whether MEL and VLC have read more than the bytes that they share: they meet in one byte at most.
bool is_ht_overread(const HtScratch& scratch, std::size_t vlc_read, std::size_t magsgn_read);

// What a codeword says (Annex C), by its context x 128 + the next seven bits. Bits 0 to 2: its length; 3: u_off; 4 to
// 7: rho; 8 to 11: e_k; 12 to 15: e_1. From bit 16: what the quad adds to the context of the next one, x 128.
using HtCodes = std::array<std::uint32_t, 1024>;
extern const HtCodes ht_first_row;
extern const HtCodes ht_other_rows;

// The prefixes of u of two quads (7.3.6), by the next six bits and, from bit 6, u_off of the first and of the second
// and, in the first row, the MEL symbol. Bits 0 to 4: the length of prefixes and suffixes; 5 to 7: of the prefixes; 8
// to 10 and 11 to 13: of each suffix; 16 to 19 and 20 to 23: what the suffixes are added to.
using HtResiduals = std::array<std::uint32_t, 512>;
extern const HtResiduals ht_residuals_first_row;
extern const HtResiduals ht_residuals_other_rows;

// The loops, one table for each instruction set. Every table gives the same bits.
struct HtKernels {
    // False where the data are damaged; what was decoded before is there.
    bool (*decode_cleanup)(const HtBlock& block, HtScratch& scratch, const HtTarget& target);
    // Of two blocks that are alike (are_ht_alike) at the same time, which takes less.
    void (*decode_two_cleanups)(const HtBlock* const blocks[2], HtScratch* const scratches[2],
                                const HtTarget* const targets[2], bool are_right[2]);
};

const HtKernels& ht_kernels(Isa isa);

}  // namespace dcmturbo
