// Walks the items of encapsulated pixel data: PS3.5 A.4.
#include "dicom/item_scan.h"

#include <algorithm>

#include "base/endian.h"
#include "dicom/sequence_items.h"

namespace dcmturbo {

namespace {

constexpr std::size_t header_size = 8;
// If an item is smaller than this, one larger read probably also gets the next header. For larger items, reading only
// the header is cheaper.
constexpr std::uint64_t small_item = 4 << 10;
constexpr std::size_t largest_window = 64 << 10;
constexpr std::size_t first_far_window = 4 << 10;

}  // namespace

ItemWalk::ItemWalk(const Source& source, std::uint64_t begin, std::uint64_t end)
    : reader_(source),
      position_(begin),
      end_(std::min(end, source.size())),
      far_(source.is_far()),
      ahead_(far_ ? first_far_window : header_size) {}

void ItemWalk::move_to(std::uint64_t position) {
    position_ = position;
    after_odd_ = false;
}

ItemWalk::Tag ItemWalk::read_header(std::uint64_t offset, std::uint32_t& length, bool& complete) {
    complete = false;
    if (offset > end_ || end_ - offset < header_size) return Tag::other;
    const auto bytes = reader_.view(offset, header_size, ahead_);
    if (bytes.size() < header_size) return Tag::other;
    complete = true;
    const auto tag_of = [&](bool big) {
        const auto* at = bytes.data();
        return big ? static_cast<std::uint32_t>(load_be<std::uint16_t>(at)) << 16 | load_be<std::uint16_t>(at + 2)
                   : static_cast<std::uint32_t>(load_le<std::uint16_t>(at)) << 16 | load_le<std::uint16_t>(at + 2);
    };
    for (const bool big : {big_endian_, !big_endian_}) {
        const std::uint32_t tag = tag_of(big);
        if (tag != item_tag && tag != sequence_delimiter_tag) continue;
        big_endian_ = big;
        length = big ? load_be<std::uint32_t>(bytes.data() + 4) : load_le<std::uint32_t>(bytes.data() + 4);
        return tag == item_tag ? Tag::item : Tag::delimiter;
    }
    return Tag::other;
}

ItemWalk::Step ItemWalk::next(FragmentRange& fragment) {
    std::uint32_t length = 0;
    bool complete = false;
    Tag tag = read_header(position_, length, complete);
    if (tag == Tag::other && after_odd_) {
        bool padded_complete = false;
        const Tag padded = read_header(position_ + 1, length, padded_complete);
        if (padded != Tag::other) {
            tag = padded;
            complete = true;
            ++position_;
        }
    }
    if (!complete) return Step::end;
    if (tag == Tag::other) return Step::foreign;
    if (tag == Tag::delimiter) {
        delimiter_length_ = length;
        return Step::delimiter;
    }

    fragment.offset = position_ + header_size;
    const std::uint64_t left = end_ - fragment.offset;
    if (length > left) {  // true also for an item of undefined length, which A.4 does not allow
        fragment.size = left;
        position_ = end_;
        after_odd_ = false;
        return Step::cut;
    }
    fragment.size = length;
    position_ = fragment.offset + length;
    after_odd_ = length % 2 != 0;
    if (far_) ahead_ = length < far_item ? std::min(ahead_ * 2, far_block) : first_far_window;
    else ahead_ = length < small_item ? std::min(ahead_ * 8, largest_window) : header_size;
    return Step::item;
}

bool take_step(FragmentList& list, const ItemWalk& walk, ItemWalk::Step step, const FragmentRange& fragment,
               bool undefined_length) {
    switch (step) {
        case ItemWalk::Step::item: list.fragments.push_back(fragment); return true;
        case ItemWalk::Step::cut:
            // If nothing follows the item header, the item holds no part of a frame.
            if (fragment.size != 0) list.fragments.push_back(fragment);
            list.last_cut = fragment.size != 0;
            list.warnings.push_back("the end of the data cuts fragment " +
                                    std::to_string(list.fragments.size() - list.last_cut) + " short");
            return false;
        case ItemWalk::Step::delimiter:
            if (walk.delimiter_length() != 0)
                list.warnings.emplace_back("the sequence delimiter of the pixel data has a length other than zero");
            return false;
        case ItemWalk::Step::end:
            if (undefined_length) list.warnings.emplace_back("the pixel data end without a sequence delimiter");
            return false;
        case ItemWalk::Step::foreign:
            list.warnings.push_back("expected an item or the sequence delimiter of the pixel data at byte " +
                                    std::to_string(walk.position()) +
                                    ", found another tag: everything after it is ignored");
            return false;
    }
    return false;
}

FragmentList scan_items(const Source& source, std::uint64_t begin, std::uint64_t end, bool undefined_length) {
    FragmentList list;
    ItemWalk walk(source, begin, end);
    FragmentRange fragment;
    ItemWalk::Step step;
    do step = walk.next(fragment);
    while (take_step(list, walk, step, fragment, undefined_length));
    return list;
}

}  // namespace dcmturbo
