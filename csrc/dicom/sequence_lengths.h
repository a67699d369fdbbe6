// Whether the lengths of a sequence and of all that it holds lead where they should (PS3.5 clause 7.5), and what they
// should be where they do not: writers of icons are known for lengths that are too short or too long.
#pragma once

#include <cstdint>
#include <vector>

#include "dicom/element_reader.h"
#include "dicom/file_source.h"

namespace dcmturbo {

// Whether the element holds items, by its VR or, where that says nothing, by its first bytes.
bool holds_items(ElementReader& reader, const ElementHeader& header, Encoding encoding);

struct SequenceLengths {
    enum class State : std::uint8_t {
        right,    // all lengths and delimiters agree; the sequence ends at `end`
        mended,   // they do not; by its structure the sequence ends at `end`, and `patches` make the lengths say so
        unknown,  // too large to look at, cut short, or beyond repair
    };
    State state = State::unknown;
    std::uint64_t end = 0;
    std::vector<Patch> patches;
};

// Headers that may yet be looked at, which bounds the work of a whole scan.
struct SequenceBudget {
    unsigned checks = 1 << 12;
    unsigned mends = 1 << 16;
};

// `header` was read at `offset` with `encoding`, and holds items. With `doubt`, they are not right although they agree:
// the sequence reaches to the end of a dataset that should have more.
SequenceLengths check_sequence(ElementReader& reader, const ElementHeader& header, std::uint64_t offset,
                               Encoding encoding, SequenceBudget& budget, bool doubt = false);

}  // namespace dcmturbo
