// The loops of this room, one table for each instruction set. Every table gives the same bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "codecs/jpegls/contexts.h"
#include "codecs/jpegls/parameters.h"
#include "cpu/features.h"
#include "entropy/golomb.h"

namespace dcmturbo::jpegls {

// Samples that stand before and behind every line in memory.
inline constexpr std::size_t line_margin = 32;

// What the lines of a scan share while one place of it is decoded or encoded.
struct LineCoder {
    const Parameters& parameters;
    Contexts& contexts;
    const std::int8_t* gradients;  // the middle of a GradientTable
    // Scratch, with margins. Decoders: of a line, and of a line of each component. Encoders: two lines of each
    // component.
    std::int16_t* levels;
    LineSample* samples;
    std::uint16_t* predictions;
};

// One line of a component. `above[-1]` to `above[width]` and `line[-1]` hold what A.2.1 says.
struct Line {
    const std::uint16_t* above;
    std::uint16_t* line;
};

// What can be wrong with a line, as bits.
enum LineDamage : unsigned {
    damage_none = 0,
    damage_error = 1,  // an error is larger than RANGE allows
    damage_run = 2,    // a run is longer than its line
};

struct LineKernels {
    // Makes all regular contexts, and what is known by them, the same.
    void (*fill_contexts)(Contexts& contexts, const ContextView& view, const RegularContext& context);
    // Decodes a line of `width` samples: of one component, or of several in step (interleave mode 2).
    unsigned (*decode_line)(const LineCoder& coder, GolombPlace& place, const Line& line, std::size_t width,
                            std::uint32_t& run_index);
    unsigned (*decode_samples)(const LineCoder& coder, GolombPlace& place, const Line* lines, unsigned components,
                               std::size_t width);
    // Encodes the same. With NEAR above 0, the lines become what a decoder will have. `output` takes most_line_bytes()
    // for each component.
    void (*encode_line)(const LineCoder& coder, GolombOutput& output, const Line& line, std::size_t width,
                        std::uint32_t& run_index);
    void (*encode_samples)(const LineCoder& coder, GolombOutput& output, const Line* lines, unsigned components,
                           std::size_t width);
};

// A code of LIMIT <= 64 bits for each sample, and those of its runs.
constexpr std::size_t most_line_bytes(std::size_t width) { return width * 8 + 64; }

const LineKernels& line_kernels(Isa isa);

}  // namespace dcmturbo::jpegls
