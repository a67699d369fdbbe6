// Keeps scratch memory of workers for the next call.
#include "sched/scratch.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "os/process.h"

namespace dcmturbo {

namespace {

constexpr std::size_t most_kept = 64;                     // number of scratches
constexpr std::size_t keep_each = std::size_t{64} << 20;  // bytes per scratch, however many there are
constexpr std::size_t keep_all = std::size_t{512} << 20;  // bytes of all, among which some may be larger

struct FreeList {
    const os::ProcessId owner;
    std::mutex mutex;
    std::vector<std::unique_ptr<Scratch>> scratches;

    [[nodiscard]] std::size_t kept() const {
        std::size_t sum = 0;
        for (const std::unique_ptr<Scratch>& scratch : scratches) sum += scratch->arena.capacity();
        return sum;
    }
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
    FreeList& list = free_list();
    const std::lock_guard lock(list.mutex);
    const std::size_t kept = list.kept();
    scratch_->arena.trim(std::max(keep_each, kept < keep_all ? keep_all - kept : 0));
    if (list.scratches.size() < most_kept) list.scratches.push_back(std::move(scratch_));
}

}  // namespace dcmturbo
