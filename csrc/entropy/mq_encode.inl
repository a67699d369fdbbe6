// The step of the MQ encoder.

static __attribute__((noinline)) void carry_over(std::uint32_t* word, const std::uint32_t* begin) {
    while (word != begin && ++*--word == 0) {
    }
}

// One decision (C.2.4 to C.2.6) without a branch that depends on it. A more probable symbol takes the larger of the
// sub-intervals A - Qe and Qe, a less probable one the smaller; C moves up where that is not the lower one, of size Qe.
// The state changes where A is renormalised. Returns by how much A is shifted.
static inline __attribute__((always_inline)) std::uint32_t encode_decision(std::uint32_t& a_of, std::uint64_t& c_of,
                                                                           MqState* contexts, unsigned decision,
                                                                           const MqState* states) {
    MqState* const context = contexts + (decision & 31);
    const MqState state = *context;
    const auto estimate = static_cast<std::uint32_t>(state >> 48);
    const auto is_lps = static_cast<std::uint32_t>((state ^ decision >> 7) & 1);
    MqState next = states[state >> (is_lps * 8) & 0xff];
    std::uint64_t added = estimate;
    std::uint32_t a = a_of;
#if defined(__x86_64__)
    // Compilers compute masks for this, which takes three steps more on the way from one A to the next.
    std::uint32_t larger;
    std::uint32_t smaller = estimate;
    const std::uint64_t none = 0;
    asm("sub %[estimate], %[a]\n\t"
        "mov %[a], %[larger]\n\t"
        "cmp %[estimate], %[a]\n\t"
        "cmovb %[estimate], %[larger]\n\t"
        "cmovb %[a], %[smaller]\n\t"
        "sbb %[a], %[a]\n\t"
        "add %[is_lps], %[a]\n\t"
        "cmovnz %[none], %[added]\n\t"
        "mov %[larger], %[a]\n\t"
        "test %[is_lps], %[is_lps]\n\t"
        "cmovnz %[smaller], %[a]\n\t"
        "test $0x8000, %[a]\n\t"
        "cmovnz %[state], %[next]"
        : [a] "+&r"(a), [larger] "=&r"(larger), [smaller] "+&r"(smaller), [added] "+&r"(added), [next] "+&r"(next)
        : [estimate] "r"(estimate), [is_lps] "r"(is_lps), [none] "rm"(none), [state] "rm"(state)
        : "cc");
#else
    a -= estimate;
    const bool is_less = a < estimate;
    const std::uint32_t larger = is_less ? estimate : a;
    const std::uint32_t smaller = is_less ? a : estimate;
    added = is_less == (is_lps != 0) ? added : 0;
    a = is_lps != 0 ? smaller : larger;
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

static void encode_decisions(MqEncoder& mq, MqState* contexts, const Decision* decisions, std::size_t count) {
    const MqState* const states = mq_states.data();
    std::uint32_t a = mq.a;
    std::uint64_t c = mq.c;
    std::uint32_t held = mq.count;
    for (const Decision* const end = decisions + count; decisions != end; ++decisions) {
        held += encode_decision(a, c, contexts, *decisions, states);
        if (__builtin_expect(held >= 32, 0)) write_word(c, held, mq);
    }
    mq.a = a;
    mq.c = c;
    mq.count = held;
}

// As many decisions of each of two segments, whose contexts follow each other in memory. One decision waits for the one
// before it; two at a time leave less of a core idle.
static void encode_two_decisions(MqEncoder* mq, MqState* contexts, const Decision* first, const Decision* second,
                                 std::size_t count) {
    const MqState* const states = mq_states.data();
    MqState* const other_contexts = contexts + mq_lane_contexts;
    std::uint32_t a = mq[0].a;
    std::uint64_t c = mq[0].c;
    std::uint32_t held = mq[0].count;
    std::uint32_t other_a = mq[1].a;
    std::uint64_t other_c = mq[1].c;
    std::uint32_t other_held = mq[1].count;
    for (std::size_t i = 0; i < count; ++i) {
        held += encode_decision(a, c, contexts, first[i], states);
        other_held += encode_decision(other_a, other_c, other_contexts, second[i], states);
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

constexpr MqEncodeKernels table = {.encode = encode_decisions, .encode_two = encode_two_decisions};
