// The pixel loops as a table, one for each instruction set. Every table gives the same bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/features.h"
#include "entropy/block_passes.h"
#include "entropy/differences.h"
#include "entropy/ht_block.h"
#include "entropy/packbits.h"

namespace dcmturbo {

struct Kernels {
    Isa isa;

    // Entropy coding.
    void (*packbits_decode)(PackBitsLane* lanes, int count);
    std::uint8_t* (*packbits_encode_row)(const std::uint8_t* from, std::size_t size, std::uint8_t* to,
                                         std::uint64_t* equal);

    void (*decode_differences)(const std::uint8_t* data, const DifferenceTable& table, DifferenceLane* lanes, int count,
                               bool is_long);

    void (*count_categories)(const std::uint16_t* differences, std::size_t count, std::uint64_t* frequencies);
    std::uint8_t* (*encode_differences)(const std::uint16_t* differences, std::size_t count,
                                        const DifferenceCodes& codes, PendingBits* pending, std::uint8_t* to);

    // JPEG 2000: one coding pass of a code-block; and its coefficients, signed and with one fractional bit.
    void (*decode_block_pass)(BlockPasses& block, BlockPass pass, bool is_raw);
    void (*store_block)(const BlockPasses& block, std::size_t width, std::size_t height, std::int32_t* to,
                        std::size_t stride);
    bool (*decode_ht_cleanup)(const HtBlock& block, HtScratch& scratch, const HtTarget& target);
    void (*store_block_wide)(const BlockPasses& block, std::size_t width, std::size_t height, std::int64_t* to,
                             std::size_t stride);

    // JPEG Lossless: differences out of their entries (returns all entries' bits, or-ed); those of each component
    // out of pixels; rows of differences to samples and back; samples of 16 bits, shifted up, to cells of 8 or 16.
    std::uint32_t (*extract_differences)(const DifferenceEntry* entries, std::uint16_t* to, std::size_t count);
    void (*separate_components)(const std::uint16_t* from, std::size_t components, std::size_t pixels,
                                std::uint16_t* const to[]);
    void (*restore_row)(unsigned selection_value, const std::uint16_t* above, std::uint16_t* row, std::size_t count,
                        std::uint16_t start);
    void (*difference_row)(unsigned selection_value, const std::uint16_t* above, const std::uint16_t* row,
                           std::uint16_t* to, std::size_t count, std::size_t step);
    void (*narrow_row)(const std::uint16_t* row, std::uint8_t* to, std::size_t count, unsigned shift);
    void (*shift_row)(const std::uint16_t* row, std::uint16_t* to, std::size_t count, unsigned shift);

    // JPEG 2000 (wavelet.inl, reconstruction.inl): a row out of its low-pass and high-pass halves; the vertical steps
    // on a row between two others.
    void (*synthesise_row_5_3)(const std::int32_t* low, const std::int32_t* high, std::int32_t* to,
                               std::int32_t* scratch, std::size_t count, bool odd);
    void (*synthesise_row_5_3_wide)(const std::int64_t* low, const std::int64_t* high, std::int64_t* to,
                                    std::int64_t* scratch, std::size_t count, bool odd);
    void (*synthesise_row_9_7)(const float* low, const float* high, float* to, float* scratch, std::size_t count,
                               bool odd, float low_scale, float high_scale);
    void (*lift_low_5_3)(std::int32_t* row, const std::int32_t* above, const std::int32_t* below, std::size_t count);
    void (*lift_high_5_3)(std::int32_t* row, const std::int32_t* above, const std::int32_t* below, std::size_t count);
    void (*lift_low_5_3_wide)(std::int64_t* row, const std::int64_t* above, const std::int64_t* below,
                              std::size_t count);
    void (*lift_high_5_3_wide)(std::int64_t* row, const std::int64_t* above, const std::int64_t* below,
                               std::size_t count);
    void (*lift_9_7)(float* row, const float* above, const float* below, std::size_t count, float factor);

    // Coefficients with one fractional bit, to integers or, in the same memory, to floats times `scale`.
    void (*halve_coefficients)(std::int32_t* row, std::size_t count);
    void (*scale_coefficients)(std::int32_t* row, std::size_t count, float scale);

    // Inverse component transforms in place; level shift, clamping and narrowing; rounding within bounds (below 2^22;
    // row may be to).
    void (*inverse_rct)(std::int32_t* y, std::int32_t* cb, std::int32_t* cr, std::size_t count);
    void (*inverse_ict)(float* y, float* cb, float* cr, std::size_t count);
    void (*store_row8)(const std::int32_t* row, std::uint8_t* to, std::size_t count, std::int32_t shift,
                       std::int32_t low, std::int32_t high);
    void (*store_row16)(const std::int32_t* row, std::uint16_t* to, std::size_t count, std::int32_t shift,
                        std::int32_t low, std::int32_t high);
    void (*store_row32)(const std::int32_t* row, std::uint32_t* to, std::size_t count, std::int32_t shift,
                        std::int32_t low, std::int32_t high);
    void (*round_row)(const float* row, std::int32_t* to, std::size_t count, float low, float high);

    // Byte planes, the most significant first, to cells and back. The merged 16-bit cell may be corrected
    // on the way (see correct16).
    void (*merge16)(const std::uint8_t* high, const std::uint8_t* low, std::uint16_t* to, std::size_t count,
                    unsigned unused_bits, bool sign_extend);
    void (*merge32)(const std::uint8_t* const planes[4], std::uint32_t* to, std::size_t count);
    void (*merge64)(const std::uint8_t* const planes[8], std::uint64_t* to, std::size_t count);
    void (*split16)(const std::uint16_t* from, std::uint8_t* high, std::uint8_t* low, std::size_t count);

    // Overwrites the top `unused_bits` of each cell with zeros or with the sign of the rest. from may be to.
    void (*correct8)(const std::uint8_t* from, std::uint8_t* to, std::size_t count, unsigned unused_bits,
                     bool sign_extend);
    void (*correct16)(const std::uint16_t* from, std::uint16_t* to, std::size_t count, unsigned unused_bits,
                      bool sign_extend);
    void (*correct32)(const std::uint32_t* from, std::uint32_t* to, std::size_t count, unsigned unused_bits,
                      bool sign_extend);
    void (*correct64)(const std::uint64_t* from, std::uint64_t* to, std::size_t count, unsigned unused_bits,
                      bool sign_extend);

    // Reverses the bytes of each cell. from may be to.
    void (*swap16)(const std::uint16_t* from, std::uint16_t* to, std::size_t count);
    void (*swap32)(const std::uint32_t* from, std::uint32_t* to, std::size_t count);
    void (*swap64)(const std::uint64_t* from, std::uint64_t* to, std::size_t count);

    // Three 8-bit components: planes to pixels, pixels to planes, YBR_FULL to RGB in place.
    void (*interleave3)(const std::uint8_t* a, const std::uint8_t* b, const std::uint8_t* c, std::uint8_t* to,
                        std::size_t pixels);
    void (*deinterleave3)(const std::uint8_t* from, std::uint8_t* a, std::uint8_t* b, std::uint8_t* c,
                          std::size_t pixels);
    void (*ybr_full_to_rgb)(std::uint8_t* y, std::uint8_t* cb, std::uint8_t* cr, std::size_t pixels);

    // Y1 Y2 Cb Cr (PS3.3, C.7.6.3.1.2) to three planes; `pixels` is even.
    void (*expand_422)(const std::uint8_t* from, std::uint8_t* y, std::uint8_t* cb, std::uint8_t* cr,
                       std::size_t pixels);

    // Bits, the least significant first (PS3.5, D), to bytes of 0 and 1, and back.
    void (*unpack_bits)(const std::uint8_t* from, unsigned first_bit, std::uint8_t* to, std::size_t count);
    void (*pack_bits)(const std::uint8_t* from, std::uint8_t* to, std::size_t count);
};

// The table of an available instruction set.
const Kernels& kernels_for(Isa isa);

}  // namespace dcmturbo
