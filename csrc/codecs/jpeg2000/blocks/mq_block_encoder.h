// Encodes code-blocks with the MQ coder (ISO/IEC 15444-1, Annex D): the mirror of decode_block.
#pragma once

#include <cstdint>
#include <vector>

#include "base/arena.h"
#include "codecs/jpeg2000/tiles/coded_block.h"
#include "cpu/features.h"

namespace dcmturbo::jpeg2000 {

struct BlockInput {
    const std::int32_t* coefficients = nullptr;  // two's complement
    const std::int64_t* wide = nullptr;          // instead, where 31 bits are too few
    std::size_t stride = 0;
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    Orientation orientation = Orientation::ll;
    std::uint8_t style = 0;
    unsigned lowest_plane = 0;      // planes below it are not coded
    bool is_exact = true;           // the coefficients are all there is: nothing was lost in quantisation
    bool needs_truncation = false;  // end and distortion of every pass, not of the last alone
};

// What became of a block. It keeps its memory from block to block.
struct BlockBytes {
    std::vector<std::uint8_t> bytes;
    std::vector<CodedPass> passes;  // none where all coefficients are zero
    unsigned planes = 0;            // of the block; the others up to M_b are missing
};

// Gives blocks to be encoded, and takes what becomes of them, in any order. The result lasts until the call returns.
class BlockSource {
  public:
    BlockSource() = default;
    BlockSource(const BlockSource&) = delete;
    BlockSource& operator=(const BlockSource&) = delete;
    virtual ~BlockSource() = default;

    // The coefficients are read before the next block is asked for.
    virtual BlockInput block(std::size_t number) = 0;
    virtual void take(std::size_t number, const BlockBytes& bytes) = 0;
};

class MqBlockEncoder {
  public:
    explicit MqBlockEncoder(Isa isa) : isa_(isa) {}

    // Encodes blocks 0 to count - 1 of a source, two at a time.
    void encode(std::size_t count, BlockSource& source);

  private:
    Isa isa_;
};

// With the HT coder (ISO/IEC 15444-15): one cleanup pass for all bit-planes.
void encode_ht_block(const BlockInput& block, Isa isa, Arena& scratch, BlockBytes& to);

}  // namespace dcmturbo::jpeg2000
