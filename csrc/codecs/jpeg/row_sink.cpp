#include "codecs/jpeg/row_sink.h"

#include <cstring>

namespace dcmturbo::jpeg {

namespace {

template <typename Cell>
void widen(const std::uint16_t* samples, std::byte* to, std::uint32_t count, unsigned shift) {
    auto* cells = reinterpret_cast<Cell*>(to);
    for (std::uint32_t i = 0; i < count; ++i) cells[i] = static_cast<std::uint16_t>(samples[i] << shift);
}

}  // namespace

PixelSink::PixelSink(const FrameOut& out, Isa isa, Arena& arena)
    : out_(out), kernels_(pixel_kernels(isa)), writer_(out, isa), cell_(sample_size(out.format.type)) {
    for (unsigned sample = 0; sample < out.format.samples_per_pixel; ++sample)
        planes_[sample] = arena.allocate(out.format.columns * cell_);
}

void PixelSink::convert(const std::uint16_t* samples, std::byte* to, std::uint32_t count, unsigned shift) const {
    switch (cell_) {
        case 1: kernels_.narrow_row(samples, reinterpret_cast<std::uint8_t*>(to), count, shift); break;
        case 2:
            if (shift == 0 && writer_.corrects()) {
                writer_.correct(reinterpret_cast<const std::byte*>(samples), to, count);
                return;
            }
            if (shift == 0) std::memcpy(to, samples, std::size_t{count} * 2);
            else kernels_.shift_row(samples, reinterpret_cast<std::uint16_t*>(to), count, shift);
            break;
        case 4: widen<std::uint32_t>(samples, to, count, shift); break;
        default: widen<std::uint64_t>(samples, to, count, shift); break;
    }
    if (writer_.corrects()) writer_.correct(to, to, count);
}

void PixelSink::put(std::size_t component, std::uint32_t y, const std::uint16_t* samples, std::uint32_t count,
                    unsigned point_transform) {
    const std::uint64_t first = std::uint64_t{y} * out_.format.columns;
    std::byte* const direct = writer_.direct(first);
    convert(samples, direct != nullptr ? direct : planes_[component], count, point_transform);
    if (direct == nullptr && component + 1 == out_.format.samples_per_pixel)
        writer_.write(first, count, planes_.data());
}

void PlaneSink::put(std::size_t component, std::uint32_t y, const std::uint16_t* samples, std::uint32_t count,
                    unsigned point_transform) {
    const ComponentOut& plane = planes_[component];
    std::byte* to = plane.base + static_cast<std::ptrdiff_t>(y) * plane.row_stride;
    for (std::uint32_t x = 0; x < count; ++x, to += plane.sample_stride) {
        const auto sample = static_cast<std::uint16_t>(samples[x] << point_transform);
        if (sample_size(plane.type) == 1) *to = static_cast<std::byte>(sample);
        else std::memcpy(to, &sample, sizeof sample);
    }
}

void write_planes(std::span<const ComponentOut> planes, const FrameHeader& frame, std::uint32_t lines, RowSink& sink,
                  Arena& arena) {
    const std::uint32_t width = frame.samples_per_line;
    std::vector<std::uint16_t*> rows;
    for (std::size_t i = 0; i < planes.size(); ++i) rows.push_back(arena.allocate_array<std::uint16_t>(width));
    for (std::uint32_t y = 0; y < lines; ++y) {
        for (std::size_t i = 0; i < planes.size(); ++i) {
            const ComponentOut& plane = planes[i];
            const FrameComponent& component = frame.components[i];
            // 10918-1 A.1.1, the other way: a sample covers Hmax / H columns and Vmax / V rows.
            const std::uint32_t row = y * component.vertical_factor / frame.vertical_max;
            const auto* from = reinterpret_cast<const std::uint16_t*>(plane.base + static_cast<std::ptrdiff_t>(row) *
                                                                                       plane.row_stride);
            for (std::uint32_t x = 0; x < width; ++x)
                rows[i][x] = from[x * component.horizontal_factor / frame.horizontal_max];
            sink.put(i, y, rows[i], width, 0);
        }
    }
}

}  // namespace dcmturbo::jpeg
