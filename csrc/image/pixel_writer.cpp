// Stores decoded cells in the caller's image, and corrects bits and colour (PS3.5, 8.1 and 8.2; PS3.3, C.7.6.3.1.2).
#include "image/pixel_writer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace dcmturbo {

namespace {

bool is_aligned(const void* pointer, std::size_t size) { return reinterpret_cast<std::uintptr_t>(pointer) % size == 0; }

template <std::size_t size>
void scatter_cells(const std::byte* from, std::byte* to, std::ptrdiff_t stride, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i, from += size, to += stride) std::memcpy(to, from, size);
}

// Distributes contiguous cells of `size` bytes to a row with a stride.
void scatter_row(const std::byte* from, std::byte* to, std::ptrdiff_t stride, std::size_t size, std::size_t count) {
    if (stride == static_cast<std::ptrdiff_t>(size)) {
        std::memcpy(to, from, count * size);
        return;
    }
    switch (size) {
        case 1: return scatter_cells<1>(from, to, stride, count);
        case 2: return scatter_cells<2>(from, to, stride, count);
        case 4: return scatter_cells<4>(from, to, stride, count);
        default: return scatter_cells<8>(from, to, stride, count);
    }
}

template <std::size_t size>
void gather_cells(const std::byte* from, std::ptrdiff_t stride, std::byte* to, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i, from += stride, to += size) std::memcpy(to, from, size);
}

// Stores a number as type T, clamped to the range of T.
template <typename T>
void store_clamped(double value, std::byte* cell) {
    T result;
    if constexpr (std::numeric_limits<T>::is_integer) {
        if (std::isnan(value)) result = 0;
        else if (value <= static_cast<double>(std::numeric_limits<T>::min())) result = std::numeric_limits<T>::min();
        else if (value >= static_cast<double>(std::numeric_limits<T>::max())) result = std::numeric_limits<T>::max();
        else result = static_cast<T>(value);
    } else {
        result = static_cast<T>(value);
    }
    std::memcpy(cell, &result, sizeof result);
}

void store_value(SampleType type, double value, std::byte* cell) {
    switch (type) {
        case SampleType::u8: return store_clamped<std::uint8_t>(value, cell);
        case SampleType::i8: return store_clamped<std::int8_t>(value, cell);
        case SampleType::u16: return store_clamped<std::uint16_t>(value, cell);
        case SampleType::i16: return store_clamped<std::int16_t>(value, cell);
        case SampleType::u32: return store_clamped<std::uint32_t>(value, cell);
        case SampleType::i32: return store_clamped<std::int32_t>(value, cell);
        case SampleType::u64: return store_clamped<std::uint64_t>(value, cell);
        case SampleType::i64: return store_clamped<std::int64_t>(value, cell);
        case SampleType::f32: return store_clamped<float>(value, cell);
        case SampleType::f64: return store_clamped<double>(value, cell);
    }
}

}  // namespace

PixelWriter::PixelWriter(const FrameOut& out, Isa isa)
    : out_(out),
      kernels_(pixel_kernels(isa)),
      cell_(sample_size(out.format.type)),
      unused_bits_(out.format.significant_bits == 0 ? 0
                                                    : static_cast<unsigned>(8 * cell_) - out.format.significant_bits),
      region_(out.region.is_whole() ? Region{0, 0, out.format.rows, out.format.columns} : out.region),
      contiguous_(out.is_contiguous()),
      direct_(contiguous_ && out.format.samples_per_pixel == 1 && is_aligned(out.base, cell_)),
      interleaves_(out.format.samples_per_pixel == 3 && cell_ == 1 && out.pixel_stride == 3 && out.sample_stride == 1),
      converts_(out.format.colour == ColourConversion::ybr_full_to_rgb) {}

void PixelWriter::correct(const std::byte* from, std::byte* to, std::size_t count) const {
    const bool sign = out_.format.sign_extend;
    switch (cell_) {
        case 1:
            return kernels_.correct8(reinterpret_cast<const std::uint8_t*>(from), reinterpret_cast<std::uint8_t*>(to),
                                     count, unused_bits_, sign);
        case 2:
            return kernels_.correct16(reinterpret_cast<const std::uint16_t*>(from),
                                      reinterpret_cast<std::uint16_t*>(to), count, unused_bits_, sign);
        case 4:
            return kernels_.correct32(reinterpret_cast<const std::uint32_t*>(from),
                                      reinterpret_cast<std::uint32_t*>(to), count, unused_bits_, sign);
        default:
            return kernels_.correct64(reinterpret_cast<const std::uint64_t*>(from),
                                      reinterpret_cast<std::uint64_t*>(to), count, unused_bits_, sign);
    }
}

void PixelWriter::gather(const FrameOut& from, std::uint64_t first, std::size_t count, unsigned sample,
                         std::byte* plane) const {
    const std::uint64_t columns = out_.format.columns;
    std::uint64_t row = first / columns;
    std::uint64_t column = first % columns;
    while (count > 0) {
        const std::size_t now = std::min<std::uint64_t>(count, columns - column);
        const std::byte* cells = from.base + static_cast<std::ptrdiff_t>(row) * from.row_stride +
                                 static_cast<std::ptrdiff_t>(column) * from.pixel_stride +
                                 static_cast<std::ptrdiff_t>(sample) * from.sample_stride;
        if (from.pixel_stride == static_cast<std::ptrdiff_t>(cell_)) {
            std::memcpy(plane, cells, now * cell_);
        } else {
            switch (cell_) {
                case 1: gather_cells<1>(cells, from.pixel_stride, plane, now); break;
                case 2: gather_cells<2>(cells, from.pixel_stride, plane, now); break;
                case 4: gather_cells<4>(cells, from.pixel_stride, plane, now); break;
                default: gather_cells<8>(cells, from.pixel_stride, plane, now); break;
            }
        }
        plane += now * cell_;
        count -= now;
        column = 0;
        ++row;
    }
}

void PixelWriter::swap(std::byte* cells, std::size_t count) const {
    switch (cell_) {
        case 2:
            return kernels_.swap16(reinterpret_cast<std::uint16_t*>(cells), reinterpret_cast<std::uint16_t*>(cells),
                                   count);
        case 4:
            return kernels_.swap32(reinterpret_cast<std::uint32_t*>(cells), reinterpret_cast<std::uint32_t*>(cells),
                                   count);
        case 8:
            return kernels_.swap64(reinterpret_cast<std::uint64_t*>(cells), reinterpret_cast<std::uint64_t*>(cells),
                                   count);
        default: return;
    }
}

void PixelWriter::convert_block(const FrameOut& from, std::uint64_t first, std::size_t count, bool swap_bytes,
                                std::byte* const planes[]) const {
    const unsigned samples = out_.format.samples_per_pixel;
    const bool three_bytes = samples == 3 && cell_ == 1 && from.is_contiguous();
    if (three_bytes) {
        kernels_.deinterleave3(reinterpret_cast<const std::uint8_t*>(from.base) + 3 * first,
                               reinterpret_cast<std::uint8_t*>(planes[0]), reinterpret_cast<std::uint8_t*>(planes[1]),
                               reinterpret_cast<std::uint8_t*>(planes[2]), count);
    }
    for (unsigned sample = 0; sample < samples; ++sample) {
        if (!three_bytes) gather(from, first, count, sample, planes[sample]);
        if (swap_bytes) swap(planes[sample], count);
        if (corrects()) correct(planes[sample], planes[sample], count);
    }
    write(first, count, planes);
}

void PixelWriter::convert_region(const FrameOut& from, std::uint64_t pixels, bool swap_bytes, Arena& arena) const {
    const Region& region = out_.region;
    const std::size_t longest = std::min<std::size_t>(block, region.width);
    std::byte* planes[4] = {};
    for (unsigned sample = 0; sample < out_.format.samples_per_pixel; ++sample)
        planes[sample] = arena.allocate(longest * cell_);
    for (std::uint32_t y = region.top; y < out_.end_row(); ++y) {
        const std::uint64_t row = std::uint64_t{y} * out_.format.columns + region.left;
        const std::uint64_t end = std::min(pixels, row + region.width);
        for (std::uint64_t first = row; first < end; first += longest) {
            const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(longest, end - first));
            convert_block(from, first, count, swap_bytes, planes);
        }
    }
}

void PixelWriter::convert(const FrameOut& from, std::uint64_t pixels, bool swap_bytes, Arena& arena) const {
    if (!out_.region.is_whole()) return convert_region(from, pixels, swap_bytes, arena);
    const unsigned samples = out_.format.samples_per_pixel;
    const bool plain = !corrects() && !swap_bytes && out_.format.colour == ColourConversion::none;
    const bool same_layout = contiguous_ && from.is_contiguous();
    if (plain && same_layout) {
        if (from.base != out_.base)
            std::memcpy(out_.base, from.base, static_cast<std::size_t>(pixels) * cell_ * samples);
        return;
    }
    std::byte* planes[4] = {};
    for (unsigned sample = 0; sample < samples; ++sample) planes[sample] = arena.allocate(block * cell_);
    const bool in_order = direct_ && from.is_contiguous() && is_aligned(from.base, cell_);
    for (std::uint64_t first = 0; first < pixels; first += block) {
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(block, pixels - first));
        std::byte* to = direct(first);
        if (to == nullptr) {
            convert_block(from, first, count, swap_bytes, planes);
        } else if (in_order && !swap_bytes && corrects()) {
            correct(from.base + first * cell_, to, count);
        } else {
            gather(from, first, count, 0, to);
            if (swap_bytes) swap(to, count);
            if (corrects()) correct(to, to, count);
        }
    }
}

void PixelWriter::write(std::uint64_t first, std::size_t count, std::byte* const planes[]) const {
    if (interleaves_ && contiguous_) return interleave(planes, 0, out_.base + 3 * first, count);
    if (converts_ && !interleaves_) {
        kernels_.ybr_full_to_rgb(reinterpret_cast<std::uint8_t*>(planes[0]), reinterpret_cast<std::uint8_t*>(planes[1]),
                                 reinterpret_cast<std::uint8_t*>(planes[2]), count);
    }
    if (out_.format.samples_per_pixel == 1 && contiguous_) {
        std::memcpy(out_.base + first * cell_, planes[0], count * cell_);
        return;
    }
    store(first, count, planes);
}

void PixelWriter::prefetch_rows(std::uint32_t first, std::uint32_t end) const {
    constexpr std::size_t line = 64;
    const auto cell = static_cast<std::ptrdiff_t>(cell_);
    if (out_.pixel_stride < cell || out_.sample_stride < 0) return;
    const std::size_t size = static_cast<std::size_t>(out_.pixel_stride) * region_.width;
    const bool is_planar = out_.sample_stride > out_.pixel_stride;
    for (unsigned sample = 0; sample < (is_planar ? out_.format.samples_per_pixel : 1U); ++sample) {
        for (std::uint32_t y = std::max(first, region_.top); y < std::min(end, out_.end_row()); ++y) {
            const std::byte* const row = out_.base + static_cast<std::ptrdiff_t>(y - region_.top) * out_.row_stride +
                                         static_cast<std::ptrdiff_t>(sample) * out_.sample_stride;
            for (std::size_t at = 0; at < size; at += line) __builtin_prefetch(row + at, 1);
        }
    }
}

// Three planes, from cell `from` on, to pixels, and YBR_FULL to RGB.
void PixelWriter::interleave(std::byte* const planes[], std::size_t from, std::byte* to, std::size_t count) const {
    const auto kernel = converts_ ? kernels_.ybr_full_to_rgb_pixels : kernels_.interleave3;
    kernel(reinterpret_cast<const std::uint8_t*>(planes[0] + from),
           reinterpret_cast<const std::uint8_t*>(planes[1] + from),
           reinterpret_cast<const std::uint8_t*>(planes[2] + from), reinterpret_cast<std::uint8_t*>(to), count);
}

// Stores row by row. Used if the layout has gaps or only a region is wanted.
void PixelWriter::store(std::uint64_t first, std::size_t count, std::byte* const planes[]) const {
    const std::uint64_t columns = out_.format.columns;
    const std::uint64_t end = std::min(first + count, out_.end_pixel());
    for (std::uint64_t y = std::max<std::uint64_t>(first / columns, region_.top); y * columns < end; ++y) {
        const std::uint64_t row = y * columns + region_.left;
        const std::uint64_t begin = std::max(first, row);
        const std::uint64_t stop = std::min(end, row + region_.width);
        if (begin >= stop) continue;
        const auto now = static_cast<std::size_t>(stop - begin);
        const std::size_t from = static_cast<std::size_t>(begin - first) * cell_;
        std::byte* const to = out_.base + static_cast<std::ptrdiff_t>(y - region_.top) * out_.row_stride +
                              static_cast<std::ptrdiff_t>(begin - row) * out_.pixel_stride;
        if (interleaves_) {
            interleave(planes, from, to, now);
            continue;
        }
        for (unsigned sample = 0; sample < out_.format.samples_per_pixel; ++sample) {
            scatter_row(planes[sample] + from, to + static_cast<std::ptrdiff_t>(sample) * out_.sample_stride,
                        out_.pixel_stride, cell_, now);
        }
    }
}

void PixelWriter::fill(const FrameOut& out, std::uint64_t first, double value) {
    std::byte cell[8] = {};
    store_value(out.format.type, value, cell);
    const std::size_t size = sample_size(out.format.type);
    const Region region = out.region.is_whole() ? Region{0, 0, out.format.rows, out.format.columns} : out.region;
    const std::uint64_t columns = out.format.columns;
    for (std::uint64_t y = std::max<std::uint64_t>(first / columns, region.top); y < out.end_row(); ++y) {
        const std::uint64_t row = y * columns + region.left;
        for (std::uint64_t x = first > row ? first - row : 0; x < region.width; ++x) {
            std::byte* to = out.base + static_cast<std::ptrdiff_t>(y - region.top) * out.row_stride +
                            static_cast<std::ptrdiff_t>(x) * out.pixel_stride;
            for (unsigned sample = 0; sample < out.format.samples_per_pixel; ++sample)
                std::memcpy(to + static_cast<std::ptrdiff_t>(sample) * out.sample_stride, cell, size);
        }
    }
}

}  // namespace dcmturbo
