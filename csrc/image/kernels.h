// The loops of this room over cells and rows: one table per instruction set. All tables give identical results.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/features.h"
#include "image/frame_step.h"

namespace dcmturbo {

struct PixelKernels {
    // Combines byte planes, the most significant first, into cells, and splits cells into planes. merge16 can also
    // correct the cells (see correct16).
    void (*merge16)(const std::uint8_t* high, const std::uint8_t* low, std::uint16_t* to, std::size_t count,
                    unsigned unused_bits, bool sign_extend);
    void (*merge32)(const std::uint8_t* const planes[4], std::uint32_t* to, std::size_t count);
    void (*merge64)(const std::uint8_t* const planes[8], std::uint64_t* to, std::size_t count);
    void (*split16)(const std::uint16_t* from, std::uint8_t* high, std::uint8_t* low, std::size_t count);

    // Overwrites the top `unused_bits` of each cell with zeros, or with the sign of the remaining bits. `from` may
    // equal `to`.
    void (*correct8)(const std::uint8_t* from, std::uint8_t* to, std::size_t count, unsigned unused_bits,
                     bool sign_extend);
    void (*correct16)(const std::uint16_t* from, std::uint16_t* to, std::size_t count, unsigned unused_bits,
                      bool sign_extend);
    void (*correct32)(const std::uint32_t* from, std::uint32_t* to, std::size_t count, unsigned unused_bits,
                      bool sign_extend);
    void (*correct64)(const std::uint64_t* from, std::uint64_t* to, std::size_t count, unsigned unused_bits,
                      bool sign_extend);

    // Reverses the bytes of each cell. `from` may equal `to`.
    void (*swap16)(const std::uint16_t* from, std::uint16_t* to, std::size_t count);
    void (*swap32)(const std::uint32_t* from, std::uint32_t* to, std::size_t count);
    void (*swap64)(const std::uint64_t* from, std::uint64_t* to, std::size_t count);

    // For three 8-bit components: planes to pixels, pixels to planes, and YBR_FULL to RGB, in place or as pixels.
    void (*interleave3)(const std::uint8_t* a, const std::uint8_t* b, const std::uint8_t* c, std::uint8_t* to,
                        std::size_t pixels);
    void (*deinterleave3)(const std::uint8_t* from, std::uint8_t* a, std::uint8_t* b, std::uint8_t* c,
                          std::size_t pixels);
    void (*ybr_full_to_rgb)(std::uint8_t* y, std::uint8_t* cb, std::uint8_t* cr, std::size_t pixels);
    void (*ybr_full_to_rgb_pixels)(const std::uint8_t* y, const std::uint8_t* cb, const std::uint8_t* cr,
                                   std::uint8_t* to, std::size_t pixels);

    // Converts Y1 Y2 Cb Cr (PS3.3, C.7.6.3.1.2) to three planes. `pixels` is even.
    void (*expand_422)(const std::uint8_t* from, std::uint8_t* y, std::uint8_t* cb, std::uint8_t* cr,
                       std::size_t pixels);

    // Converts bits, the least significant first (PS3.5, annex D), to bytes of 0 and 1, and back.
    void (*unpack_bits)(const std::uint8_t* from, unsigned first_bit, std::uint8_t* to, std::size_t count);
    void (*pack_bits)(const std::uint8_t* from, std::uint8_t* to, std::size_t count);

    // Shifts 16-bit samples to the left and stores them in cells of 8 or 16 bits.
    void (*narrow_row)(const std::uint16_t* row, std::uint8_t* to, std::size_t count, unsigned shift);
    void (*shift_row)(const std::uint16_t* row, std::uint16_t* to, std::size_t count, unsigned shift);

    // Adds `shift` to 32-bit samples, clamps them to [low, high], and stores them in cells.
    void (*store_row8)(const std::int32_t* row, std::uint8_t* to, std::size_t count, std::int32_t shift,
                       std::int32_t low, std::int32_t high);
    void (*store_row16)(const std::int32_t* row, std::uint16_t* to, std::size_t count, std::int32_t shift,
                        std::int32_t low, std::int32_t high);
    void (*store_row32)(const std::int32_t* row, std::uint32_t* to, std::size_t count, std::int32_t shift,
                        std::int32_t low, std::int32_t high);
    // Rounds to integers in [low, high]; both bounds are below 2^22. `row` may equal `to`.
    void (*round_row)(const float* row, std::int32_t* to, std::size_t count, float low, float high);

    // The linear function of a step. The sum of a row's samples, and that of the squares of their differences from a
    // mean.
    void (*linear_row)(SampleType type, const void* from, void* to, std::size_t count, const FrameStep& step);
    double (*sum_row)(SampleType type, const void* from, std::size_t count);
    double (*sum_squares_row)(SampleType type, const void* from, std::size_t count, double mean);
    // A label step. Returns in how many cells another label was already.
    std::uint32_t (*label_row)(const std::uint8_t* from, void* to, std::size_t count, const FrameStep& step);
};

const PixelKernels& pixel_kernels(Isa isa);

}  // namespace dcmturbo
