// Lists the position of each element at the top level of a dataset. Copying a dataset element by element needs it.
#pragma once

#include <cstdint>
#include <vector>

#include "dicom/element_reader.h"
#include "dicom/source.h"

namespace dcmturbo {

struct ElementPlace {
    std::uint32_t tag = 0;
    char vr[3] = {0, 0, 0};  // empty for implicit VR
    bool undefined_length = false;
    std::uint64_t begin = 0;  // position of the header
    std::uint64_t value = 0;
    std::uint64_t end = 0;  // end of the value, including its delimiter
};

struct ElementList {
    std::vector<ElementPlace> elements;
    // The end of the elements: the size of the source, or the position of the first bytes that are no element. If the
    // source ends inside an element, that element is in the list and ends there.
    std::uint64_t end = 0;
};

// Lists all elements from `offset` on, including the pixel data and elements after them. `encoding` must be the one
// that the scan has found.
ElementList list_elements(const Source& source, std::uint64_t offset, Encoding encoding);

}  // namespace dcmturbo
