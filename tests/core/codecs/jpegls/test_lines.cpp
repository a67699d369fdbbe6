// The loops of every instruction set: lines that are encoded come back, and all sets agree.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include "bytes.h"
#include "codecs/jpegls/kernels.h"
#include "codecs/jpegls/scan.h"
#include "cpu/features.h"

using namespace dcmturbo;
using namespace dcmturbo::jpegls;
using dcmturbo::test::Random;

namespace {

using Samples = std::vector<std::uint16_t>;

struct Coded {
    std::vector<std::uint8_t> bytes;  // with the reader's slack
    std::size_t bits = 0;
};

// Lines of one component after another, or in step.
class LinePair {
  public:
    LinePair(const Parameters& parameters, Isa isa, std::size_t width, unsigned components)
        : parameters_(parameters),
          kernels_(line_kernels(isa)),
          width_(width),
          components_(components),
          contexts_(std::make_unique<Contexts>()),
          levels_(2 * (width + line_margin) * components),
          samples_((width + line_margin) * components),
          predictions_(levels_.size()),
          coder_{parameters_,    *contexts_,      make_gradients(parameters_, arena_),
                 levels_.data(), samples_.data(), predictions_.data()} {}

    Coded encode(const std::vector<Samples>& lines) {
        Coded coded;
        coded.bytes.resize(most_line_bytes(width_) * lines.size() + GolombPlace::slack);
        GolombOutput output;
        output.next = coded.bytes.data();
        each_row(lines.size() / components_, [&](std::size_t row, Line* views) {
            for (unsigned i = 0; i < components_; ++i)
                std::copy(lines[row * components_ + i].begin(), lines[row * components_ + i].end(), views[i].line);
            if (components_ == 1) kernels_.encode_line(coder_, output, views[0], width_, contexts_->run_index[0]);
            else kernels_.encode_samples(coder_, output, views, components_, width_);
        });
        coded.bits = static_cast<std::size_t>(output.next - coded.bytes.data()) * 8 + output.count;
        coded.bytes.resize((coded.bits + 7) / 8);
        if (output.count != 0) coded.bytes.back() = static_cast<std::uint8_t>(output.pending >> 56);
        coded.bytes.resize(coded.bytes.size() + GolombPlace::slack);
        return coded;
    }

    std::vector<Samples> decode(const Coded& coded, std::size_t rows, unsigned& damage, GolombPlace& place) {
        std::vector<Samples> decoded;
        place = GolombPlace(coded.bytes.data(), coded.bits);
        damage = 0;
        each_row(rows, [&](std::size_t, Line* views) {
            if (components_ == 1)
                damage |= kernels_.decode_line(coder_, place, views[0], width_, contexts_->run_index[0]);
            else damage |= kernels_.decode_samples(coder_, place, views, components_, width_);
            for (unsigned i = 0; i < components_; ++i) decoded.emplace_back(views[i].line, views[i].line + width_);
        });
        return decoded;
    }

  private:
    template <typename Work>
    void each_row(std::size_t rows, const Work& work) {
        contexts_->reset(parameters_, kernels_);
        std::vector<Samples> above(components_, Samples(width_ + 2 * line_margin));
        std::vector<Samples> line = above;
        for (std::size_t row = 0; row < rows; ++row) {
            std::vector<Line> views;
            for (unsigned i = 0; i < components_; ++i) {
                views.push_back({above[i].data() + line_margin, line[i].data() + line_margin});
                prepare_line(above[i].data() + line_margin, line[i].data() + line_margin,
                             static_cast<std::uint32_t>(width_));
            }
            work(row, views.data());
            std::swap(above, line);
        }
    }

    const Parameters parameters_;
    const LineKernels& kernels_;
    const std::size_t width_;
    const unsigned components_;
    Arena arena_;
    std::unique_ptr<Contexts> contexts_;
    std::vector<std::int16_t> levels_;
    std::vector<LineSample> samples_;
    std::vector<std::uint16_t> predictions_;
    LineCoder coder_;
};

// Runs, gentle slopes, noise and jumps between the ends of the range.
std::vector<Samples> make_lines(Random& random, std::size_t count, std::size_t width, std::int32_t maxval) {
    std::vector<Samples> lines;
    const auto limit = static_cast<std::uint32_t>(maxval) + 1;
    std::uint32_t value = random.below(limit);
    for (std::size_t i = 0; i < count; ++i) {
        Samples line;
        while (line.size() < width) {
            const std::uint32_t kind = random.below(4);
            const std::size_t end = std::min<std::size_t>(width, line.size() + random.below(40) + 1);
            while (line.size() < end) {
                if (kind == 1) value = (value + random.below(3) + limit - 1) % limit;
                if (kind == 2) value = random.below(limit);
                if (kind == 3) value = random.below(2) * (limit - 1);
                line.push_back(static_cast<std::uint16_t>(value));
            }
        }
        lines.push_back(line);
    }
    return lines;
}

template <typename Work>
void with_each_isa(const Work& work) {
    for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512, Isa::neon}) {
        if (isa_available(isa)) work(isa);
    }
}

}  // namespace

TEST_CASE("jpegls: what one instruction set encodes, all decode") {
    Random random(14);
    for (int round = 0; round < 300; ++round) {
        const unsigned precision = random.below(15) + 2;
        const std::int32_t full = (1 << precision) - 1;
        const unsigned near_lossless =
            random.below(2) * random.below(static_cast<std::uint32_t>(std::min(full / 2, 255)) + 1);
        Presets presets;
        if (random.below(3) == 0) presets.reset = random.below(200) + 3;
        if (random.below(4) == 0) presets.maxval = random.below(static_cast<std::uint32_t>(full)) + 1;
        if (what_is_wrong(presets, precision, near_lossless) != nullptr) continue;
        const Parameters parameters = resolve(presets, precision, near_lossless);
        const unsigned components = random.below(4) + 1;
        const std::size_t width = random.below(150) + 1;
        const std::size_t rows = random.below(6) + 1;
        const auto lines = make_lines(random, rows * components, width, parameters.maxval);
        CAPTURE(precision);
        CAPTURE(near_lossless);
        const Coded first = LinePair(parameters, Isa::scalar, width, components).encode(lines);
        std::vector<Samples> expected;
        with_each_isa([&](Isa isa) {
            LinePair pair(parameters, isa, width, components);
            REQUIRE(pair.encode(lines).bytes == first.bytes);
            unsigned damage = 0;
            GolombPlace place;
            const auto decoded = pair.decode(first, rows, damage, place);
            REQUIRE(damage == 0);
            REQUIRE(place.position == first.bits);
            if (expected.empty()) expected = decoded;
            REQUIRE(decoded == expected);
            for (std::size_t i = 0; i < lines.size(); ++i) {
                for (std::size_t x = 0; x < width; ++x)
                    REQUIRE(std::abs(int{decoded[i][x]} - int{lines[i][x]}) <= parameters.near_lossless);
            }
        });
    }
}

TEST_CASE("jpegls: lines of damaged bits end alike everywhere, and within the slack") {
    Random random(15);
    for (int round = 0; round < 300; ++round) {
        const unsigned precision = random.below(15) + 2;
        const Parameters parameters = resolve({}, precision, 0);
        const std::size_t width = random.below(150) + 1;
        const unsigned components = random.below(3) + 1;
        Coded coded;
        coded.bits = random.below(600);
        for (std::size_t i = 0; i < (coded.bits + 7) / 8; ++i)
            coded.bytes.push_back(static_cast<std::uint8_t>(random.below(3) == 0 ? 0 : random.below(256)));
        if (coded.bits % 8 != 0) coded.bytes.back() &= static_cast<std::uint8_t>(0xFF00 >> coded.bits % 8);
        coded.bytes.resize(coded.bytes.size() + GolombPlace::slack);
        std::vector<Samples> expected;
        unsigned expected_damage = 0;
        bool first = true;
        with_each_isa([&](Isa isa) {
            unsigned damage = 0;
            GolombPlace place;
            const auto decoded = LinePair(parameters, isa, width, components).decode(coded, 3, damage, place);
            if (first) {
                expected = decoded;
                expected_damage = damage;
            }
            first = false;
            REQUIRE(decoded == expected);
            REQUIRE(damage == expected_damage);
            REQUIRE(place.position <= place.last + 512);
            for (const Samples& line : decoded)
                for (const std::uint16_t sample : line) REQUIRE(sample <= parameters.maxval);
        });
    }
}
