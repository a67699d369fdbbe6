// Scratch memory of one worker. Allocating moves a pointer forward. All memory is released after each frame and kept
// for the next one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace dcmturbo {

class SharedArena;

class Arena {
  public:
    static constexpr std::size_t alignment = 64;
    // Every allocation may be read and written this many bytes past its end, because wide loads and stores need it.
    static constexpr std::size_t slack = 256;

    Arena() = default;
    explicit Arena(std::uint64_t cap) : cap_(cap) {}
    // A part of a shared arena, for one thread. Its memory belongs to that arena and outlives this object.
    explicit Arena(SharedArena& owner) : owner_(&owner) {}
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;
    ~Arena();

    // The memory is uninitialised and aligned to 64 bytes. Throws DecodeError(limit) if the cap is exceeded.
    std::byte* allocate(std::size_t size);

    template <typename T>
    T* allocate_array(std::size_t count) {
        // T may be a pointer. NOLINTNEXTLINE(bugprone-sizeof-expression)
        return reinterpret_cast<T*>(allocate_checked(count, sizeof(T)));
    }

    // Releases all allocations. If the last frame needed several chunks, they are replaced by one, so that decoding
    // similar frames allocates nothing.
    void reset();

    // rewind() releases everything that was allocated since mark(). Marks can be nested.
    struct Mark {
        std::size_t chunks, used, total;
    };
    [[nodiscard]] Mark mark() const { return {chunks_.size(), used_, total_}; }
    void rewind(const Mark& mark);

    // Returns memory above `keep` bytes to the system: a rare huge frame must not occupy it forever.
    void trim(std::size_t keep);

    void set_cap(std::uint64_t cap) { cap_ = cap; }
    [[nodiscard]] std::size_t capacity() const;

  private:
    struct Chunk {
        std::byte* base;
        std::size_t size;
    };
    std::byte* allocate_checked(std::size_t count, std::size_t size);
    std::byte* grow(std::size_t size);
    [[nodiscard]] Chunk take(std::size_t size) const;
    void give_back(const Chunk& chunk) const;
    void release_chunks();

    std::vector<Chunk> chunks_;
    std::size_t used_ = 0;   // bytes used in the last chunk
    std::size_t total_ = 0;  // bytes of all allocations since the last reset, without rewound ones
    std::size_t peak_ = 0;   // the largest total_ since the last reset
    std::uint64_t cap_ = ~std::uint64_t{0};
    SharedArena* owner_ = nullptr;
};

// Divides the memory of an arena among the threads of a team: it is kept for the next frame, which new memory is not.
class SharedArena {
  public:
    explicit SharedArena(Arena& arena) : arena_(arena) {}

  private:
    friend class Arena;
    std::byte* allocate(std::size_t size) {
        const std::lock_guard lock(mutex_);
        return arena_.allocate(size);
    }

    Arena& arena_;
    std::mutex mutex_;
};

}  // namespace dcmturbo
