// Keeps scratch memory of workers for the next call.
#include "sched/scratch.h"

#include <atomic>
#include <mutex>

#include "os/process.h"

namespace dcmturbo {

namespace {

constexpr std::size_t most_kept = 64;                     // number of scratches
constexpr std::size_t keep_each = std::size_t{64} << 20;  // bytes per scratch

struct FreeList {
    const os::ProcessId owner;
    std::mutex mutex;
    std::vector<std::unique_ptr<Scratch>> scratches;
};

// A child of fork() makes a new list, because the lock may have been held during the fork. The list is never destroyed.
// ThreadPool does the same.
FreeList& free_list() {
    static std::atomic<FreeList*> list{nullptr};
    const os::ProcessId self = os::process_id();
    FreeList* current = list.load(std::memory_order_acquire);
    if (current != nullptr && current->owner == self) return *current;
    auto* fresh = new FreeList{.owner = self, .mutex = {}, .scratches = {}};
    fresh->scratches.reserve(most_kept);  // so that returning a scratch never allocates
    if (list.compare_exchange_strong(current, fresh, std::memory_order_acq_rel)) return *fresh;
    delete fresh;
    return *current;
}

}  // namespace

ScratchLoan::ScratchLoan(std::uint64_t cap) {
    FreeList& list = free_list();
    {
        const std::lock_guard lock(list.mutex);
        if (!list.scratches.empty()) {
            scratch_ = std::move(list.scratches.back());
            list.scratches.pop_back();
        }
    }
    if (scratch_ == nullptr) scratch_ = std::make_unique<Scratch>();
    scratch_->arena.set_cap(cap);
}

ScratchLoan::~ScratchLoan() {
    scratch_->arena.trim(keep_each);
    FreeList& list = free_list();
    const std::lock_guard lock(list.mutex);
    if (list.scratches.size() < most_kept) list.scratches.push_back(std::move(scratch_));
}

}  // namespace dcmturbo
