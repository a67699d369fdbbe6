// Memory from the system, in pages.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dcmturbo::os {

// Of the larger pages that a system may use, where it has any.
inline constexpr std::size_t huge_page = std::size_t{2} << 20;

// Maps pages that read as zeros, for which huge pages are asked. `size` is a multiple of huge_page. The block is
// aligned to a page, and to huge_page where that matters. Null if there is no memory.
void* map_pages(std::size_t size) noexcept;
void unmap_pages(void* block, std::size_t size) noexcept;

// Says that what the pages hold is no longer needed. The system may take them when it runs short; they can be written
// to again at any time.
void offer_pages(void* block, std::size_t size) noexcept;

// Of the machine, in bytes; 0 if it is not known.
std::uint64_t physical_memory() noexcept;

}  // namespace dcmturbo::os
