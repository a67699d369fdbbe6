// The interface of everything that bytes are read from: a file, a buffer, or a reader that the caller supplies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace dcmturbo {

// A read of a remote source takes milliseconds, whatever its size. Items of up to far_item bytes are therefore read
// together with their headers, in blocks of far_block bytes. These sizes suit 30 ms per read and 50 MB/s: one more read
// would cost as much time as 1.5 MB.
constexpr std::size_t far_block = std::size_t{4} << 20;
constexpr std::size_t far_item = std::size_t{1} << 20;

class Source {
  public:
    Source() = default;
    Source(const Source&) = delete;
    Source& operator=(const Source&) = delete;
    virtual ~Source() = default;

    [[nodiscard]] virtual std::uint64_t size() const = 0;

    // Reads up to `size` bytes at `offset`; fewer only at the end. Several threads may call it at the same time. Throws
    // DecodeError(source) if the underlying reader fails.
    virtual std::size_t read_at(std::uint64_t offset, std::byte* to, std::size_t size) const = 0;

    // All bytes if they are in memory already; otherwise empty.
    [[nodiscard]] virtual std::span<const std::byte> span() const { return {}; }

    // True for a remote source: each read is so slow that few large reads are better than many small ones.
    [[nodiscard]] virtual bool is_far() const { return false; }

    // Gives back what the system lends, such as an open file, before the source is freed. Reading fails then.
    virtual void close() {}
};

}  // namespace dcmturbo
