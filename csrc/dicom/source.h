// Where bytes come from: a file, a buffer, or a reader that the caller supplies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace dcmturbo {

// Of a source that is far away, a read costs milliseconds whatever its size: items of up to far_item bytes are read
// along with their headers, in blocks of far_block. 30 ms a read and 50 MB/s make 1.5 MB.
constexpr std::size_t far_block = std::size_t{4} << 20;
constexpr std::size_t far_item = std::size_t{1} << 20;

class Source {
  public:
    Source() = default;
    Source(const Source&) = delete;
    Source& operator=(const Source&) = delete;
    virtual ~Source() = default;

    [[nodiscard]] virtual std::uint64_t size() const = 0;

    // Reads up to `size` bytes at `offset`; fewer only at the end. Safe from several threads at once.
    // Throws DecodeError(source) when the reader below fails.
    virtual std::size_t read_at(std::uint64_t offset, std::byte* to, std::size_t size) const = 0;

    // All bytes, where they are in memory already; empty otherwise.
    [[nodiscard]] virtual std::span<const std::byte> span() const { return {}; }

    // Whether each read is so slow that few large ones are better than many small ones.
    [[nodiscard]] virtual bool is_far() const { return false; }
};

}  // namespace dcmturbo
