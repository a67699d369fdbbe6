// Decoding and encoding lines, within a target region.

#include "entropy/golomb.inl"

// Levels of the gradients Rd - Rb and Rb - Rc of a line above, as 81 * Q1 + 9 * Q2 (A.3.3 and A.3.4): that of one
// sample is Q1, that of the sample before is Q2.
static void find_levels(const Parameters& parameters, const std::uint16_t* above, std::int16_t* levels,
                        std::size_t width) {
    // A threshold may be 65536, which 16 bits do not hold: no difference reaches it, nor one above 65535.
    const auto near_lossless = static_cast<std::uint16_t>(parameters.near_lossless);
    const auto t1 = static_cast<std::uint16_t>(parameters.t1 - 1);
    const auto t2 = static_cast<std::uint16_t>(parameters.t2 - 1);
    const auto t3 = static_cast<std::uint16_t>(parameters.t3 - 1);
    std::int16_t* const single = levels + width + line_margin;
    for (std::size_t i = 0; i < width + 1; ++i) {
        const std::uint16_t right = above[i];
        const std::uint16_t left = above[static_cast<std::ptrdiff_t>(i) - 1];
        const auto rise = static_cast<std::uint16_t>(right > left ? right - left : 0);
        const auto fall = static_cast<std::uint16_t>(left > right ? left - right : 0);
        const auto size = static_cast<std::uint16_t>(rise | fall);
        const auto level = static_cast<std::int16_t>((size > near_lossless ? 1 : 0) + (size > t1 ? 1 : 0) +
                                                     (size > t2 ? 1 : 0) + (size > t3 ? 1 : 0));
        single[i] = static_cast<std::int16_t>(fall != 0 ? -level : level);
    }
    for (std::size_t i = 0; i < width; ++i)
        levels[i] = static_cast<std::int16_t>(context_size * (81 * single[i + 1] + 9 * single[i]));
}

struct Coding {
    explicit Coding(const LineCoder& coder)
        : contexts(reinterpret_cast<char*>(coder.contexts.regular.data())),
          gradients(coder.gradients),
          maxval(coder.parameters.maxval),
          reset(static_cast<std::uint32_t>(coder.parameters.reset)),
          escape(coder.parameters.limit - coder.parameters.qbpp - 1),
          qbpp(coder.parameters.qbpp),
          quick(escape < most_quick ? escape : most_quick),
          near_lossless(coder.parameters.near_lossless),
          step(coder.parameters.step()),
          range(coder.parameters.range),
          flips(near_lossless == 0 ? -1 : 0) {}

    // Zeros of a code that is read at once: with its one and most_k bits it fits what is known after refilling.
    static constexpr unsigned most_quick = GolombReader::refilled - 1 - most_k;

    // By the absolute value of quantised gradients.
    [[nodiscard]] RegularContext& context(std::int32_t size) const {
        return *reinterpret_cast<RegularContext*>(contexts + size);
    }

    char* contexts;
    const std::int8_t* gradients;
    std::int32_t maxval;
    std::uint32_t reset;
    unsigned escape;
    unsigned qbpp;
    unsigned quick;
    std::int32_t near_lossless;
    std::int32_t step;
    std::int32_t range;
    std::int32_t flips;
};

// A.5.1: the least k with N << k >= A. Without branches: whether the first guess is one too low is a coin's throw.
[[gnu::always_inline]] inline unsigned find_k(std::uint32_t a, std::uint32_t n) {
    const int more = __builtin_clz(n) - __builtin_clz(a | 1);
    const auto k = static_cast<unsigned>(more > 0 ? more : 0);
    return k + static_cast<unsigned>(((std::uint64_t{n} << k) - a) >> 63);
}

// A.6: `error` is turned to the context's sign, and is not multiplied yet.
template <bool plain>
[[gnu::always_inline]] inline void update(const Coding& coding, RegularContext& context, std::int32_t error) {
    std::uint32_t n = context.n;
    std::uint32_t a = context.a + static_cast<std::uint32_t>(error < 0 ? -error : error);
    auto b = static_cast<std::int32_t>(static_cast<std::uint32_t>(context.b) +
                                       static_cast<std::uint32_t>(plain ? error : error * coding.step));
    if (n == coding.reset) [[unlikely]] {
        a >>= 1;
        b >>= 1;
        n >>= 1;
    }
    ++n;
    // Unless -N < B <= 0
    if (static_cast<std::uint32_t>(b) + n - 1 >= n) [[unlikely]] {
        const auto size = static_cast<std::int32_t>(n);
        if (b > 0) {
            b -= size;
            context.c = static_cast<std::int16_t>(context.c + (context.c < 127 ? 1 : 0));
            b = b > 0 ? 0 : b;
        } else {
            b += size;
            context.c = static_cast<std::int16_t>(context.c - (context.c > -128 ? 1 : 0));
            b = b <= -size ? 1 - size : b;
        }
    }
    context.a = a;
    context.b = b;
    context.n = static_cast<std::uint16_t>(n);
    // Mostly k stays as it is, and a branch that says so lets the next sample of this context begin without it.
    unsigned k = context.k;
    const std::uint32_t reach = n << k;
    if (reach - a >= a) [[unlikely]] {  // unless A <= N << k < 2 * A
        if (k != 0 || reach < a) [[unlikely]] {
            k = find_k(a, n) & 15;
            context.k = static_cast<std::uint8_t>(k);
        }
    }
    // Both below zero: 2 * B + N - 1, and k - 1.
    const auto turns = static_cast<std::int32_t>((2 * static_cast<std::uint32_t>(b) + n - 1) & (k - 1)) >> 31;
    context.flip = static_cast<std::int8_t>(plain ? turns : turns & coding.flips);
}

[[gnu::always_inline]] inline std::int32_t median_edge(std::int32_t a, std::int32_t b, std::int32_t c) {
    const std::int32_t low = a < b ? a : b;
    const std::int32_t high = a < b ? b : a;
    const std::int32_t plane = a + b - c;
    const std::int32_t at_least = plane < low ? low : plane;
    return at_least > high ? high : at_least;
}

[[gnu::always_inline]] inline std::int32_t clamp(std::int32_t value, std::int32_t maxval) {
    const std::int32_t at_least = value < 0 ? 0 : value;
    return at_least > maxval ? maxval : at_least;
}

// A.4.4 and A.4.5, backwards: a sample out of what was predicted and the error, both with the sample's sign.
template <bool plain>
[[gnu::always_inline]] inline std::int32_t reconstruct(const Coding& coding, std::int32_t predicted,
                                                       std::int32_t error) {
    if constexpr (plain) return (predicted + error) & coding.maxval;
    std::int32_t value = predicted + error * coding.step;
    const std::int32_t around = coding.range * coding.step;
    if (value < -coding.near_lossless) value += around;
    else if (value > coding.maxval + coding.near_lossless) value -= around;
    return clamp(value, coding.maxval);
}

template <bool plain>
[[gnu::always_inline]] inline std::int32_t decode_regular(const Coding& coding, GolombReader& reader,
                                                          const LongGolomb& how, int q, std::int32_t a, std::int32_t b,
                                                          std::int32_t c, std::uint32_t& all) {
    const std::int32_t sign = q >> 31;
    RegularContext& context = coding.context((q ^ sign) - sign);
    const std::int32_t predicted = clamp(median_edge(a, b, c) + ((context.c ^ sign) - sign), coding.maxval);
    const std::int32_t flip = context.flip ^ sign;
    const std::uint32_t mapped = reader.take_code(context.k, coding.quick, how, coding.escape);
    all |= mapped;
    // A.5.2, with the sample's sign. A complement lacks 1 to be the negative.
    const std::int32_t turned = static_cast<std::int32_t>(mapped >> 1) ^ flip ^ -static_cast<std::int32_t>(mapped & 1);
    const std::int32_t sample = reconstruct<plain>(coding, predicted, turned - sign);
    update<plain>(coding, context, turned ^ sign);
    return sample;
}

// A.7.1.2: the length of a run of at most `left` samples; whether another sample interrupts it.
[[gnu::always_inline]] inline std::size_t decode_run(GolombReader& reader, std::size_t left, std::uint32_t& run_index,
                                                     bool& interrupted, unsigned& damage) {
    std::size_t length = 0;
    for (;;) {
        reader.refill();
        unsigned ones = ~reader.window == 0 ? 64 : static_cast<unsigned>(__builtin_clzll(~reader.window));
        ones = ones < 32 ? ones : 32;
        unsigned used = 0;
        while (used < ones) {
            const std::size_t whole = std::size_t{1} << run_order[run_index];
            ++used;
            if (whole >= left - length) {
                if (whole == left - length) run_index += run_index < 31 ? 1 : 0;
                reader.drop(used);
                interrupted = false;
                return left;
            }
            length += whole;
            run_index += run_index < 31 ? 1 : 0;
        }
        reader.drop(used);
        if (used < 32) break;
    }
    reader.refill();
    reader.drop(1);
    const unsigned order = run_order[run_index];
    if (order != 0) length += reader.take(order);
    if (length >= left) {
        damage |= damage_run;
        interrupted = false;
        return left;
    }
    interrupted = true;
    return length;
}

// A.7.2: the sample that interrupts a run.
template <bool plain>
[[gnu::always_inline]] inline std::int32_t decode_interruption(const Coding& coding, Contexts& contexts,
                                                               GolombReader& reader, const LongGolomb& how,
                                                               unsigned ri_type, std::uint32_t run_index,
                                                               std::int32_t a, std::int32_t b, std::uint32_t& all) {
    RunContext& context = contexts.run[ri_type];
    const std::uint32_t temp = context.a + (ri_type != 0 ? context.n >> 1 : 0);
    const unsigned least = find_k(temp, context.n);
    const unsigned k = least < most_k ? least : most_k;
    const unsigned escape = coding.escape - run_order[run_index] - 1;
    const std::uint32_t coded = reader.take_code(k, escape < coding.quick ? escape : coding.quick, how, escape);
    all |= coded;
    const std::uint32_t map = (coded + ri_type) & 1;
    auto error = static_cast<std::int32_t>((coded + ri_type + map) >> 1);
    const bool mostly_negative = k != 0 || 2 * context.nn >= context.n;
    const bool negative = error != 0 && mostly_negative == (map != 0);
    if (negative) {
        error = -error;
        ++context.nn;
    }
    context.a += (coded + 1 - ri_type) >> 1;
    if (context.n == coding.reset) {
        context.a >>= 1;
        context.n >>= 1;
        context.nn >>= 1;
    }
    ++context.n;
    if (ri_type != 0) return reconstruct<plain>(coding, a, error);
    return reconstruct<plain>(coding, b, a > b ? -error : error);
}

[[gnu::always_inline]] inline void fill_run(std::uint16_t* to, std::uint16_t value, std::size_t length) {
    // There is room for the rest of a group in the line or its margin.
    for (std::size_t i = 0; i < length; i += 16) {
        for (std::size_t j = 0; j < 16; ++j) to[i + j] = value;
    }
}

static unsigned damage_of(const Coding& coding, std::uint32_t all) {
    return all >> (32 - __builtin_clz(static_cast<unsigned>(coding.range))) != 0 ? damage_error : damage_none;
}

template <bool plain>
static unsigned decode_line_of(const LineCoder& coder, GolombPlace& place, const Line& lines, std::size_t width,
                               std::uint32_t& run_index) {
    const Coding coding(coder);
    const std::uint16_t* const above = lines.above;
    std::uint16_t* const line = lines.line;
    find_levels(coder.parameters, above, coder.levels, width);
    const std::int16_t* const levels = coder.levels;
    GolombReader reader(place);
    const LongGolomb how{place.last, coding.qbpp};
    std::uint32_t all = 0;
    unsigned damage = 0;
    std::int32_t a = line[-1];
    std::int32_t c = above[-1];
    for (std::size_t x = 0; x < width;) {
        const std::int32_t b = above[x];
        const int q = levels[x] + (coding.gradients - c)[a];
        if (q != 0) {
            a = decode_regular<plain>(coding, reader, how, q, a, b, c, all);
            line[x] = static_cast<std::uint16_t>(a);
            c = b;
            ++x;
            continue;
        }
        bool interrupted;
        const std::size_t length = decode_run(reader, width - x, run_index, interrupted, damage);
        fill_run(line + x, static_cast<std::uint16_t>(a), length);
        x += length;
        if (!interrupted) break;
        const std::int32_t up = above[x];
        const std::int32_t difference = a - up;
        const unsigned ri_type = difference <= coding.near_lossless && difference >= -coding.near_lossless ? 1 : 0;
        a = decode_interruption<plain>(coding, coder.contexts, reader, how, ri_type, run_index, a, up, all);
        line[x] = static_cast<std::uint16_t>(a);
        run_index -= run_index != 0 ? 1 : 0;
        c = up;
        ++x;
    }
    reader.leave(place);
    return damage | damage_of(coding, all);
}

static unsigned decode_line(const LineCoder& coder, GolombPlace& place, const Line& line, std::size_t width,
                            std::uint32_t& run_index) {
    return coder.parameters.is_plain() ? decode_line_of<true>(coder, place, line, width, run_index)
                                       : decode_line_of<false>(coder, place, line, width, run_index);
}

// Annex B.3: all components are in step, and in run mode together.
template <bool plain, unsigned components>
static unsigned decode_samples_of(const LineCoder& coder, GolombPlace& place, const Line* lines, std::size_t width) {
    const Coding coding(coder);
    const std::size_t stride = 2 * (width + line_margin);
    const std::uint16_t* above[components];
    std::uint16_t* line[components];
    const std::int16_t* levels[components];
    std::int32_t a[components];
    std::int32_t c[components];
    for (unsigned i = 0; i < components; ++i) {
        above[i] = lines[i].above;
        line[i] = lines[i].line;
        levels[i] = coder.levels + i * stride;
        a[i] = line[i][-1];
        c[i] = above[i][-1];
        find_levels(coder.parameters, above[i], coder.levels + i * stride, width);
    }
    GolombReader reader(place);
    const LongGolomb how{place.last, coding.qbpp};
    std::uint32_t all = 0;
    unsigned damage = 0;
    std::uint32_t run_index = coder.contexts.run_index[0];
    for (std::size_t x = 0; x < width;) {
        int q[components];
        int any = 0;
        for (unsigned i = 0; i < components; ++i) {
            q[i] = levels[i][x] + (coding.gradients - c[i])[a[i]];
            any |= q[i];
        }
        if (any != 0) {
            for (unsigned i = 0; i < components; ++i) {
                const std::int32_t b = above[i][x];
                a[i] = decode_regular<plain>(coding, reader, how, q[i], a[i], b, c[i], all);
                line[i][x] = static_cast<std::uint16_t>(a[i]);
                c[i] = b;
            }
            ++x;
            continue;
        }
        bool interrupted;
        const std::size_t length = decode_run(reader, width - x, run_index, interrupted, damage);
        for (unsigned i = 0; i < components; ++i) fill_run(line[i] + x, static_cast<std::uint16_t>(a[i]), length);
        x += length;
        if (!interrupted) break;
        for (unsigned i = 0; i < components; ++i) {
            c[i] = above[i][x];
            a[i] = decode_interruption<plain>(coding, coder.contexts, reader, how, 0, run_index, a[i], c[i], all);
            line[i][x] = static_cast<std::uint16_t>(a[i]);
        }
        run_index -= run_index != 0 ? 1 : 0;
        ++x;
    }
    coder.contexts.run_index[0] = run_index;
    reader.leave(place);
    return damage | damage_of(coding, all);
}

template <bool plain>
static unsigned decode_samples_by_count(const LineCoder& coder, GolombPlace& place, const Line* lines,
                                        unsigned components, std::size_t width) {
    switch (components) {
        case 1: return decode_samples_of<plain, 1>(coder, place, lines, width);
        case 2: return decode_samples_of<plain, 2>(coder, place, lines, width);
        case 3: return decode_samples_of<plain, 3>(coder, place, lines, width);
        default: return decode_samples_of<plain, 4>(coder, place, lines, width);
    }
}

static unsigned decode_samples(const LineCoder& coder, GolombPlace& place, const Line* lines, unsigned components,
                               std::size_t width) {
    return coder.parameters.is_plain() ? decode_samples_by_count<true>(coder, place, lines, components, width)
                                       : decode_samples_by_count<false>(coder, place, lines, components, width);
}

// A.5.3 and A.6 of a sample: `error` is turned to the context's sign, quantised and reduced.
[[gnu::always_inline]] inline std::uint32_t map_error(std::int32_t error, std::int32_t flip) {
    const std::int32_t turned = error ^ flip;
    return static_cast<std::uint32_t>(turned << 1 ^ turned >> 31);
}

// A.4.4 and A.4.5
template <bool plain>
[[gnu::always_inline]] inline std::int32_t quantise_error(const Coding& coding, std::int32_t error, unsigned unused) {
    // Modulo a power of two, to the range around 0: the sign of the bits that are left.
    if constexpr (plain) return static_cast<std::int32_t>(static_cast<std::uint32_t>(error) << unused) >> unused;
    if (coding.near_lossless != 0) {
        error =
            error > 0 ? (error + coding.near_lossless) / coding.step : -((coding.near_lossless - error) / coding.step);
    }
    if (error < 0) error += coding.range;
    return error >= (coding.range + 1) / 2 ? error - coding.range : error;
}

template <bool plain>
[[gnu::always_inline]] inline std::int32_t encode_regular(const Coding& coding, GolombWriter& writer, unsigned unused,
                                                          int q, std::int32_t median, std::int32_t sample) {
    const std::int32_t sign = q >> 31;
    RegularContext& context = coding.context((q ^ sign) - sign);
    const std::int32_t predicted = clamp(median + ((context.c ^ sign) - sign), coding.maxval);
    const std::int32_t error = quantise_error<plain>(coding, ((sample - predicted) ^ sign) - sign, unused);
    writer.put_code(map_error(error, context.flip), context.k, coding.escape, coding.qbpp);
    update<plain>(coding, context, error);
    return plain ? sample : reconstruct<plain>(coding, predicted, (error ^ sign) - sign);
}

// A.7.1.2: a run of `length` samples, and whether another interrupts it.
[[gnu::always_inline]] inline void encode_run(GolombWriter& writer, std::size_t length, bool interrupted,
                                              std::uint32_t& run_index) {
    while (length >= std::size_t{1} << run_order[run_index]) {
        writer.put(1, 1);
        length -= std::size_t{1} << run_order[run_index];
        run_index += run_index < 31 ? 1 : 0;
    }
    if (interrupted) writer.put(length, run_order[run_index] + 1u);
    else if (length > 0) writer.put(1, 1);
}

// A.7.2
template <bool plain>
[[gnu::always_inline]] inline std::int32_t encode_interruption(const Coding& coding, Contexts& contexts,
                                                               GolombWriter& writer, unsigned unused, unsigned ri_type,
                                                               std::uint32_t run_index, std::int32_t a, std::int32_t b,
                                                               std::int32_t sample) {
    RunContext& context = contexts.run[ri_type];
    const std::uint32_t temp = context.a + (ri_type != 0 ? context.n >> 1 : 0);
    const unsigned k = find_k(temp, context.n);
    const std::int32_t predicted = ri_type != 0 ? a : b;
    const bool turns = ri_type == 0 && a > b;
    const std::int32_t difference = turns ? predicted - sample : sample - predicted;
    const std::int32_t error = quantise_error<plain>(coding, difference, unused);
    const bool mostly_negative = k != 0 || 2 * context.nn >= context.n;
    const std::uint32_t map = error != 0 && (error < 0) == mostly_negative ? 1 : 0;
    const auto size = static_cast<std::uint32_t>(error < 0 ? -error : error);
    const std::uint32_t coded = 2 * size - ri_type - map;
    writer.put_code(coded, k, coding.escape - run_order[run_index] - 1, coding.qbpp);
    if (error < 0) ++context.nn;
    context.a += (coded + 1 - ri_type) >> 1;
    if (context.n == coding.reset) {
        context.a >>= 1;
        context.n >>= 1;
        context.nn >>= 1;
    }
    ++context.n;
    return plain ? sample : reconstruct<plain>(coding, predicted, turns ? -error : error);
}

// Without loss all samples are known before: the whole gradients and medians of a line.
static void find_contexts(const LineCoder& coder, const Line& lines, std::int16_t* levels, std::uint16_t* medians,
                          std::size_t width) {
    const std::uint16_t* const above = lines.above;
    const std::uint16_t* const line = lines.line;
    find_levels(coder.parameters, above, levels, width);
    const auto near_lossless = static_cast<std::uint16_t>(coder.parameters.near_lossless);
    const auto t1 = static_cast<std::uint16_t>(coder.parameters.t1 - 1);
    const auto t2 = static_cast<std::uint16_t>(coder.parameters.t2 - 1);
    const auto t3 = static_cast<std::uint16_t>(coder.parameters.t3 - 1);
    for (std::size_t x = 0; x < width; ++x) {
        const std::uint16_t a = line[static_cast<std::ptrdiff_t>(x) - 1];
        const std::uint16_t b = above[x];
        const std::uint16_t c = above[static_cast<std::ptrdiff_t>(x) - 1];
        const auto rise = static_cast<std::uint16_t>(c > a ? c - a : 0);
        const auto fall = static_cast<std::uint16_t>(a > c ? a - c : 0);
        const auto size = static_cast<std::uint16_t>(rise | fall);
        const auto level = static_cast<std::int16_t>((size > near_lossless ? 1 : 0) + (size > t1 ? 1 : 0) +
                                                     (size > t2 ? 1 : 0) + (size > t3 ? 1 : 0));
        levels[x] = static_cast<std::int16_t>(levels[x] + context_size * (fall != 0 ? -level : level));
        // The median is the lower or the higher one where c is not between them; then a + b - c does not wrap.
        const std::uint16_t low = a < b ? a : b;
        const std::uint16_t high = a < b ? b : a;
        const auto plane = static_cast<std::uint16_t>(a + b - c);
        const std::uint16_t inner = c <= low ? high : plane;
        medians[x] = c >= high ? low : inner;
    }
}

template <bool plain>
static void encode_line_of(const LineCoder& coder, GolombOutput& output, const Line& lines, std::size_t width,
                           std::uint32_t& run_index) {
    const Coding coding(coder);
    const std::uint16_t* const above = lines.above;
    std::uint16_t* const line = lines.line;
    const bool is_lossless = coding.near_lossless == 0;
    const std::int16_t* const levels = coder.levels;
    const std::uint16_t* const medians = coder.predictions;
    if (is_lossless) find_contexts(coder, lines, coder.levels, coder.predictions, width);
    else find_levels(coder.parameters, above, coder.levels, width);
    const unsigned unused = 32 - coding.qbpp;
    GolombWriter writer(output);
    std::int32_t a = line[-1];
    std::int32_t c = above[-1];
    for (std::size_t x = 0; x < width;) {
        const std::int32_t b = above[x];
        const int q = is_lossless ? levels[x] : levels[x] + (coding.gradients - c)[a];
        if (q != 0) {
            const std::int32_t median = is_lossless ? medians[x] : median_edge(a, b, c);
            a = encode_regular<plain>(coding, writer, unused, q, median, line[x]);
            if (!plain) line[x] = static_cast<std::uint16_t>(a);
            c = b;
            ++x;
            continue;
        }
        const std::size_t begin = x;
        const std::int32_t value = plain ? line[static_cast<std::ptrdiff_t>(x) - 1] : a;
        while (x < width) {
            const std::int32_t difference = line[x] - value;
            if (difference > coding.near_lossless || difference < -coding.near_lossless) break;
            if (!plain) line[x] = static_cast<std::uint16_t>(value);
            ++x;
        }
        encode_run(writer, x - begin, x < width, run_index);
        if (x == width) break;
        const std::int32_t up = above[x];
        const std::int32_t difference = value - up;
        const unsigned ri_type = difference <= coding.near_lossless && difference >= -coding.near_lossless ? 1 : 0;
        a = encode_interruption<plain>(coding, coder.contexts, writer, unused, ri_type, run_index, value, up, line[x]);
        if (!plain) line[x] = static_cast<std::uint16_t>(a);
        run_index -= run_index != 0 ? 1 : 0;
        c = up;
        ++x;
    }
    writer.leave(output);
}

static void encode_line(const LineCoder& coder, GolombOutput& output, const Line& line, std::size_t width,
                        std::uint32_t& run_index) {
    if (coder.parameters.is_plain()) encode_line_of<true>(coder, output, line, width, run_index);
    else encode_line_of<false>(coder, output, line, width, run_index);
}

template <bool plain, unsigned components>
static void encode_samples_of(const LineCoder& coder, GolombOutput& output, const Line* lines, std::size_t width) {
    const Coding coding(coder);
    const std::size_t stride = 2 * (width + line_margin);
    const bool is_lossless = coding.near_lossless == 0;
    for (unsigned i = 0; i < components; ++i) {
        if (is_lossless) {
            find_contexts(coder, lines[i], coder.levels + i * stride, coder.predictions + i * stride, width);
        } else {
            find_levels(coder.parameters, lines[i].above, coder.levels + i * stride, width);
        }
    }
    const unsigned unused = 32 - coding.qbpp;
    GolombWriter writer(output);
    std::uint32_t run_index = coder.contexts.run_index[0];
    for (std::size_t x = 0; x < width;) {
        const auto at = static_cast<std::ptrdiff_t>(x);
        int q[components];
        int any = 0;
        for (unsigned i = 0; i < components; ++i) {
            q[i] = coder.levels[i * stride + x];
            if (!is_lossless)
                q[i] += coding.gradients[std::int32_t{lines[i].line[at - 1]} - std::int32_t{lines[i].above[at - 1]}];
            any |= q[i];
        }
        if (any != 0) {
            for (unsigned i = 0; i < components; ++i) {
                const std::int32_t median =
                    is_lossless ? coder.predictions[i * stride + x]
                                : median_edge(lines[i].line[at - 1], lines[i].above[x], lines[i].above[at - 1]);
                lines[i].line[x] = static_cast<std::uint16_t>(
                    encode_regular<plain>(coding, writer, unused, q[i], median, lines[i].line[x]));
            }
            ++x;
            continue;
        }
        const std::size_t begin = x;
        while (x < width) {
            bool goes_on = true;
            for (unsigned i = 0; i < components; ++i) {
                const std::int32_t difference = lines[i].line[x] - lines[i].line[at - 1];
                goes_on = goes_on && difference <= coding.near_lossless && difference >= -coding.near_lossless;
            }
            if (!goes_on) break;
            for (unsigned i = 0; i < components; ++i) lines[i].line[x] = lines[i].line[at - 1];
            ++x;
        }
        encode_run(writer, x - begin, x < width, run_index);
        if (x == width) break;
        for (unsigned i = 0; i < components; ++i) {
            lines[i].line[x] = static_cast<std::uint16_t>(
                encode_interruption<plain>(coding, coder.contexts, writer, unused, 0, run_index, lines[i].line[at - 1],
                                           lines[i].above[x], lines[i].line[x]));
        }
        run_index -= run_index != 0 ? 1 : 0;
        ++x;
    }
    coder.contexts.run_index[0] = run_index;
    writer.leave(output);
}

template <bool plain>
static void encode_samples_by_count(const LineCoder& coder, GolombOutput& output, const Line* lines,
                                    unsigned components, std::size_t width) {
    switch (components) {
        case 1: return encode_samples_of<plain, 1>(coder, output, lines, width);
        case 2: return encode_samples_of<plain, 2>(coder, output, lines, width);
        case 3: return encode_samples_of<plain, 3>(coder, output, lines, width);
        default: return encode_samples_of<plain, 4>(coder, output, lines, width);
    }
}

static void encode_samples(const LineCoder& coder, GolombOutput& output, const Line* lines, unsigned components,
                           std::size_t width) {
    if (coder.parameters.is_plain()) encode_samples_by_count<true>(coder, output, lines, components, width);
    else encode_samples_by_count<false>(coder, output, lines, components, width);
}

constexpr LineKernels table = {
    .decode_line = decode_line,
    .decode_samples = decode_samples,
    .encode_line = encode_line,
    .encode_samples = encode_samples,
};
