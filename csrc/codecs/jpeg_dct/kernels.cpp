#include "codecs/jpeg_dct/kernels.h"

#include <cstring>
#include <utility>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/endian.h"

// GCC's AVX-512 intrinsics pass an uninitialised vector where they need none.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

namespace dcmturbo::jpeg_dct {

namespace {

constexpr std::array<std::uint8_t, most_positions> places = zigzag_places();

}  // namespace

#define DCMTURBO_KERNELS "codecs/jpeg_dct/kernels.inl"
#include "cpu/each_isa.h"

const DctKernels& dct_kernels(Isa isa) { return table_of(isa); }

}  // namespace dcmturbo::jpeg_dct
