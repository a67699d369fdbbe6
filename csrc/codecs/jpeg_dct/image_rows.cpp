#include "codecs/jpeg_dct/image_rows.h"

#include <algorithm>

namespace dcmturbo::jpeg_dct {

namespace {

template <typename Sample, typename Cell>
void widen(const Sample* from, std::byte* to, std::size_t count) {
    auto* const cells = reinterpret_cast<Cell*>(to);
    for (std::size_t i = 0; i < count; ++i) cells[i] = from[i];
}

template <typename Sample>
void widen(const Sample* from, std::byte* to, std::size_t cell, std::size_t count) {
    switch (cell) {
        case 2: return widen<Sample, std::uint16_t>(from, to, count);
        case 4: return widen<Sample, std::uint32_t>(from, to, count);
        default: return widen<Sample, std::uint64_t>(from, to, count);
    }
}

// The triangle filter needs three columns: libjpeg repeats the samples of smaller images.
constexpr std::uint32_t narrow = 2;

}  // namespace

bool ImageRows::can_upsample(const jpeg::FrameHeader& frame) {
    if (frame.count > most_components) return false;
    for (std::size_t i = 0; i < frame.count; ++i) {
        if (frame.horizontal_max % frame.components[i].horizontal_factor != 0 ||
            frame.vertical_max % frame.components[i].vertical_factor != 0) {
            return false;
        }
    }
    return true;
}

ImageRows::ImageRows(const jpeg::FrameHeader& frame, const Planes& planes, const FrameOut& out, Context& context)
    : planes_(planes),
      out_(out),
      kernels_(dct_kernels(context.isa)),
      writer_(out, context.isa),
      count_(frame.count),
      sample_size_(frame.precision > 8 ? 2 : 1),
      cell_(sample_size(out.format.type)) {
    for (std::size_t i = 0; i < count_; ++i) {
        Component& component = components_[i];
        component.horizontal = frame.horizontal_max / frame.components[i].horizontal_factor;
        component.vertical = frame.vertical_max / frame.components[i].vertical_factor;
        component.width = frame.width(i);
        component.height = frame.height(i);
        const bool is_narrow = component.width <= narrow;
        if (component.horizontal == 1 && component.vertical == 1) component.filter = Filter::none;
        else if (component.horizontal == 1 && component.vertical == 2) component.filter = Filter::rows;
        else if (component.horizontal == 2 && component.vertical == 1 && !is_narrow) component.filter = Filter::columns;
        else if (component.horizontal == 2 && component.vertical == 2 && !is_narrow) component.filter = Filter::both;
        else component.filter = Filter::repeat;
        needs_neighbours_ |= component.filter == Filter::rows || component.filter == Filter::both;
        if (component.filter != Filter::none)
            component.upsampled =
                context.arena.allocate(std::size_t{component.width} * component.horizontal * sample_size_);
        if (cell_ != sample_size_) cells_[i] = context.arena.allocate(std::size_t{out.format.columns} * cell_);
    }
    if (!out.region.is_whole()) next_ = out.region.top;
}

template <typename Sample>
Sample* ImageRows::row_of(std::size_t i, std::uint32_t y) {
    const Component& component = components_[i];
    const std::uint32_t line = y / component.vertical;
    auto* const near = reinterpret_cast<Sample*>(planes_[i].line(line));
    if (component.filter == Filter::none) return near;
    const bool is_lower = y % 2 != 0;
    const std::uint32_t other = is_lower ? std::min(line + 1, component.height - 1) : line == 0 ? 0 : line - 1;
    const auto* const far = reinterpret_cast<const Sample*>(planes_[i].line(other));
    auto* const to = reinterpret_cast<Sample*>(component.upsampled);
    switch (component.filter) {
        case Filter::columns:
        case Filter::both: {
            const Sample* const between = component.filter == Filter::both ? far : nullptr;
            if constexpr (sizeof(Sample) == 1) kernels_.double_columns8(near, between, to, component.width);
            else kernels_.double_columns12(near, between, to, component.width);
            break;
        }
        case Filter::rows:
            if constexpr (sizeof(Sample) == 1) kernels_.between_rows8(near, far, to, component.width, is_lower ? 2 : 1);
            else kernels_.between_rows12(near, far, to, component.width, is_lower ? 2 : 1);
            break;
        default:
            for (std::uint32_t x = 0; x < component.width; ++x)
                std::fill_n(to + std::size_t{x} * component.horizontal, component.horizontal, near[x]);
    }
    return to;
}

template <typename Sample>
void ImageRows::write_row(std::uint32_t y) {
    const std::uint32_t columns = out_.format.columns;
    std::array<std::byte*, most_components> rows{};
    for (std::size_t i = 0; i < count_; ++i) {
        Sample* const row = row_of<Sample>(i, y);
        rows[i] = reinterpret_cast<std::byte*>(row);
        if (cell_ != sizeof(Sample)) {
            widen(row, cells_[i], cell_, columns);
            rows[i] = cells_[i];
        }
        if (writer_.corrects()) writer_.correct(rows[i], rows[i], columns);
    }
    writer_.write(std::uint64_t{y} * columns, columns, rows.data());
}

void ImageRows::write_until(std::uint32_t end) {
    end = std::min(end, out_.end_row());
    for (; next_ < end; ++next_) {
        if (sample_size_ == 1) write_row<std::uint8_t>(next_);
        else write_row<std::uint16_t>(next_);
    }
}

}  // namespace dcmturbo::jpeg_dct
