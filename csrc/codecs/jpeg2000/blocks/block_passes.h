// The coding passes of a code-block (ISO/IEC 15444-1, Annex D): what they share. The loops are in block_passes.inl.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "codecs/jpeg2000/blocks/block_layout.h"
#include "cpu/features.h"
#include "entropy/mq.h"

namespace dcmturbo::jpeg2000 {

// Contexts, Table D.7.
inline constexpr std::size_t first_refinement_context = 14;
inline constexpr std::size_t run_length_context = 17;
inline constexpr std::size_t uniform_context = 18;
inline constexpr std::size_t block_contexts = 19;

enum class BlockPass : std::uint8_t { significance_propagation, magnitude_refinement, clean_up };

// What the contexts of a stripe's column need of its neighbourhood: three bits for each of six rows, from the one above
// the stripe to the one below: left, own, right. Two words, because a symbol may need the one while the sign for the
// other is still being decoded.
struct ColumnFlags {
    std::uint32_t significant;
    std::uint32_t negative;  // and significant; of neighbours that share a side only
};

struct BlockPasses : BlockLayout {
    bool has_segmentation_symbols = false;
    bool is_damaged = false;       // a segmentation symbol was not 1010
    unsigned plane = 0;            // the bit-plane that is decoded, or was last
    unsigned most_planes = 0;      // of the block
    bool is_last_partial = false;  // of the plane, nothing but significance propagation has been decoded

    // Of a word a side more than `words`, and a stripe more above and below; all 0 at first.
    std::uint64_t* significant = nullptr;
    std::uint64_t* visited = nullptr;  // by the significance propagation pass of this plane
    std::uint64_t* refined = nullptr;  // once at least
    ColumnFlags* flags = nullptr;      // 16 x words, and a column more on each side
    // Without margins: the signs, and the bits of the magnitudes, plane after plane; all 0 at first.
    std::uint64_t* negative = nullptr;
    std::uint64_t* planes = nullptr;

    std::uint8_t* decisions = nullptr;  // of a refinement pass: a byte for each coefficient, and 8 more

    const std::uint8_t* zero_coding = nullptr;  // contexts by nine bits of a flags word
    MqState contexts[block_contexts] = {};
    MqDecoder mq{};
    RawDecoder raw{};

    [[nodiscard]] std::size_t flags_pitch() const { return words * 16 + 2; }
};

// Sign coding (Tables D.2 and D.3) by bits 1, 3, 5, 7 (above, left, right, below): significant; and 0, 2, 4, 6:
// negative. Bit 7 of the entry is the XOR bit, the rest the context.
extern const std::array<std::uint8_t, 256> sign_coding;

// Zero coding, Table D.1: of LL and LH, of HL, of HH. Bits 0 to 8 of the index: above left, above, above right, left,
// itself, right, below left, below, below right.
using ZeroCoding = std::array<std::uint8_t, 512>;
extern const ZeroCoding zero_coding_lh;
extern const ZeroCoding zero_coding_hl;
extern const ZeroCoding zero_coding_hh;

void reset_contexts(MqState* contexts);  // Table D.7

// The pass that comes index-th: the first bit-plane has a cleanup pass only (D.3).
constexpr BlockPass pass_at(std::size_t index) { return static_cast<BlockPass>((index + 2) % 3); }

// Whether selective arithmetic coding bypass leaves a pass raw (Table D.9). The first ten never are.
inline constexpr std::size_t arithmetic_passes = 10;
constexpr bool is_raw_pass(bool bypasses, std::size_t index) {
    return bypasses && index >= arithmetic_passes && pass_at(index) != BlockPass::clean_up;
}

// The loops, one table for each instruction set. Every table gives the same bits.
struct BlockPassKernels {
    void (*decode_block_pass)(BlockPasses& block, BlockPass pass, bool is_raw);
    // The refinement passes of two blocks, arithmetically coded.
    void (*refine_two_blocks)(BlockPasses& first, BlockPasses& second);
    // The coefficients, signed and with one fractional bit.
    void (*store_block)(const BlockPasses& block, std::size_t width, std::size_t height, std::int32_t* to,
                        std::size_t stride);
    void (*store_block_wide)(const BlockPasses& block, std::size_t width, std::size_t height, std::int64_t* to,
                             std::size_t stride);
};

const BlockPassKernels& block_pass_kernels(Isa isa);

}  // namespace dcmturbo::jpeg2000
