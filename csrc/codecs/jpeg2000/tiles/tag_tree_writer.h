// A tag tree (ISO/IEC 15444-1, B.10.2), written: the mirror of TagTree.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/arena.h"

namespace dcmturbo::jpeg2000 {

class TagTreeWriter {
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

    // Every leaf gets its value before the first is written: a node holds the least of those below it.
    void set(std::uint32_t x, std::uint32_t y, std::uint16_t value) {
        nodes_[std::size_t{y} * widths_[0] + x].value = value;
        for (unsigned level = 1; level <= levels_; ++level) {
            Node& node = at(level, x, y);
            node.value = std::min(node.value, value);
        }
    }

    // Writes what says whether the leaf's value is below `threshold`, as far as it has not been written yet.
    template <typename BitWriter>
    void write(BitWriter& bits, std::uint32_t x, std::uint32_t y, std::uint16_t threshold) {
        std::uint16_t least = 0;
        for (unsigned level = levels_ + 1; level-- > 0;) {
            Node& node = at(level, x, y);
            node.least = std::max(node.least, least);
            while (node.least < threshold && !node.is_known) {
                if (node.value > node.least) {
                    bits.put(0, 1);
                    ++node.least;
                } else {
                    bits.put(1, 1);
                    node.is_known = true;
                }
            }
            least = node.least;
        }
    }

  private:
    struct Node {
        std::uint16_t value = 0xFFFF;
        std::uint16_t least = 0;  // as far as it has been written
        bool is_known = false;
    };
    Node& at(unsigned level, std::uint32_t x, std::uint32_t y) const {
        return nodes_[starts_[level] + std::size_t{y >> level} * widths_[level] + (x >> level)];
    }

    Node* nodes_ = nullptr;
    unsigned levels_ = 0;
    std::uint32_t widths_[18] = {};
    std::uint32_t starts_[18] = {};
};

}  // namespace dcmturbo::jpeg2000
