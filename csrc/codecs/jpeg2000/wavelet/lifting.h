// Constants of the wavelets of JPEG 2000.
#pragma once

#include <cstddef>

namespace dcmturbo::jpeg2000 {

// ISO/IEC 15444-1, Table F.4, in double precision and in single precision.
inline constexpr double wide_alpha = -1.586134342059924;
inline constexpr double wide_beta = -0.052980118572961;
inline constexpr double wide_gamma = 0.882911075530934;
inline constexpr double wide_delta = 0.443506852043971;
inline constexpr double wide_k = 1.230174104914001;
inline constexpr float wavelet_alpha = wide_alpha;
inline constexpr float wavelet_beta = wide_beta;
inline constexpr float wavelet_gamma = wide_gamma;
inline constexpr float wavelet_delta = wide_delta;
inline constexpr float wavelet_k = wide_k;

// Elements that each half of a row of `count` takes in scratch memory, extension included.
constexpr std::size_t wavelet_scratch(std::size_t count) { return count / 2 + 48; }

}  // namespace dcmturbo::jpeg2000
