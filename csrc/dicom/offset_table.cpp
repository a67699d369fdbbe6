// Reads the Basic Offset Table (PS3.5 A.4) and the Extended Offset Table (PS3.3 C.7.6.3.1.8).
#include "dicom/offset_table.h"

#include <algorithm>

#include "base/endian.h"
#include "dicom/frame_starts.h"
#include "dicom/item_scan.h"
#include "dicom/read_ahead.h"

namespace dcmturbo {

namespace {

constexpr std::size_t step = 64 << 10;

// Calls `take(value)` for each number of the table, until it returns false.
template <typename Take>
void for_each_number(const Source& source, const ByteRange& location, unsigned width, bool big_endian, Take take) {
    ReadAhead reader(source);
    std::uint64_t done = 0;
    while (done < location.length) {
        const std::size_t wanted = std::min<std::uint64_t>(step, location.length - done);
        const auto bytes = reader.view(location.offset + done, wanted, wanted);
        const std::size_t whole = bytes.size() / width * width;
        for (std::size_t i = 0; i < whole; i += width) {
            const std::byte* at = bytes.data() + i;
            std::uint64_t value;
            if (width == 8) value = big_endian ? load_be<std::uint64_t>(at) : load_le<std::uint64_t>(at);
            else value = big_endian ? load_be<std::uint32_t>(at) : load_le<std::uint32_t>(at);
            if (!take(value)) return;
        }
        if (bytes.size() < wanted) return;
        done += wanted;
    }
}

}  // namespace

OffsetClaims read_offsets(const Source& source, const ByteRange& location, unsigned width, bool big_endian) {
    OffsetClaims claims;
    if (!location.present || location.length == 0) return claims;
    if (location.length % width != 0) {
        claims.problem =
            "its length of " + std::to_string(location.length) + " bytes is not a multiple of " + std::to_string(width);
        return claims;
    }
    for_each_number(source, location, width, big_endian, [&](std::uint64_t offset) {
        const std::size_t index = claims.offsets.size();
        if (index == 0 && offset != 0) {
            claims.problem = "it begins with " + std::to_string(offset) + " instead of 0";
        } else if (index != 0 && offset <= claims.offsets.back()) {
            claims.problem = "offset " + std::to_string(index) + " is not larger than the one before it";
        } else {
            claims.offsets.push_back(offset);
            return true;
        }
        return false;
    });
    if (claims.problem.empty() && claims.offsets.size() != location.length / width) {
        claims.problem = "the data end inside it";
    }
    if (!claims.problem.empty()) claims.offsets = {};
    return claims;
}

std::vector<std::uint64_t> read_lengths(const Source& source, const ByteRange& location, bool big_endian) {
    std::vector<std::uint64_t> lengths;
    if (location.present && location.length % 8 == 0) {
        for_each_number(source, location, 8, big_endian, [&](std::uint64_t length) {
            lengths.push_back(length);
            return true;
        });
    }
    return lengths;
}

BasicItem find_basic_item(const Source& source, std::uint64_t begin, std::uint64_t end) {
    BasicItem found;
    found.after = begin;
    ItemWalk walk(source, begin, end);
    FragmentRange item;
    const ItemWalk::Step first = walk.next(item);
    found.big_endian = walk.big_endian();
    found.is_item = first != ItemWalk::Step::foreign;
    if (first != ItemWalk::Step::item && first != ItemWalk::Step::cut) return found;
    // Decides whether the item is an offset table or a frame. A table consists of 32-bit offsets, and the first one is
    // 0. A frame begins with four zero bytes only if its pixels are native, and only in the first item.
    ReadAhead reader(source);
    const auto head = reader.view(item.offset, std::min<std::uint64_t>(item.size, 8), 8);
    const bool codestream = starts_with_codestream(source, item);
    const bool rle = head.size() == 8 && load_le<std::uint32_t>(head.data()) - 1 < 15 &&
                     load_le<std::uint32_t>(head.data() + 4) == 64;
    if (codestream || rle) {
        found.is_fragment = true;
        return found;
    }
    found.after = walk.position();
    if (first == ItemWalk::Step::item && item.size != 0) found.table = {item.offset, item.size, true};
    return found;
}

}  // namespace dcmturbo
