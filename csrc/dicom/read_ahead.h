// Serves small reads of a source, in ascending order, from a buffer that larger reads fill.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "dicom/source.h"

namespace dcmturbo {

class ReadAhead {
  public:
    explicit ReadAhead(const Source& source) : source_(source), memory_(source.span()), size_(source.size()) {}
    ReadAhead(const ReadAhead&) = delete;
    ReadAhead& operator=(const ReadAhead&) = delete;

    [[nodiscard]] std::uint64_t size() const { return size_; }

    // Whether the buffer holds these bytes, so that `view` reads nothing.
    [[nodiscard]] bool holds(std::uint64_t offset, std::size_t size) const {
        return offset >= start_ && offset - start_ <= held_ && size <= held_ - (offset - start_);
    }

    // Returns the `size` bytes at `offset`; fewer only at the end of the source. If they are not in the buffer, it
    // reads `ahead` bytes. The result is valid until the next call.
    std::span<const std::byte> view(std::uint64_t offset, std::size_t size, std::size_t ahead);

  private:
    std::span<const std::byte> fill(std::uint64_t offset, std::size_t size, std::size_t ahead);

    const Source& source_;
    std::span<const std::byte> memory_;
    std::uint64_t size_;
    std::uint64_t start_ = 0;  // position of the buffer in the source
    std::size_t held_ = 0;
    std::byte* buffer_ = nullptr;
    std::array<std::byte, 64> small_;  // holds one item header, the most common read, without an allocation
    std::vector<std::byte> large_;
};

inline std::span<const std::byte> ReadAhead::view(std::uint64_t offset, std::size_t size, std::size_t ahead) {
    if (holds(offset, size)) return {buffer_ + (offset - start_), size};
    return fill(offset, size, ahead);
}

}  // namespace dcmturbo
