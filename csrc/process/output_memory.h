// Memory for results. Zeroing fresh pages costs as much as decoding RLE into them, so large blocks that are
// given back are kept for the next result, up to a cap, and marked so that the system may take their pages
// when it needs them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dcmturbo {

// Uninitialised, page-aligned; null where there is no memory.
void* allocate_output(std::size_t size) noexcept;
void free_output(void* block, std::size_t size) noexcept;

// Bytes of given-back blocks to keep; what is above is returned to the system at once.
void set_output_cache(std::uint64_t bytes) noexcept;
std::uint64_t output_cache() noexcept;

}  // namespace dcmturbo
