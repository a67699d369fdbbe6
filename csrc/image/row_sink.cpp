// Stores decoded rows in an image or in planes.
#include "image/row_sink.h"

#include <algorithm>
#include <cstring>

namespace dcmturbo {

PixelSink::PixelSink(const FrameOut& out, Isa isa, Arena& arena)
    : out_(out), kernels_(pixel_kernels(isa)), writer_(out, isa), cell_(sample_size(out.format.type)) {
    for (unsigned sample = 0; sample < out.format.samples_per_pixel; ++sample)
        planes_[sample] = arena.allocate(std::size_t{out.format.columns} * cell_);
}

void PixelSink::put(std::size_t component, std::uint32_t x, std::uint32_t y, const SampleRow& row) {
    if (!out_.region.has_row(y)) return;
    const std::uint64_t first = std::uint64_t{y} * out_.format.columns + x;
    std::byte* const direct = writer_.direct(first);
    std::byte* const to = direct != nullptr ? direct : planes_[component];
    if (row.type == SampleType::u16 && row.up == 0 && cell_ == 2) {
        if (writer_.corrects()) writer_.correct(static_cast<const std::byte*>(row.from), to, row.count);
        else std::memcpy(to, row.from, std::size_t{row.count} * 2);
    } else if (row.type == SampleType::u16 && cell_ == 1 && !writer_.corrects()) {
        kernels_.narrow_row(static_cast<const std::uint16_t*>(row.from), reinterpret_cast<std::uint8_t*>(to), row.count,
                            row.up);
    } else {
        store_samples(row, to, cell_, kernels_);
        if (writer_.corrects()) writer_.correct(to, to, row.count);
    }
    if (direct != nullptr) return;
    if (first != first_) arrived_ = 0;  // the others of the row before were damaged
    first_ = first;
    arrived_ |= 1u << component;
    if (arrived_ + 1 != 1u << out_.format.samples_per_pixel) return;
    writer_.write(first, row.count, planes_.data());
    arrived_ = 0;
}

// As many lines at a time as there are: those of a small image take a few copies, and what is copied of a large one
// stays in the first-level cache.
bool PixelSink::repeat(std::uint32_t y, std::uint32_t count) {
    if (!out_.is_contiguous()) return false;
    const std::size_t line = std::size_t{out_.format.columns} * out_.format.samples_per_pixel * cell_;
    const std::size_t most = std::max<std::size_t>(1, (std::size_t{16} << 10) / line) * line;
    std::byte* const first = out_.base + y * line;
    std::size_t done = line;
    for (std::size_t rest = line * count; rest > 0;) {
        const std::size_t now = std::min({done, rest, most});
        std::memcpy(first + done, first, now);
        done += now;
        rest -= now;
    }
    return true;
}

PlaneSink::PlaneSink(std::span<const ComponentOut> planes, Isa isa, Arena& arena)
    : planes_(planes), kernels_(pixel_kernels(isa)) {
    std::size_t widest = 0;
    for (const ComponentOut& plane : planes) widest = std::max(widest, plane.width * sample_size(plane.type));
    row_ = arena.allocate(widest);
}

void PlaneSink::put(std::size_t component, std::uint32_t x, std::uint32_t y, const SampleRow& row) {
    const ComponentOut& plane = planes_[component];
    if (!plane.region.is_whole()) return put_region(plane, x, y, row);
    store(plane, x, y, row);
}

// Stores the part of the row that is in the region of its component.
void PlaneSink::put_region(const ComponentOut& plane, std::uint32_t x, std::uint32_t y, const SampleRow& row) {
    const Region& region = plane.region;
    if (!region.has_row(y)) return;
    const std::uint32_t begin = std::max(x, region.left);
    const std::uint32_t end = std::min(x + row.count, region.left + region.width);
    if (begin < end) store(plane, begin - region.left, y - region.top, row.part(begin - x, end - begin));
}

void PlaneSink::store(const ComponentOut& plane, std::uint32_t x, std::uint32_t y, const SampleRow& row) {
    const std::size_t cell = sample_size(plane.type);
    std::byte* to = plane.base + static_cast<std::ptrdiff_t>(y) * plane.row_stride +
                    static_cast<std::ptrdiff_t>(x) * plane.sample_stride;
    const bool is_direct =
        plane.sample_stride == static_cast<std::ptrdiff_t>(cell) && reinterpret_cast<std::uintptr_t>(to) % cell == 0;
    std::byte* const cells = is_direct ? to : row_;
    store_samples(row, cells, cell, kernels_);
    if (is_direct) return;
    for (std::uint32_t k = 0; k < row.count; ++k, to += plane.sample_stride) std::memcpy(to, cells + k * cell, cell);
}

void clear_lines(const ComponentOut& plane, std::uint32_t first) {
    const std::size_t cell = sample_size(plane.type);
    const ComponentOut part = plane.part();
    for (std::uint32_t y = plane.lines_of_part(first); y < part.height; ++y) {
        std::byte* to = part.base + static_cast<std::ptrdiff_t>(y) * part.row_stride;
        for (std::uint32_t x = 0; x < part.width; ++x, to += part.sample_stride) std::memset(to, 0, cell);
    }
}

}  // namespace dcmturbo
