// The coding passes of a code-block, written (ISO/IEC 15444-1, Annex D): which decisions a pass makes, in order, and
// with which contexts. The loops are in encode_passes.inl.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "codecs/jpeg2000/blocks/block_layout.h"
#include "codecs/jpeg2000/blocks/block_passes.h"
#include "cpu/features.h"
#include "entropy/mq_encode.h"

namespace dcmturbo::jpeg2000 {

struct BlockToEncode : BlockLayout {
    // Of a word a side more than `words`, and a stripe more above and below; all 0 at first.
    std::uint64_t* significant = nullptr;
    std::uint64_t* negative = nullptr;
    std::uint64_t* visited = nullptr;  // by the significance propagation pass of this plane
    std::uint64_t* refined = nullptr;  // once at least
    // The bits of the magnitudes, plane after plane, without margins.
    std::uint64_t* planes = nullptr;

    std::uint64_t* changed = nullptr;  // what the last pass made significant, or refined; as a plane

    const Decision* zero_coding = nullptr;  // decisions of 0 by the neighbours' bits (Neighbour)

    // The most decisions that a pass can make, ten a column of four, and what vectors write behind the last of them.
    [[nodiscard]] std::size_t most_decisions() const { return 64 * words * stripes * 3 + 64; }
};

// Bits of the index of tables that give a decision of 0: which neighbours are significant; and for signs, which of the
// first four are negative, four bits higher.
enum Neighbour : unsigned { left, right, above, below, above_left, above_right, below_left, below_right };

using NeighbourTable = std::array<Decision, 256>;
extern const NeighbourTable encode_zero_coding_lh;
extern const NeighbourTable encode_zero_coding_hl;
extern const NeighbourTable encode_zero_coding_hh;
// Of a positive sign, with the XOR bit (Tables D.2 and D.3).
extern const NeighbourTable encode_sign_coding;

// The loops, one table for each instruction set. Every table gives the same bits.
struct EncodePassKernels {
    // The magnitudes of all coefficients, or-ed.
    std::uint32_t (*block_magnitude)(const std::int32_t* from, std::size_t stride, std::size_t width,
                                     std::size_t height);
    std::uint64_t (*block_magnitude_wide)(const std::int64_t* from, std::size_t stride, std::size_t width,
                                          std::size_t height);
    // Takes coefficients, in two's complement, apart into bitmaps of signs and of the lowest `planes` planes.
    void (*split_block)(const std::int32_t* from, std::size_t stride, std::size_t width, std::size_t height,
                        unsigned planes, BlockToEncode& block);
    void (*split_block_wide)(const std::int64_t* from, std::size_t stride, std::size_t width, std::size_t height,
                             unsigned planes, BlockToEncode& block);
    // List the decisions of a pass, and return the end of the list. Those of a raw pass have no context (D.6).
    Decision* (*list_propagation)(BlockToEncode& block, unsigned plane, bool is_raw, Decision* to);
    Decision* (*list_refinement)(BlockToEncode& block, unsigned plane, bool is_raw, Decision* to);
    Decision* (*list_clean_up)(BlockToEncode& block, unsigned plane, bool has_segmentation_symbols, Decision* to);
    // By how much the last pass lowered the squared error, in units of the squared step of its plane. `is_exact`:
    // nothing lies below plane 0.
    double (*measure_pass)(const BlockToEncode& block, unsigned plane, bool is_refinement, bool is_exact);
};

const EncodePassKernels& encode_pass_kernels(Isa isa);

}  // namespace dcmturbo::jpeg2000
