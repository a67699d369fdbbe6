// Caches large memory blocks for results.
#include "process/output_memory.h"

#include <atomic>
#include <mutex>
#include <vector>

#include "os/memory.h"
#include "os/process.h"

namespace dcmturbo {

namespace {

struct Block {
    void* base;
    std::size_t size;  // the size that was mapped
};

struct Cache {
    const os::ProcessId owner;
    std::mutex mutex;
    std::vector<Block> blocks;  // in the order in which they were freed
    std::uint64_t total = 0;
};

std::atomic<std::uint64_t> cap{std::uint64_t{256} << 20};

// After a fork, the child makes a new cache, because another thread of the parent may have held the lock. ThreadPool
// does the same.
Cache& cache() {
    static std::atomic<Cache*> current{nullptr};
    const os::ProcessId self = os::process_id();
    Cache* known = current.load(std::memory_order_acquire);
    if (known != nullptr && known->owner == self) return *known;
    auto* fresh = new Cache{.owner = self, .mutex = {}, .blocks = {}};
    if (current.compare_exchange_strong(known, fresh, std::memory_order_acq_rel)) return *fresh;
    delete fresh;
    return *known;
}

// The size to map for a result of `size` bytes. It is a multiple of a huge page, so equal images use equal blocks.
std::size_t mapped_size(std::size_t size) { return (size + os::huge_page - 1) / os::huge_page * os::huge_page; }

// Unmaps the oldest blocks until at most `keep` bytes are left. The caller holds the lock.
void shrink(Cache& held, std::uint64_t keep) {
    std::size_t dropped = 0;
    while (held.total > keep && dropped < held.blocks.size()) {
        const Block& oldest = held.blocks[dropped++];
        os::unmap_pages(oldest.base, oldest.size);
        held.total -= oldest.size;
    }
    held.blocks.erase(held.blocks.begin(), held.blocks.begin() + static_cast<std::ptrdiff_t>(dropped));
}

}  // namespace

void* allocate_output(std::size_t size) noexcept {
    if (size > ~std::size_t{0} - 2 * os::huge_page) return nullptr;
    const std::size_t wanted = mapped_size(size);
    try {
        Cache& held = cache();
        const std::lock_guard lock(held.mutex);
        for (std::size_t i = held.blocks.size(); i-- > 0;) {
            if (held.blocks[i].size != wanted) continue;
            void* base = held.blocks[i].base;
            held.blocks.erase(held.blocks.begin() + static_cast<std::ptrdiff_t>(i));
            held.total -= wanted;
            return base;
        }
    } catch (...) {
        // There is no memory for the list of blocks: map a new block.
    }
    return os::map_pages(wanted);
}

void free_output(void* block, std::size_t size) noexcept {
    const std::size_t mapped = mapped_size(size);
    try {
        Cache& held = cache();
        const std::lock_guard lock(held.mutex);
        const std::uint64_t most = cap.load(std::memory_order_relaxed);
        if (mapped <= most) {
            held.blocks.push_back({block, mapped});
            held.total += mapped;
            shrink(held, most);
            os::offer_pages(block, mapped);
            return;
        }
    } catch (...) {
        // The block cannot be kept: unmap it.
    }
    os::unmap_pages(block, mapped);
}

void set_output_cache(std::uint64_t bytes) noexcept {
    cap.store(bytes, std::memory_order_relaxed);
    try {
        Cache& held = cache();
        const std::lock_guard lock(held.mutex);
        shrink(held, bytes);
    } catch (...) {
        // There is no cache, so there is nothing to shrink.
    }
}

std::uint64_t output_cache() noexcept { return cap.load(std::memory_order_relaxed); }

}  // namespace dcmturbo
