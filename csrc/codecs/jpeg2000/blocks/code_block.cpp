#include "codecs/jpeg2000/blocks/code_block.h"

#include "codecs/jpeg2000/blocks/ht_block.h"
#include "codecs/jpeg2000/blocks/mq_block.h"
#include "codecs/jpeg2000/wavelet/kernels.h"

namespace dcmturbo::jpeg2000 {

namespace {

// From coefficients with one fractional bit, of which those of a region of interest are shifted, to their final form.
void unshift_and_store(const CodeBlock& block, const std::int64_t* coefficients, const BlockOutput& output) {
    const unsigned shift = output.roi_shift;
    std::byte* to = output.to;
    for (std::uint32_t y = 0; y < block.height; ++y) {
        for (std::uint32_t x = 0; x < block.width; ++x) {
            const std::int64_t value = *coefficients++;
            std::uint64_t magnitude = static_cast<std::uint64_t>(value < 0 ? -value : value);
            // H.1: what reaches above the background, by its shift, belongs to the region.
            if (shift != 0 && (magnitude >> 1 >> shift) != 0) magnitude >>= shift;
            if (output.arithmetic == Arithmetic::real) {
                const double real = static_cast<double>(magnitude) * 0.5 * static_cast<double>(output.step);
                reinterpret_cast<float*>(to)[x] = static_cast<float>(value < 0 ? -real : real);
            } else {
                const auto whole = static_cast<std::int64_t>(magnitude >> 1);
                const std::int64_t result = value < 0 ? -whole : whole;
                if (output.arithmetic == Arithmetic::wide) reinterpret_cast<std::int64_t*>(to)[x] = result;
                else reinterpret_cast<std::int32_t*>(to)[x] = static_cast<std::int32_t>(result);
            }
        }
        to += output.stride * element_size(output.arithmetic);
    }
}

}  // namespace

BlockOutcome decode_block(const CodeBlock& block, const BlockOutput& output, Isa isa, Arena& arena) {
    const bool is_high_throughput = block.coder != BlockCoder::arithmetic;
    const bool is_real = output.arithmetic == Arithmetic::real;
    const unsigned planes = is_high_throughput ? block.band_planes : block.bit_planes;
    if (output.arithmetic == Arithmetic::wide || output.roi_shift != 0 || planes > max_narrow_bit_planes) {
        auto* const wide = arena.allocate_array<std::int64_t>(std::size_t{block.width} * block.height);
        const BlockOutcome outcome = is_high_throughput
                                         ? decode_ht_block(block, {wide, block.width, HtForm::half_64}, isa, arena)
                                         : decode_mq_block_wide(block, wide, block.width, arena);
        unshift_and_store(block, wide, output);
        return outcome;
    }
    const float scale = is_real ? 0.5F * output.step : 0;
    if (is_high_throughput) {
        const HtForm form = is_real ? HtForm::real_32 : HtForm::whole_32;
        return decode_ht_block(block, {output.to, output.stride, form, scale}, isa, arena);
    }
    auto* const coefficients = reinterpret_cast<std::int32_t*>(output.to);
    const BlockOutcome outcome = decode_mq_block(block, coefficients, output.stride, isa, arena);
    const WaveletKernels& kernels = wavelet_kernels(isa);
    for (std::uint32_t y = 0; y < block.height; ++y) {
        std::int32_t* const row = coefficients + y * output.stride;
        if (is_real) kernels.scale_coefficients(row, block.width, scale);
        else kernels.halve_coefficients(row, block.width);
    }
    return outcome;
}

}  // namespace dcmturbo::jpeg2000
