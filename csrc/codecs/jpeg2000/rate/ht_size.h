// How many bytes the code-blocks of HTJ2K take, from coding some of their rows (ISO/IEC 15444-15, clause 7.3).
#pragma once

#include <span>

#include "base/arena.h"
#include "codecs/jpeg2000/tiles/coded_block.h"
#include "cpu/features.h"

namespace dcmturbo::jpeg2000 {

// Codes every `every`-th row of quads of the large sub-bands, and more of the small ones, at the steps that the
// sub-bands now have. `every` is odd: so the rows lie differently in blocks whose heights are even. The coefficients
// are real numbers.
double estimate_ht_bytes(std::span<const CodedBlock> blocks, unsigned every, Isa isa, Arena& arena);

}  // namespace dcmturbo::jpeg2000
