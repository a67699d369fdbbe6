// The parts of a tile: components, resolutions, sub-bands, precincts and code-blocks (ISO/IEC 15444-1, B.3 to B.7).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/arena.h"
#include "codecs/jpeg2000/blocks/code_block.h"
#include "codecs/jpeg2000/codestream/parameters.h"
#include "codecs/jpeg2000/tiles/tag_tree.h"

namespace dcmturbo::jpeg2000 {

struct Rectangle {
    std::uint32_t x0 = 0, y0 = 0, x1 = 0, y1 = 0;

    [[nodiscard]] std::uint32_t width() const { return x1 > x0 ? x1 - x0 : 0; }
    [[nodiscard]] std::uint32_t height() const { return y1 > y0 ? y1 - y0 : 0; }
    [[nodiscard]] bool is_empty() const { return x1 <= x0 || y1 <= y0; }
};

// What one packet adds to a code-block.
struct Contribution {
    const std::uint8_t* data = nullptr;
    std::uint32_t size = 0;
    std::uint16_t passes = 0;
    bool starts_segment = false;
    Contribution* next = nullptr;
};

// A code-block as its packets leave it.
struct BlockState {
    Contribution* first = nullptr;
    Contribution* last = nullptr;
    std::uint16_t passes = 0;        // so far, in packet headers
    std::uint16_t segment_left = 0;  // passes that the last codeword segment still takes
    std::uint8_t missing_planes = 0;
    std::uint8_t length_bits = 3;  // Lblock (B.10.7.1)
    bool is_included = false;
    BlockCoder coder = BlockCoder::arithmetic;
    bool is_empty_set = false;  // the last HT set has no data
};

// The code-blocks of a precinct in one sub-band.
struct PrecinctBand {
    Rectangle grid;  // block numbers
    BlockState* blocks = nullptr;
    TagTree inclusion;
    TagTree missing_planes;
};

struct Precinct {
    std::uint16_t layers = 0;        // packets so far
    std::uint16_t whole_layers = 0;  // of those, before the zeros that a cut copy was filled with
    PrecinctBand* bands = nullptr;   // made by the first packet that is not empty
};

struct SparseBand;  // coefficients.h
class BandStream;

struct Band {
    Rectangle area;
    Rectangle wanted;  // the part that the wavelet takes: all of it, unless a window is decoded (window.h)
    Rectangle held;    // the code-blocks of that part, for which there is memory
    Orientation orientation = Orientation::ll;
    std::uint8_t bit_planes = 0;  // M_b (E-2), and those of the region of interest
    float step = 1;               // Delta_b (E-3)
    std::byte* coefficients = nullptr;
    std::size_t stride = 0;              // 0: all are zeroes, and `coefficients` is a row of them
    const SparseBand* sparse = nullptr;  // where few blocks have data; there are no `coefficients` then
    // Where blocks are decoded when their rows are asked for: a stream for each part of the image (TileDecoder::Part).
    BandStream* const* streams = nullptr;
    // So many rows are held of each stream, a power of two; `coefficients` has those of one part behind another's.
    std::uint32_t ring_rows = 0;
    // With one to spare: vectors read beyond the last row, which must not be where another part writes.
    [[nodiscard]] std::uint32_t rows_of_ring() const { return ring_rows + 1; }
};

struct Resolution {
    Rectangle area;
    Rectangle wanted;  // the part that is asked for: all of it, unless a window is decoded
    Rectangle reach;   // and what the wavelet needs around it
    std::uint8_t precinct_width_exponent = 15;
    std::uint8_t precinct_height_exponent = 15;
    std::uint8_t band_count = 0;
    std::array<Band, 3> bands;
    std::uint32_t precincts_wide = 0;
    std::uint32_t precincts_high = 0;
    Precinct* precincts = nullptr;

    [[nodiscard]] std::uint64_t precinct_count() const { return std::uint64_t{precincts_wide} * precincts_high; }
};

struct TileComponent {
    Rectangle area;
    const ComponentParameters* parameters = nullptr;
    Arithmetic arithmetic = Arithmetic::integer;
    std::span<Resolution> resolutions;

    [[nodiscard]] unsigned levels() const { return parameters->coding.levels; }
    [[nodiscard]] std::uint8_t block_width_exponent(const Resolution& resolution) const;
    [[nodiscard]] std::uint8_t block_height_exponent(const Resolution& resolution) const;
};

struct Tile {
    Rectangle area;  // on the reference grid
    const Parameters* parameters = nullptr;
    std::span<TileComponent> components;
};

// Elements from row to row where coefficients or samples are held, so that rows begin with a vector.
constexpr std::size_t padded(std::uint32_t width) { return (std::size_t{width} + 15) & ~std::size_t{15}; }

// B.3: the area of tile `index`.
Rectangle tile_area(const Size& size, std::size_t index);

// (B-12), (B-14): an area on a grid that is coarser by `step`, and by 2^shift.
Rectangle divide(const Rectangle& area, std::uint32_t horizontal_step, std::uint32_t vertical_step);
Rectangle halve(const Rectangle& area, unsigned shift);

// Lays a tile out, without any memory for precincts.
void build_tile(Tile& tile, std::span<const ComponentSize> components, Arena& arena);

// Gives the sub-bands other quantisation steps, which its parameters have now.
void requantise(Tile& tile, std::span<const ComponentSize> components);

// Gives each resolution its precincts, as yet without blocks.
void allocate_precincts(Tile& tile, Arena& arena);

// The part of a band that a precinct covers, and its grid of blocks.
Rectangle precinct_area(const Resolution& resolution, const Band& band, std::size_t precinct);
Rectangle block_grid(const TileComponent& component, const Resolution& resolution, const Rectangle& area);

// The block of number (x, y) within the part of a band that its precinct covers.
Rectangle block_area(const TileComponent& component, const Resolution& resolution, const Rectangle& precinct,
                     std::uint32_t x, std::uint32_t y);

// How many blocks a precinct has.
std::uint64_t block_count(const TileComponent& component, const Resolution& resolution, std::size_t precinct);

// Gives a precinct its blocks.
void allocate_blocks(const TileComponent& component, const Resolution& resolution, std::size_t precinct, Arena& arena);

}  // namespace dcmturbo::jpeg2000
