// Constants of the wavelets of JPEG 2000.
#pragma once

#include <cstddef>

namespace dcmturbo::jpeg2000 {

// ISO/IEC 15444-1, Table F.4.
inline constexpr float wavelet_alpha = -1.586134342059924F;
inline constexpr float wavelet_beta = -0.052980118572961F;
inline constexpr float wavelet_gamma = 0.882911075530934F;
inline constexpr float wavelet_delta = 0.443506852043971F;
inline constexpr float wavelet_k = 1.230174104914001F;

// Elements that each half of a row of `count` takes in scratch memory, extension included.
constexpr std::size_t wavelet_scratch(std::size_t count) { return count / 2 + 48; }

}  // namespace dcmturbo::jpeg2000
