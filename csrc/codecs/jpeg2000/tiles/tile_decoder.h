// From code-blocks to rows of samples: dequantisation, regions of interest and the inverse wavelets of a tile-component
// (ISO/IEC 15444-1, Annexes E, F and H).
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/context.h"
#include "codecs/jpeg2000/tiles/tile.h"
#include "codecs/jpeg2000/wavelet/synthesis.h"

namespace dcmturbo::jpeg2000 {

// The rows of a tile-component, in the type of its arithmetic.
class RowSource {
  public:
    RowSource() = default;
    RowSource(const RowSource&) = delete;
    RowSource& operator=(const RowSource&) = delete;
    virtual ~RowSource() = default;
    virtual void start(std::uint32_t first, std::uint32_t end) = 0;
    virtual void* next() = 0;
};

// Decodes some components of a tile whose packets have been read. Memory comes from the context's arena.
class TileDecoder {
  public:
    // `end`: of the frame's bytes, which are readable up to there.
    TileDecoder(std::span<TileComponent> components, unsigned reduce, const std::uint8_t* end, Context& context);
    ~TileDecoder();
    TileDecoder(const TileDecoder&) = delete;
    TileDecoder& operator=(const TileDecoder&) = delete;

    // The coefficients of all sub-bands are wanted afterwards.
    void keep_coefficients() { keeps_coefficients_ = true; }

    // All blocks of the resolutions that are kept. Where that is faster, those of the last resolution are decoded when
    // the wavelet asks for their rows.
    void decode_blocks();

    // Whether some of those that have been decoded are damaged.
    [[nodiscard]] bool is_damaged() const;

    // Rows [first, end) of what is wanted, which one thread restores while others restore other parts.
    struct Part {
        std::uint32_t first, end;
    };
    static constexpr std::uint32_t most_parts = 16;
    // Known when the blocks are decoded. The components are of one size.
    [[nodiscard]] const std::vector<Part>& parts() const { return parts_; }

    // Of one component, for one part; several may be at work at the same time.
    std::unique_ptr<RowSource> rows(std::size_t component, std::size_t part);

  private:
    class Stream;
    struct StreamedBand;
    struct Job {
        const TileComponent* component;
        const Band* band;
        const BlockState* block;
        Rectangle area;
        std::byte* to;  // where its coefficients go
        std::size_t stride;
    };

    void list_blocks(const TileComponent& component, Resolution& resolution);
    void list_blocks_of(const TileComponent& component, const Resolution& resolution, std::size_t band);
    void list_block(const TileComponent& component, const Band& band, const BlockState& block, const Rectangle& area);
    void allocate(const TileComponent& component, const Resolution& resolution, Band& band, std::size_t first_job);
    void allocate_sparse(const TileComponent& component, Band& band, std::span<Job> jobs);
    std::byte* zero_row();
    void zero_holes(const Band& band, std::byte* rows, std::uint64_t first, std::uint64_t end,
                    std::size_t element) const;
    bool decode_jobs(std::span<const Job> jobs, Arena& arena) const;
    void choose_parts();
    [[nodiscard]] bool choose_streamed_parts();
    void allocate_streams(const TileComponent& component, const Resolution& resolution, Band& band,
                          std::size_t first_job);
    [[nodiscard]] bool is_shared(const Resolution& resolution, std::uint64_t first, std::uint64_t end) const;
    CodeBlock block_of(const Job& job, Arena& arena) const;
    std::span<const CodewordSegment> join_segments(const BlockState& block, Arena& arena) const;
    template <typename T>
    std::unique_ptr<RowSource> rows_of(std::size_t component, std::size_t part);
    template <typename T>
    Synthesis<T> synthesis(const Resolution& resolution, Synthesis<T>* lower, Plane<T> below, std::size_t part);
    [[nodiscard]] std::size_t last_resolution(const TileComponent& component) const {
        return component.levels() - reduce_;
    }

    std::span<TileComponent> components_;
    unsigned reduce_;
    const std::uint8_t* end_;
    Context& context_;
    std::vector<Job> jobs_;
    std::vector<Part> parts_;
    bool streams_last_ = false;  // the blocks of the last resolution
    std::vector<std::unique_ptr<StreamedBand>> streamed_;
    SharedArena memory_;  // of the context, for the threads of a team
    std::vector<std::unique_ptr<Arena>> part_arenas_;
    std::vector<std::uint8_t> part_damaged_;  // each is written by the thread of its part
    bool is_damaged_ = false;
    bool keeps_coefficients_ = false;
    std::vector<Rectangle> holes_;  // of the band that is listed: what no code-block gives
    std::uint64_t covered_ = 0;     // and how many samples some block gives
    std::byte* zeroes_ = nullptr;   // a row of them
};

}  // namespace dcmturbo::jpeg2000
