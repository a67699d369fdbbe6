#include "codecs/jpeg_dct/blank_blocks.h"

#include <algorithm>

#include "base/error.h"

namespace dcmturbo::jpeg_dct {

namespace {

using namespace jpeg;

constexpr std::int64_t block_size = 8;

constexpr std::int64_t floor_divide(std::int64_t a, std::int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

// In one direction: blocks, and pixels.
struct Reach {
    std::int64_t first_block;
    std::int64_t end_block;
    std::int64_t first_pixel;
    std::int64_t end_pixel;
};

// Of pixels [begin, end) of a component with a sample for each `step` of `pixels` pixels, and `blocks` blocks.
Reach reach_of(std::int64_t begin, std::int64_t end, std::int64_t pixels, std::int64_t step, std::int64_t samples,
               std::int64_t blocks) {
    // The middle of pixel p is at (2p + 1 - step) / (2 step) samples: it is interpolated from those on both sides.
    std::int64_t first = begin;
    std::int64_t last = end - 1;
    if (step > 1) {
        first = std::max<std::int64_t>(floor_divide(2 * begin + 1 - step, 2 * step), 0);
        last = std::min(floor_divide(2 * (end - 1) + 1 - step, 2 * step) + 1, samples - 1);
    }
    Reach reach{first / block_size, last / block_size + 1, 0, pixels};
    const std::int64_t first_sample = reach.first_block * block_size;
    const std::int64_t end_sample = std::min(reach.end_block * block_size, samples);
    if (first_sample > 0) reach.first_pixel = step * first_sample - (step > 1 ? (step + 1) / 2 : 0);
    if (end_sample < samples) reach.end_pixel = step * end_sample + (step > 1 ? step / 2 : 0);
    // Blocks that fill the last MCU repeat the last samples.
    else reach.end_block = blocks;
    reach.end_pixel = std::min(reach.end_pixel, pixels);
    return reach;
}

}  // namespace

BlankBlocks::BlankBlocks(const FrameHeader& frame, std::span<const Region> boxes, std::vector<Region>& changed) {
    const std::size_t before = changed.size();
    for (const Region& box : boxes) changed.push_back(box);
    for (std::size_t i = 0; i < frame.count; ++i) {
        const FrameComponent& component = frame.components[i];
        if (frame.horizontal_max % component.horizontal_factor != 0 ||
            frame.vertical_max % component.vertical_factor != 0)
            fail(ErrorCode::unsupported, no_offset, "boxes cannot be blanked if sampling factors do not divide others");
        const std::int64_t horizontal_step = frame.horizontal_max / component.horizontal_factor;
        const std::int64_t vertical_step = frame.vertical_max / component.vertical_factor;
        Grid& grid = grids_[i];
        grid.columns = static_cast<std::uint32_t>(ceil_divide(frame.samples_per_line, 8 * frame.horizontal_max) *
                                                  component.horizontal_factor);
        grid.rows =
            static_cast<std::uint32_t>(ceil_divide(frame.lines, 8 * frame.vertical_max) * component.vertical_factor);
        grid.is_blank.assign(std::size_t{grid.rows} * grid.columns, 0);
        for (std::size_t b = 0; b < boxes.size(); ++b) {
            const Region& box = boxes[b];
            const Reach down = reach_of(box.top, std::int64_t{box.top} + box.height, frame.lines, vertical_step,
                                        frame.height(i), grid.rows);
            const Reach across = reach_of(box.left, std::int64_t{box.left} + box.width, frame.samples_per_line,
                                          horizontal_step, frame.width(i), grid.columns);
            for (std::int64_t row = down.first_block; row < down.end_block; ++row) {
                const auto line = grid.is_blank.begin() + row * grid.columns;
                std::fill(line + across.first_block, line + across.end_block, std::uint8_t{1});
            }
            Region& whole = changed[before + b];
            const std::int64_t top = std::min<std::int64_t>(whole.top, down.first_pixel);
            const std::int64_t left = std::min<std::int64_t>(whole.left, across.first_pixel);
            const std::int64_t bottom = std::max<std::int64_t>(std::int64_t{whole.top} + whole.height, down.end_pixel);
            const std::int64_t right = std::max<std::int64_t>(std::int64_t{whole.left} + whole.width, across.end_pixel);
            whole = {static_cast<std::uint32_t>(top), static_cast<std::uint32_t>(left),
                     static_cast<std::uint32_t>(bottom - top), static_cast<std::uint32_t>(right - left)};
        }
    }
}

}  // namespace dcmturbo::jpeg_dct
