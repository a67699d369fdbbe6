// Packets, written (ISO/IEC 15444-1, B.9 and B.10): the mirror of PacketReader.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bits/zero_bit_writer.h"
#include "codecs/jpeg2000/tiles/coded_block.h"
#include "codecs/jpeg2000/tiles/codestream_pieces.h"
#include "codecs/jpeg2000/tiles/progression.h"
#include "codecs/jpeg2000/tiles/tag_tree_writer.h"

namespace dcmturbo::jpeg2000 {

// The bits of a packet header.
using HeaderBitWriter = ZeroBitWriter<std::vector<std::uint8_t>&>;

// The code-blocks of a precinct in one sub-band, to be written.
struct PrecinctBandOut {
    Rectangle grid;
    CodedBlock* blocks = nullptr;
    TagTreeWriter inclusion;
    TagTreeWriter missing_planes;
};

// Writes the packets of one tile in the order of a PacketSequence.
class PacketWriter {
  public:
    // bands[i] belongs to the i-th (component, resolution, precinct, band), in this order of loops.
    PacketWriter(Tile& tile, std::span<PrecinctBandOut> bands, bool has_sop, bool has_eph);

    // Gives the tag trees their values; once all blocks are coded and each layer has its passes.
    void prepare(Arena& arena);

    // Appends a packet.
    void write(const PacketSequence::Place& place, CodestreamPieces& to);

    // Of each packet so far: its bytes.
    [[nodiscard]] std::span<const std::uint32_t> lengths() const { return lengths_; }

  private:
    void write_block(HeaderBitWriter& bits, PrecinctBandOut& band, std::uint32_t x, std::uint32_t y, CodedBlock& block,
                     std::uint16_t layer);

    Tile& tile_;
    std::span<PrecinctBandOut> bands_;
    std::vector<std::vector<std::size_t>> first_band_;  // by component, then resolution
    bool has_sop_, has_eph_;
    std::vector<std::uint32_t> lengths_;
};

}  // namespace dcmturbo::jpeg2000
