// Detects what an interrupted copy leaves if the file already had its full length: zeros up to the end.
#pragma once

#include "base/fragments.h"

namespace dcmturbo {

// Returns true if more than half of the bytes, up to the last, are zeros, but not all. Black parts of an image look the
// same, so this is a reason for a warning, not for an error. If the answer is no, it usually takes only a few reads.
// Data of less than 512 bytes (a sector) are not checked.
bool has_zero_tail(Bytes data);

}  // namespace dcmturbo
