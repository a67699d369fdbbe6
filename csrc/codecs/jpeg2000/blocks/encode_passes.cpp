// The context tables of the coding passes (ISO/IEC 15444-1, D.3), by the bits that the encoder collects.
#include "codecs/jpeg2000/blocks/encode_passes.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace dcmturbo::jpeg2000 {
namespace {

constexpr bool has(unsigned index, unsigned neighbour) { return (index >> neighbour & 1) != 0; }

// The index of ZeroCoding: bits 0 to 8 from above left to below right, row by row.
NeighbourTable from_grid(const ZeroCoding& grid) {
    NeighbourTable table{};
    for (unsigned i = 0; i < table.size(); ++i) {
        unsigned index = 0;
        constexpr Neighbour order[9] = {above_left, above,      above_right, left,       left,
                                        right,      below_left, below,       below_right};
        for (unsigned k = 0; k < 9; ++k)
            if (k != 4 && has(i, order[k])) index |= 1U << k;
        table[i] = decision_of(grid[index], 0);
    }
    return table;
}

// The index of sign_coding: bits 1, 3, 5, 7 are above, left, right, below; each has its sign one bit lower.
NeighbourTable from_sides(const std::array<std::uint8_t, 256>& sides) {
    NeighbourTable table{};
    for (unsigned i = 0; i < table.size(); ++i) {
        unsigned index = 0;
        constexpr Neighbour order[4] = {above, left, right, below};
        for (unsigned k = 0; k < 4; ++k) {
            if (!has(i, order[k])) continue;
            index |= 2U << (2 * k);
            if (has(i, order[k] + 4)) index |= 1U << (2 * k);
        }
        table[i] = decision_of(sides[index] & 0x7f, sides[index] >> 7);
    }
    return table;
}

}  // namespace

const NeighbourTable encode_zero_coding_lh = from_grid(zero_coding_lh);
const NeighbourTable encode_zero_coding_hl = from_grid(zero_coding_hl);
const NeighbourTable encode_zero_coding_hh = from_grid(zero_coding_hh);
const NeighbourTable encode_sign_coding = from_sides(sign_coding);

#define DCMTURBO_KERNELS "codecs/jpeg2000/blocks/encode_passes.inl"
#include "cpu/each_isa.h"

const EncodePassKernels& encode_pass_kernels(Isa isa) { return table_of(isa); }

}  // namespace dcmturbo::jpeg2000
