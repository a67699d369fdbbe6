// The loops of the wavelets and the component transforms, one table for each instruction set. Every table gives the
// same bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/features.h"

namespace dcmturbo::jpeg2000 {

struct WaveletKernels {
    // A row out of its low-pass and high-pass halves (lifting.inl).
    void (*synthesise_row_5_3)(const std::int32_t* low, const std::int32_t* high, std::int32_t* to,
                               std::int32_t* scratch, std::size_t count, bool odd);
    void (*synthesise_row_5_3_wide)(const std::int64_t* low, const std::int64_t* high, std::int64_t* to,
                                    std::int64_t* scratch, std::size_t count, bool odd);
    void (*synthesise_row_9_7)(const float* low, const float* high, float* to, float* scratch, std::size_t count,
                               bool odd, float low_scale, float high_scale);
    void (*synthesise_row_9_7_wide)(const double* low, const double* high, double* to, double* scratch,
                                    std::size_t count, bool odd, double low_scale, double high_scale);

    // The vertical steps, on a row between two others.
    void (*lift_low_5_3)(std::int32_t* row, const std::int32_t* above, const std::int32_t* below, std::size_t count);
    void (*lift_high_5_3)(std::int32_t* row, const std::int32_t* above, const std::int32_t* below, std::size_t count);
    void (*lift_low_5_3_wide)(std::int64_t* row, const std::int64_t* above, const std::int64_t* below,
                              std::size_t count);
    void (*lift_high_5_3_wide)(std::int64_t* row, const std::int64_t* above, const std::int64_t* below,
                               std::size_t count);
    void (*lift_9_7)(float* row, const float* above, const float* below, std::size_t count, float factor);
    void (*lift_9_7_wide)(double* row, const double* above, const double* below, std::size_t count, double factor);

    // Coefficients with one fractional bit, to integers or, in the same memory, to floats times `scale`.
    void (*halve_coefficients)(std::int32_t* row, std::size_t count);
    void (*scale_coefficients)(std::int32_t* row, std::size_t count, float scale);

    // Inverse component transforms, in place.
    void (*inverse_rct)(std::int32_t* y, std::int32_t* cb, std::int32_t* cr, std::size_t count);
    void (*inverse_ict)(float* y, float* cb, float* cr, std::size_t count);

    // Forward (analysis.inl): a row into its low-pass and high-pass halves; the vertical steps; component transforms,
    // in place; and quantisation towards zero.
    void (*analyse_row_5_3)(const std::int32_t* from, std::int32_t* low, std::int32_t* high, std::int32_t* scratch,
                            std::size_t count, bool odd);
    void (*analyse_row_5_3_wide)(const std::int64_t* from, std::int64_t* low, std::int64_t* high, std::int64_t* scratch,
                                 std::size_t count, bool odd);
    void (*analyse_row_9_7)(const float* from, float* low, float* high, float* scratch, std::size_t count, bool odd,
                            float low_scale, float high_scale);
    void (*forward_low_5_3)(std::int32_t* row, const std::int32_t* above, const std::int32_t* below, std::size_t count);
    void (*forward_high_5_3)(std::int32_t* row, const std::int32_t* above, const std::int32_t* below,
                             std::size_t count);
    void (*forward_low_5_3_wide)(std::int64_t* row, const std::int64_t* above, const std::int64_t* below,
                                 std::size_t count);
    void (*forward_high_5_3_wide)(std::int64_t* row, const std::int64_t* above, const std::int64_t* below,
                                  std::size_t count);
    void (*forward_rct)(std::int32_t* red, std::int32_t* green, std::int32_t* blue, std::size_t count);
    void (*forward_rct_wide)(std::int64_t* red, std::int64_t* green, std::int64_t* blue, std::size_t count);
    void (*forward_ict)(float* red, float* green, float* blue, std::size_t count);
    void (*quantise_row)(const float* row, std::int32_t* to, std::size_t count, float scale);
};

const WaveletKernels& wavelet_kernels(Isa isa);

}  // namespace dcmturbo::jpeg2000
