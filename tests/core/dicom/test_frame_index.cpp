// Where frames lie in encapsulated and native pixel data (PS3.5, 8.1 and A.4).
#include "dicom/frame_index.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "dicom/source.h"

using namespace dcmturbo;

namespace {

class Memory final : public Source {
  public:
    explicit Memory(std::vector<std::byte> data) : data_(std::move(data)) {}
    [[nodiscard]] std::uint64_t size() const override { return data_.size(); }
    std::size_t read_at(std::uint64_t offset, std::byte* to, std::size_t size) const override {
        if (offset >= data_.size()) return 0;
        const std::size_t count = std::min<std::size_t>(size, data_.size() - offset);
        std::memcpy(to, data_.data() + offset, count);
        return count;
    }

  private:
    std::vector<std::byte> data_;
};

void put(std::vector<std::byte>& to, std::uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) to.push_back(static_cast<std::byte>(value >> (8 * i)));
}

void put_item(std::vector<std::byte>& to, const std::vector<std::byte>& data) {
    put(to, 0xE000FFFE, 4);
    put(to, data.size(), 4);
    to.insert(to.end(), data.begin(), data.end());
}

// Frames of `sizes` bytes, one fragment each, with `table` as the Basic Offset Table's entries.
Memory encapsulated(const std::vector<std::size_t>& sizes, const std::vector<std::uint32_t>& table) {
    std::vector<std::byte> data, entries;
    for (const std::uint32_t entry : table) put(entries, entry, 4);
    put_item(data, entries);
    for (std::size_t i = 0; i < sizes.size(); ++i) put_item(data, std::vector<std::byte>(sizes[i], std::byte(i + 1)));
    put(data, 0xE0DDFFFE, 4);
    put(data, 0, 4);
    return Memory(std::move(data));
}

std::unique_ptr<FrameIndex> index_of(const Source& source, std::uint64_t frames) {
    EncapsulatedLayout layout;
    layout.length = source.size();
    layout.number_of_frames = frames;
    layout.grouping = Grouping::one_fragment;
    return FrameIndex::encapsulated(source, layout);
}

std::vector<std::uint64_t> sizes_of(const FrameIndex& index) {
    std::vector<std::uint64_t> sizes;
    std::vector<FragmentRange> ranges;
    for (std::uint64_t i = 0; i < index.frame_count(); ++i) {
        index.frame(i, ranges);
        std::uint64_t size = 0;
        for (const FragmentRange& range : ranges) size += range.size;
        sizes.push_back(size);
    }
    return sizes;
}

}  // namespace

TEST_CASE("frame index: a true offset table is used, an empty one is replaced by a scan") {
    const Memory with_table = encapsulated({10, 20, 30}, {0, 18, 46});
    const auto by_table = index_of(with_table, 3);
    CHECK(sizes_of(*by_table) == std::vector<std::uint64_t>{10, 20, 30});
    CHECK(by_table->table() == FrameTable::basic);

    const Memory without = encapsulated({10, 20, 30}, {});
    const auto scanned = index_of(without, 3);
    CHECK(sizes_of(*scanned) == std::vector<std::uint64_t>{10, 20, 30});
    CHECK(scanned->table() == FrameTable::scanned);
}

TEST_CASE("frame index: an offset that is not an item's is not believed") {
    const Memory source = encapsulated({10, 20, 30}, {0, 16, 46});
    const auto index = index_of(source, 3);
    CHECK(sizes_of(*index) == std::vector<std::uint64_t>{10, 20, 30});
    CHECK(index->table() == FrameTable::scanned);
    CHECK_FALSE(index->warnings().empty());
}

TEST_CASE("frame index: a frame that is not there is an error that names it") {
    const Memory source = encapsulated({10, 20}, {});
    const auto index = index_of(source, 3);
    std::vector<FragmentRange> ranges;
    try {
        index->frame(2, ranges);
        FAIL("no error");
    } catch (const DecodeError& error) {
        CHECK(error.code == ErrorCode::missing_frame);
        CHECK(error.message.find('2') != std::string::npos);
    }
}

TEST_CASE("frame index: native frames of single bits begin within bytes") {
    const Memory source(std::vector<std::byte>(4));
    NativeLayout layout;
    layout.length = 4;
    layout.frame_bits = 9;
    layout.number_of_frames = 3;
    const auto index = FrameIndex::native(source, layout);
    CHECK(index->frame_count() == 3);
    std::vector<FragmentRange> ranges;
    CHECK(index->frame(1, ranges));
    CHECK(index->first_bit(1) == 1);
    REQUIRE(ranges.size() == 1);
    CHECK(ranges[0].offset == 1);
    CHECK(ranges[0].size == 2);
    CHECK(index->frame(2, ranges));
    CHECK(index->first_bit(2) == 2);
}

TEST_CASE("frame index: native data that end within a frame hold it in part") {
    const Memory source(std::vector<std::byte>(25));
    NativeLayout layout;
    layout.length = 25;
    layout.frame_bits = 80;
    layout.number_of_frames = 3;
    const auto index = FrameIndex::native(source, layout);
    std::vector<FragmentRange> ranges;
    CHECK(index->frame(1, ranges));
    CHECK_FALSE(index->frame(2, ranges));
    CHECK(index->partial(2));
}
