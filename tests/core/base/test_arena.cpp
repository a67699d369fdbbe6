#include "base/arena.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "base/checked.h"
#include "base/error.h"

using namespace dcmturbo;

namespace {

ErrorCode code_of(auto&& work) {
    try {
        work();
    } catch (const DecodeError& error) {
        return error.code;
    }
    return ErrorCode::ok;
}

}  // namespace

TEST_CASE("arena: allocations are aligned, apart from each other, and may be written past their end") {
    Arena arena;
    std::byte* before = nullptr;
    for (const std::size_t size : {0, 1, 63, 64, 65, 100'000, 3}) {
        std::byte* block = arena.allocate(size);
        CHECK(reinterpret_cast<std::uintptr_t>(block) % Arena::alignment == 0);
        CHECK(block != before);
        std::memset(block, 0x5A, size + Arena::slack);  // the sanitizer tells where the slack is not there
        before = block;
    }
}

TEST_CASE("arena: a cap is an error before memory is taken") {
    Arena arena(1'000'000);
    CHECK(code_of([&] { arena.allocate(2'000'000); }) == ErrorCode::limit);
    CHECK(arena.capacity() == 0);
    CHECK(code_of([&] { arena.allocate(~std::size_t{0}); }) == ErrorCode::limit);
    CHECK(code_of([&] { arena.allocate_array<std::uint64_t>(~std::size_t{0} / 4); }) == ErrorCode::limit);
    arena.allocate(900'000);
    CHECK(code_of([&] { arena.allocate(200'000); }) == ErrorCode::limit);
}

TEST_CASE("arena: in a steady state nothing is allocated") {
    Arena arena;
    const auto frame = [&] {
        arena.reset();
        std::byte* first = arena.allocate(50'000);
        for (int i = 0; i < 10; ++i) arena.allocate(40'000);
        return first;
    };
    frame();
    std::byte* const second = frame();
    const std::size_t capacity = arena.capacity();
    CHECK(frame() == second);
    CHECK(arena.capacity() == capacity);
}

TEST_CASE("arena: what was allocated since a mark is free after rewind, and marks nest") {
    Arena arena;
    std::byte* kept = arena.allocate(100);
    std::memset(kept, 1, 100);
    const Arena::Mark outer = arena.mark();
    for (int round = 0; round < 50; ++round) {
        arena.allocate(10'000);
        const Arena::Mark inner = arena.mark();
        arena.allocate(200'000);
        arena.rewind(inner);
        arena.rewind(outer);
    }
    CHECK(kept[99] == std::byte{1});
    CHECK(arena.capacity() < 1'500'000);  // 50 rounds of 210,000 bytes, all in the same place
}

TEST_CASE("arena: memory beyond what is to be kept is given back") {
    Arena arena;
    arena.allocate(10'000'000);
    arena.trim(1'000'000);
    CHECK(arena.capacity() == 0);
}

TEST_CASE("arena: what is kept between two calls holds what the first one needed, in one piece") {
    Arena arena;
    arena.reset();
    arena.allocate(1'000'000);
    arena.allocate(2'000'000);
    arena.trim(10'000'000);
    arena.reset();
    CHECK(arena.capacity() >= 3'000'000);
    const std::byte* const first = arena.allocate(1'000'000);
    const std::byte* const second = arena.allocate(2'000'000);
    CHECK(second > first);
    CHECK(second < first + 1'010'000);
}

TEST_CASE("arena: a rewind at the end of a frame does not hide what the frame needed") {
    Arena arena;
    const auto frame = [&] {
        arena.reset();
        arena.allocate(1'000'000);
        const Arena::Mark mark = arena.mark();
        arena.allocate(3'000'000);
        arena.allocate(5'000'000);
        arena.rewind(mark);
        return arena.capacity();
    };
    frame();
    CHECK(frame() >= 9'000'000);
    const std::byte* const kept = (arena.reset(), arena.allocate(1));
    const std::size_t capacity = arena.capacity();
    CHECK(frame() == capacity);
    arena.reset();
    CHECK(arena.allocate(1) == kept);
}

TEST_CASE("arena: parts of a shared arena lie in it, and outlive the objects that took them") {
    Arena arena;
    SharedArena shared(arena);
    std::vector<std::byte*> blocks(8);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        threads.emplace_back([&, i] {
            Arena part(shared);
            part.allocate(10'000 * i);
            const Arena::Mark mark = part.mark();
            part.allocate(500'000);
            part.rewind(mark);
            blocks[i] = part.allocate(300'000);
            std::memset(blocks[i], static_cast<int>(i), 300'000);
        });
    }
    for (std::thread& thread : threads) thread.join();
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        for (const std::size_t at : {0, 150'000, 299'999}) CHECK(blocks[i][at] == static_cast<std::byte>(i));
    }
    CHECK(arena.capacity() >= 8 * 300'000);
    arena.reset();
}

TEST_CASE("arena: the cap of a shared arena holds for its parts") {
    Arena arena(1'000'000);
    SharedArena shared(arena);
    Arena part(shared);
    part.allocate(400'000);
    CHECK(code_of([&] { part.allocate(800'000); }) == ErrorCode::limit);
}

TEST_CASE("checked arithmetic: overflow is an error") {
    CHECK(checked_add<std::uint32_t>(0xfffffffe, 1) == 0xffffffff);
    CHECK(code_of([] { checked_add<std::uint32_t>(0xffffffff, 1); }) == ErrorCode::limit);
    CHECK(checked_multiply<std::uint64_t>(1u << 31, 1u << 31) == std::uint64_t{1} << 62);
    CHECK(code_of([] { checked_multiply<std::uint64_t>(std::uint64_t{1} << 32, std::uint64_t{1} << 32); }) ==
          ErrorCode::limit);
}
