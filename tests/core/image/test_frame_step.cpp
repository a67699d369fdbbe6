#include "image/frame_step.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

using namespace dcmturbo;

namespace {

constexpr std::uint32_t rows = 5;

template <typename Sample>
std::vector<Sample> random_samples(std::size_t count) {
    std::mt19937_64 random(count);
    std::vector<Sample> samples(count * rows);
    for (Sample& sample : samples) sample = static_cast<Sample>(random());
    if (count > 1) {
        samples[0] = std::numeric_limits<Sample>::min();
        samples[1] = std::numeric_limits<Sample>::max();
    }
    return samples;
}

// What the step is defined to give, row by row; between the rows are bytes that nobody may write.
template <typename Sample, typename Result>
std::vector<Result> expected_results(const std::vector<Sample>& samples, FrameStep step) {
    if (step.kind == FrameStep::Kind::normalise) {
        long double sum = 0, squares = 0;
        for (const Sample sample : samples) sum += static_cast<long double>(sample);
        const long double mean = sum / static_cast<long double>(samples.size());
        for (const Sample sample : samples) squares += (sample - mean) * (sample - mean);
        const auto deviation = static_cast<double>(std::sqrt(squares / static_cast<long double>(samples.size())));
        step.gain = deviation > 0 ? 1 / deviation : 0;
        step.offset = -static_cast<double>(mean) * step.gain;
    }
    std::vector<Result> results;
    for (const Sample sample : samples) {
        volatile Result product = static_cast<Result>(sample) * static_cast<Result>(step.gain);
        Result value = product + static_cast<Result>(step.offset);
        if (step.clips && step.kind == FrameStep::Kind::linear) value = value < 0 ? 0 : value > 1 ? 1 : value;
        results.push_back(value);
    }
    return results;
}

template <typename Sample, typename Result>
void check_steps(SampleType type) {
    for (const std::size_t count : {1U, 3U, 16U, 31U, 100U}) {
        const std::vector<Sample> samples = random_samples<Sample>(count);
        const double range = std::ldexp(1.0, 8 * sizeof(Sample));
        const SampleType result = sizeof(Result) == sizeof(double) ? SampleType::f64 : SampleType::f32;
        for (const FrameStep& step : {FrameStep{FrameStep::Kind::linear, false, result, 1.7, -1024.3},
                                      FrameStep{FrameStep::Kind::linear, true, result, 3 / range, 0.25},
                                      FrameStep{FrameStep::Kind::linear, true, result, -3 / range, 1.5},
                                      FrameStep{FrameStep::Kind::normalise, false, result}}) {
            const std::vector<Result> expected = expected_results<Sample, Result>(samples, step);
            std::vector<Result> first;
            for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512, Isa::neon}) {
                if (!isa_available(isa)) continue;
                const std::size_t stride = count + 3;
                std::vector<Result> results(stride * rows, Result{77});
                apply_step(step, reinterpret_cast<const std::byte*>(samples.data()), type, rows, count,
                           reinterpret_cast<std::byte*>(results.data()),
                           static_cast<std::ptrdiff_t>(stride * sizeof(Result)), isa);
                for (std::uint32_t y = 0; y < rows; ++y) {
                    for (std::size_t x = 0; x < count; ++x) {
                        const Result value = results[y * stride + x];
                        if (step.kind == FrameStep::Kind::linear) REQUIRE(value == expected[y * count + x]);
                        else REQUIRE(double(value) == doctest::Approx(double(expected[y * count + x])).epsilon(1e-5));
                    }
                    for (std::size_t x = count; x < stride; ++x) REQUIRE(results[y * stride + x] == 77);
                }
                if (first.empty()) first = results;
                REQUIRE(results == first);
            }
        }
    }
}

// Cells with labels of their own, and between the rows bytes that nobody may write.
template <typename Cell>
void check_labels(SampleType result) {
    for (const std::size_t count : {1U, 31U, 191U, 192U, 500U}) {
        const std::vector<std::uint8_t> samples = random_samples<std::uint8_t>(count);
        for (const FrameStep::Over over :
             {FrameStep::Over::keep, FrameStep::Over::replace, FrameStep::Over::replace_all}) {
            FrameStep step{.kind = FrameStep::Kind::label, .result = result};
            step.label = static_cast<Cell>(70'001);
            step.threshold = 100;
            step.over = over;
            for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512, Isa::neon}) {
                if (!isa_available(isa)) continue;
                const std::size_t stride = count + 3;
                std::vector<Cell> cells(stride * rows, Cell{9});
                for (std::size_t i = 0; i < cells.size(); i += 3) cells[i] = 0;
                for (std::size_t i = 1; i < cells.size(); i += 6) cells[i] = static_cast<Cell>(step.label);
                const std::vector<Cell> before = cells;
                const std::uint64_t overlaps =
                    apply_step(step, reinterpret_cast<const std::byte*>(samples.data()), SampleType::u8, rows, count,
                               reinterpret_cast<std::byte*>(cells.data()),
                               static_cast<std::ptrdiff_t>(stride * sizeof(Cell)), isa);
                std::uint64_t expected = 0;
                for (std::size_t i = 0; i < cells.size(); ++i) {
                    const bool inside = i % stride < count && samples[i / stride * count + i % stride] >= 100;
                    const bool is_other = before[i] != 0 && before[i] != step.label;
                    if (over != FrameStep::Over::replace_all) expected += inside && is_other ? 1 : 0;
                    Cell wanted = before[i];
                    if (inside && !(over == FrameStep::Over::keep && before[i] != 0))
                        wanted = static_cast<Cell>(step.label);
                    if (!inside && over == FrameStep::Over::replace_all && i % stride < count) wanted = 0;
                    REQUIRE(cells[i] == wanted);
                }
                REQUIRE(overlaps == expected);
            }
        }
    }
}

}  // namespace

TEST_CASE("frame step: results are those of the definition, on every instruction set") {
    check_steps<std::uint8_t, float>(SampleType::u8);
    check_steps<std::int8_t, float>(SampleType::i8);
    check_steps<std::uint16_t, float>(SampleType::u16);
    check_steps<std::int16_t, float>(SampleType::i16);
    check_steps<std::uint32_t, float>(SampleType::u32);
    check_steps<std::int32_t, float>(SampleType::i32);
    check_steps<std::uint8_t, double>(SampleType::u8);
    check_steps<std::int16_t, double>(SampleType::i16);
    check_steps<std::uint32_t, double>(SampleType::u32);
    check_steps<std::int32_t, double>(SampleType::i32);
}

TEST_CASE("frame step: a frame of one value becomes 0") {
    const std::vector<std::uint32_t> samples(rows * 7, 4'000'000'000U);
    std::vector<float> results(samples.size(), 1);
    apply_step({.kind = FrameStep::Kind::normalise}, reinterpret_cast<const std::byte*>(samples.data()),
               SampleType::u32, rows, 7, reinterpret_cast<std::byte*>(results.data()), 7 * sizeof(float), Isa::scalar);
    CHECK(results == std::vector<float>(samples.size(), 0));
}

TEST_CASE("frame step: labels are drawn over others as they are asked to, and counted") {
    check_labels<std::uint8_t>(SampleType::u8);
    check_labels<std::uint16_t>(SampleType::u16);
    check_labels<std::uint32_t>(SampleType::u32);
}
