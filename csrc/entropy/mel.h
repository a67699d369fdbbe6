// The states of the MEL code, which runs of HTJ2K are coded with (ISO/IEC 15444-15, 7.3.3).
#pragma once

#include <cstdint>

namespace dcmturbo {

// Table 2: in state i a full run is 2 to the power of this long.
inline constexpr std::uint8_t mel_exponents[13] = {0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5};

}  // namespace dcmturbo
