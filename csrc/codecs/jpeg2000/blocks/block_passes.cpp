#include "codecs/jpeg2000/blocks/block_passes.h"

#include <algorithm>

namespace dcmturbo::jpeg2000 {
namespace {

constexpr unsigned bit(unsigned index, unsigned position) { return index >> position & 1; }

constexpr std::uint8_t sign_entry(unsigned index) {
    const auto contribution = [index](unsigned first, unsigned second) {
        int sum = 0;
        for (const unsigned at : {first, second})
            if (bit(index, at) != 0) sum += bit(index, at - 1) != 0 ? -1 : 1;
        return sum > 1 ? 1 : sum < -1 ? -1 : sum;
    };
    int horizontal = contribution(3, 5);
    int vertical = contribution(1, 7);
    const bool flips = horizontal < 0 || (horizontal == 0 && vertical < 0);
    if (flips) {
        horizontal = -horizontal;
        vertical = -vertical;
    }
    const int context = horizontal == 0 ? 9 + vertical : 12 + vertical;
    return static_cast<std::uint8_t>(context | (flips ? 0x80 : 0));
}

constexpr std::array<std::uint8_t, 256> make_sign_coding() {
    std::array<std::uint8_t, 256> table{};
    for (unsigned i = 0; i < table.size(); ++i) table[i] = sign_entry(i);
    return table;
}

constexpr std::uint8_t straight_context(unsigned along, unsigned across, unsigned diagonal) {
    if (along == 2) return 8;
    if (along == 1) return across >= 1 ? 7 : diagonal >= 1 ? 6 : 5;
    if (across > 0) return across == 2 ? 4 : 3;
    return diagonal >= 2 ? 2 : static_cast<std::uint8_t>(diagonal);
}

constexpr std::uint8_t diagonal_context(unsigned straight, unsigned diagonal) {
    if (diagonal >= 3) return 8;
    if (diagonal == 2) return straight >= 1 ? 7 : 6;
    if (diagonal == 1) return straight >= 2 ? 5 : straight == 1 ? 4 : 3;
    return straight >= 2 ? 2 : static_cast<std::uint8_t>(straight);
}

enum class Band { lh, hl, hh };

constexpr ZeroCoding make_zero_coding(Band band) {
    ZeroCoding table{};
    for (unsigned i = 0; i < table.size(); ++i) {
        const unsigned horizontal = bit(i, 3) + bit(i, 5);
        const unsigned vertical = bit(i, 1) + bit(i, 7);
        const unsigned diagonal = bit(i, 0) + bit(i, 2) + bit(i, 6) + bit(i, 8);
        table[i] = band == Band::hh   ? diagonal_context(horizontal + vertical, diagonal)
                   : band == Band::hl ? straight_context(vertical, horizontal, diagonal)
                                      : straight_context(horizontal, vertical, diagonal);
    }
    return table;
}

}  // namespace

constinit const std::array<std::uint8_t, 256> sign_coding = make_sign_coding();
constinit const ZeroCoding zero_coding_lh = make_zero_coding(Band::lh);
constinit const ZeroCoding zero_coding_hl = make_zero_coding(Band::hl);
constinit const ZeroCoding zero_coding_hh = make_zero_coding(Band::hh);

void reset_contexts(MqState* contexts) {
    std::fill_n(contexts, block_contexts, mq_states[0]);
    contexts[0] = mq_states[2 * 4];
    contexts[run_length_context] = mq_states[2 * 3];
    contexts[uniform_context] = mq_states[2 * 46];
}

// The tables as the kernels take them: see block_passes.inl.
static const std::uint8_t* const sign_entries = sign_coding.data();
static const MqState* const mq_state_table = mq_states.data();

#define DCMTURBO_KERNELS "codecs/jpeg2000/blocks/block_passes.inl"
#include "cpu/each_isa.h"

const BlockPassKernels& block_pass_kernels(Isa isa) { return table_of(isa); }

}  // namespace dcmturbo::jpeg2000
