// The end of a codeword segment (ISO/IEC 15444-1, C.2.8 and C.2.9).
#include "entropy/mq_encode.h"

#include "bits/mq_stuffing.h"

namespace dcmturbo {

namespace {

// How many bits of the number decode what came before a position: the fewest that, followed by ones, stay below the
// upper end of the interval there. Differences are smaller than A, so 32 bits of the number tell them.
std::uint64_t bits_needed(const std::uint32_t* words, std::uint64_t total, const MqPosition& position) {
    if (position.bits >= total) return total;
    const std::uint32_t number =
        position.bits < 32 ? words[0] >> (32 - position.bits) : word_at(words, position.bits - 32);
    unsigned spare = 0;
    while (spare < 15 && (number | ((std::uint32_t{2} << spare) - 1)) - position.low < position.a) ++spare;
    return position.bits - spare;
}

}  // namespace

std::size_t finish_mq(MqEncoder& mq, const MqPosition* positions, std::size_t count, std::uint32_t* ends,
                      std::uint8_t* to) {
    // The number with the most ones at its end within [C, C + A).
    unsigned ones = 0;
    const std::uint64_t top = mq.c + mq.a;
    while (ones < 15 && (mq.c | ((std::uint64_t{2} << ones) - 1)) < top) ++ones;
    std::uint64_t c = mq.c | ((std::uint64_t{1} << ones) - 1);
    const unsigned left = 16 + mq.count;
    if (c >> left != 0) {
        for (std::uint32_t* word = mq.to; word != mq.begin && ++*--word == 0;) {
        }
        c &= (std::uint64_t{1} << left) - 1;
    }
    // Its bits, and ones behind them.
    std::uint32_t* end = mq.to;
    const std::uint64_t last = c << (64 - left) | (~std::uint64_t{0} >> left);
    *end++ = static_cast<std::uint32_t>(last >> 32);
    *end++ = static_cast<std::uint32_t>(last);
    *end++ = ~0U;
    *end++ = ~0U;
    const std::uint64_t total = static_cast<std::uint64_t>(mq.to - mq.begin) * 32 + left - ones;
    for (std::size_t i = 0; i < count; ++i)
        ends[i] = static_cast<std::uint32_t>(bits_needed(mq.begin, total, positions[i]));
    // The first bit is 0, and no decoder reads it (C.3.5).
    return stuff_mq(mq.begin, total, ends, count, to);
}

#define DCMTURBO_KERNELS "entropy/mq_encode.inl"
#include "cpu/each_isa.h"

const MqEncodeKernels& mq_encode_kernels(Isa isa) { return table_of(isa); }

}  // namespace dcmturbo
