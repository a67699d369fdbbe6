// Rows of reconstructed samples: the component transform, and what makes cells of them (ISO/IEC 15444-1, Annex G).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "codecs/jpeg2000/blocks/code_block.h"
#include "codecs/jpeg2000/codestream/codestream.h"
#include "codecs/jpeg2000/wavelet/kernels.h"
#include "image/sample_row.h"

namespace dcmturbo::jpeg2000 {

// Undoes the component transform on the first three of `rows`, which are of the same arithmetic.
void inverse_component_transform(Arithmetic arithmetic, std::span<void* const> rows, std::size_t count,
                                 const WaveletKernels& kernels);

// With the level shift of the component (G.1.2). Storing it overwrites `row`.
SampleRow sample_row(Arithmetic arithmetic, void* row, std::uint32_t count, const ComponentSize& component);

}  // namespace dcmturbo::jpeg2000
