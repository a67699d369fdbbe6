// A code-block: what the packets gave it, and its coefficients (ISO/IEC 15444-1, Annex D).
#pragma once

#include <cstdint>
#include <span>

#include "base/arena.h"
#include "kernels/kernels.h"

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

struct CodeBlock {
    std::uint32_t width = 0;  // at most 1024; width x height at most 4096
    std::uint32_t height = 0;
    Orientation orientation = Orientation::ll;
    std::uint8_t style = 0;
    std::uint8_t bit_planes = 0;   // magnitude bit-planes that are coded: M_b less those that are missing (B.10.5)
    std::uint8_t band_planes = 0;  // M_b
    std::span<const CodewordSegment> segments;
};

// What became of a block. Segmentation symbols that are wrong are damage, and so is a marker in a segment. Other damage
// cannot be told from what a coder may write: passes of a test pattern have been seen to hold 50 zero bytes in a row.
struct BlockOutcome {
    bool is_damaged = false;
};

// Decodes a block into coefficients with one fractional bit: magnitude x 2, plus the half of the last bit-plane that
// was decoded where a coefficient is not 0 (E.1.1.2, r = 1/2), with its sign, as two's complement. `to` has rows of
// `stride` coefficients and need not be zeroed. Up to max_narrow_bit_planes; more through decode_block_wide.
BlockOutcome decode_block(const CodeBlock& block, std::int32_t* to, std::size_t stride, const Kernels& kernels,
                          Arena& arena);
BlockOutcome decode_block_wide(const CodeBlock& block, std::int64_t* to, std::size_t stride, Arena& arena);

}  // namespace dcmturbo::jpeg2000
