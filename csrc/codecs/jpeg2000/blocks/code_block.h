// A code-block: what the packets gave it, and its coefficients (ISO/IEC 15444-1, Annex D).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/arena.h"
#include "cpu/features.h"

namespace dcmturbo::jpeg2000 {

// Of the sub-band; decides the contexts of zero coding (Table D.1). LL has those of LH.
enum class Orientation : std::uint8_t { ll, hl, lh, hh };

// Code-block style, Table A.19.
enum CodeBlockStyle : std::uint8_t {
    style_bypass = 1,
    style_reset_contexts = 2,
    style_terminate_all = 4,
    style_vertically_causal = 8,
    style_predictable_termination = 16,
    style_segmentation_symbols = 32,
    style_high_throughput = 64,  // 15444-15, Table A.5: blocks are coded as there
    style_mixed = 128,           // each as there or as in 15444-1
};

// A terminated run of coding passes (D.4). The bytes are readable 16 past the end.
struct CodewordSegment {
    const std::uint8_t* data = nullptr;
    std::uint32_t size = 0;
    std::uint32_t passes = 0;
};

// What a coefficient holds beside a fractional bit and a sign: in 32 bits, and in 64.
inline constexpr unsigned max_narrow_bit_planes = 30;
inline constexpr unsigned max_bit_planes = 62;

// What a code-block is coded with. Where HT blocks may occur, the first packets may hold nothing but placeholder
// passes.
enum class BlockCoder : std::uint8_t { arithmetic, not_yet_known, high_throughput };

struct CodeBlock {
    std::uint32_t width = 0;  // at most 1024; width x height at most 4096
    std::uint32_t height = 0;
    Orientation orientation = Orientation::ll;
    std::uint8_t style = 0;
    std::uint8_t bit_planes = 0;   // magnitude bit-planes that are coded: M_b less those that are missing (B.10.5)
    std::uint8_t band_planes = 0;  // M_b
    BlockCoder coder = BlockCoder::arithmetic;
    std::span<const CodewordSegment> segments;
};

// The result of a block. Wrong segmentation symbols are damage, and so is a marker in a segment. Other damage cannot be
// distinguished from what an encoder may write: passes of a test pattern had 50 zero bytes in a row.
struct BlockOutcome {
    bool is_damaged = false;
};

// How the coefficients, and afterwards the samples, of a tile-component are held: as integers in 32 bits or in 64, in
// single precision or in double.
enum class Arithmetic : std::uint8_t { integer, wide, real, wide_real };

constexpr bool is_wide(Arithmetic arithmetic) {
    return arithmetic == Arithmetic::wide || arithmetic == Arithmetic::wide_real;
}
constexpr std::size_t element_size(Arithmetic arithmetic) { return is_wide(arithmetic) ? 8 : 4; }

// Where the coefficients of a block go, and in what form.
struct BlockOutput {
    std::byte* to = nullptr;
    std::size_t stride = 0;  // from row to row, in coefficients
    Arithmetic arithmetic = Arithmetic::integer;
    float step = 1;          // of real coefficients: Delta_b (E-3)
    unsigned roi_shift = 0;  // by which a region of interest stands above the background (H.1)
};

// Decodes a block into dequantised coefficients (E.1), by the decoder of its coder. `output` need not be zeroed. With
// damage, the coefficients are what was decoded before it.
BlockOutcome decode_block(const CodeBlock& block, const BlockOutput& output, Isa isa, Arena& arena);

// Two blocks, at the same time where that takes less.
void decode_two_blocks(const CodeBlock (&blocks)[2], const BlockOutput (&outputs)[2], Isa isa, Arena& arena,
                       BlockOutcome (&outcomes)[2]);

}  // namespace dcmturbo::jpeg2000
