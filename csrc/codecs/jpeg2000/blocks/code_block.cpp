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
            if (output.arithmetic == Arithmetic::real || output.arithmetic == Arithmetic::wide_real) {
                const double size = static_cast<double>(magnitude) * 0.5 * static_cast<double>(output.step);
                const double real = value < 0 ? -size : size;
                if (output.arithmetic == Arithmetic::wide_real) reinterpret_cast<double*>(to)[x] = real;
                else reinterpret_cast<float*>(to)[x] = static_cast<float>(real);
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

bool is_high_throughput(const CodeBlock& block) { return block.coder != BlockCoder::arithmetic; }

// Whether coefficients go through 64 bits.
bool is_wide(const CodeBlock& block, const BlockOutput& output) {
    const unsigned planes = is_high_throughput(block) ? block.band_planes : block.bit_planes;
    return is_wide(output.arithmetic) || output.roi_shift != 0 || planes > max_narrow_bit_planes;
}

HtTarget ht_target(const BlockOutput& output) {
    const bool is_real = output.arithmetic == Arithmetic::real;
    return {output.to, output.stride, is_real ? HtForm::real_32 : HtForm::whole_32, is_real ? 0.5F * output.step : 0};
}

MqTarget mq_target(const BlockOutput& output) { return {reinterpret_cast<std::int32_t*>(output.to), output.stride}; }

// From coefficients with one fractional bit to their final form, in the same memory.
void dequantise(const CodeBlock& block, const BlockOutput& output, Isa isa) {
    const WaveletKernels& kernels = wavelet_kernels(isa);
    for (std::uint32_t y = 0; y < block.height; ++y) {
        std::int32_t* const row = mq_target(output).to + y * output.stride;
        if (output.arithmetic == Arithmetic::real) kernels.scale_coefficients(row, block.width, 0.5F * output.step);
        else kernels.halve_coefficients(row, block.width);
    }
}

}  // namespace

BlockOutcome decode_block(const CodeBlock& block, const BlockOutput& output, Isa isa, Arena& arena) {
    if (is_wide(block, output)) {
        auto* const wide = arena.allocate_array<std::int64_t>(std::size_t{block.width} * block.height);
        const BlockOutcome outcome = is_high_throughput(block)
                                         ? decode_ht_block(block, {wide, block.width, HtForm::half_64}, isa, arena)
                                         : decode_mq_block_wide(block, wide, block.width, arena);
        unshift_and_store(block, wide, output);
        return outcome;
    }
    if (is_high_throughput(block)) return decode_ht_block(block, ht_target(output), isa, arena);
    const MqTarget target = mq_target(output);
    const BlockOutcome outcome = decode_mq_block(block, target.to, target.stride, isa, arena);
    dequantise(block, output, isa);
    return outcome;
}

void decode_two_blocks(const CodeBlock (&blocks)[2], const BlockOutput (&outputs)[2], Isa isa, Arena& arena,
                       BlockOutcome (&outcomes)[2]) {
    const bool are_narrow = !is_wide(blocks[0], outputs[0]) && !is_wide(blocks[1], outputs[1]);
    const int high_throughput = (is_high_throughput(blocks[0]) ? 1 : 0) + (is_high_throughput(blocks[1]) ? 1 : 0);
    if (are_narrow && high_throughput == 2) {
        const HtTarget targets[2] = {ht_target(outputs[0]), ht_target(outputs[1])};
        return decode_two_ht_blocks(blocks, targets, isa, arena, outcomes);
    }
    if (are_narrow && high_throughput == 0) {
        decode_two_mq_blocks(blocks, {mq_target(outputs[0]), mq_target(outputs[1])}, isa, arena, outcomes);
        for (int i = 0; i < 2; ++i) dequantise(blocks[i], outputs[i], isa);
        return;
    }
    for (int i = 0; i < 2; ++i) outcomes[i] = decode_block(blocks[i], outputs[i], isa, arena);
}

}  // namespace dcmturbo::jpeg2000
