#include "codecs/jpeg_dct/kernels.h"

#include <algorithm>
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

// Stands for the tables of a block after the last one: every look-up finds nothing.
constexpr CoefficientTable no_table = [] {
    CoefficientTable table{};
    table.entries.fill(CoefficientEntry::not_found(0, 0));
    return table;
}();

}  // namespace

#define DCMTURBO_KERNELS "codecs/jpeg_dct/kernels.inl"
#include "cpu/each_isa.h"

const DctKernels& dct_kernels(Isa isa) { return table_of(isa); }

}  // namespace dcmturbo::jpeg_dct
