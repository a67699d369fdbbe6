// Code-blocks that are coded bit-plane by bit-plane with the MQ coder (ISO/IEC 15444-1, Annexes C and D).
#pragma once

#include <cstddef>
#include <cstdint>

#include "codecs/jpeg2000/blocks/code_block.h"

namespace dcmturbo::jpeg2000 {

// Decodes a block into coefficients with one fractional bit: magnitude x 2, plus the half of the last bit-plane that
// was decoded where a coefficient is not 0 (E.1.1.2, r = 1/2), with its sign, as two's complement. `to` has rows of
// `stride` coefficients and need not be zeroed. Up to max_narrow_bit_planes; more through decode_mq_block_wide.
BlockOutcome decode_mq_block(const CodeBlock& block, std::int32_t* to, std::size_t stride, Isa isa, Arena& arena);

// Two blocks, at the same time where that takes less.
struct MqTarget {
    std::int32_t* to = nullptr;
    std::size_t stride = 0;
};
void decode_two_mq_blocks(const CodeBlock (&blocks)[2], const MqTarget (&targets)[2], Isa isa, Arena& arena,
                          BlockOutcome (&outcomes)[2]);

BlockOutcome decode_mq_block_wide(const CodeBlock& block, std::int64_t* to, std::size_t stride, Arena& arena);

}  // namespace dcmturbo::jpeg2000
