// The loops of JPEG Lossless over rows, one table for each instruction set. Every table gives the same bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/features.h"
#include "entropy/differences.h"

namespace dcmturbo::jpeg_lossless {

struct PredictionKernels {
    // Differences out of their entries: returns all entries' bits, or-ed.
    std::uint32_t (*extract_differences)(const DifferenceEntry* entries, std::uint16_t* to, std::size_t count);
    // Those of each component out of those of pixels.
    void (*separate_components)(const std::uint16_t* from, std::size_t components, std::size_t pixels,
                                std::uint16_t* const to[]);

    // Rows of differences to samples, and back.
    void (*restore_row)(unsigned selection_value, const std::uint16_t* above, std::uint16_t* row, std::size_t count,
                        std::uint16_t start);
    void (*difference_row)(unsigned selection_value, const std::uint16_t* above, const std::uint16_t* row,
                           std::uint16_t* to, std::size_t count, std::size_t step);
};

const PredictionKernels& prediction_kernels(Isa isa);

}  // namespace dcmturbo::jpeg_lossless
