// Decoding lines, within a target region.

// What a regular sample's context is found by.
struct Gradients {
    std::ptrdiff_t level;     // of the two that the line above decides
    std::ptrdiff_t gradient;  // the one that the sample before decides
    [[nodiscard]] std::ptrdiff_t all() const { return level + gradient; }
};

[[gnu::always_inline]] inline Gradients find_gradients(const std::int8_t* gradients, const LineSample& here,
                                                       std::ptrdiff_t a, std::ptrdiff_t c) {
    const std::int8_t* by_a = gradients - c;
    asm("" : "+r"(by_a));
    return {here.level, by_a[a]};
}

// A sample, and what its context has to learn.
struct RegularSample {
    std::ptrdiff_t value;
    RegularContext* context;
    std::size_t k;
    std::int32_t error;
};

// Samples are not negative.
template <bool plain>
[[gnu::always_inline]] inline RegularSample decode_regular(Contexts& coding, GolombReader& reader,
                                                           const GolombReader::Ahead& ahead, LongGolomb& how,
                                                           const Gradients& q, std::ptrdiff_t a, std::ptrdiff_t b,
                                                           std::ptrdiff_t c) {
    // The samples' chain: the gradient is known last, and what it selects is all that the code waits for. The view's
    // address is not made from the sum, which would take a cycle more.
    const char* row = coding.views_middle() + q.level;
    asm("" : "+r"(row));
    const auto& view = *reinterpret_cast<const ContextView*>(row + q.gradient);
    const std::size_t k = view.k;
    const std::ptrdiff_t sign = q.all() >> 63;
    RegularContext* context = &coding.context((q.all() ^ sign) - sign);
    asm("" : "+r"(context));
    const auto predicted = clamp(static_cast<std::int32_t>(median_edge(a, b, c)) + view.correction, coding.maxval);
    const std::int32_t flip = context->flip ^ static_cast<std::int32_t>(sign);
    const std::uint32_t mapped = reader.take_code(ahead, k, view.shift, coding.short_zeros[k], how, coding.escape);
    // A.5.2, with the sample's sign. A complement lacks 1 to be the negative.
    const std::int32_t turned =
        (static_cast<std::int32_t>(mapped >> 1) ^ -static_cast<std::int32_t>(mapped & 1)) ^ flip;
    const auto negative = static_cast<std::int32_t>(sign);
    const std::int32_t sample = plain ? ((predicted - negative) + turned) & coding.maxval
                                      : reconstruct<plain>(coding, predicted, turned - negative);
    return {static_cast<std::ptrdiff_t>(static_cast<std::uint32_t>(sample)), context, k, turned ^ negative};
}

// A run (A.7.1.2) and what is known of the bits behind it.
struct Run {
    std::size_t length;
    bool interrupted;    // by another sample
    unsigned known = 0;  // bits at the top of `bits`
    std::uint64_t bits = 0;
};

// Any run of at most `left` samples, a segment at a time.
[[gnu::noinline]] static std::size_t decode_long_run(GolombPlace& place, std::size_t left, std::uint32_t& run_index,
                                                     bool& interrupted, unsigned& damage) {
    GolombReader reader(place);
    std::size_t length = 0;
    for (;;) {
        const std::uint64_t bits = ~reader.peek();
        unsigned ones = bits == 0 ? 64 : static_cast<unsigned>(__builtin_clzll(bits));
        ones = ones < 32 ? ones : 32;
        unsigned used = 0;
        while (used < ones) {
            const std::size_t whole = std::size_t{1} << run_order[run_index];
            ++used;
            if (whole >= left - length) {
                if (whole == left - length) run_index += run_index < 31 ? 1 : 0;
                reader.position += used;
                reader.leave(place);
                interrupted = false;
                return left;
            }
            length += whole;
            run_index += run_index < 31 ? 1 : 0;
        }
        reader.position += used;
        if (used < 32) break;
    }
    ++reader.position;
    const unsigned order = run_order[run_index];
    if (order != 0) length += reader.take(order);
    reader.leave(place);
    interrupted = length < left;
    if (interrupted) return length;
    damage |= damage_run;
    return left;
}

// The same. Nearly all runs, and the code behind them, are within the bits of one load.
[[gnu::always_inline]] inline Run decode_run(GolombReader& reader, std::size_t left, std::uint32_t& run_index,
                                             unsigned& damage) {
    const std::uint64_t bits = reader.peek();
    const std::size_t ones = count_zeros(~bits);
    const std::uint32_t* const reach = run_reach.data() + run_index;
    // Less than 32 ones, a zero and 15 bits: fewer than are known.
    if (run_index + ones >= run_indices) [[unlikely]] {
        GolombPlace place;
        place.begin = reader.begin;
        place.position = reader.position;
        Run run{};
        run.length = decode_long_run(place, left, run_index, run.interrupted, damage);
        reader.position = place.position;
        return run;
    }
    std::size_t length = reach[ones] - reach[0];
    if (length >= left) {
        // How many segments that takes, mostly without branches: nothing foretells it.
        const std::uint64_t all = left + reach[0];
        unsigned used = 1;
        for (unsigned i = 1; i <= run_reach_margin; ++i) used += reach[i] < all ? 1 : 0;
        while (reach[used] < all) ++used;
        reader.position += used;
        run_index += reach[used] == all ? used : used - 1;
        return {left, false};
    }
    run_index += static_cast<std::uint32_t>(ones);
    const unsigned order = run_order[run_index];
    const auto used = static_cast<unsigned>(ones) + 1 + order;
    // Of no bits the shift makes 0.
    length += bits << ones << 1 >> 1 >> (63 - order);
    reader.position += used;
    if (length >= left) [[unlikely]] {
        damage |= damage_run;
        return {left, false};
    }
    return {length, true, GolombReader::known - used, bits << used};
}

// A.7.2: the sample that interrupts a run.
template <bool plain>
[[gnu::always_inline]] inline std::int32_t decode_interruption(Contexts& coding, GolombReader& reader, const Run& run,
                                                               LongGolomb& how, unsigned ri_type,
                                                               std::uint32_t run_index, std::int32_t a,
                                                               std::int32_t b) {
    RunContext& context = coding.run[ri_type];
    const std::uint32_t temp = context.a + (ri_type != 0 ? context.n >> 1 : 0);
    const unsigned least = find_k(temp, context.n);
    const unsigned k = least < most_k ? least : most_k;
    const unsigned escape = coding.escape - run_order[run_index] - 1;
    const unsigned most = coding.short_zeros[k];
    GolombReader::Ahead ahead{run.bits, count_zeros(run.bits)};
    if (ahead.zeros + k >= run.known) [[unlikely]]
        ahead = reader.look();
    const std::uint32_t coded = reader.take_code(ahead, k, 63 - k, escape < most ? escape : most, how, escape);
    const std::uint32_t map = (coded + ri_type) & 1;
    auto error = static_cast<std::int32_t>((coded + ri_type + map) >> 1);
    const bool mostly_negative = k != 0 || 2 * context.nn >= context.n;
    const bool negative = error != 0 && mostly_negative == (map != 0);
    if (negative) {
        error = -error;
        ++context.nn;
    }
    context.a += (coded + 1 - ri_type) >> 1;
    if (context.n == coding.reset_at) [[unlikely]] {
        context.a >>= 1;
        context.n >>= 1;
        context.nn >>= 1;
    }
    ++context.n;
    if (ri_type != 0) return reconstruct<plain>(coding, a, error);
    return reconstruct<plain>(coding, b, a > b ? -error : error);
}

static void prepare_samples(const LineCoder& coder, const std::uint16_t* above, LineSample* to, std::size_t width) {
    std::int16_t* const single = coder.levels;
    find_single_levels(coder.parameters, above, single, width);
    for (std::size_t i = 0; i < width; ++i) {
        // In one piece, for vectors.
        const auto level = static_cast<std::uint16_t>(level_of(single + i));
        constexpr bool is_little = std::endian::native == std::endian::little;
        const std::uint32_t both = is_little ? level | std::uint32_t{above[i]} << 16 : above[i] | level << 16;
        __builtin_memcpy(to + i, &both, sizeof both);
    }
    to[width] = {0, 0};
}

// In pieces, which may reach into the margin of the line or over samples that come later. Most runs are one piece.
[[gnu::always_inline]] inline void fill_run(std::uint16_t* to, std::ptrdiff_t value, std::size_t length) {
    constexpr std::size_t piece = 32;
    static_assert(piece <= line_margin);
    for (std::size_t k = 0; k < piece; ++k) to[k] = static_cast<std::uint16_t>(value);
    if (length <= piece) [[likely]]
        return;
    for (std::size_t i = piece; i < length; i += piece)
        for (std::size_t k = 0; k < piece; ++k) to[i + k] = static_cast<std::uint16_t>(value);
}

[[gnu::always_inline]] inline void store_samples(std::uint16_t* to, const LineSample* from, std::size_t count) {
    for (std::size_t x = 0; x < count; ++x) to[x] = from[x].value;
}

// No number is larger than RANGE, but for what the mapping of errors adds.
static unsigned damage_of(const Contexts& coding, std::uint32_t all) {
    return all >> (32 - __builtin_clz(static_cast<unsigned>(coding.range))) != 0 ? damage_error : damage_none;
}

// Where a line goes on.
struct LinePlace {
    LineSample* at;
    std::uint32_t a;
    std::uint32_t c;
};

// Samples up to the next run, or the end. Apart, so that the loop has all registers.
template <bool plain>
[[gnu::noinline]] static LinePlace decode_regular_samples(Contexts& coding, const std::int8_t* gradients,
                                                          GolombPlace& place, LongGolomb& how, LinePlace from,
                                                          const LineSample* end) {
    GolombReader reader(place);
    LineSample* at = from.at;
    std::ptrdiff_t a = from.a;
    std::ptrdiff_t c = from.c;
    Gradients q = find_gradients(gradients, *at, a, c);
    GolombReader::Ahead ahead = reader.look();
    while (q.all() != 0) {
        const std::ptrdiff_t b = at->value;
        const RegularSample sample = decode_regular<plain>(coding, reader, ahead, how, q, a, b, c);
        a = sample.value;
        c = b;
        at->value = static_cast<std::uint16_t>(a);
        ++at;
        // The next sample begins before this one's context learns: a processor looks ahead so far only. Behind the line
        // stands a sample more.
        ahead = reader.look();
        q = find_gradients(gradients, *at, a, c);
        update<plain>(coding, *sample.context, sample.k, sample.error);
        if (at == end) break;
    }
    reader.leave(place);
    return {at, static_cast<std::uint32_t>(a), static_cast<std::uint32_t>(c)};
}

// Whether a line begins with a run: Ra is Rb there.
static bool begins_with_run(const std::uint16_t* above, std::int32_t near_lossless) {
    const std::int32_t left = above[-1] - above[0];
    const std::int32_t right = above[1] - above[0];
    return left <= near_lossless && -left <= near_lossless && right <= near_lossless && -right <= near_lossless;
}

// In flat images, most lines are one run of one bit. Returns false for any other line.
[[gnu::always_inline]] inline bool decode_flat_line(const LineCoder& coder, GolombPlace& place, const Line& lines,
                                                    std::size_t width, std::uint32_t& run_index) {
    const std::size_t run = std::size_t{1} << run_order[run_index];
    const bool is_run = (place.begin[place.position >> 3] << (place.position & 7) & 0x80) != 0;
    if (run < width || !is_run || !begins_with_run(lines.above, coder.contexts.near_lossless)) return false;
    ++place.position;
    if (run == width) run_index += run_index < 31 ? 1 : 0;
    fill_run(lines.line, lines.above[0], width);
    return true;
}

// What a line is decoded with.
struct LineDecoder {
    Contexts& coding;
    const std::int8_t* gradients;
    const std::uint16_t* above;
    std::uint16_t* line;
    std::size_t width;
    LongGolomb how;
    unsigned damage;
};

// The gradients of a sample whose line is not prepared. Without NEAR those of a run are 0 themselves, which takes less
// time to see than to find their levels.
template <bool plain>
[[gnu::always_inline]] inline bool is_run(const LineDecoder& decoder, std::ptrdiff_t a, std::ptrdiff_t b,
                                          std::ptrdiff_t c, std::ptrdiff_t d) {
    if constexpr (plain) return ((a ^ c) | (b ^ c) | (b ^ d)) == 0;
    return (decoder.gradients[b - d] | decoder.gradients[c - b] | decoder.gradients[a - c]) == 0;
}

// Runs and the samples that interrupt them, from sample x on and up to a regular one or the end. Returns where that is.
template <bool plain>
[[gnu::noinline]] static std::size_t decode_runs(LineDecoder& decoder, GolombPlace& place, std::size_t x,
                                                 std::uint32_t& index) {
    Contexts& coding = decoder.coding;
    const std::uint16_t* const above = decoder.above;
    std::uint16_t* const line = decoder.line;
    const std::size_t width = decoder.width;
    GolombReader reader(place);
    std::uint32_t run_index = index;
    std::ptrdiff_t a = line[static_cast<std::ptrdiff_t>(x) - 1];
    std::ptrdiff_t b;
    do {
        const Run run = decode_run(reader, width - x, run_index, decoder.damage);
        fill_run(line + x, a, run.length);
        x += run.length;
        if (!run.interrupted) break;
        b = above[x];
        const std::ptrdiff_t difference = a - b;
        const bool is_same =
            plain ? difference == 0 : difference <= coding.near_lossless && -difference <= coding.near_lossless;
        a = decode_interruption<plain>(coding, reader, run, decoder.how, is_same ? 1 : 0, run_index,
                                       static_cast<std::int32_t>(a), static_cast<std::int32_t>(b));
        line[x] = static_cast<std::uint16_t>(a);
        run_index -= run_index != 0 ? 1 : 0;
        ++x;
    } while (x != width && is_run<plain>(decoder, a, above[x], b, above[x + 1]));
    index = run_index;
    reader.leave(place);
    return x;
}

// Flat images have a few regular samples behind a run. For so many, to prepare the rest of the line takes longer than
// to find the levels of each.
constexpr unsigned few_samples = 8;

// At most that many, up to the next run or the end.
template <bool plain>
[[gnu::noinline]] static std::size_t decode_few_samples(LineDecoder& decoder, GolombPlace& place, std::size_t x) {
    const std::int8_t* const gradients = decoder.gradients;
    const std::uint16_t* const above = decoder.above;
    std::uint16_t* const line = decoder.line;
    GolombReader reader(place);
    const std::size_t end = decoder.width - x < few_samples ? decoder.width : x + few_samples;
    std::ptrdiff_t a = line[static_cast<std::ptrdiff_t>(x) - 1];
    std::ptrdiff_t b = above[x];
    std::ptrdiff_t c = above[static_cast<std::ptrdiff_t>(x) - 1];
    std::ptrdiff_t d = above[x + 1];
    do {
        const Gradients q{81 * gradients[b - d] + 9 * gradients[c - b], gradients[a - c]};
        const RegularSample sample =
            decode_regular<plain>(decoder.coding, reader, reader.look(), decoder.how, q, a, b, c);
        a = sample.value;
        line[x] = static_cast<std::uint16_t>(a);
        update<plain>(decoder.coding, *sample.context, sample.k, sample.error);
        ++x;
        c = b;
        b = d;
        d = above[x + 1];
    } while (x != end && !is_run<plain>(decoder, a, b, c, d));
    reader.leave(place);
    return x;
}

template <bool plain>
[[gnu::noinline]] static unsigned decode_line_of(const LineCoder& coder, GolombPlace& place, const Line& lines,
                                                 std::size_t width, std::uint32_t& run_index) {
    Contexts& coding = coder.contexts;
    const std::uint16_t* const above = lines.above;
    std::uint16_t* const line = lines.line;
    LineDecoder decoder{coding, coder.gradients, above, line, width, {place.last, coding.qbpp}, damage_none};
    const auto run_begins = [&](std::size_t x) {
        return is_run<plain>(decoder, line[static_cast<std::ptrdiff_t>(x) - 1], above[x],
                             above[static_cast<std::ptrdiff_t>(x) - 1], above[x + 1]);
    };
    std::size_t x = 0;
    while (x != width && run_begins(x)) {
        x = decode_runs<plain>(decoder, place, x, run_index);
        if (x != width) x = decode_few_samples<plain>(decoder, place, x);
    }
    if (x != width) prepare_samples(coder, above + x, coder.samples + x, width - x);
    while (x != width) {
        LineSample* const begin = coder.samples + x;
        const LinePlace from{begin, line[static_cast<std::ptrdiff_t>(x) - 1],
                             above[static_cast<std::ptrdiff_t>(x) - 1]};
        const LinePlace to =
            decode_regular_samples<plain>(coding, decoder.gradients, place, decoder.how, from, coder.samples + width);
        const auto count = static_cast<std::size_t>(to.at - begin);
        store_samples(line + x, begin, count);
        x += count;
        if (x != width) x = decode_runs<plain>(decoder, place, x, run_index);
    }
    return decoder.damage | damage_of(coding, decoder.how.all);
}

static unsigned decode_line(const LineCoder& coder, GolombPlace& place, const Line& line, std::size_t width,
                            std::uint32_t& run_index) {
    if (decode_flat_line(coder, place, line, width, run_index)) return damage_none;
    return coder.parameters.is_plain() ? decode_line_of<true>(coder, place, line, width, run_index)
                                       : decode_line_of<false>(coder, place, line, width, run_index);
}

// Annex B.3: all components are in step, and in run mode together.
template <bool plain, unsigned components>
static unsigned decode_samples_of(const LineCoder& coder, GolombPlace& place, const Line* lines, std::size_t width) {
    Contexts& coding = coder.contexts;
    const std::size_t stride = width + line_margin;
    std::ptrdiff_t a[components];
    std::ptrdiff_t c[components];
    bool is_run = true;
    for (unsigned i = 0; i < components; ++i) {
        a[i] = lines[i].line[-1];
        c[i] = lines[i].above[-1];
        is_run = is_run && begins_with_run(lines[i].above, coding.near_lossless);
    }
    LongGolomb how{place.last, coding.qbpp};
    unsigned damage = 0;
    std::uint32_t run_index = coder.contexts.run_index[0];
    // In flat images most lines are one run, which needs nothing of the line above.
    if (is_run) {
        GolombReader reader(place);
        std::uint32_t after = run_index;
        const Run run = decode_run(reader, width, after, damage);
        if (!run.interrupted) {
            for (unsigned i = 0; i < components; ++i) fill_run(lines[i].line, a[i], width);
            coder.contexts.run_index[0] = after;
            reader.leave(place);
            return damage;
        }
        // Read once more below.
        damage = damage_none;
    }
    for (unsigned i = 0; i < components; ++i) prepare_samples(coder, lines[i].above, coder.samples + i * stride, width);
    GolombReader reader(place);
    for (std::size_t x = 0; x < width;) {
        const LineSample* const at = coder.samples + x;
        Gradients q[components];
        std::ptrdiff_t any = 0;
        for (unsigned i = 0; i < components; ++i) {
            q[i] = find_gradients(coder.gradients, at[i * stride], a[i], c[i]);
            any |= q[i].all();
        }
        if (any != 0) {
            GolombReader::Ahead ahead = reader.look();
            // Unrolled, the loop lacks registers.
#pragma GCC unroll 1
            for (unsigned i = 0; i < components; ++i) {
                const std::ptrdiff_t b = at[i * stride].value;
                const RegularSample sample = decode_regular<plain>(coding, reader, ahead, how, q[i], a[i], b, c[i]);
                a[i] = sample.value;
                lines[i].line[x] = static_cast<std::uint16_t>(a[i]);
                c[i] = b;
                ahead = reader.look();
                update<plain>(coding, *sample.context, sample.k, sample.error);
            }
            ++x;
            continue;
        }
        Run run = decode_run(reader, width - x, run_index, damage);
        for (unsigned i = 0; i < components; ++i) {
            c[i] = at[i * stride + run.length].value;
            fill_run(lines[i].line + x, a[i], run.length);
        }
        x += run.length;
        if (!run.interrupted) break;
        for (unsigned i = 0; i < components; ++i) {
            a[i] = decode_interruption<plain>(coding, reader, run, how, 0, run_index, static_cast<std::int32_t>(a[i]),
                                              static_cast<std::int32_t>(c[i]));
            lines[i].line[x] = static_cast<std::uint16_t>(a[i]);
            run.known = 0;  // those were the first component's
        }
        run_index -= run_index != 0 ? 1 : 0;
        ++x;
    }
    coder.contexts.run_index[0] = run_index;
    reader.leave(place);
    return damage | damage_of(coding, how.all);
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
