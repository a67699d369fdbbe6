// The entropy-coded data of one scan, without stuffed zeros and restart markers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/arena.h"
#include "base/error.h"
#include "base/fragments.h"

namespace dcmturbo::jpeg_dct {

// The bytes of one restart interval.
struct Interval {
    const std::uint8_t* begin;
    const std::uint8_t* end;
};

struct ScanData {
    std::size_t begin = 0;  // in the frame
    std::size_t end = 0;    // in the frame, of the marker after the scan
    const std::uint8_t* bytes = nullptr;
    std::span<const Interval> intervals{};
    // What is wrong with the markers of the scan. The intervals are those before.
    std::optional<DecodeError> damage{};
};

// Reads the scan whose data begin at `begin` of the frame and have `expected` restart intervals.
ScanData read_scan_data(const Fragments& frame, std::size_t begin, std::uint32_t restart_interval,
                        std::uint64_t expected, Arena& arena);

}  // namespace dcmturbo::jpeg_dct
