// Memory for results. Zeroing new pages takes as long as decoding RLE into them. Large blocks that are freed are
// therefore kept for the next result, up to a cap. They are marked so that the system can take their pages when it
// needs memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dcmturbo {

// Returns uninitialised, page-aligned memory; null if there is none.
void* allocate_output(std::size_t size) noexcept;
void free_output(void* block, std::size_t size) noexcept;

// Sets how many bytes of freed blocks are kept. Blocks above that are returned to the system at once.
void set_output_cache(std::uint64_t bytes) noexcept;
std::uint64_t output_cache() noexcept;

}  // namespace dcmturbo
