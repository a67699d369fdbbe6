// Fuzzes csrc/raster: polygons of any numbers are filled as a slow reference fills them, outlines of what was filled
// give it again, and labels are painted as a plain loop paints them.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "frames.h"
#include "image/frame_step.h"
#include "raster/orientation.h"
#include "raster/outlines.h"
#include "raster/polygon_fill.h"

namespace {

using namespace dcmturbo;
using fuzz::require;

constexpr std::size_t most_points = 64;
constexpr std::uint8_t paint = 7;  // of a filled pixel
constexpr std::uint8_t other = 9;  // of what must stay

class Input {
  public:
    Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
    [[nodiscard]] bool ended() const { return at_ >= size_; }
    std::uint8_t byte() { return ended() ? std::uint8_t{0} : data_[at_++]; }
    template <typename T>
    T number() {
        std::uint8_t bytes[sizeof(T)];
        for (std::uint8_t& one : bytes) one = byte();
        T value;
        std::memcpy(&value, bytes, sizeof value);
        return value;
    }

  private:
    const std::uint8_t* data_;
    std::size_t size_;
    std::size_t at_ = 0;
};

struct Polygons {
    std::vector<Point> points{};
    std::vector<std::uint64_t> ends{};
};

// A coordinate: any double, a fraction of a pixel, one beside a whole or half pixel, or one far away.
double coordinate(Input& input, unsigned kind) {
    switch (kind % 4) {
        case 0: return input.number<double>();
        case 1: return input.number<std::int16_t>() / 256.0;
        case 2: {
            double value = input.number<std::int8_t>() / 2.0;
            const int steps = input.number<std::int8_t>() % 3;
            for (int i = 0; i < std::abs(steps); ++i) value = std::nextafter(value, steps < 0 ? -1e9 : 1e9);
            return value;
        }
        default: return input.number<std::int32_t>() / 2.0;
    }
}

Polygons polygons_from(Input& input) {
    Polygons polygons;
    while (!input.ended() && polygons.points.size() < most_points) {
        const unsigned head = input.byte();
        for (unsigned i = 0; i < head / 4 % 16; ++i) {
            const double x = coordinate(input, head);
            polygons.points.push_back({x, coordinate(input, head)});
        }
        polygons.ends.push_back(polygons.points.size());
    }
    return polygons;
}

// How often edges wind around each sample, by the side of each edge on which the sample is.
std::vector<std::int32_t> windings(const Polygons& polygons, std::size_t rows, std::size_t columns, unsigned n) {
    const double offset = (1.0 - n) / 2.0;
    const auto scaled = [&](Point p) {
        const auto one = [&](double value) { return std::fabs(value * n) < 0x1p-300 ? 0.0 : value * n; };
        return Point{one(p.x), one(p.y)};
    };
    std::vector<std::int32_t> result(rows * n * columns * n);
    std::size_t begin = 0;
    for (const std::uint64_t end : polygons.ends) {
        for (std::size_t i = begin; i < end; ++i) {
            const Point from = scaled(polygons.points[i == begin ? end - 1 : i - 1]);
            const Point to = scaled(polygons.points[i]);
            const Point low = from.y < to.y ? from : to;
            const Point high = from.y < to.y ? to : from;
            for (std::size_t row = 0; row < rows * n; ++row) {
                const double y = static_cast<double>(row) + offset;
                if (y < low.y || y >= high.y) continue;
                // Samples from the edge on are to the right of it.
                std::size_t first = 0;
                for (std::size_t left = columns * n; left > 0;) {
                    const std::size_t half = left / 2;
                    const bool before = orientation(low, high, {static_cast<double>(first + half) + offset, y}) > 0;
                    first = before ? first + half + 1 : first;
                    left = before ? left - half - 1 : half;
                }
                if (first < columns * n) result[row * columns * n + first] += from.y < to.y ? 1 : -1;
            }
        }
        begin = end;
    }
    for (std::size_t i = 0; i < result.size(); ++i) result[i] += i % (columns * n) == 0 ? 0 : result[i - 1];
    return result;
}

bool is_inside(std::int32_t winding, FillRule rule) {
    return rule == FillRule::even_odd ? winding % 2 != 0 : winding != 0;
}

FillTarget target_of(std::size_t rows, std::size_t columns, std::size_t stride) {
    FillTarget target;
    target.rows = rows;
    target.columns = columns;
    target.row_stride = stride;
    return target;
}

std::vector<std::uint8_t> filled(const Polygons& polygons, FillRule rule, std::size_t rows, std::size_t columns,
                                 std::size_t stride) {
    std::vector<std::uint8_t> mask(rows * stride);
    for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = i % stride < columns ? 0 : other;
    std::vector<std::int32_t> scratch;
    FillTarget target = target_of(rows, columns, stride);
    target.mask = mask.data();
    target.value = paint;
    fill_polygons(polygons.points, polygons.ends, rule, 1, target, scratch);
    return mask;
}

void check_outlines(const std::vector<std::uint8_t>& pixels, std::size_t rows, std::size_t columns,
                    std::size_t stride) {
    std::vector<std::uint8_t> mask = pixels;
    for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = i % stride < columns ? mask[i] : 0;
    for (const bool diagonal : {false, true}) {
        Outlines outlines;
        std::vector<std::uint8_t> scratch;
        trace_outlines({mask.data(), rows, columns, stride}, diagonal, outlines, scratch);
        require(outlines.ends.size() == outlines.is_hole.size(), "each outline says whether it is a hole");
        require(outlines.ends.empty() || outlines.ends.back() == outlines.points.size(), "all points are in outlines");
        check_points(outlines.points);
        for (const FillRule rule : {FillRule::even_odd, FillRule::non_zero}) {
            require(filled({outlines.points, outlines.ends}, rule, rows, columns, stride) == pixels,
                    "filled outlines give the mask");
        }
    }
}

void check_labels(Input& input, const std::vector<std::uint8_t>& mask, std::size_t rows, std::size_t columns,
                  std::size_t stride) {
    static constexpr std::size_t sizes[] = {1, 2, 4};
    constexpr std::size_t count = 3;
    constexpr std::size_t images = 2;
    const unsigned choice = input.byte();
    const std::size_t size = rows * columns;
    std::vector<std::uint8_t> frames(count * size);
    for (std::size_t i = 0; i < frames.size(); ++i)
        frames[i] = i < size ? mask[i / columns * stride + i % columns] : input.byte();
    std::vector<std::uint64_t> image_of;
    std::vector<std::uint32_t> label_of;
    for (std::size_t k = 0; k < count; ++k) {
        image_of.push_back(input.byte() % images);
        label_of.push_back(input.number<std::uint32_t>());
    }
    const std::uint8_t threshold = input.byte();
    const bool replaces = choice % 2 != 0;
    const std::size_t bytes = sizes[choice / 2 % 3];
    const std::size_t cut = choice % (rows + 1);
    std::vector<std::uint32_t> expected(images * size);
    std::uint64_t overlaps = 0;
    const auto all = static_cast<std::uint32_t>((std::uint64_t{1} << (8 * bytes)) - 1);
    for (std::size_t k = 0; k < count; ++k) {
        for (std::size_t i = 0; i < size; ++i) {
            std::uint32_t& to = expected[image_of[k] * size + i];
            const std::uint32_t label = label_of[k] & all;
            if (frames[k * size + i] < threshold) continue;
            overlaps += to != 0 && to != label ? 1 : 0;
            if (replaces || to == 0) to = label;
        }
    }
    FrameStep step;
    step.kind = FrameStep::Kind::label;
    step.result = bytes == 1 ? SampleType::u8 : bytes == 2 ? SampleType::u16 : SampleType::u32;
    step.threshold = threshold;
    step.over = replaces ? FrameStep::Over::replace : FrameStep::Over::keep;
    for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512, Isa::neon}) {
        if (!isa_available(isa)) continue;
        std::vector<std::uint32_t> memory((images * size * bytes + 3) / 4);
        const auto draw = [&](std::size_t k, std::size_t begin, std::size_t end) {
            step.label = label_of[k];
            return apply_step(
                step, reinterpret_cast<const std::byte*>(frames.data() + k * size + begin * columns), SampleType::u8,
                static_cast<std::uint32_t>(end - begin), columns,
                reinterpret_cast<std::byte*>(memory.data()) + (image_of[k] * size + begin * columns) * bytes,
                static_cast<std::ptrdiff_t>(columns * bytes), isa);
        };
        std::uint64_t counted = 0;
        for (std::size_t k = 0; k < count; ++k) counted += draw(k, 0, cut) + draw(k, cut, rows);
        require(counted == overlaps, "overlaps are counted");
        const auto* const cells = reinterpret_cast<const std::uint8_t*>(memory.data());
        for (std::size_t i = 0; i < expected.size(); ++i) {
            std::uint32_t found = 0;
            for (std::size_t b = 0; b < bytes; ++b) found |= std::uint32_t{cells[i * bytes + b]} << (8 * b);
            require(found == expected[i], "labels are drawn");
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    const unsigned choice = input.byte();
    const FillRule rule = choice % 2 == 0 ? FillRule::even_odd : FillRule::non_zero;
    const unsigned n = 1U << (choice / 2 % 5);
    // Small images, because the reference is slow; some are large enough for several bands.
    const std::size_t largest = n <= 2 || choice >= 224 ? 48 : 64 / n;
    const std::size_t rows = input.byte() % largest + 1;
    const std::size_t columns = input.byte() % largest + 1;
    const std::size_t stride = columns + choice / 16 % 3;
    const Polygons polygons = polygons_from(input);
    const bool is_possible = std::all_of(polygons.points.begin(), polygons.points.end(), [](Point p) {
        return std::isfinite(p.x) && std::isfinite(p.y) && std::fabs(p.x) <= largest_coordinate &&
               std::fabs(p.y) <= largest_coordinate;
    });
    try {
        check_points(polygons.points);
        require(is_possible, "impossible points are refused");
    } catch (const DecodeError& error) {
        require(!is_possible && error.code == ErrorCode::argument, "only impossible points are refused");
        return 0;
    }
    const std::vector<std::uint8_t> mask = filled(polygons, rule, rows, columns, stride);
    std::vector<std::int32_t> expected = windings(polygons, rows, columns, 1);
    for (std::size_t i = 0; i < mask.size(); ++i) {
        const std::size_t x = i % stride;
        const bool inside = x < columns && is_inside(expected[i / stride * columns + x], rule);
        require(mask[i] == (x >= columns ? other : inside ? paint : 0), "a mask is that of the reference");
    }
    std::vector<float> coverage(rows * stride);
    std::vector<std::int32_t> scratch;
    FillTarget target = target_of(rows, columns, stride);
    target.coverage = coverage.data();
    fill_polygons(polygons.points, polygons.ends, rule, n, target, scratch);
    expected = windings(polygons, rows, columns, n);
    std::vector<unsigned> counts(rows * stride);
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const std::size_t row = i / (columns * n) / n;
        const std::size_t column = i % (columns * n) / n;
        counts[row * stride + column] += is_inside(expected[i], rule) ? 1 : 0;
    }
    for (std::size_t i = 0; i < counts.size(); ++i)
        require(coverage[i] == static_cast<float>(counts[i]) / static_cast<float>(n * n), "coverage is counted");
    check_outlines(mask, rows, columns, stride);
    check_labels(input, mask, rows, columns, stride);
    return 0;
}
