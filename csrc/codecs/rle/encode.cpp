#include <cstring>

#include "base/checked.h"
#include "base/endian.h"
#include "codecs/rle/codec.h"
#include "codecs/rle/segments.h"
#include "entropy/packbits.h"
#include "kernels/kernels.h"

namespace dcmturbo::rle {

namespace {

// The encoder of a row may write this far past what it returns.
constexpr std::size_t row_slack = 64;

struct Planes {
    std::uint64_t rows;
    std::uint64_t row_size;
};

// Rows are encoded one by one (PS3.5, G.3.1); packed bits know no rows.
Planes planes_of(const PixelAttributes& a) {
    if (a.bits_allocated == 1) return {1, (std::uint64_t{a.rows} * a.columns + 7) / 8};
    return {a.rows, a.columns};
}

// The byte `significance` (0: least) of every cell of sample `sample`.
void extract_plane(const FrameIn& frame, unsigned sample, std::size_t significance, std::uint8_t* to) {
    for (std::uint32_t row = 0; row < frame.attributes.rows; ++row) {
        const std::byte* from = frame.base + static_cast<std::ptrdiff_t>(row) * frame.row_stride +
                                static_cast<std::ptrdiff_t>(sample) * frame.sample_stride + significance;
        for (std::uint32_t column = 0; column < frame.attributes.columns; ++column, from += frame.pixel_stride) {
            *to++ = static_cast<std::uint8_t>(*from);
        }
    }
}

std::uint8_t* encode_segment(const std::uint8_t* plane, const Planes& planes, std::uint8_t* to, std::uint64_t* equal,
                             const Kernels& kernels) {
    const std::uint8_t* begin = to;
    const auto row_size = static_cast<std::size_t>(planes.row_size);
    for (std::uint64_t row = 0; row < planes.rows; ++row, plane += row_size)
        to = kernels.packbits_encode_row(plane, row_size, to, equal);
    if ((to - begin) % 2 != 0) *to++ = 0;  // PS3.5, G.3.1: segments have even length
    return to;
}

}  // namespace

std::uint64_t encode_bound(const FrameIn& frame) {
    const Planes planes = planes_of(frame.attributes);
    const std::uint64_t row = packbits_bound(planes.row_size);
    return checked_add(checked_multiply(checked_add(checked_multiply(row, planes.rows), 1),
                                        std::uint64_t{segment_count(frame.attributes)}),
                       header_size + row_slack);
}

std::size_t encode(const FrameIn& frame, std::span<std::byte> out, const EncodeOptions&, Context& context) {
    const PixelAttributes& a = frame.attributes;
    const unsigned count = segment_count(a);
    if (count > max_segments) {
        fail(ErrorCode::unsupported, no_offset,
             "an RLE frame has at most 15 segments (PS3.5, G.2), %u samples of %u bits need %u",
             unsigned{a.samples_per_pixel}, unsigned{a.bits_allocated}, count);
    }
    if (out.size() < encode_bound(frame))
        fail(ErrorCode::argument, no_offset, "the buffer for the encoded frame is too small");
    if (encode_bound(frame) > 0xffffffffu)
        fail(ErrorCode::unsupported, no_offset, "an RLE frame of more than 4 GiB: its offsets have 32 bits");
    const Planes planes = planes_of(a);
    const Kernels& kernels = context.kernels;
    auto* equal = context.arena.allocate_array<std::uint64_t>(static_cast<std::size_t>(planes.row_size / 64 + 2));
    const auto pixels = static_cast<std::size_t>(std::uint64_t{a.rows} * a.columns);
    auto* plane = context.arena.allocate_array<std::uint8_t>(pixels);

    auto* begin = reinterpret_cast<std::uint8_t*>(out.data());
    std::memset(begin, 0, header_size);
    store_le<std::uint32_t>(begin, count);
    std::uint8_t* to = begin + header_size;
    unsigned segment = 0;
    const auto add = [&](const std::uint8_t* bytes) {
        store_le<std::uint32_t>(begin + 4 + 4 * std::size_t{segment++}, static_cast<std::uint32_t>(to - begin));
        to = encode_segment(bytes, planes, to, equal, kernels);
    };

    if (a.bits_allocated == 1) {
        extract_plane(frame, 0, 0, plane);
        auto* packed = context.arena.allocate_array<std::uint8_t>(static_cast<std::size_t>(planes.row_size));
        kernels.pack_bits(plane, packed, pixels);
        add(packed);
        return static_cast<std::size_t>(to - begin);
    }
    const std::size_t cell = a.bits_allocated / 8u;
    const bool dense = frame.pixel_stride == static_cast<std::ptrdiff_t>(cell) &&
                       frame.row_stride == frame.pixel_stride * static_cast<std::ptrdiff_t>(a.columns);
    const bool aligned = reinterpret_cast<std::uintptr_t>(frame.base) % cell == 0;
    if (cell == 2 && a.samples_per_pixel == 1 && dense && aligned) {
        auto* low = context.arena.allocate_array<std::uint8_t>(pixels);
        kernels.split16(reinterpret_cast<const std::uint16_t*>(frame.base), plane, low, pixels);
        add(plane);
        add(low);
        return static_cast<std::size_t>(to - begin);
    }
    if (cell == 1 && a.samples_per_pixel == 1 && dense) {
        add(reinterpret_cast<const std::uint8_t*>(frame.base));
        return static_cast<std::size_t>(to - begin);
    }
    for (unsigned sample = 0; sample < a.samples_per_pixel; ++sample) {
        for (std::size_t significance = cell; significance-- > 0;) {
            extract_plane(frame, sample, significance, plane);
            add(plane);
        }
    }
    return static_cast<std::size_t>(to - begin);
}

}  // namespace dcmturbo::rle
