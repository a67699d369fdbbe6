// Memory on Windows.
#if defined(_WIN32)

#include "os/memory.h"
#include "os/windows.h"

namespace dcmturbo::os {

// On Windows large pages need a privilege, so they are not used. Blocks are aligned to 64 KiB.
void* map_pages(std::size_t size) noexcept {
    return VirtualAlloc(nullptr, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

void unmap_pages(void* block, std::size_t /*size*/) noexcept { VirtualFree(block, 0, MEM_RELEASE); }

void offer_pages(void* block, std::size_t size) noexcept { VirtualAlloc(block, size, MEM_RESET, PAGE_READWRITE); }

std::uint64_t physical_memory() noexcept {
    MEMORYSTATUSEX status{};
    status.dwLength = sizeof status;
    return GlobalMemoryStatusEx(&status) != 0 ? status.ullTotalPhys : 0;
}

}  // namespace dcmturbo::os

#endif
