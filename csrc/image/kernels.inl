// The kernels of this room and the table of them, compiled once per instruction set.
#include "image/cells.inl"
#include "image/colour.inl"
#if defined(DCMTURBO_TARGET_AVX2) || defined(DCMTURBO_TARGET_AVX512)
#include "image/colour_avx2.inl"
#else
#include "image/colour_scalar.inl"
#endif
#include "image/rows.inl"
#include "image/steps.inl"

constexpr PixelKernels table = {
    .merge16 = merge16,
    .merge32 = merge32,
    .merge64 = merge64,
    .split16 = split16,
    .correct8 = correct8,
    .correct16 = correct16,
    .correct32 = correct32,
    .correct64 = correct64,
    .swap16 = swap16,
    .swap32 = swap32,
    .swap64 = swap64,
    .interleave3 = interleave3,
    .deinterleave3 = deinterleave3,
    .ybr_full_to_rgb = ybr_full_to_rgb,
    .ybr_full_to_rgb_pixels = ybr_full_to_rgb_pixels,
    .expand_422 = expand_422,
    .unpack_bits = unpack_bits,
    .pack_bits = pack_bits,
    .narrow_row = narrow_row,
    .shift_row = shift_row,
    .store_row8 = store_row8,
    .store_row16 = store_row16,
    .store_row32 = store_row32,
    .round_row = round_row,
    .linear_row = linear_row,
    .sum_row = sum_row,
    .sum_squares_row = sum_squares_row,
    .label_row = label_row,
};
