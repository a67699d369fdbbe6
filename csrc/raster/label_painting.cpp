// One loop for each size of a label.
#include "raster/label_painting.h"

namespace dcmturbo {

namespace {

// The two loops have no branch in them, so that compilers use vectors.
template <typename Cell>
std::uint64_t paint_row(const std::uint8_t* from, std::size_t count, std::uint8_t threshold, Overlap overlap,
                        Cell label, Cell* to) {
    std::uint32_t overlaps = 0;
    if (overlap == Overlap::last) {
        for (std::size_t i = 0; i < count; ++i) {
            const bool inside = from[i] >= threshold;
            overlaps += static_cast<std::uint32_t>(inside & (to[i] != 0) & (to[i] != label));
            to[i] = inside ? label : to[i];
        }
    } else {
        for (std::size_t i = 0; i < count; ++i) {
            const bool inside = from[i] >= threshold;
            overlaps += static_cast<std::uint32_t>(inside & (to[i] != 0) & (to[i] != label));
            to[i] = (inside & (to[i] == 0)) ? label : to[i];
        }
    }
    return overlaps;
}

template <typename Cell>
std::uint64_t paint(const std::uint8_t* frames, std::span<const std::uint64_t> image_of,
                    std::span<const std::uint32_t> label_of, std::uint8_t threshold, Overlap overlap,
                    const LabelImages& images, std::size_t first_row, std::size_t end_row) {
    const std::size_t size = images.rows * images.columns;
    std::uint64_t overlaps = 0;
    for (std::size_t k = 0; k < image_of.size(); ++k) {
        const auto label = static_cast<Cell>(label_of[k]);
        for (std::size_t row = first_row; row < end_row; ++row) {
            const std::uint8_t* from = frames + k * size + row * images.columns;
            Cell* to = static_cast<Cell*>(images.cells) + image_of[k] * size + row * images.columns;
            overlaps += paint_row(from, images.columns, threshold, overlap, label, to);
        }
    }
    return overlaps;
}

}  // namespace

std::uint64_t paint_labels(const std::uint8_t* frames, std::span<const std::uint64_t> image_of,
                           std::span<const std::uint32_t> label_of, std::uint8_t threshold, Overlap overlap,
                           const LabelImages& images, std::size_t first_row, std::size_t end_row) {
    switch (images.cell_bytes) {
        case 1: return paint<std::uint8_t>(frames, image_of, label_of, threshold, overlap, images, first_row, end_row);
        case 2: return paint<std::uint16_t>(frames, image_of, label_of, threshold, overlap, images, first_row, end_row);
        default:
            return paint<std::uint32_t>(frames, image_of, label_of, threshold, overlap, images, first_row, end_row);
    }
}

}  // namespace dcmturbo
