// A code-block as an encoder leaves it: its bytes, its passes, and how many of them each layer takes.
#pragma once

#include <cstdint>
#include <span>

#include "codecs/jpeg2000/tiles/tile.h"

namespace dcmturbo::jpeg2000 {

// Where a decoder may stop.
struct CodedPass {
    std::uint32_t end = 0;    // bytes of the block up to here
    bool terminates = false;  // the codeword segment ends here
    float distortion = 0;     // by how much the squared error has fallen from the block's first pass to here
};

struct CodedBlock {
    Rectangle area;
    const Band* band = nullptr;
    const TileComponent* component = nullptr;
    const std::uint8_t* data = nullptr;
    std::span<const CodedPass> passes;
    std::uint8_t level = 1;  // of the wavelet: 1 for the highest resolution
    std::uint8_t missing_planes = 0;
    std::uint8_t length_bits = 3;                 // Lblock (B.10.7.1), as packets raise it
    std::uint16_t written = 0;                    // passes, by packets so far
    std::uint16_t first_layer = 0xFFFF;           // 0xFFFF: none
    const std::uint16_t* passes_up_to = nullptr;  // a layer; null: all are in the first one

    [[nodiscard]] std::uint16_t passes_of_layer(std::uint16_t layer) const {
        return passes_up_to != nullptr ? passes_up_to[layer] : static_cast<std::uint16_t>(passes.size());
    }
};

}  // namespace dcmturbo::jpeg2000
