// Fuzzes csrc/dicom: scan, then the index over whatever pixel data the scan found, then every frame.
//
//   clang++ -std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -Icsrc fuzz/fuzz_dicom.cpp csrc/dicom/*.cpp
//   csrc/base/*.cpp
//
// The last byte of the input chooses among what the caller knows and the data do not say.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <span>
#include <vector>

#include "base/endian.h"
#include "base/error.h"
#include "base/fragments.h"
#include "dicom/element_list.h"
#include "dicom/element_scan.h"
#include "dicom/file_source.h"
#include "dicom/frame_index.h"
#include "far_source.h"

namespace {

using namespace dcmturbo;

constexpr std::uint64_t most_frames = 4096;

void require(bool condition) {
    if (!condition) std::abort();
}

// Mended lengths lead to the same pixel data by themselves.
void check_patches(const Source& source, const Dataset& dataset) {
    if (dataset.patches.empty() || !dataset.pixel_data) return;
    for (const Patch& patch : dataset.patches) require(patch.offset + 4 <= source.size());
    const PatchedSource mended(source, dataset.patches);
    const Encoding encoding{dataset.explicit_vr, dataset.big_endian};
    const ElementList list = list_elements(mended, dataset.dataset_offset, encoding);
    for (const ElementPlace& place : list.elements) {
        if (place.value == dataset.pixel_data->offset) return;
    }
    require(false);
}

void read_frames(const Source& source, const FrameIndex& index) {
    std::vector<FragmentRange> ranges;
    for (std::uint64_t i = 0; i < index.frame_count() && i < most_frames; ++i) {
        try {
            index.frame(i, ranges);
        } catch (const DecodeError& error) {
            // Only a table that has just been dropped may take a frame away.
            require(error.code == ErrorCode::malformed ||
                    (error.code == ErrorCode::missing_frame && i >= index.frame_count()));
            continue;
        }
        for (const FragmentRange& range : ranges)
            require(range.offset <= source.size() && range.size <= source.size() - range.offset);
        (void)index.first_bit(i);
    }
    try {
        index.frame(index.frame_count(), ranges);
        require(false);
    } catch (const DecodeError& error) {
        require(error.code == ErrorCode::missing_frame || error.code == ErrorCode::malformed);
    }
    (void)index.warnings();
}

// The header of an item or a delimiter: PS3.5, 7.5.
void append_header(std::vector<std::byte>& to, std::uint16_t element, std::size_t length) {
    std::byte header[8];
    store_le<std::uint16_t>(header, 0xFFFE);
    store_le<std::uint16_t>(header + 2, element);
    store_le<std::uint32_t>(header + 4, static_cast<std::uint32_t>(length));
    to.insert(to.end(), std::begin(header), std::end(header));
}

// A value of pixel data with one fragment a frame: PS3.5, A.4.
std::vector<std::byte> encapsulated(std::span<const Bytes> frames, bool with_table) {
    std::vector<std::byte> table;
    std::vector<std::byte> items;
    for (const Bytes& frame : frames) {
        std::byte offset[4];
        store_le<std::uint32_t>(offset, static_cast<std::uint32_t>(items.size()));
        if (with_table) table.insert(table.end(), std::begin(offset), std::end(offset));
        append_header(items, 0xE000, frame.size() + frame.size() % 2);
        items.insert(items.end(), frame.begin(), frame.end());
        if (frame.size() % 2 != 0) items.push_back(std::byte{0});
    }
    std::vector<std::byte> value;
    append_header(value, 0xE000, table.size());
    value.insert(value.end(), table.begin(), table.end());
    value.insert(value.end(), items.begin(), items.end());
    append_header(value, 0xE0DD, 0);
    return value;
}

// What is written of these frames, the index reads back.
void round_trip(std::span<const std::byte> bytes, bool with_table) {
    std::vector<Bytes> frames;
    for (std::size_t at = 0; at < bytes.size() && frames.size() < 64;) {
        const std::size_t size = std::min<std::size_t>(std::to_integer<std::size_t>(bytes[at]), bytes.size() - at);
        frames.push_back(bytes.subspan(at, size));
        at += size + 1;
    }
    const std::vector<std::byte> value = encapsulated(frames, with_table);
    const BufferSource source(value);
    EncapsulatedLayout layout;
    layout.length = value.size();
    layout.number_of_frames = frames.size();
    layout.grouping.kind = Grouping::one_fragment;
    const auto index = FrameIndex::encapsulated(source, layout);
    require(index->frame_count() == frames.size());
    require(index->warnings().empty());
    std::vector<FragmentRange> ranges;
    for (std::size_t i = 0; i < frames.size(); ++i) {
        require(index->frame(i, ranges));
        require(ranges.size() == 1 && ranges[0].size == frames[i].size() + frames[i].size() % 2);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto choice = data[size - 1];
    const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size - 1);
    const BufferSource source(bytes);
    if (choice >= 0xF0) {
        round_trip(bytes, choice % 2 == 0);
        return 0;
    }
    try {
        ScanOptions options;
        options.bare_dataset = (choice & 1) != 0;
        options.explicit_vr = (choice & 2) != 0;
        options.big_endian = (choice & 4) != 0;
        const Dataset dataset = scan(source, options);
        if (!dataset.pixel_data) return 0;
        check_patches(source, dataset);
        const PixelDataElement& element = *dataset.pixel_data;
        require(element.offset <= source.size() + 12);
        const std::uint64_t frames = dataset.number_of_frames && *dataset.number_of_frames > 0
                                         ? static_cast<std::uint64_t>(*dataset.number_of_frames)
                                         : 0;
        if (element.undefined_length || (choice & 8) != 0) {
            EncapsulatedLayout layout;
            layout.offset = element.offset;
            layout.length = element.length;
            layout.undefined_length = element.undefined_length;
            layout.number_of_frames = frames;
            layout.grouping.kind = static_cast<Grouping>((choice >> 4) % 4);
            layout.grouping.unit_bytes = std::uint64_t{dataset.rows.value_or(1)} * dataset.columns.value_or(1);
            layout.extended_offsets = dataset.extended_offset_table;
            layout.extended_lengths = dataset.extended_offset_table_lengths;
            read_frames(source, *FrameIndex::encapsulated(source, layout));
            const fuzz::FarSource far(source);
            const auto index = FrameIndex::encapsulated(far, layout);
            std::vector<FragmentRange> ranges;
            for (std::uint64_t i = 0; i < std::min<std::uint64_t>(frames, 3); ++i) {
                try {
                    index->frame(i, ranges);
                } catch (const DecodeError&) {
                }
            }
            read_frames(far, *index);
        } else {
            NativeLayout layout;
            layout.offset = element.offset;
            layout.length = element.length;
            layout.number_of_frames = frames;
            layout.frame_bits = std::uint64_t{dataset.rows.value_or(1)} * dataset.columns.value_or(1) *
                                dataset.samples_per_pixel.value_or(1) * dataset.bits_allocated.value_or(8);
            layout.word_bytes = dataset.big_endian ? 2 : 1;
            read_frames(source, *FrameIndex::native(source, layout));
        }
    } catch (const DecodeError&) {
    }
    return 0;
}
