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

// What a context says of the next error and its code, by the context's sign and number: a sample finds its prediction
// and its code here with one address. The entries of a context and of its negative change together.
struct ContextView {
    std::int16_t correction;  // C[Q], with the sign
    std::uint8_t k;
    std::uint8_t shift;  // 63 - k
};

// Quantised gradients are kept times this, so that they are offsets into the views.
inline constexpr int context_scale = 4;
static_assert(sizeof(ContextView) == context_scale);

// A[Q], B[Q] and N[Q]. A and B wrap around where a stream is damaged; that is found at the end of its line.
struct RegularContext {
    std::uint32_t a;
    std::int32_t b;
    std::uint16_t n;
    // -1 where A.5.2 turns errors around (k is 0, NEAR is 0, and 2 * B[Q] <= -N[Q]), else 0.
    std::int8_t flip;
    std::int8_t unused;
    std::uint32_t unused_too;  // a power of two is an address's factor
};
static_assert(sizeof(RegularContext) == 4 * context_scale);

struct LineKernels;

struct RunContext {
    std::uint32_t a;
    std::uint32_t n;
    std::uint32_t nn;
};

struct Contexts {
    // What does not change within a scan, here because the loops have the address at hand.
    std::int32_t maxval;
    std::uint32_t reset_at;  // RESET
    std::int32_t near_lossless;
    std::int32_t step;    // 2 * NEAR + 1
    std::int32_t range;   // RANGE
    std::int32_t around;  // RANGE * step
    unsigned escape;      // LIMIT - qbpp - 1
    unsigned qbpp;
    // By k: a code of fewer zeros is short. With its one and k bits it fits what a reader knows, it is no escape, and
    // RANGE allows its number.
    std::array<std::uint32_t, most_k + 1> short_zeros;

    std::array<ContextView, 2 * most_context + 1> views;  // of context 0 in the middle
    std::array<RegularContext, most_context + 1> regular;
    std::array<RunContext, 2> run;  // [RItype]
    std::array<std::uint32_t, most_components> run_index;

    void reset(const Parameters& parameters, const LineKernels& kernels);

    // By gradients that are quantised, put together and scaled.
    [[nodiscard]] ContextView& view(std::ptrdiff_t q) { return *reinterpret_cast<ContextView*>(views_middle() + q); }
    // By the absolute value of them.
    [[nodiscard]] RegularContext& context(std::ptrdiff_t size) {
        return *reinterpret_cast<RegularContext*>(regular_begin() + 4 * size);
    }
    // From this address and these distances, loops need one register.
    [[nodiscard]] char* views_middle() {
        return reinterpret_cast<char*>(this) + offsetof(Contexts, views) + most_context * context_scale;
    }
    [[nodiscard]] char* regular_begin() { return reinterpret_cast<char*>(this) + offsetof(Contexts, regular); }
};

// What is known of a sample before its line is decoded, in one load: the level 81 * Q1 + 9 * Q2 (A.3.3 and A.3.4) times
// context_scale, and Rb. The sample then takes the place of Rb.
struct LineSample {
    std::int16_t level;
    std::uint16_t value;
};

// The gradient Rc - Ra, quantised (A.3.3) and times context_scale, by Ra - Rc: the one of three that the sample before
// decides.
class GradientTable {
  public:
    static constexpr std::size_t size_for(std::int32_t maxval) { return 2 * static_cast<std::size_t>(maxval) + 1; }
    static void fill(std::int8_t* to, const Parameters& parameters);
};

}  // namespace dcmturbo::jpegls
