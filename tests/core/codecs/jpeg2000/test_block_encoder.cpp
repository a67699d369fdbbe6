// Code-blocks are encoded, and decoded again by the core's decoders: whole, and cut off behind each pass.
#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include "base/arena.h"
#include "codecs/jpeg2000/blocks/code_block.h"
#include "codecs/jpeg2000/blocks/mq_block_encoder.h"
#include "cpu/features.h"
#include "doctest/doctest.h"

namespace dcmturbo::jpeg2000 {
namespace {

struct Image {
    std::uint32_t width, height;
    std::vector<std::int32_t> coefficients;
};

// Mostly small values: what a wavelet gives. `planes` 0: all are zero.
Image make_image(std::uint32_t width, std::uint32_t height, unsigned planes, unsigned seed) {
    std::mt19937 random(seed);
    Image image{width, height, std::vector<std::int32_t>(std::size_t{width} * height + 16)};
    for (std::size_t i = 0; i < std::size_t{width} * height; ++i) {
        const unsigned bits = planes == 0 ? 0 : static_cast<unsigned>(random() % (planes + 1) * (random() % 3 == 0));
        const auto magnitude = static_cast<std::int32_t>(random() & ((1U << bits) - 1));
        image.coefficients[i] = random() % 2 != 0 ? magnitude : -magnitude;
    }
    return image;
}

class Source final : public BlockSource {
  public:
    Source(std::vector<Image> images, std::uint8_t style, Orientation orientation)
        : images_(std::move(images)), style_(style), orientation_(orientation) {}

    BlockInput block(std::size_t number) override {
        BlockInput input;
        input.coefficients = images_[number].coefficients.data();
        input.stride = input.width = images_[number].width;
        input.height = images_[number].height;
        input.style = style_;
        input.orientation = orientation_;
        input.needs_truncation = true;
        return input;
    }
    void take(std::size_t number, const BlockBytes& bytes) override { results[number] = bytes; }

    std::map<std::size_t, BlockBytes> results;

  private:
    std::vector<Image> images_;
    std::uint8_t style_;
    Orientation orientation_;
};

// The first `passes` passes of a block, as packets give them: out of no more bytes than the encoder says they need, or
// out of whole segments.
struct Coded {
    Coded(const Image& image, const BlockBytes& coded, std::size_t passes, bool is_cut, std::uint8_t style,
          Orientation orientation) {
        std::uint32_t begin = 0;
        std::uint32_t count = 0;
        for (std::size_t i = 0; i < passes; ++i) {
            ++count;
            if (!coded.passes[i].terminates && i + 1 != passes) continue;
            std::size_t last = i;
            while (!is_cut && !coded.passes[last].terminates) ++last;
            const std::uint32_t end = coded.passes[last].end;
            segments.push_back({coded.bytes.data() + begin, end - begin, count});
            begin = end;
            count = 0;
        }
        for (CodewordSegment& segment : segments) {
            copies.emplace_back(segment.data, segment.data + segment.size);
            copies.back().resize(segment.size + 16, 0xFF);
            segment.data = copies.back().data();
        }
        block.width = image.width;
        block.height = image.height;
        block.orientation = orientation;
        block.style = style;
        block.bit_planes = static_cast<std::uint8_t>(coded.planes);
        block.band_planes = static_cast<std::uint8_t>(coded.planes);
        block.segments = segments;
    }

    CodeBlock block;
    std::vector<CodewordSegment> segments;
    std::vector<std::vector<std::uint8_t>> copies;  // with nothing but ones behind each
};

std::vector<std::int32_t> decode(const Image& image, const BlockBytes& bytes, std::size_t passes, bool is_cut,
                                 std::uint8_t style, Orientation orientation) {
    const Coded coded(image, bytes, passes, is_cut, style, orientation);
    std::vector<std::int32_t> result(std::size_t{image.width} * image.height);
    Arena arena;
    BlockOutput output;
    output.to = reinterpret_cast<std::byte*>(result.data());
    output.stride = image.width;
    const BlockOutcome outcome = decode_block(coded.block, output, Isa::scalar, arena);
    CHECK_FALSE(outcome.is_damaged);
    return result;
}

}  // namespace

TEST_CASE("an encoded code-block decodes to its coefficients, and each of its passes from the bytes that it names") {
    const std::uint32_t shapes[][2] = {{64, 64}, {1, 1}, {17, 5}, {4, 64}, {33, 31}, {64, 3}, {5, 4}};
    unsigned seed = 1;
    for (const unsigned style : {0U, 1U, 2U, 4U, 8U, 32U, 1U | 4U, 2U | 8U | 32U}) {
        for (const Orientation orientation : {Orientation::ll, Orientation::hl, Orientation::hh}) {
            std::vector<Image> images;
            for (const auto& shape : shapes) {
                ++seed;
                images.push_back(make_image(shape[0], shape[1], seed % 9 == 0 ? 0 : 2 + seed % 13, seed));
            }
            for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512, Isa::neon}) {
                if (!isa_available(isa)) continue;
                Source source(images, static_cast<std::uint8_t>(style), orientation);
                MqBlockEncoder(isa).encode(images.size(), source);
                REQUIRE(source.results.size() == images.size());
                for (std::size_t i = 0; i < images.size(); ++i) {
                    const BlockBytes& coded = source.results[i];
                    const Image& image = images[i];
                    if (coded.passes.empty()) {
                        CHECK(std::all_of(image.coefficients.begin(), image.coefficients.end(),
                                          [](int v) { return v == 0; }));
                        continue;
                    }
                    REQUIRE(coded.passes.size() == 3 * coded.planes - 2);
                    const auto whole =
                        decode(image, coded, coded.passes.size(), true, static_cast<std::uint8_t>(style), orientation);
                    for (std::size_t k = 0; k < whole.size(); ++k) {
                        REQUIRE(whole[k] == image.coefficients[k]);
                    }
                    for (std::size_t passes = 1; passes < coded.passes.size(); ++passes) {
                        const auto cut =
                            decode(image, coded, passes, true, static_cast<std::uint8_t>(style), orientation);
                        const auto full =
                            decode(image, coded, passes, false, static_cast<std::uint8_t>(style), orientation);
                        REQUIRE(cut == full);
                        CHECK(coded.passes[passes].end >= coded.passes[passes - 1].end);
                    }
                }
            }
        }
    }
}

TEST_CASE("two code-blocks that are decoded together come out as alone") {
    const std::uint32_t shapes[][2] = {{64, 64}, {64, 64}, {17, 5}, {4, 64}, {33, 31}, {64, 3}, {64, 64}};
    unsigned seed = 500;
    for (const unsigned style : {0U, 1U, 2U, 4U, 8U, 32U}) {
        const auto of_style = static_cast<std::uint8_t>(style);
        std::vector<Image> images;
        for (const auto& shape : shapes) {
            ++seed;
            images.push_back(make_image(shape[0], shape[1], 2 + seed % 13, seed));
        }
        Source source(images, of_style, Orientation::hl);
        MqBlockEncoder(Isa::scalar).encode(images.size(), source);
        for (std::size_t i = 0; i + 1 < images.size(); ++i) {
            // The second one is cut off, at another pass each time.
            const std::size_t all = source.results[i].passes.size();
            const std::size_t some = 1 + (seed + i) % source.results[i + 1].passes.size();
            const Coded one(images[i], source.results[i], all, true, of_style, Orientation::hl);
            const Coded other(images[i + 1], source.results[i + 1], some, true, of_style, Orientation::hl);
            const std::vector<std::int32_t> alone[2] = {
                decode(images[i], source.results[i], all, true, of_style, Orientation::hl),
                decode(images[i + 1], source.results[i + 1], some, true, of_style, Orientation::hl)};
            for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512, Isa::neon}) {
                if (!isa_available(isa)) continue;
                std::vector<std::int32_t> result[2];
                BlockOutput outputs[2];
                for (std::size_t k = 0; k < 2; ++k) {
                    result[k].resize(alone[k].size());
                    outputs[k].to = reinterpret_cast<std::byte*>(result[k].data());
                    outputs[k].stride = images[i + k].width;
                }
                Arena arena;
                BlockOutcome outcomes[2];
                decode_two_blocks({one.block, other.block}, outputs, isa, arena, outcomes);
                for (std::size_t k = 0; k < 2; ++k) {
                    CHECK_FALSE(outcomes[k].is_damaged);
                    CHECK(result[k] == alone[k]);
                }
            }
        }
    }
}

}  // namespace dcmturbo::jpeg2000
