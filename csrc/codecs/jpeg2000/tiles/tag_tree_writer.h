// A tag tree (ISO/IEC 15444-1, B.10.2), written: the mirror of TagTree.
#pragma once

#include <algorithm>
#include <cstdint>

#include "codecs/jpeg2000/tiles/tag_tree.h"

namespace dcmturbo::jpeg2000 {

class TagTreeWriter {
  public:
    void allocate(Arena& arena, std::uint32_t width, std::uint32_t height) { nodes_.allocate(arena, width, height); }

    // Every leaf gets its value before the first is written: a node holds the least of those below it.
    void set(std::uint32_t x, std::uint32_t y, std::uint16_t value) {
        nodes_.at(0, x, y).value = value;
        for (unsigned level = 1; level <= nodes_.top(); ++level) {
            Node& node = nodes_.at(level, x, y);
            node.value = std::min(node.value, value);
        }
    }

    // Writes what says whether the leaf's value is below `threshold`, as far as it has not been written yet.
    template <typename BitWriter>
    void write(BitWriter& bits, std::uint32_t x, std::uint32_t y, std::uint16_t threshold) {
        std::uint16_t least = 0;
        for (unsigned level = nodes_.top() + 1; level-- > 0;) {
            Node& node = nodes_.at(level, x, y);
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
    TagTreeNodes<Node> nodes_;
};

}  // namespace dcmturbo::jpeg2000
