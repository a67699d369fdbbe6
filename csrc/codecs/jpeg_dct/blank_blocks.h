// Which blocks of a JPEG image must be blank so that boxes of its pixels are, and how far a change of them reaches.
//
// A component with fewer samples than the image is interpolated: decoders compute a pixel from the nearest two samples
// in a row, and in a column. All blocks that have a sample of this kind for a pixel of a box become blank. The change
// then reaches to the last pixel that a decoder may compute from one of their samples.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "codecs/jpeg/headers.h"
#include "codecs/jpeg_dct/image_rows.h"
#include "image/region.h"

namespace dcmturbo::jpeg_dct {

class BlankBlocks {
  public:
    // The boxes are within the image. Appends to `changed`, for each box, the smallest rectangle outside of which it
    // changes no pixel. Throws DecodeError(unsupported) if sampling factors do not divide each other.
    BlankBlocks(const jpeg::FrameHeader& frame, std::span<const Region> boxes, std::vector<Region>& changed);

    [[nodiscard]] bool has(std::size_t component, std::uint64_t row, std::uint64_t column) const {
        const Grid& grid = grids_[component];
        return grid.is_blank[static_cast<std::size_t>(row * grid.columns + column)] != 0;
    }
    // Of a component, with those that fill the last MCUs.
    [[nodiscard]] std::uint32_t rows(std::size_t component) const { return grids_[component].rows; }
    [[nodiscard]] std::uint32_t columns(std::size_t component) const { return grids_[component].columns; }

  private:
    struct Grid {
        std::uint32_t rows = 0;
        std::uint32_t columns = 0;
        std::vector<std::uint8_t> is_blank;
    };
    std::array<Grid, most_components> grids_;
};

}  // namespace dcmturbo::jpeg_dct
