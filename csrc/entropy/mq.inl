// Steps of the MQ decoder and of the raw one.

// One decision (C.3.2) without a branch that depends on it. With a = A - Qe: the lower sub-interval is taken where
// C < Qe, and the symbol is the less probable one where just one of C < Qe and a < Qe holds; that is Figures C.15 to
// C.17 in one line, because a >= 0x8000 implies a >= Qe. The state changes where A is renormalised.
static inline __attribute__((always_inline)) std::uint64_t decode_decision(MqDecoder& mq, MqState* context,
                                                                           const MqState* states) {
    const MqState state = *context;
    const std::uint64_t estimate = state & mq_estimate;
    MqState after = states[state & 0xff];
    const MqState after_lps = states[state >> 8 & 0xff];
    std::uint64_t a = mq.a;
    std::uint64_t c = mq.c;
    std::uint64_t is_lps;  // 0, or odd
#if defined(__x86_64__)
    // Compilers make branches of the choices: 22 to 27 cycles a symbol instead of 14 on a CT.
    std::uint64_t upper = c;
    asm("sub %[estimate], %[a]\n\t"
        "cmp %[estimate], %[a]\n\t"
        "sbb %[is_lps], %[is_lps]\n\t"
        "sub %[estimate], %[upper]\n\t"
        "cmovae %[upper], %[c]\n\t"
        "cmovb %[estimate], %[a]\n\t"
        "adc $0, %[is_lps]\n\t"
        "cmovnz %[after_lps], %[after]\n\t"
        "test %[a], %[a]\n\t"
        "cmovs %[state], %[after]"
        : [a] "+&r"(a), [c] "+&r"(c), [upper] "+&r"(upper), [is_lps] "=&r"(is_lps), [after] "+&r"(after)
        : [estimate] "r"(estimate), [after_lps] "r"(after_lps), [state] "r"(state)
        : "cc");
#else
    a -= estimate;
    const bool is_lower = c < estimate;
    is_lps = is_lower != (a < estimate) ? 1 : 0;
    c = is_lower ? c : c - estimate;
    a = is_lower ? estimate : a;
    after = is_lps != 0 ? after_lps : after;
    after = a >> 63 != 0 ? state : after;
#endif
    *context = after;
    const int shift = __builtin_clzll(a);
    mq.a = a << shift;
    mq.c = c << shift;
    if (__builtin_expect(static_cast<std::uint32_t>(mq.c) == 0, 0)) {
        const int mark = __builtin_ctzll(mq.c);
        mq.c = (mq.c & (mq.c - 1)) | (std::uint64_t{*mq.next} << 1 | 1) << (mark - 32);
        mq.next += mq.next != mq.last;
    }
    return (state ^ is_lps) & 1;
}

static inline __attribute__((always_inline)) std::uint64_t decode_raw_bit(RawDecoder& raw) {
    if (raw.left == 0) {
        raw.bits = std::uint64_t{*raw.next} << 32;
        raw.next += raw.next != raw.last;
        raw.left = 32;
    }
    const std::uint64_t bit = raw.bits >> 63;
    raw.bits <<= 1;
    --raw.left;
    return bit;
}
