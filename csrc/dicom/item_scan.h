// Walks the items of encapsulated pixel data by their headers: PS3.5 A.4 and table A.4-1. The length of an item decides
// where it ends. The walk never searches for bytes that look like a delimiter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dicom/read_ahead.h"
#include "dicom/source.h"

namespace dcmturbo {

// Position and size of a fragment in the source, without its item header. It is a part of a frame.
struct FragmentRange {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
};

class ItemWalk {
  public:
    enum class Step : std::uint8_t {
        item,       // a complete item
        cut,        // the data end inside the item; its size is the number of available bytes
        delimiter,  // (FFFE,E0DD)
        end,        // the data end before an item or inside its header
        foreign,    // a tag that is neither an item nor a sequence delimiter
    };

    // Walks the items from `begin` on. Items end at `end` at the latest.
    ItemWalk(const Source& source, std::uint64_t begin, std::uint64_t end);

    // For `item` and `cut`, stores the fragment and moves to its end.
    Step next(FragmentRange& fragment);

    // Bytes near the position of the walk. They use the buffer of the walk.
    std::span<const std::byte> peek(std::uint64_t offset, std::size_t size) {
        return reader_.view(offset, size, ahead_);
    }
    ReadAhead& reader() { return reader_; }
    [[nodiscard]] std::size_t ahead() const { return ahead_; }

    // The position at which the next item header is expected.
    [[nodiscard]] std::uint64_t position() const { return position_; }
    // Whether the last item ends at `offset`. Some writers pad odd fragments without counting the padding byte; both
    // positions are accepted then.
    [[nodiscard]] bool stands_at(std::uint64_t offset) const {
        return offset == position_ || (after_odd_ && offset == position_ + 1);
    }
    void move_to(std::uint64_t position);

    // Byte order of the item tags. The first item decides it.
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
    bool last_cut = false;  // the data end inside the last fragment
    std::vector<std::string> warnings;
};

// Adds the result of one step to the list. Returns false at the end of the items.
bool take_step(FragmentList& list, const ItemWalk& walk, ItemWalk::Step step, const FragmentRange& fragment,
               bool undefined_length);

// Returns all fragments from `begin` on. `begin` is the position after the Basic Offset Table.
FragmentList scan_items(const Source& source, std::uint64_t begin, std::uint64_t end, bool undefined_length);

}  // namespace dcmturbo
