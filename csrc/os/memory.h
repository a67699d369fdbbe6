// Pages of memory from the operating system.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dcmturbo::os {

// The size of the larger pages that some systems offer.
inline constexpr std::size_t huge_page = std::size_t{2} << 20;

// Maps pages that read as zeros, and asks for huge pages. `size` is a multiple of huge_page. The block is aligned to a
// page; it is aligned to huge_page on systems that then use huge pages. Returns null if there is no memory.
void* map_pages(std::size_t size) noexcept;
void unmap_pages(void* block, std::size_t size) noexcept;

// Marks the contents of the pages as no longer needed. The system may take the pages when it runs short of memory. They
// can be written to again at any time.
void offer_pages(void* block, std::size_t size) noexcept;

// The memory of the machine in bytes; 0 if unknown.
std::uint64_t physical_memory() noexcept;

}  // namespace dcmturbo::os
