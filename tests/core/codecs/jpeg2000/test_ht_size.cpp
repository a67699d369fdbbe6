// Sizes of HTJ2K: rows of quads coded one by one, estimates from some of them, and the search for a step.
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "base/arena.h"
#include "codecs/jpeg2000/blocks/mq_block_encoder.h"
#include "codecs/jpeg2000/rate/ht_size.h"
#include "codecs/jpeg2000/rate/step_search.h"
#include "codecs/jpeg2000/wavelet/kernels.h"
#include "cpu/features.h"
#include "doctest/doctest.h"
#include "entropy/ht_encode.h"

namespace dcmturbo::jpeg2000 {
namespace {

constexpr std::size_t pitch = 80;  // rows can be read a little past their ends

// Small values, and larger ones towards the right.
std::vector<float> draw(std::uint32_t width, std::uint32_t height, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> values(pitch * height + 16);
    for (std::uint32_t y = 0; y < height; ++y) {
        for (std::uint32_t x = 0; x < width; ++x)
            values[y * pitch + x] = normal(random) * (1 + 20 * static_cast<float>(x * x) / 4096);
    }
    return values;
}

TEST_CASE("rows of quads coded one by one take the bits of the block") {
    Arena arena;
    for (int i = 0; i < isa_count; ++i) {
        const auto isa = static_cast<Isa>(i);
        if (!isa_available(isa)) continue;
        for (const std::uint32_t width : {1U, 2U, 7U, 33U, 64U}) {
            for (const std::uint32_t height : {1U, 2U, 5U, 64U}) {
                const std::vector<float> values = draw(width, height, width * 100 + height);
                std::vector<std::int32_t> whole(values.size());
                for (std::size_t at = 0; at < values.size(); ++at) whole[at] = static_cast<std::int32_t>(values[at]);
                whole[0] = 5;  // not all are 0
                const HtEncodeKernels& kernels = ht_encode_kernels(isa);
                HtEncodeScratch one;
                start_ht_encode(width, height, arena.allocate(ht_encode_scratch_size(width, height)), one);
                kernels.encode(whole.data(), pitch, width, height, one);
                HtEncodeScratch rows;
                start_ht_encode(width, height, arena.allocate(ht_encode_scratch_size(width, height)), rows);
                for (std::uint32_t y = 0; y < height; y += 2) {
                    const std::int32_t* const row = whole.data() + y * pitch;
                    kernels.encode_quad_row(y == 0 ? nullptr : row - pitch, row, pitch, width, y + 1 < height, rows);
                }
                CHECK(ht_encoded_bits(rows) == ht_encoded_bits(one));
                CHECK(rows.magsgn.total() == one.magsgn.total());
                CHECK(rows.vlc.total() == one.vlc.total());
            }
        }
    }
}

TEST_CASE("the size of blocks is estimated from all of their rows, and from some") {
    constexpr std::uint32_t size = 64;
    constexpr std::size_t count = 60;
    Arena arena;
    const Isa isa = Isa::scalar;
    std::vector<Band> bands(count);
    std::vector<CodedBlock> blocks(count);
    std::vector<std::vector<float>> memory;
    double bytes = 0;
    for (std::size_t i = 0; i < count; ++i) {
        memory.push_back(draw(size, size, static_cast<unsigned>(i)));
        bands[i].area = {0, 0, size, size};
        bands[i].stride = pitch;
        bands[i].step = 0.7F;
        bands[i].coefficients = reinterpret_cast<std::byte*>(memory[i].data());
        blocks[i].area = bands[i].area;
        blocks[i].band = &bands[i];
        std::vector<std::int32_t> quantised(memory[i].size());
        wavelet_kernels(isa).quantise_row(memory[i].data(), quantised.data(), quantised.size(), 1 / bands[i].step);
        BlockInput input;
        input.coefficients = quantised.data();
        input.stride = pitch;
        input.width = input.height = size;
        BlockBytes coded;
        encode_ht_block(input, isa, arena, coded);
        bytes += static_cast<double>(coded.bytes.size());
    }
    CHECK(estimate_ht_bytes(blocks, 1, isa, arena) == doctest::Approx(bytes).epsilon(0.005));
    CHECK(estimate_ht_bytes(blocks, 13, isa, arena) == doctest::Approx(bytes).epsilon(0.05));
}

TEST_CASE("a search finds the step of a size, whatever the curve") {
    for (const double power : {0.2, 0.7, 1.5}) {
        const auto share = [power](double step) { return std::pow(step / 3, -power) + 0.01 / (step + 1); };
        StepSearch search;
        double step = 100;
        int trials = 0;
        for (; trials < 12 && std::fabs(share(step) - 1) > 0.002; ++trials) {
            search.add(step, share(step));
            step = search.next();
        }
        CHECK(trials < 8);
    }
}

TEST_CASE("a search for what cannot be ends at a step that is a number") {
    StepSearch search;
    double step = 1;
    for (int i = 0; i < 20; ++i) {
        search.add(step, INFINITY);
        step = search.next();
    }
    CHECK(step > 1e6);
    CHECK(std::isfinite(step));
}

}  // namespace
}  // namespace dcmturbo::jpeg2000
