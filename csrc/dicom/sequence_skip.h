// Finds the end of a value of undefined length: PS3.5 clause 7.5.
#pragma once

#include <cstdint>

#include "dicom/element_reader.h"

namespace dcmturbo {

enum class SkipEnd : std::uint8_t {
    delimited,  // after the sequence delimiter
    broken,     // before something that is no item
    cut,        // the source ends inside the value
};

struct Skip {
    SkipEnd end = SkipEnd::cut;
    std::uint64_t offset = 0;  // the position to continue at
};

// Finds the end without recursion, so sequences may nest to any depth. Each level takes one byte of memory and at least
// eight bytes of the data. `header` belongs to a sequence or to a stray item, has undefined length, and was read with
// `encoding`.
Skip skip_undefined(ElementReader& reader, const ElementHeader& header, Encoding encoding);

}  // namespace dcmturbo
