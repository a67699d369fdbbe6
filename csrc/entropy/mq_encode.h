// The MQ encoder (ISO/IEC 15444-1, C.2): a list of decisions in, a codeword segment out. The step is in mq_encode.inl.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "cpu/features.h"
#include "entropy/mq.h"

namespace dcmturbo {

// A decision in the lowest bit, and its context above.
using Decision = std::uint8_t;
constexpr Decision decision_of(unsigned context, std::uint64_t value) {
    return static_cast<Decision>(context << 1 | value);
}

// The contexts of two segments that are coded together. The states lie behind them, so that one register reaches both.
struct MqContexts {
    MqContexts() { std::copy(mq_states.begin(), mq_states.end(), states); }
    MqState of[2][32];
    MqState states[mq_states.size()];
};

// The codeword as one number without stuffing: registers A and C (C.2.2), C with the bits that have left it above its
// 16, as long as they are fewer than 32; then they become a word. A carry adds one to the words before.
struct MqEncoder {
    std::uint32_t a = 0x8000;
    std::uint32_t count = 0;  // bits of C above its 16
    std::uint64_t c = 0;
    std::uint32_t* to = nullptr;
    std::uint32_t* begin = nullptr;

    void start(std::uint32_t* words) {
        *this = MqEncoder{};
        to = begin = words;
    }
};

// Where a pass ended: enough to find out later how many bytes decode it.
struct MqPosition {
    std::uint64_t bits = 0;  // of the number, down to the unit of A
    std::uint32_t a = 0;
    std::uint32_t low = 0;  // the last 32 bits of the number there
};

[[gnu::always_inline]] inline MqPosition mq_position(const MqEncoder& mq) {
    const std::uint64_t before = mq.to == mq.begin ? 0 : mq.to[-1];
    return {static_cast<std::uint64_t>(mq.to - mq.begin) * 32 + 16 + mq.count, mq.a,
            static_cast<std::uint32_t>(mq.c | before << 16 << mq.count)};
}

// The words that `decisions` may need: none takes more than 15 bits.
constexpr std::size_t mq_words_bound(std::size_t decisions) { return decisions * 15 / 32 + 8; }

// Ends the segment, chooses the shortest codeword (C.2.9 leaves the choice), and writes it with stuffing (C.2.8).
// Returns its bytes, without trailing ones, which decoders put there on their own (D.4.1). `to` takes
// stuffed_mq_bound() of the words and 4 more. For each of `positions` it says in `ends` how many of the bytes decode
// what came before it.
std::size_t finish_mq(MqEncoder& mq, const MqPosition* positions, std::size_t count, std::uint32_t* ends,
                      std::uint8_t* to);

// The loops, one table for each instruction set. Every table gives the same bits.
struct MqEncodeKernels {
    // Decisions of one of the two segments.
    void (*encode)(MqEncoder* mq, MqContexts& contexts, std::size_t segment, const Decision* decisions,
                   std::size_t count);
    // As many decisions of each of the two segments.
    void (*encode_two)(MqEncoder* mq, MqContexts& contexts, const Decision* first, const Decision* second,
                       std::size_t count);
};

const MqEncodeKernels& mq_encode_kernels(Isa isa);

}  // namespace dcmturbo
