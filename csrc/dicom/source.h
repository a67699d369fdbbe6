// Where bytes come from: a file, a buffer, or a reader that the caller supplies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace dcmturbo {

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
};

}  // namespace dcmturbo
