// What the coding of a scan remembers from sample to sample (ISO/IEC 14495-1, A.2.1, A.5, A.6 and A.7.2).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "codecs/jpegls/parameters.h"

namespace dcmturbo::jpegls {

inline constexpr unsigned most_context = 364;  // 81 * 4 + 9 * 4 + 4
inline constexpr unsigned most_components = 4;

// In right streams k is at most 15 in regular mode, since |errors| are at most 2^15 and A at most N times that, and 16
// for run interruption samples. In damaged ones this keeps a code within a window of bits.
inline constexpr unsigned most_k = 16;

// A[Q], B[Q], C[Q] and N[Q], and what they decide about the next error, kept up to date with them. A and B wrap around
// where a stream is damaged; that is found at the end of its line.
struct RegularContext {
    std::uint32_t a;
    std::int32_t b;
    std::uint16_t n;
    std::int16_t c;
    std::uint8_t k;
    // -1 where A.5.2 turns errors around (k is 0, NEAR is 0, and 2 * B[Q] <= -N[Q]), else 0.
    std::int8_t flip;
    std::uint16_t unused;
};

// Quantised gradients are kept times this, so that they are offsets into the contexts.
inline constexpr int context_size = 16;
static_assert(sizeof(RegularContext) == context_size);

struct RunContext {
    std::uint32_t a;
    std::uint32_t n;
    std::uint32_t nn;
};

struct Contexts {
    std::array<RegularContext, most_context + 1> regular;
    std::array<RunContext, 2> run;  // [RItype]
    std::array<std::uint32_t, most_components> run_index;

    void reset(const Parameters& parameters);
};

// The gradient Rc - Ra, quantised (A.3.3) and times context_size, by Ra - Rc: the one of three that the sample before
// decides.
class GradientTable {
  public:
    static constexpr std::size_t size_for(std::int32_t maxval) { return 2 * static_cast<std::size_t>(maxval) + 1; }
    static void fill(std::int8_t* to, const Parameters& parameters);
};

}  // namespace dcmturbo::jpegls
