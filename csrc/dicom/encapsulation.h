// Writes encapsulated pixel data: PS3.5 A.4, one fragment a frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/fragments.h"

namespace dcmturbo {

enum class OffsetTable : std::uint8_t {
    none,      // an empty Basic Offset Table
    basic,     // where every offset fits 32 bits, else extended
    extended,  // an empty Basic Offset Table, and (7FE0,0001), (7FE0,0002) before the pixel data
};

// Layout of a value of pixel data, from the frames' sizes alone.
class Encapsulation {
  public:
    Encapsulation(std::span<const std::uint64_t> frame_sizes, OffsetTable wanted);

    // What will be written; `basic` becomes `extended` where an offset passes 32 bits.
    [[nodiscard]] OffsetTable table() const { return table_; }
    // Bytes of the value, from the Basic Offset Table's item to the sequence delimiter, included.
    [[nodiscard]] std::uint64_t size() const { return size_; }

    // Values of (7FE0,0001) and (7FE0,0002), little endian; empty unless table() is extended.
    [[nodiscard]] std::vector<std::byte> extended_offsets() const;
    [[nodiscard]] std::vector<std::byte> extended_lengths() const;

    // The Basic Offset Table's item, then for each frame item_header(i), its bytes, and one zero byte
    // where its size is odd, then the delimiter.
    [[nodiscard]] std::vector<std::byte> basic_item() const;
    void item_header(std::size_t frame, std::byte (&to)[8]) const;
    static void delimiter(std::byte (&to)[8]);

  private:
    std::vector<std::uint64_t> sizes_;
    std::vector<std::uint64_t> offsets_;
    OffsetTable table_;
    std::uint64_t size_ = 0;
};

// The whole value at once, in memory.
std::vector<std::byte> encapsulate(std::span<const Bytes> frames, OffsetTable table);

}  // namespace dcmturbo
