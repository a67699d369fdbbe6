#include <cstring>

#include "base/checked.h"
#include "codecs/frame_format.h"
#include "codecs/native/codec.h"
#include "image/kernels.h"

namespace dcmturbo::native {

std::uint64_t encode_bound(const FrameIn& frame) {
    return checked_add((native_frame_bits(frame.attributes) + 7) / 8, 1);
}

std::size_t encode(const FrameIn& frame, std::span<std::byte> out, const EncodeOptions&, Context& context) {
    const PixelAttributes& a = frame.attributes;
    if (out.size() < encode_bound(frame))
        fail(ErrorCode::argument, no_offset, "the buffer for the encoded frame is too small");
    if (a.photometric == Photometric::ybr_full_422 && a.samples_per_pixel == 3) {
        fail(ErrorCode::unsupported, no_offset,
             "encoding to YBR_FULL_422 would discard chroma: convert the frame to YBR_FULL or RGB first");
    }
    const std::size_t cell = a.bits_allocated == 1 ? 1 : a.bits_allocated / 8u;
    const std::uint64_t pixels = std::uint64_t{a.rows} * a.columns;
    std::byte* begin = out.data();
    if (a.bits_allocated == 1) begin = context.arena.allocate(static_cast<std::size_t>(pixels));
    std::byte* to = begin;
    const auto put = [&](std::uint32_t row, std::uint32_t column, unsigned sample) {
        std::memcpy(to,
                    frame.base + static_cast<std::ptrdiff_t>(row) * frame.row_stride +
                        static_cast<std::ptrdiff_t>(column) * frame.pixel_stride +
                        static_cast<std::ptrdiff_t>(sample) * frame.sample_stride,
                    cell);
        to += cell;
    };
    const unsigned planes = a.planar_configuration == 1 ? a.samples_per_pixel : 1u;
    const unsigned samples = a.planar_configuration == 1 ? 1u : a.samples_per_pixel;
    const bool dense_rows = (samples == 1 || frame.sample_stride == static_cast<std::ptrdiff_t>(cell)) &&
                            frame.pixel_stride == static_cast<std::ptrdiff_t>(cell * samples);
    for (unsigned plane = 0; plane < planes; ++plane) {
        for (std::uint32_t row = 0; row < a.rows; ++row) {
            if (dense_rows) {
                const std::size_t size = std::size_t{a.columns} * cell * samples;
                std::memcpy(to,
                            frame.base + static_cast<std::ptrdiff_t>(row) * frame.row_stride +
                                static_cast<std::ptrdiff_t>(plane) * frame.sample_stride,
                            size);
                to += size;
                continue;
            }
            for (std::uint32_t column = 0; column < a.columns; ++column) {
                for (unsigned sample = 0; sample < samples; ++sample) put(row, column, plane + sample);
            }
        }
    }
    auto size = static_cast<std::size_t>(to - begin);
    if (a.bits_allocated == 1) {
        size = static_cast<std::size_t>((pixels + 7) / 8);
        pixel_kernels(context.isa)
            .pack_bits(reinterpret_cast<const std::uint8_t*>(begin), reinterpret_cast<std::uint8_t*>(out.data()),
                       static_cast<std::size_t>(pixels));
    }
    if (size % 2 != 0) out[size++] = std::byte{0};  // PS3.5, 7.1.1: values have even length
    return size;
}

}  // namespace dcmturbo::native
