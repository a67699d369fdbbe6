#include "codecs/jpeg2000/blocks/ht_block.h"

#include <cmath>
#include <cstring>

#include "bits/ht_bits.h"
#include "codecs/jpeg2000/wavelet/kernels.h"

namespace dcmturbo::jpeg2000 {

namespace {

std::size_t element_size(HtForm form) { return form == HtForm::half_64 ? 8 : form == HtForm::whole_16 ? 2 : 4; }

// The last set that has data; no passes where there is none. Each set is one bit-plane below the one before.
HtBlock last_set(const CodeBlock& block) {
    HtBlock set;
    set.width = block.width;
    set.height = block.height;
    set.planes = block.band_planes;
    set.is_causal = (block.style & style_vertically_causal) != 0;
    unsigned passes = 0;
    bool is_empty = true;
    for (const CodewordSegment& segment : block.segments) {
        const unsigned last = passes + segment.passes - 1;
        passes += segment.passes;
        if (last % 3 == 0) {
            is_empty = segment.size == 0;
            if (is_empty) continue;
            set.cleanup = segment.data;
            set.cleanup_size = segment.size;
            set.plane = static_cast<std::uint8_t>(block.bit_planes - 1 - last / 3);
            set.passes = 1;
            set.refinement = nullptr;
            set.refinement_size = 0;
        } else if (!is_empty) {
            set.refinement = segment.data;
            set.refinement_size = segment.size;
            set.passes = static_cast<std::uint8_t>(1 + segment.passes);
        }
    }
    return set;
}

void clear(const HtBlock& block, const HtTarget& target) {
    const std::size_t size = element_size(target.form);
    for (std::uint32_t y = 0; y < block.height; ++y)
        std::memset(static_cast<std::byte*>(target.to) + y * target.stride * size, 0, block.width * size);
}

HtTarget of_plane(HtTarget target, unsigned plane) {
    target.scale = std::ldexp(target.scale, static_cast<int>(plane));
    return target;
}

bool decode_cleanup(const HtBlock& set, const HtTarget& target, Isa isa, Arena& arena) {
    HtScratch scratch;
    if (!start_ht(set, arena.allocate(ht_scratch_size(set)), scratch)) {
        clear(set, target);
        return false;
    }
    return ht_kernels(isa).decode_cleanup(set, scratch, target);
}

// Refinement needs the half of the last bit-plane: it works on `half`, which takes its final form afterwards.
bool decode_refined(const HtBlock& set, const HtTarget& target, Isa isa, Arena& arena) {
    const bool is_wide = target.form == HtForm::half_64;
    HtTarget half = target;
    if (!is_wide) half.form = HtForm::half_32;
    bool is_right = decode_cleanup(set, half, isa, arena) && !holds_marker(set.refinement, set.refinement_size);
    void* const memory = arena.allocate(ht_refinement_size(set));
    if (is_right && is_wide) {
        refine_ht_block(set, static_cast<std::int64_t*>(target.to), target.stride, memory);
    } else if (is_right) {
        refine_ht_block(set, static_cast<std::int32_t*>(target.to), target.stride, memory);
    }
    const WaveletKernels& kernels = wavelet_kernels(isa);
    for (std::uint32_t y = 0; y < set.height && !is_wide; ++y) {
        auto* const row = static_cast<std::int32_t*>(target.to) + y * target.stride;
        if (target.form == HtForm::real_32) kernels.scale_coefficients(row, set.width, target.scale);
        else kernels.halve_coefficients(row, set.width);
    }
    return is_right;
}

}  // namespace

BlockOutcome decode_ht_block(const CodeBlock& block, const HtTarget& target, Isa isa, Arena& arena) {
    const HtBlock set = last_set(block);
    if (set.passes == 0) {
        clear(set, target);
        return {};
    }
    if (set.passes > 1) return {.is_damaged = !decode_refined(set, target, isa, arena)};
    return {.is_damaged = !decode_cleanup(set, of_plane(target, set.plane), isa, arena)};
}

void decode_two_ht_blocks(const CodeBlock (&blocks)[2], const HtTarget (&targets)[2], Isa isa, Arena& arena,
                          BlockOutcome (&outcomes)[2]) {
    const HtBlock sets[2] = {last_set(blocks[0]), last_set(blocks[1])};
    HtScratch scratches[2];
    bool are_started = sets[0].passes == 1 && sets[1].passes == 1 && are_ht_alike(sets[0], sets[1]);
    for (int i = 0; i < 2 && are_started; ++i)
        are_started = start_ht(sets[i], arena.allocate(ht_scratch_size(sets[i])), scratches[i]);
    if (!are_started) {
        for (int i = 0; i < 2; ++i) outcomes[i] = decode_ht_block(blocks[i], targets[i], isa, arena);
        return;
    }
    const HtTarget scaled[2] = {of_plane(targets[0], sets[0].plane), of_plane(targets[1], sets[1].plane)};
    const HtBlock* const set_of[2] = {&sets[0], &sets[1]};
    HtScratch* const scratch_of[2] = {&scratches[0], &scratches[1]};
    const HtTarget* const target_of[2] = {&scaled[0], &scaled[1]};
    bool are_right[2];
    ht_kernels(isa).decode_two_cleanups(set_of, scratch_of, target_of, are_right);
    for (int i = 0; i < 2; ++i) outcomes[i].is_damaged = !are_right[i];
}

}  // namespace dcmturbo::jpeg2000
