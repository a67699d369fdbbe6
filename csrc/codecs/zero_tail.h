// What a copy that broke off leaves where the file had its full length already: zeroes up to the end.
#pragma once

#include "base/fragments.h"

namespace dcmturbo {

// Whether more than half of the bytes, up to the last, are zeroes, though not all of them are. Black parts of an image
// look the same, so this is a reason to warn, not to refuse. It costs a few reads where the answer is no. Data of less
// than 512 bytes, a sector, are not looked at.
bool has_zero_tail(Bytes data);

}  // namespace dcmturbo
