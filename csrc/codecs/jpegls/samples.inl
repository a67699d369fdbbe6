// What decoding and encoding of a sample share, within a target region.

// The levels of gradients (A.3.3) without sign, and whether they fall.
struct LevelFinder {
    explicit LevelFinder(const Parameters& parameters)
        // A threshold may be 65536, which 16 bits do not hold: no difference reaches it, nor one above 65535.
        : near_lossless(static_cast<std::uint16_t>(parameters.near_lossless)),
          t1(static_cast<std::uint16_t>(parameters.t1 - 1)),
          t2(static_cast<std::uint16_t>(parameters.t2 - 1)),
          t3(static_cast<std::uint16_t>(parameters.t3 - 1)) {}

    // Of the gradient `to - from`.
    [[nodiscard, gnu::always_inline]] std::int16_t find(std::uint16_t from, std::uint16_t to) const {
        const auto rise = static_cast<std::uint16_t>(to > from ? to - from : 0);
        const auto fall = static_cast<std::uint16_t>(from > to ? from - to : 0);
        const auto size = static_cast<std::uint16_t>(rise | fall);
        const auto level = static_cast<std::int16_t>((size > near_lossless ? 1 : 0) + (size > t1 ? 1 : 0) +
                                                     (size > t2 ? 1 : 0) + (size > t3 ? 1 : 0));
        return static_cast<std::int16_t>(fall != 0 ? -level : level);
    }

    std::uint16_t near_lossless, t1, t2, t3;
};

// Levels of the gradients Rd - Rb and Rb - Rc of a line above, by the gradient: that of one sample is Q1, that of the
// sample before is Q2.
[[gnu::always_inline]] inline void find_single_levels(const Parameters& parameters, const std::uint16_t* above,
                                                      std::int16_t* single, std::size_t width) {
    const LevelFinder levels(parameters);
    for (std::size_t i = 0; i < width + 1; ++i)
        single[i] = levels.find(above[static_cast<std::ptrdiff_t>(i) - 1], above[i]);
}

// Both together.
[[gnu::always_inline]] inline std::int16_t level_of(const std::int16_t* single) {
    return static_cast<std::int16_t>(context_scale * (81 * single[1] + 9 * single[0]));
}

// A.5.1: the least k with N << k >= A. Without branches: whether the first guess is one too low is a coin's throw.
[[gnu::always_inline]] inline unsigned find_k(std::uint32_t a, std::uint32_t n) {
    const int more = __builtin_clz(n) - __builtin_clz(a | 1);
    const auto k = static_cast<unsigned>(more > 0 ? more : 0);
    return k + static_cast<unsigned>(((std::uint64_t{n} << k) - a) >> 63);
}

// RegularContext::flip: -1 where 2 * B + N - 1 and k - 1 are below zero.
template <bool plain>
[[gnu::always_inline]] inline std::int8_t turns(Contexts& coding, unsigned less, std::int32_t b, std::uint32_t n) {
    const auto all = static_cast<std::int32_t>((2 * static_cast<std::uint32_t>(b) + n - 1) & less) >> 31;
    return static_cast<std::int8_t>(plain || coding.near_lossless == 0 ? all : 0);
}

// A.6: `error` is turned to the context's sign, and is not multiplied yet.
template <bool plain>
[[gnu::always_inline]] inline void update(Contexts& coding, RegularContext& context, std::size_t k,
                                          std::int32_t error) {
    // Seldom needed: made again from the address, it takes no register meanwhile.
    const auto size_of = [&] { return (reinterpret_cast<char*>(&context) - coding.regular_begin()) / 4; };
    std::uint32_t n = context.n;
    std::uint32_t a = context.a + static_cast<std::uint32_t>(error < 0 ? -error : error);
    auto b = static_cast<std::int32_t>(static_cast<std::uint32_t>(context.b) +
                                       static_cast<std::uint32_t>(plain ? error : error * coding.step));
    if (n == coding.reset_at) [[unlikely]] {
        a >>= 1;
        b >>= 1;
        n >>= 1;
    }
    ++n;
    // Unless -N < B <= 0. Which of the two it is, nothing foretells: no branch there.
    if (static_cast<std::uint32_t>(b) + n - 1 >= n) [[unlikely]] {
        const auto most = static_cast<std::int32_t>(n);
        const std::int32_t below = (b - 1) >> 31;  // -1 if B <= -N, 0 if B > 0
        b += (2 * most & below) - most;
        b = b < 1 - most ? 1 - most : b;
        b = b > 0 ? 0 : b;
        const std::ptrdiff_t size = size_of();
        std::int32_t c = coding.view(size).correction + 1 + 2 * below;
        if (c != static_cast<std::int8_t>(c)) [[unlikely]]
            c = c < 0 ? -128 : 127;
        // Context 0 has no negative: what is written last is right for it, too.
        coding.view(-size).correction = static_cast<std::int16_t>(-c);
        coding.view(size).correction = static_cast<std::int16_t>(c);
    }
    context.a = a;
    context.b = b;
    context.n = static_cast<std::uint16_t>(n);
    // Mostly k stays as it is, and a branch that says so lets the next sample of this context begin without it. It does
    // unless A <= N << k < 2 * A, of which the second does not matter where k is 0: the bound is out of reach then.
    const auto less = static_cast<unsigned>(k) - 1;
    const std::uint32_t reach = n << k;
    if (reach - a >= (a | (less & 0x80000000u))) [[unlikely]] {
        const std::ptrdiff_t size = size_of();
        const unsigned now = find_k(a, n) & 15;
        coding.view(size).k = coding.view(-size).k = static_cast<std::uint8_t>(now);
        coding.view(size).shift = coding.view(-size).shift = static_cast<std::uint8_t>(63 - now);
        context.flip = turns<plain>(coding, now - 1, b, n);
        return;
    }
    context.flip = turns<plain>(coding, less, b, n);
}

template <typename T>
[[gnu::always_inline]] inline T median_edge(T a, T b, T c) {
    const T low = a < b ? a : b;
    const T high = a < b ? b : a;
    const T plane = a + b - c;
    const T at_least = plane < low ? low : plane;
    return at_least > high ? high : at_least;
}

[[gnu::always_inline]] inline std::int32_t clamp(std::int32_t value, std::int32_t maxval) {
    const std::int32_t at_least = value < 0 ? 0 : value;
    return at_least > maxval ? maxval : at_least;
}

// A.4.4 and A.4.5, backwards: a sample out of what was predicted and the error, both with the sample's sign.
template <bool plain>
[[gnu::always_inline]] inline std::int32_t reconstruct(Contexts& coding, std::int32_t predicted, std::int32_t error) {
    if constexpr (plain) return (predicted + error) & coding.maxval;
    std::int32_t value = predicted + error * coding.step;
    if (static_cast<std::uint32_t>(value) <= static_cast<std::uint32_t>(coding.maxval)) [[likely]]
        return value;
    if (value < -coding.near_lossless) value += coding.around;
    else if (value > coding.maxval + coding.near_lossless) value -= coding.around;
    return clamp(value, coding.maxval);
}
