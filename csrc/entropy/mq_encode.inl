// The step of the MQ encoder.

// GCC keeps values in vector registers where it has no others left, and a step waits for them.
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("general-regs-only")
#endif

static __attribute__((noinline)) void carry_over(std::uint32_t* word, const std::uint32_t* begin) {
    while (word != begin && ++*--word == 0) {
    }
}

// One decision (C.2.4 to C.2.6) without a branch that depends on it. Of the sub-intervals A - Qe and Qe, a more
// probable symbol takes the larger, a less probable one the smaller; C moves up by Qe for A - Qe. The state changes
// where A is renormalised. Returns by how much A is shifted.
static inline __attribute__((always_inline)) std::uint32_t encode_decision(std::uint32_t& a_of, std::uint64_t& c_of,
                                                                           MqState* contexts, unsigned decision,
                                                                           const MqState* states) {
    MqState* const context = contexts + (decision >> 1);
    const MqState state = *context;
    const std::uint64_t estimate = state >> 48;
    auto is_lps = static_cast<std::uint32_t>((state ^ decision) & 1);
    MqState next = states[state >> (is_lps * 8) & 0xff];
    std::uint64_t added = estimate;
    std::uint32_t a = a_of;
#if defined(__x86_64__)
    // Compilers compute masks for these choices, which takes more steps on the way from one A to the next.
    const std::uint64_t none = 0;
    asm("sub %k[estimate], %[a]\n\t"
        "cmp %k[estimate], %[a]\n\t"
        "sbb $0, %[is_lps]\n\t"  // 0 where A - Qe is taken
        "cmovnz %k[estimate], %[a]\n\t"
        "cmovnz %[none], %[added]\n\t"
        "test $0x8000, %[a]\n\t"
        "cmovnz %[state], %[next]"
        : [a] "+&r"(a), [is_lps] "+&r"(is_lps), [added] "+&r"(added), [next] "+&r"(next)
        : [estimate] "r"(estimate), [none] "rm"(none), [state] "rm"(state)
        : "cc");
#else
    a -= static_cast<std::uint32_t>(estimate);
    const bool takes_estimate = (a < estimate) != (is_lps != 0);
    a = takes_estimate ? static_cast<std::uint32_t>(estimate) : a;
    added = takes_estimate ? 0 : added;
    next = (a & 0x8000) != 0 ? state : next;
#endif
    *context = next;
    const auto shift = static_cast<std::uint32_t>(__builtin_clz(a)) - 16;
    a_of = a << shift;
    c_of = (c_of + added) << shift;
    return shift;
}

// Takes 32 bits from the top of C.
static inline __attribute__((always_inline)) void write_word(std::uint64_t& c, std::uint32_t& held, MqEncoder& mq) {
    held -= 32;
    const std::uint64_t top = c >> (16 + held);
    if (__builtin_expect((top >> 32) != 0, 0)) carry_over(mq.to, mq.begin);
    *mq.to++ = static_cast<std::uint32_t>(top);
    c &= (std::uint64_t{1} << (16 + held)) - 1;
}

static void encode_decisions(MqEncoder* encoders, MqContexts& contexts, std::size_t segment, const Decision* decisions,
                             std::size_t count) {
    MqEncoder& mq = encoders[segment];
    MqState* const of = contexts.of[segment];
    std::uint32_t a = mq.a;
    std::uint64_t c = mq.c;
    std::uint32_t held = mq.count;
    for (const Decision* const end = decisions + count; decisions != end; ++decisions) {
        held += encode_decision(a, c, of, *decisions, contexts.states);
        if (__builtin_expect(held >= 32, 0)) write_word(c, held, mq);
    }
    mq.a = a;
    mq.c = c;
    mq.count = held;
}

// One decision waits for the one before it; two at a time leave less of a core idle.
static void encode_two_decisions(MqEncoder* mq, MqContexts& contexts, const Decision* first, const Decision* second,
                                 std::size_t count) {
    std::uint32_t a = mq[0].a;
    std::uint64_t c = mq[0].c;
    std::uint32_t held = mq[0].count;
    std::uint32_t other_a = mq[1].a;
    std::uint64_t other_c = mq[1].c;
    std::uint32_t other_held = mq[1].count;
    const std::ptrdiff_t apart = second - first;
    for (const Decision* const end = first + count; first != end; ++first) {
        held += encode_decision(a, c, contexts.of[0], *first, contexts.states);
        other_held += encode_decision(other_a, other_c, contexts.of[1], first[apart], contexts.states);
        if (__builtin_expect(((held | other_held) & ~31U) != 0, 0)) {
            if (held >= 32) write_word(c, held, mq[0]);
            if (other_held >= 32) write_word(other_c, other_held, mq[1]);
        }
    }
    mq[0].a = a;
    mq[0].c = c;
    mq[0].count = held;
    mq[1].a = other_a;
    mq[1].c = other_c;
    mq[1].count = other_held;
}

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__)
#pragma GCC pop_options
#endif

constexpr MqEncodeKernels table = {.encode = encode_decisions, .encode_two = encode_two_decisions};
