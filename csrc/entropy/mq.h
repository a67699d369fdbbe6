// The MQ decoder (ISO/IEC 15444-1, Annex C): its states, and a codeword segment as one number without stuffing. The
// step itself is in mq.inl.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace dcmturbo {

// All that a decision needs of its context. Bits 63 to 48: Qe; 15 to 8: the state after a less probable symbol; 7 to
// 0: that after a more probable one. States are numbered 2 x index + MPS, and a more probable symbol never changes
// MPS, so bit 0 is MPS.
using MqState = std::uint64_t;
inline constexpr MqState mq_estimate = 0xffffull << 48;

extern const std::array<MqState, 94> mq_states;

// Registers A and C (C.3.2) in the top 16 bits. Below those of C stand the bits to come, a 1 that marks their end, and
// zeros. The mark is below bit 32 before every decision: then there are 16 bits at least, and one decision shifts in 15
// at most, because no Qe is 0.
struct MqDecoder {
    std::uint64_t a;
    std::uint64_t c;
    const std::uint32_t* next;  // words that follow
    const std::uint32_t* last;  // all ones; read again and again
};

// Raw bits of selective arithmetic coding bypass (D.6).
struct RawDecoder {
    std::uint64_t bits;  // the next one at the top
    std::int64_t left;
    const std::uint32_t* next;
    const std::uint32_t* last;
};

// Both remove the stuffing of a segment once, so that the steps only shift. Past its end, or a marker, bits are 1
// (D.4.1). `words` take unstuffed_words_bound(size). False where a marker stands before the end: no coder leaves one
// there.
bool start_mq(const std::uint8_t* data, std::size_t size, std::uint32_t* words, MqDecoder& decoder);
bool start_raw(const std::uint8_t* data, std::size_t size, std::uint32_t* words, RawDecoder& decoder);

}  // namespace dcmturbo
