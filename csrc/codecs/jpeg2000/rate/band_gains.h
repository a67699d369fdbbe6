// By how much an error in a sub-band's coefficients counts in the image (ISO/IEC 15444-1, J.14.4.1 gives the idea).
#pragma once

#include "codecs/jpeg2000/blocks/code_block.h"

namespace dcmturbo::jpeg2000 {

// The L2 norm of what one coefficient of a sub-band, of value 1, becomes in the image. `level`: 1 for the sub-bands of
// the highest resolution.
double band_gain(Orientation orientation, unsigned level, bool reversible);

}  // namespace dcmturbo::jpeg2000
