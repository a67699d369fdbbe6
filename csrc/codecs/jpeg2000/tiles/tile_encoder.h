// One tile, encoded: its wavelet transform, its code-blocks and its packets.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/context.h"
#include "codecs/jpeg2000/blocks/mq_block_encoder.h"
#include "codecs/jpeg2000/codestream/header_writer.h"
#include "codecs/jpeg2000/rate/size_model.h"
#include "codecs/jpeg2000/tiles/coded_block.h"
#include "codecs/jpeg2000/tiles/packet_writer.h"
#include "codecs/jpeg2000/wavelet/analysis.h"
#include "image/pixel_reader.h"

namespace dcmturbo::jpeg2000 {

class TileEncoder {
  public:
    static constexpr std::size_t max_slots = 8;

    TileEncoder(const CodestreamPlan& plan, std::size_t index, Context& context);

    // Transforms the tile's samples into the coefficients of its sub-bands.
    void analyse(const PixelReader& rows);

    // Instead: takes the coefficients of a tile that has been decoded and is divided into the same sub-bands. They must
    // outlive this object. False where they are held in another way.
    bool take_over(std::span<const TileComponent> decoded);

    // What a block's coding is to leave out, and to find out.
    struct BlockPolicy {
        bool needs_truncation = false;  // ends and distortions of passes
        double finest = 0;              // reversible: what counts less than this in the image need not be coded
    };
    void code_blocks(const BlockPolicy& policy);

    // Codes some of blocks() only; the caller gives the others their bytes.
    void code_blocks_at(std::span<const std::size_t> numbers);

    // Codes every `step`-th block only, to find out how large it becomes: adds its bytes, and tells a model about it.
    void sample_blocks(const BlockPolicy& policy, std::size_t step, SizeModel& model, std::uint64_t& bytes);

    // Takes over quantisation steps that the plan has changed.
    void requantise();

    // Tells a model how large the coefficients are. Of a large sub-band it sees every `row_step`-th row of a block.
    void describe(SizeModel& model, unsigned row_step) const { describe_every(1, row_step, model); }

    // The squared error that quantisation makes, as it counts in the image. 0 for a reversible transform.
    [[nodiscard]] double quantisation_error() const;

    // By what a unit of distortion of a block counts in the image.
    [[nodiscard]] double weight_of(const CodedBlock& block) const;

    // Appends the packets; as often as blocks have been cut anew. The bytes of blocks stay in the arena.
    void write_packets(CodestreamPieces& to, std::vector<std::uint32_t>& lengths);

    // Appends the header of the tile's only tile-part to what `headers` writes. Returns the packets that follow it.
    CodestreamPieces write_tile_part(HeaderWriter& headers);

    // Codes all blocks whole, and appends the only tile-part of the tile to the codestream that `headers` writes.
    void code_onto(std::vector<std::uint8_t>& codestream, HeaderWriter& headers);

    [[nodiscard]] std::span<CodedBlock> blocks() { return blocks_; }

  private:
    void describe_every(std::size_t step, unsigned row_step, SizeModel& model) const;
    [[nodiscard]] double gain_of(const CodedBlock& block) const;
    [[nodiscard]] std::size_t kind_of(const CodedBlock& block) const;
    const float* row_of(const CodedBlock& block, std::uint32_t y, float* scratch) const;
    void allocate_bands();
    void list_blocks();
    [[nodiscard]] std::vector<std::size_t> largest_first(std::size_t step) const;
    template <typename T>
    void analyse_as(const PixelReader& rows);
    template <typename T>
    typename Analysis<T>::Bands image_memory(const TileComponent& component, std::size_t r);
    template <typename T>
    void analyse_top(const PixelReader& rows, std::span<const typename Analysis<T>::Bands> images);
    template <typename T>
    void analyse_below(const TileComponent& component, typename Analysis<T>::Bands image);
    class Blocks;

    const CodestreamPlan& plan_;
    std::size_t index_;
    Context& context_;
    Tile tile_;
    std::vector<PrecinctBandOut> bands_;
    std::vector<CodedBlock> blocks_;
};

}  // namespace dcmturbo::jpeg2000
