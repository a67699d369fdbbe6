// What threads keep for their next call, without a lock. Threads that share a lock or a cache line wait for one
// another, and without a GIL small frames are decoded in the time that this takes.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>

namespace dcmturbo {

// A pointer for each thread. Several threads have one place if there are more threads than places, so pointers are
// exchanged: the first to come takes what is there.
template <typename T>
class ThreadPlaces {
  public:
    static constexpr std::size_t count = 64;

    std::atomic<T*>& own() {
        static std::atomic<std::size_t> threads{0};
        thread_local const std::size_t mine = threads.fetch_add(1, std::memory_order_relaxed) % count;
        return places_[mine].kept;
    }
    std::atomic<T*>& operator[](std::size_t i) { return places_[i].kept; }

  private:
    struct alignas(64) Place {
        std::atomic<T*> kept{nullptr};
    };
    std::array<Place, count> places_;
};

}  // namespace dcmturbo
