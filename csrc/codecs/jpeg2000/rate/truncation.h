// Where code-blocks are cut off so that a codestream of a given size has the least error (ISO/IEC 15444-1, J.14).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/arena.h"
#include "codecs/jpeg2000/tiles/coded_block.h"

namespace dcmturbo::jpeg2000 {

// Of each block, the places worth cutting at are those on the convex hull of error over size. All of them, of all
// blocks, are taken in the order of what a byte brings, until there are no bytes left.
class Truncation {
  public:
    // A block whose passes have ends and distortions. `weight`: what a unit of its distortion counts in the image.
    void add(CodedBlock& block, double weight);

    // Once all blocks are added.
    void sort();

    // Puts as many bytes into the layers up to the last of `layers`. `budgets` rise; the last but one may be fewer than
    // the blocks can use. Each block gets its passes of each layer; with
    // `is_whole` the last layer takes all that are left, also those that bring nothing. Returns
    // how many bytes all blocks keep.
    std::uint64_t cut(std::span<const std::uint64_t> budgets, bool is_whole, Arena& arena);

    // The bytes of blocks that lower the squared error by so much, or all.
    [[nodiscard]] std::uint64_t bytes_for(double distortion) const;
    [[nodiscard]] std::uint64_t all_bytes() const { return all_bytes_; }
    [[nodiscard]] double all_distortion() const { return all_distortion_; }

  private:
    struct Step {
        double slope;
        double distortion;
        std::uint32_t block;
        std::uint32_t bytes;
        std::uint16_t passes;  // of the block, with this step
    };

    std::vector<CodedBlock*> blocks_;
    std::vector<Step> steps_;
    std::uint64_t all_bytes_ = 0;
    double all_distortion_ = 0;
};

}  // namespace dcmturbo::jpeg2000
