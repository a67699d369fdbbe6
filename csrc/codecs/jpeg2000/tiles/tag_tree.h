// A tag tree (ISO/IEC 15444-1, B.10.2): a quad tree of minima that is coded bit by bit.
#pragma once

#include <cstdint>

#include "base/arena.h"

namespace dcmturbo::jpeg2000 {

// The nodes of a tree, level by level. Those of level 0 are the leaves. A precinct has at most 2^15 blocks a side: 16
// levels.
template <typename Node>
class TagTreeNodes {
  public:
    void allocate(Arena& arena, std::uint32_t width, std::uint32_t height) {
        std::size_t nodes = 0;
        std::uint32_t w = width, h = height;
        for (levels_ = 0;; ++levels_) {
            widths_[levels_] = w;
            starts_[levels_] = static_cast<std::uint32_t>(nodes);
            nodes += std::size_t{w} * h;
            if (w <= 1 && h <= 1) break;
            w = (w + 1) / 2;
            h = (h + 1) / 2;
        }
        nodes_ = arena.allocate_array<Node>(nodes);
        for (std::size_t i = 0; i < nodes; ++i) nodes_[i] = Node{};
    }
    // The level of the root.
    [[nodiscard]] unsigned top() const { return levels_; }
    // The node above leaf (x, y), or the leaf itself.
    [[nodiscard]] Node& at(unsigned level, std::uint32_t x, std::uint32_t y) const {
        return nodes_[starts_[level] + std::size_t{y >> level} * widths_[level] + (x >> level)];
    }

  private:
    Node* nodes_ = nullptr;
    unsigned levels_ = 0;
    std::uint32_t widths_[18] = {};
    std::uint32_t starts_[18] = {};
};

class TagTree {
  public:
    void allocate(Arena& arena, std::uint32_t width, std::uint32_t height) { nodes_.allocate(arena, width, height); }

    // Reads until it is known whether the leaf's value is below `threshold`, and returns that.
    template <typename BitReader>
    bool is_below(BitReader& bits, std::uint32_t x, std::uint32_t y, std::uint16_t threshold) {
        std::uint16_t least = 0;
        for (unsigned level = nodes_.top() + 1; level-- > 0;) {
            Node& node = nodes_.at(level, x, y);
            // A node is at least what its parent is.
            if (node.least < least) node.least = least;
            while (node.least < threshold && !node.is_known) {
                if (bits.bit()) node.is_known = true;
                else ++node.least;
            }
            least = node.least;
            if (level == 0) return node.is_known && node.least < threshold;
        }
        return false;
    }

    // The leaf's value; `limit` where it is not below that.
    template <typename BitReader>
    std::uint16_t value(BitReader& bits, std::uint32_t x, std::uint32_t y, std::uint16_t limit) {
        return is_below(bits, x, y, limit) ? nodes_.at(0, x, y).least : limit;
    }

  private:
    struct Node {
        std::uint16_t least = 0;
        bool is_known = false;
    };
    TagTreeNodes<Node> nodes_;
};

}  // namespace dcmturbo::jpeg2000
