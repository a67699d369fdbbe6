// The Basic Offset Table (PS3.5 A.4) and the Extended Offset Table (PS3.3 C.7.6.3.1.8), as claims.
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
    std::vector<std::uint64_t> offsets;  // from the first item after the Basic Offset Table; from 0, increasing
    std::vector<std::uint64_t> lengths;  // of the frames without padding; may be empty
    std::string problem;                 // why there are none
};

// Reads offsets of 4 or 8 bytes at `location`, in steps, so that a large table of rubbish is never all in
// memory.
OffsetClaims read_offsets(const Source& source, const ByteRange& location, unsigned width, bool big_endian = false);
std::vector<std::uint64_t> read_lengths(const Source& source, const ByteRange& location, bool big_endian = false);

// The first item of encapsulated pixel data.
struct BasicItem {
    bool is_item = false;      // the value begins with an item tag
    bool is_fragment = false;  // the item is a frame's: the table was left out, against A.4
    bool big_endian = false;
    ByteRange table;          // absent where the item is empty or no table
    std::uint64_t after = 0;  // the first item of frames
};

BasicItem find_basic_item(const Source& source, std::uint64_t begin, std::uint64_t end);

}  // namespace dcmturbo
