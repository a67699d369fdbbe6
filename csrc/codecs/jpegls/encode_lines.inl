// Encoding lines, within a target region.

// A.5.3 and A.6 of a sample: `error` is turned to the context's sign, quantised and reduced.
[[gnu::always_inline]] inline std::uint32_t map_error(std::int32_t error, std::int32_t flip) {
    const std::int32_t turned = error ^ flip;
    return static_cast<std::uint32_t>(turned << 1 ^ turned >> 31);
}

// A.4.4 and A.4.5
template <bool plain>
[[gnu::always_inline]] inline std::int32_t quantise_error(Contexts& coding, std::int32_t error, unsigned unused) {
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
[[gnu::always_inline]] inline std::int32_t encode_regular(Contexts& coding, GolombWriter& writer, unsigned unused,
                                                          int q, std::int32_t median, std::int32_t sample) {
    const std::int32_t sign = q >> 31;
    const std::ptrdiff_t size = (q ^ sign) - sign;
    RegularContext& context = coding.context(size);
    const ContextView& view = coding.view(q);
    const unsigned k = view.k;
    const std::int32_t predicted = clamp(median + view.correction, coding.maxval);
    const std::int32_t error = quantise_error<plain>(coding, ((sample - predicted) ^ sign) - sign, unused);
    writer.put_code(map_error(error, context.flip), k, coding.escape, coding.qbpp);
    update<plain>(coding, context, k, error);
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
[[gnu::always_inline]] inline std::int32_t encode_interruption(Contexts& coding, GolombWriter& writer, unsigned unused,
                                                               unsigned ri_type, std::uint32_t run_index,
                                                               std::int32_t a, std::int32_t b, std::int32_t sample) {
    RunContext& context = coding.run[ri_type];
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
    if (context.n == coding.reset_at) {
        context.a >>= 1;
        context.n >>= 1;
        context.nn >>= 1;
    }
    ++context.n;
    return plain ? sample : reconstruct<plain>(coding, predicted, turns ? -error : error);
}

static void find_levels(const Parameters& parameters, const std::uint16_t* above, std::int16_t* levels,
                        std::size_t width) {
    std::int16_t* const single = levels + width + line_margin;
    find_single_levels(parameters, above, single, width);
    for (std::size_t i = 0; i < width; ++i) levels[i] = level_of(single + i);
}

// Without loss all samples are known before: the whole gradients and medians of a line.
static void find_contexts(const LineCoder& coder, const Line& lines, std::int16_t* levels, std::uint16_t* medians,
                          std::size_t width) {
    const std::uint16_t* const above = lines.above;
    const std::uint16_t* const line = lines.line;
    find_levels(coder.parameters, above, levels, width);
    const LevelFinder finder(coder.parameters);
    for (std::size_t x = 0; x < width; ++x) {
        const std::uint16_t a = line[static_cast<std::ptrdiff_t>(x) - 1];
        const std::uint16_t b = above[x];
        const std::uint16_t c = above[static_cast<std::ptrdiff_t>(x) - 1];
        levels[x] = static_cast<std::int16_t>(levels[x] + context_scale * finder.find(a, c));
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
    Contexts& coding = coder.contexts;
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
        const int q = is_lossless ? levels[x] : levels[x] + (coder.gradients - c)[a];
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
        a = encode_interruption<plain>(coding, writer, unused, ri_type, run_index, value, up, line[x]);
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
    Contexts& coding = coder.contexts;
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
                q[i] += coder.gradients[std::int32_t{lines[i].line[at - 1]} - std::int32_t{lines[i].above[at - 1]}];
            any |= q[i];
        }
        if (any != 0) {
            for (unsigned i = 0; i < components; ++i) {
                const std::int32_t median =
                    is_lossless
                        ? coder.predictions[i * stride + x]
                        : median_edge<std::int32_t>(lines[i].line[at - 1], lines[i].above[x], lines[i].above[at - 1]);
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
            lines[i].line[x] = static_cast<std::uint16_t>(encode_interruption<plain>(
                coding, writer, unused, 0, run_index, lines[i].line[at - 1], lines[i].above[x], lines[i].line[x]));
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
