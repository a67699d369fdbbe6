// Keeps scratch memory of workers for the next call.
#include "sched/scratch.h"

#include <atomic>

#include "base/thread_places.h"
#include "os/process.h"

namespace dcmturbo {

namespace {

constexpr std::size_t keep_each = std::size_t{64} << 20;    // bytes per scratch, however many there are
constexpr std::size_t keep_large = std::size_t{512} << 20;  // bytes of all that are larger than that

using Place = std::atomic<Scratch*>;

std::unique_ptr<Scratch> take(Place& from) {
    if (from.load(std::memory_order_relaxed) == nullptr) return nullptr;
    return std::unique_ptr<Scratch>(from.exchange(nullptr, std::memory_order_acquire));
}

bool put(std::unique_ptr<Scratch>& from, Place& to) {
    Scratch* expected = nullptr;
    if (!to.compare_exchange_strong(expected, from.get(), std::memory_order_release, std::memory_order_relaxed))
        return false;
    (void)from.release();
    return true;
}

struct Kept {
    explicit Kept(os::ProcessId of) : owner(of) {}
    const os::ProcessId owner;
    std::atomic<std::size_t> large{0};  // bytes of the kept scratches that are larger than keep_each
    ThreadPlaces<Scratch> places;
};

// A child of fork() begins anew, because another thread may have changed a scratch during the fork. What is kept is
// never destroyed. ThreadPool does the same.
Kept& kept() {
    static std::atomic<Kept*> of_process{nullptr};
    const os::ProcessId self = os::process_id();
    Kept* current = of_process.load(std::memory_order_acquire);
    if (current != nullptr && current->owner == self) return *current;
    auto* fresh = new Kept(self);
    if (of_process.compare_exchange_strong(current, fresh, std::memory_order_acq_rel)) return *fresh;
    delete fresh;
    return *current;
}

// A thread gets the scratch that it has used before, otherwise that of another thread.
std::unique_ptr<Scratch> take(Kept& from) {
    std::unique_ptr<Scratch> found = take(from.places.own());
    for (std::size_t i = 0; found == nullptr && i < ThreadPlaces<Scratch>::count; ++i) found = take(from.places[i]);
    if (found == nullptr) return std::make_unique<Scratch>();
    if (const std::size_t size = found->arena.capacity(); size > keep_each) from.large.fetch_sub(size);
    return found;
}

}  // namespace

ScratchLoan::ScratchLoan(std::uint64_t cap) : scratch_(take(kept())) { scratch_->arena.set_cap(cap); }

ScratchLoan::~ScratchLoan() {
    Kept& to = kept();
    const std::size_t size = scratch_->arena.capacity();
    const bool is_large = size > keep_each;
    const bool fits = !is_large || to.large.fetch_add(size) + size <= keep_large;
    scratch_->arena.trim(fits ? size : keep_each);
    bool is_kept = put(scratch_, to.places.own());
    for (std::size_t i = 0; !is_kept && i < ThreadPlaces<Scratch>::count; ++i) is_kept = put(scratch_, to.places[i]);
    if (is_large && !(fits && is_kept)) to.large.fetch_sub(size);
}

}  // namespace dcmturbo
