// Puts decoded segments into images of labels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace dcmturbo {

// A stack of images of labels, each cell of one, two or four bytes.
struct LabelImages {
    void* cells = nullptr;
    std::size_t cell_bytes = 1;
    std::size_t count = 0;
    std::size_t rows = 0;
    std::size_t columns = 0;
};

// What to do where two segments overlap.
enum class Overlap : std::uint8_t { first = 0, last = 1 };

// Paints rows `first_row` to `end_row` of each frame k into image `image_of[k]`: cells where the frame is at least
// `threshold` get `label_of[k]`. The frames are `count` x rows x columns bytes. Returns the number of cells in which
// another label was already. The caller has checked `image_of`; a label that is too large for a cell is cut off.
std::uint64_t paint_labels(const std::uint8_t* frames, std::span<const std::uint64_t> image_of,
                           std::span<const std::uint32_t> label_of, std::uint8_t threshold, Overlap overlap,
                           const LabelImages& images, std::size_t first_row, std::size_t end_row);

}  // namespace dcmturbo
