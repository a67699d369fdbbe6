// Rows of the inverse wavelets, against the lifting steps one after the other (ISO/IEC 15444-1, F.3.8): every length,
// both parities, every instruction set, the same bits.
#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "codecs/jpeg2000/wavelet/kernels.h"
#include "codecs/jpeg2000/wavelet/lifting.h"

using namespace dcmturbo;
using namespace dcmturbo::jpeg2000;

namespace {

constexpr std::size_t margin = 32;  // elements behind a row that may be written

// The elements of a row, continued at both ends (F.3.7).
template <typename T>
struct Signal {
    std::vector<T> samples;
    [[nodiscard]] T at(std::ptrdiff_t i) const {
        const auto count = static_cast<std::ptrdiff_t>(samples.size());
        const std::ptrdiff_t period = 2 * (count - 1);
        i = ((i % period) + period) % period;
        return samples[static_cast<std::size_t>(i < count ? i : period - i)];
    }
};

// Changes the elements of a parity.
template <typename T, typename Step>
void lift(Signal<T>& signal, bool odd, std::size_t parity, Step&& step) {
    const Signal<T> before = signal;
    for (std::size_t i = 0; i < signal.samples.size(); ++i) {
        const auto place = static_cast<std::ptrdiff_t>(i);
        if ((i + (odd ? 1 : 0)) % 2 == parity)
            signal.samples[i] = step(before.at(place), before.at(place - 1), before.at(place + 1));
    }
}

template <typename T>
Signal<T> interleaved(const std::vector<T>& low, const std::vector<T>& high, std::size_t count, bool odd) {
    Signal<T> signal;
    for (std::size_t i = 0; i < count; ++i)
        signal.samples.push_back((i + (odd ? 1 : 0)) % 2 == 0 ? low[i / 2] : high[i / 2]);
    return signal;
}

template <typename T>
void check(const std::vector<T>& row, const Signal<T>& wanted, std::size_t count) {
    REQUIRE(std::memcmp(row.data(), wanted.samples.data(), count * sizeof(T)) == 0);
    for (std::size_t i = count + margin; i < row.size(); ++i) REQUIRE(row[i] == T{77});
}

template <typename Check>
void for_each_row(Check&& check_row) {
    for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512, Isa::neon}) {
        if (!isa_available(isa)) continue;
        for (std::size_t count = 1; count < 150; ++count) {
            for (const bool odd : {false, true}) check_row(wavelet_kernels(isa), count, odd);
        }
    }
}

std::size_t padded_half(std::size_t count) { return (count / 2 + 1 + 15) / 16 * 16; }

}  // namespace

TEST_CASE("synthesise rows: 5/3") {
    std::minstd_rand random(1);
    for_each_row([&](const WaveletKernels& kernels, std::size_t count, bool odd) {
        std::vector<std::int32_t> low(padded_half(count)), high(low.size());
        for (auto* half : {&low, &high}) {
            for (std::int32_t& value : *half) value = static_cast<std::int32_t>(random() % 100000) - 50000;
        }
        std::vector<std::int32_t> row(count + margin + 8, 77), scratch(2 * wavelet_scratch(count));
        kernels.synthesise_row_5_3(low.data(), high.data(), row.data(), scratch.data(), count, odd);
        Signal<std::int32_t> wanted = interleaved(low, high, count, odd);
        if (count == 1) {
            wanted.samples[0] = odd ? high[0] / 2 : low[0];
        } else {
            lift(wanted, odd, 0, [](auto own, auto left, auto right) { return own - ((left + right + 2) >> 2); });
            lift(wanted, odd, 1, [](auto own, auto left, auto right) { return own + ((left + right) >> 1); });
        }
        check(row, wanted, count);
    });
}

TEST_CASE("synthesise rows: 9/7") {
    std::minstd_rand random(1);
    const float low_scale = 1.25F, high_scale = 0.75F;
    for_each_row([&](const WaveletKernels& kernels, std::size_t count, bool odd) {
        std::vector<float> low(padded_half(count)), high(low.size());
        for (auto* half : {&low, &high}) {
            for (float& value : *half) value = static_cast<float>(random() % 100000) * 0.37F - 18000.0F;
        }
        std::vector<float> row(count + margin + 8, 77), scratch(2 * wavelet_scratch(count));
        kernels.synthesise_row_9_7(low.data(), high.data(), row.data(), scratch.data(), count, odd, low_scale,
                                   high_scale);
        for (float& value : low) value *= low_scale;
        for (float& value : high) value *= high_scale;
        Signal<float> wanted = interleaved(low, high, count, odd);
        if (count > 1) {
            const float factors[] = {wavelet_delta, wavelet_gamma, wavelet_beta, wavelet_alpha};
            for (std::size_t step = 0; step < 4; ++step) {
                lift(wanted, odd, step % 2, [&](float own, float left, float right) {
                    const float change = -factors[step] * (left + right);
                    return own + change;
                });
            }
        }
        check(row, wanted, count);
    });
}
