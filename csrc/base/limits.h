// Limits on what a hostile header can make the core allocate or do. They are read from the environment once, and set
// from dt.config.
#pragma once

#include <cstdint>

namespace dcmturbo {

struct Limits {
    std::uint64_t max_pixels = std::uint64_t{1} << 30;   // rows x columns of one frame (DCMTURBO_MAX_PIXELS)
    std::uint64_t max_output = std::uint64_t{1} << 40;   // bytes of one decoded result
    std::uint64_t max_scratch = std::uint64_t{8} << 30;  // bytes of one worker's scratch memory
};

}  // namespace dcmturbo
