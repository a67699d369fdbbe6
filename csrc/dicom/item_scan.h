// Items of encapsulated pixel data, walked by their headers alone: PS3.5 A.4 and table A.4-1. Lengths
// decide where an item ends; bytes that look like a delimiter are never searched for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dicom/read_ahead.h"
#include "dicom/source.h"

namespace dcmturbo {

// A part of a frame: absolute in the source, item header excluded.
struct FragmentRange {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
};

class ItemWalk {
  public:
    enum class Step : std::uint8_t {
        item,       // a whole item
        cut,        // an item that the end of the data cuts short; its size is what is there
        delimiter,  // (FFFE,E0DD)
        end,        // the data end where an item could begin, or within its header
        foreign,    // another tag than an item's
    };

    // Walks items from `begin`; nothing at or past `end` belongs to them.
    ItemWalk(const Source& source, std::uint64_t begin, std::uint64_t end);

    // On `item` and `cut`, stores the fragment and moves past it.
    Step next(FragmentRange& fragment);

    // Bytes near where the walk stands, of what is read for it.
    std::span<const std::byte> peek(std::uint64_t offset, std::size_t size) {
        return reader_.view(offset, size, ahead_);
    }
    ReadAhead& reader() { return reader_; }
    [[nodiscard]] std::size_t ahead() const { return ahead_; }

    // Where the next item header is expected.
    [[nodiscard]] std::uint64_t position() const { return position_; }
    // Whether the item behind us ends at `offset`: some writers pad odd fragments without counting the byte.
    [[nodiscard]] bool stands_at(std::uint64_t offset) const {
        return offset == position_ || (after_odd_ && offset == position_ + 1);
    }
    void move_to(std::uint64_t position);

    // Byte order of the item tags; found at the first item.
    [[nodiscard]] bool big_endian() const { return big_endian_; }
    [[nodiscard]] std::uint32_t delimiter_length() const { return delimiter_length_; }

  private:
    enum class Tag : std::uint8_t { item, delimiter, other };
    Tag read_header(std::uint64_t offset, std::uint32_t& length, bool& complete);

    ReadAhead reader_;
    std::uint64_t position_;
    std::uint64_t end_;
    bool far_;
    std::size_t ahead_;
    std::uint32_t delimiter_length_ = 0;
    bool after_odd_ = false;
    bool big_endian_ = false;
};

struct FragmentList {
    std::vector<FragmentRange> fragments;
    bool last_cut = false;  // the end of the data cuts the last fragment short
    std::vector<std::string> warnings;
};

// Takes one step of the walk into the list. False where the items end.
bool take_step(FragmentList& list, const ItemWalk& walk, ItemWalk::Step step, const FragmentRange& fragment,
               bool undefined_length);

// All fragments from `begin`, which lies after the Basic Offset Table.
FragmentList scan_items(const Source& source, std::uint64_t begin, std::uint64_t end, bool undefined_length);

}  // namespace dcmturbo
