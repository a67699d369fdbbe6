// Which of many byte strings occur in data, in one pass.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/fragments.h"

namespace dcmturbo {

// Says of each pattern whether it occurs in the data. ASCII letters of the data count as small ones; those of the
// patterns must be small. Throws DecodeError(argument) for a pattern of less than two bytes.
std::vector<bool> find_patterns(Bytes data, std::span<const Bytes> patterns);

}  // namespace dcmturbo
