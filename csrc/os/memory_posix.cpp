// Memory on POSIX systems.
#if !defined(_WIN32)

#include <sys/mman.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <sys/sysctl.h>
#endif

#include "os/memory.h"

namespace dcmturbo::os {

void* map_pages(std::size_t size) noexcept {
    // Maps more than needed, and unmaps what lies outside the alignment to a huge page.
    void* mapped =
        mmap(nullptr, size + huge_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) return nullptr;
    const auto begin = reinterpret_cast<std::uintptr_t>(mapped);
    const std::uintptr_t aligned = (begin + huge_page - 1) / huge_page * huge_page;
    if (aligned != begin) munmap(mapped, aligned - begin);
    if (const std::size_t tail = begin + huge_page - aligned; tail != 0)
        munmap(reinterpret_cast<void*>(aligned + size), tail);
    auto* block = reinterpret_cast<void*>(aligned);
#ifdef MADV_HUGEPAGE
    madvise(block, size, MADV_HUGEPAGE);
#endif
    return block;
}

void unmap_pages(void* block, std::size_t size) noexcept { munmap(block, size); }

void offer_pages([[maybe_unused]] void* block, [[maybe_unused]] std::size_t size) noexcept {
#ifdef MADV_FREE
    // The system takes these pages only when it runs short of memory, and does not write them to disk first.
    madvise(block, size, MADV_FREE);
#endif
}

std::uint64_t physical_memory() noexcept {
#if defined(__APPLE__)
    std::uint64_t bytes = 0;
    std::size_t size = sizeof bytes;
    return sysctlbyname("hw.memsize", &bytes, &size, nullptr, 0) == 0 ? bytes : 0;
#else
    const auto pages = sysconf(_SC_PHYS_PAGES);
    const auto page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page) : 0;
#endif
}

}  // namespace dcmturbo::os

#endif
