// What is compiled for each instruction set: the loops, and the table of them.
#include "codecs/jpeg2000/wavelet/lifting.inl"
#include "codecs/jpeg2000/wavelet/transforms.inl"
// Both use the steps of lifting.inl.
#include "codecs/jpeg2000/wavelet/analysis.inl"
#include "codecs/jpeg2000/wavelet/synthesise_rows.inl"

constexpr WaveletKernels table = {
    .synthesise_row_5_3 = synthesise_row_5_3,
    .synthesise_row_5_3_wide = synthesise_row_5_3_wide,
    .synthesise_row_9_7 = synthesise_row_9_7,
    .synthesise_row_9_7_wide = synthesise_row_9_7_wide,
    .lift_low_5_3 = lift_low_5_3,
    .lift_high_5_3 = lift_high_5_3,
    .lift_low_5_3_wide = lift_low_5_3_wide,
    .lift_high_5_3_wide = lift_high_5_3_wide,
    .lift_9_7 = lift_9_7,
    .lift_9_7_wide = lift_9_7_wide,
    .halve_coefficients = halve_coefficients,
    .scale_coefficients = scale_coefficients,
    .inverse_rct = inverse_rct,
    .inverse_ict = inverse_ict,
    .analyse_row_5_3 = analyse_row_5_3,
    .analyse_row_5_3_wide = analyse_row_5_3_wide,
    .analyse_row_9_7 = analyse_row_9_7,
    .forward_low_5_3 = forward_low_5_3,
    .forward_high_5_3 = forward_high_5_3,
    .forward_low_5_3_wide = forward_low_5_3_wide,
    .forward_high_5_3_wide = forward_high_5_3_wide,
    .forward_rct = forward_rct,
    .forward_rct_wide = forward_rct_wide,
    .forward_ict = forward_ict,
    .quantise_row = quantise_row,
};
