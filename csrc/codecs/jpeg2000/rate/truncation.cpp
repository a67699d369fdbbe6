// Where code-blocks are cut off so that a codestream of a given size has the least error (ISO/IEC 15444-1, J.14).
#include "codecs/jpeg2000/rate/truncation.h"

#include <algorithm>
#include <limits>

namespace dcmturbo::jpeg2000 {

void Truncation::add(CodedBlock& block, double weight) {
    const auto number = static_cast<std::uint32_t>(blocks_.size());
    blocks_.push_back(&block);
    const std::size_t first = steps_.size();
    for (std::size_t i = 0; i < block.passes.size(); ++i) {
        Step step{0, block.passes[i].distortion * weight, number, block.passes[i].end,
                  static_cast<std::uint16_t>(i + 1)};
        // Steps are kept with their sums until the hull is known. One that brings less a byte than the one behind it is
        // no place to cut at.
        const auto from = [&](const Step& before) {
            if (step.bytes == before.bytes) return std::numeric_limits<double>::infinity();
            return (step.distortion - before.distortion) / static_cast<double>(step.bytes - before.bytes);
        };
        if (step.distortion <= (steps_.size() > first ? steps_.back().distortion : 0)) continue;
        for (;;) {
            const Step before = steps_.size() > first ? steps_.back() : Step{0, 0, number, 0, 0};
            step.slope = from(before);
            if (steps_.size() == first || step.slope < before.slope) break;
            steps_.pop_back();
        }
        steps_.push_back(step);
    }
    for (std::size_t i = steps_.size(); i-- > first + 1;) {
        steps_[i].bytes -= steps_[i - 1].bytes;
        steps_[i].distortion -= steps_[i - 1].distortion;
    }
    for (std::size_t i = first; i < steps_.size(); ++i) {
        all_bytes_ += steps_[i].bytes;
        all_distortion_ += steps_[i].distortion;
    }
}

void Truncation::sort() {
    // The steps of a block stand in order, and their slopes fall.
    std::stable_sort(steps_.begin(), steps_.end(), [](const Step& a, const Step& b) { return a.slope > b.slope; });
}

std::uint64_t Truncation::bytes_for(double distortion) const {
    std::uint64_t bytes = 0;
    double sum = 0;
    for (const Step& step : steps_) {
        if (sum >= distortion) break;
        bytes += step.bytes;
        sum += step.distortion;
    }
    return bytes;
}

std::uint64_t Truncation::cut(std::span<const std::uint64_t> budgets, bool is_whole, Arena& arena) {
    const std::size_t layers = budgets.size();
    auto* passes = arena.allocate_array<std::uint16_t>(layers * std::max<std::size_t>(1, blocks_.size()));
    std::fill_n(passes, layers * blocks_.size(), std::uint16_t{0});
    std::uint64_t bytes = 0;
    std::size_t next = 0;
    const auto take = [&](const Step& step, std::size_t layer) {
        bytes += step.bytes;
        passes[step.block * layers + layer] = step.passes;
    };
    for (std::size_t layer = 0; layer < layers; ++layer) {
        for (; next < steps_.size() && bytes + steps_[next].bytes <= budgets[layer]; ++next) take(steps_[next], layer);
    }
    // What the next step leaves free, smaller steps of other blocks fill.
    std::vector<bool> is_closed(blocks_.size());
    for (; next < steps_.size() && bytes < budgets[layers - 1]; ++next) {
        const Step& step = steps_[next];
        if (is_closed[step.block]) continue;
        if (bytes + step.bytes <= budgets[layers - 1]) take(step, layers - 1);
        else is_closed[step.block] = true;
    }
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
        CodedBlock& block = *blocks_[i];
        std::uint16_t* const own = passes + i * layers;
        if (is_whole) own[layers - 1] = static_cast<std::uint16_t>(block.passes.size());
        block.first_layer = 0xFFFF;
        for (std::size_t layer = 0; layer < layers; ++layer) {
            if (layer > 0) own[layer] = std::max(own[layer], own[layer - 1]);
            if (own[layer] != 0 && block.first_layer == 0xFFFF) block.first_layer = static_cast<std::uint16_t>(layer);
        }
        block.passes_up_to = own;
    }
    return bytes;
}

}  // namespace dcmturbo::jpeg2000
