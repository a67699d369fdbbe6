// Finds the end of a value of undefined length: PS3.5 clause 7.5.
#pragma once

#include <cstdint>

#include "dicom/element_reader.h"

namespace dcmturbo {

enum class SkipEnd : std::uint8_t {
    delimited,  // behind the sequence delimiter
    broken,     // where something else than an item begins
    cut,        // the source ends first
};

struct Skip {
    SkipEnd end = SkipEnd::cut;
    std::uint64_t offset = 0;  // where to go on
};

// Sequences may nest as deep as the data do: a level takes one byte, and its headers at least eight of the data.
// `header` is a sequence's, or a stray item's, has undefined length and was read with `encoding`.
Skip skip_undefined(ElementReader& reader, const ElementHeader& header, Encoding encoding);

}  // namespace dcmturbo
