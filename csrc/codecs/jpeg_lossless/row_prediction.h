// Samples of a scan from its differences, a row of MCUs at a time (ISO/IEC 10918-1, H.1.2.1).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/context.h"
#include "codecs/jpeg_lossless/kernels.h"
#include "codecs/jpeg_lossless/scan.h"
#include "image/row_sink.h"

namespace dcmturbo::jpeg_lossless {

// Keeps the rows that the next prediction needs. One for each thread.
class RowPrediction {
  public:
    RowPrediction(const Scan& scan, Context& context);

    // Gives the sink the samples of MCU row `row`, from its first `count` differences: whole pixels, or in a scan that
    // is not simple the whole row.
    void restore(const std::uint16_t* differences, std::size_t count, bool starts_interval, std::uint32_t row,
                 RowSink& sink);

    // In place of restoring the row above: the first sample of it of each component, which is all that selection
    // value 1 needs.
    void set_above(const std::uint16_t* first_samples);

  private:
    void restore_simple(const std::uint16_t* differences, std::size_t count, bool starts_interval, std::uint32_t row,
                        RowSink& sink);
    void restore_sampled(const std::uint16_t* differences, bool starts_interval, std::uint32_t row, RowSink& sink);

    const Scan& scan_;
    const PredictionKernels& kernels_;
    std::array<std::array<std::uint16_t*, 2>, 4> lines_{};          // [component]: this row and the one before
    std::array<std::array<std::uint16_t*, 4>, 4> sampled_lines_{};  // [component]: the rows of one MCU row
    unsigned current_ = 0;
};

}  // namespace dcmturbo::jpeg_lossless
