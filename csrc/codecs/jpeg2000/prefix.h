// How much of a codestream its lower resolutions need, where they come first and the lengths of packets are stated.
#pragma once

#include <cstdint>

#include "base/fragments.h"

namespace dcmturbo::jpeg2000 {

// See Codec::prefix_size.
std::uint64_t prefix_size(Bytes prefix, std::uint64_t size, unsigned reduce);

}  // namespace dcmturbo::jpeg2000
