// Where each element of the top level of a dataset lies: what copying a dataset piece by piece needs.
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
    std::uint64_t begin = 0;  // of the header
    std::uint64_t value = 0;
    std::uint64_t end = 0;  // behind the value, its delimiter included
};

struct ElementList {
    std::vector<ElementPlace> elements;
    // Where the elements end: the source's size, or where what follows is none. An element that the end of the
    // source cuts short is in the list, and ends there.
    std::uint64_t end = 0;
};

// Walks from `offset`, over the pixel data to the end. `encoding` is as a scan has found it.
ElementList list_elements(const Source& source, std::uint64_t offset, Encoding encoding);

}  // namespace dcmturbo
