// Scratch memory of one worker: bumped within a frame, reset between frames, kept from frame to frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dcmturbo {

class Arena {
  public:
    static constexpr std::size_t alignment = 64;
    // Every allocation may be read and written this far past its end: wide loads and stores need it.
    static constexpr std::size_t slack = 256;

    Arena() = default;
    explicit Arena(std::uint64_t cap) : cap_(cap) {}
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;
    ~Arena();

    // Uninitialised, aligned to 64 bytes. Throws DecodeError(limit) past the cap.
    std::byte* allocate(std::size_t size);

    template <typename T>
    T* allocate_array(std::size_t count) {
        return reinterpret_cast<T*>(allocate_checked(count, sizeof(T)));
    }

    // Makes all of it free again. Where the last frame needed several chunks, they become one, so
    // that a steady state allocates nothing.
    void reset();

    // What has been allocated since mark() becomes free again with rewind(): marks nest.
    struct Mark {
        std::size_t chunks, used, total;
    };
    [[nodiscard]] Mark mark() const { return {chunks_.size(), used_, total_}; }
    void rewind(const Mark& mark);

    // Gives memory back beyond `keep` bytes: a rare huge frame must not stay resident forever.
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
    void release_chunks();

    std::vector<Chunk> chunks_;
    std::size_t used_ = 0;   // within the last chunk
    std::size_t total_ = 0;  // of all allocations since the last reset, those rewound apart
    std::size_t peak_ = 0;   // the most that this has been
    std::uint64_t cap_ = ~std::uint64_t{0};
};

}  // namespace dcmturbo
