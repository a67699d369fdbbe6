// Code-blocks of HTJ2K (ISO/IEC 15444-15): from the segments that the packets gave to coefficients.
#pragma once

#include "codecs/jpeg2000/blocks/code_block.h"
#include "entropy/ht_block.h"

namespace dcmturbo::jpeg2000 {

// Decodes the last HT set that has data (15444-15, 7.2); without one, all coefficients are 0. `target.scale` is that of
// the lowest bit-plane.
BlockOutcome decode_ht_block(const CodeBlock& block, const HtTarget& target, Isa isa, Arena& arena);

// Two blocks, at the same time where they are alike.
void decode_two_ht_blocks(const CodeBlock (&blocks)[2], const HtTarget (&targets)[2], Isa isa, Arena& arena,
                          BlockOutcome (&outcomes)[2]);

}  // namespace dcmturbo::jpeg2000
