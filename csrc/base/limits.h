// What a hostile header may make us allocate or do. Read from the environment once, set from dt.config.
#pragma once

#include <cstdint>

namespace dcmturbo {

struct Limits {
    std::uint64_t max_pixels = std::uint64_t{1} << 30;   // rows x columns of one frame (DCMTURBO_MAX_PIXELS)
    std::uint64_t max_output = std::uint64_t{1} << 40;   // bytes of one decoded result
    std::uint64_t max_scratch = std::uint64_t{8} << 30;  // bytes of one worker's scratch memory
};

}  // namespace dcmturbo
