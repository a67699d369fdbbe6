#include "sched/scratch.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

using namespace dcmturbo;

namespace {

constexpr std::uint64_t no_cap = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t mebibyte = std::size_t{1} << 20;

// Borrows a scratch, takes `size` bytes of it, and returns the scratch.
const Scratch* use(std::size_t size) {
    const ScratchLoan loan(no_cap);
    loan->arena.reset();
    (void)loan->arena.allocate(size);
    return &*loan;
}

std::size_t capacity_of_next() { return ScratchLoan(no_cap)->arena.capacity(); }

}  // namespace

TEST_CASE("scratch: a thread gets the one that it has returned") {
    const Scratch* const first = use(100);
    CHECK(use(200) == first);
    const ScratchLoan held(no_cap);
    CHECK(&*held == first);
    CHECK(use(100) != first);  // while that one is lent
}

TEST_CASE("scratch: another thread takes over what is not in use") {
    const Scratch* const first = use(100);
    const Scratch* of_other = nullptr;
    std::thread([&] { of_other = use(100); }).join();
    CHECK(of_other != nullptr);
    std::vector<std::unique_ptr<ScratchLoan>> all;  // those that earlier tests have left too
    bool found = false;
    for (int i = 0; i < 64 && !found; ++i) {
        all.push_back(std::make_unique<ScratchLoan>(no_cap));
        found = &**all.back() == first;
    }
    CHECK(found);
}

TEST_CASE("scratch: more than 64 MiB are kept as long as such scratches have at most 512 MiB together") {
    use(100 * mebibyte);
    CHECK(capacity_of_next() >= 100 * mebibyte);
    use(600 * mebibyte);
    CHECK(capacity_of_next() <= 64 * mebibyte);
    // What was given back does not count any more.
    for (int i = 0; i < 20; ++i) {
        use(300 * mebibyte);
        CHECK(capacity_of_next() >= 300 * mebibyte);
    }
    {
        const ScratchLoan large(no_cap);
        CHECK(large->arena.capacity() >= 300 * mebibyte);
        std::thread([] { use(300 * mebibyte); }).join();  // kept, and counted
        CHECK(large->arena.capacity() >= 300 * mebibyte);
    }
    std::vector<std::unique_ptr<ScratchLoan>> all;
    std::size_t large = 0;
    for (int i = 0; i < 64; ++i) {
        all.push_back(std::make_unique<ScratchLoan>(no_cap));
        if (const std::size_t size = (*all.back())->arena.capacity(); size > 64 * mebibyte) large += size;
        (*all.back())->arena.trim(0);
    }
    CHECK(large >= 300 * mebibyte);
    CHECK(large <= 512 * mebibyte);
}

TEST_CASE("scratch: many threads at once") {
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([t] {
            for (int i = 0; i < 2000; ++i) {
                const ScratchLoan loan(no_cap);
                loan->arena.reset();
                auto* const mine = loan->arena.allocate_array<int>(100);
                for (int k = 0; k < 100; ++k) mine[k] = t;
                for (int k = 0; k < 100; ++k) REQUIRE(mine[k] == t);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
}
