// Reads the Basic Offset Table (PS3.5 A.4) and the Extended Offset Table (PS3.3 C.7.6.3.1.8). Their entries are not
// checked against the items here.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dicom/dataset.h"
#include "dicom/source.h"

namespace dcmturbo {

struct OffsetClaims {
    // Counted from the first item after the Basic Offset Table. They increase, and the first is 0.
    std::vector<std::uint64_t> offsets;
    std::vector<std::uint64_t> lengths;  // of the frames without padding; may be empty
    std::string problem;                 // why there are no offsets
};

// Reads offsets of `width` bytes (4 or 8) at `location`. It reads in steps and stops at the first impossible value, so
// a large invalid table never takes much memory.
OffsetClaims read_offsets(const Source& source, const ByteRange& location, unsigned width, bool big_endian = false);
std::vector<std::uint64_t> read_lengths(const Source& source, const ByteRange& location, bool big_endian = false);

// The first item of encapsulated pixel data.
struct BasicItem {
    bool is_item = false;      // the value of the pixel data begins with an item tag
    bool is_fragment = false;  // the item holds a frame: the writer left out the table, which A.4 does not allow
    bool big_endian = false;
    ByteRange table;          // absent if the item is empty or is no table
    std::uint64_t after = 0;  // position of the first item with frame data
};

BasicItem find_basic_item(const Source& source, std::uint64_t begin, std::uint64_t end);

}  // namespace dcmturbo
