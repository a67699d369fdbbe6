#include "dicom/encapsulation.h"

#include <algorithm>
#include <limits>

#include "base/checked.h"
#include "base/endian.h"
#include "base/error.h"

namespace dcmturbo {

namespace {

constexpr std::uint64_t header_size = 8;
constexpr std::uint64_t largest_item = 0xFFFFFFFE;  // 0xFFFFFFFF is undefined length
constexpr std::uint64_t largest_value = 0xFFFFFFFE;

void store_header(std::byte* to, std::uint16_t element, std::uint64_t length) {
    store_le<std::uint16_t>(to, 0xFFFE);
    store_le<std::uint16_t>(to + 2, element);
    store_le<std::uint32_t>(to + 4, static_cast<std::uint32_t>(length));
}

std::vector<std::byte> packed(std::span<const std::uint64_t> numbers) {
    std::vector<std::byte> bytes(numbers.size() * 8);
    for (std::size_t i = 0; i < numbers.size(); ++i) store_le<std::uint64_t>(bytes.data() + 8 * i, numbers[i]);
    return bytes;
}

}  // namespace

Encapsulation::Encapsulation(std::span<const std::uint64_t> frame_sizes, OffsetTable wanted)
    : sizes_(frame_sizes.begin(), frame_sizes.end()), table_(wanted) {
    offsets_.reserve(sizes_.size());
    std::uint64_t offset = 0;
    for (std::size_t i = 0; i < sizes_.size(); ++i) {
        if (sizes_[i] > largest_item - 1) {
            fail(ErrorCode::limit, no_offset, "frame %zu of %llu bytes does not fit one fragment: at most %llu do", i,
                 static_cast<unsigned long long>(sizes_[i]), static_cast<unsigned long long>(largest_item));
        }
        offsets_.push_back(offset);
        offset = checked_add(offset, header_size + sizes_[i] + sizes_[i] % 2);
    }
    const bool fits = (offsets_.empty() || offsets_.back() <= std::numeric_limits<std::uint32_t>::max()) &&
                      sizes_.size() <= largest_item / 4;
    if (table_ == OffsetTable::basic && !fits) table_ = OffsetTable::extended;
    if (table_ == OffsetTable::extended && sizes_.size() > largest_value / 8) {
        fail(ErrorCode::limit, no_offset, "an Extended Offset Table does not hold %zu frames", sizes_.size());
    }
    size_ = offset + 2 * header_size + (table_ == OffsetTable::basic ? 4 * sizes_.size() : 0);
}

std::vector<std::byte> Encapsulation::extended_offsets() const {
    return table_ == OffsetTable::extended ? packed(offsets_) : std::vector<std::byte>{};
}

// PS3.3 C.7.6.3.1.8: lengths leave out the padding, or a reader could not remove it.
std::vector<std::byte> Encapsulation::extended_lengths() const {
    return table_ == OffsetTable::extended ? packed(sizes_) : std::vector<std::byte>{};
}

std::vector<std::byte> Encapsulation::basic_item() const {
    const std::size_t entries = table_ == OffsetTable::basic ? offsets_.size() : 0;
    std::vector<std::byte> item(header_size + 4 * entries);
    store_header(item.data(), 0xE000, 4 * entries);
    for (std::size_t i = 0; i < entries; ++i) {
        store_le<std::uint32_t>(item.data() + header_size + 4 * i, static_cast<std::uint32_t>(offsets_[i]));
    }
    return item;
}

void Encapsulation::item_header(std::size_t frame, std::byte (&to)[8]) const {
    store_header(to, 0xE000, sizes_[frame] + sizes_[frame] % 2);
}

void Encapsulation::delimiter(std::byte (&to)[8]) { store_header(to, 0xE0DD, 0); }

std::vector<std::byte> encapsulate(std::span<const Bytes> frames, OffsetTable table) {
    std::vector<std::uint64_t> sizes;
    sizes.reserve(frames.size());
    for (const Bytes& frame : frames) sizes.push_back(frame.size());
    const Encapsulation layout(sizes, table);

    std::vector<std::byte> value = layout.basic_item();
    value.reserve(layout.size());
    std::byte header[8];
    for (std::size_t i = 0; i < frames.size(); ++i) {
        layout.item_header(i, header);
        value.insert(value.end(), std::begin(header), std::end(header));
        value.insert(value.end(), frames[i].begin(), frames[i].end());
        if (frames[i].size() % 2 != 0) value.push_back(std::byte{0});
    }
    Encapsulation::delimiter(header);
    value.insert(value.end(), std::begin(header), std::end(header));
    return value;
}

}  // namespace dcmturbo
