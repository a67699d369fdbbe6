// Checks the lengths of a sequence and of everything in it (PS3.5 clause 7.5), and computes the right ones if they are
// wrong. Some writers of icon images write lengths that are too short or too long.
#pragma once

#include <cstdint>
#include <vector>

#include "dicom/element_reader.h"
#include "dicom/file_source.h"

namespace dcmturbo {

// Whether the element holds items. The VR decides; if it does not say, the first bytes of the value decide.
bool holds_items(ElementReader& reader, const ElementHeader& header, Encoding encoding);

struct SequenceLengths {
    enum class State : std::uint8_t {
        right,  // all lengths and delimiters are consistent; the sequence ends at `end`
        // Lengths are wrong. By its structure the sequence ends at `end`; `patches` hold the right lengths.
        mended,
        unknown,  // the sequence is too large to check, is truncated, or cannot be repaired
    };
    State state = State::unknown;
    std::uint64_t end = 0;
    std::vector<Patch> patches;
};

// How many headers may still be read. This limits the work of a whole scan.
struct SequenceBudget {
    unsigned checks = 1 << 12;
    unsigned mends = 1 << 16;
};

// `header` was read at `offset` with `encoding`, and holds items. Pass `doubt` if the sequence reaches the end of a
// dataset in which the pixel data are still missing: its lengths are then wrong even if they are consistent.
SequenceLengths check_sequence(ElementReader& reader, const ElementHeader& header, std::uint64_t offset,
                               Encoding encoding, SequenceBudget& budget, bool doubt = false);

}  // namespace dcmturbo
