// The C ABI of sources, datasets and frame indexes.
#include <algorithm>
#include <span>
#include <vector>

#include "abi/convert.h"
#include "dicom/attribute_scan.h"
#include "dicom/decimals.h"
#include "dicom/element_list.h"
#include "dicom/element_scan.h"
#include "dicom/file_source.h"
#include "dicom/pattern_search.h"

using namespace dcmturbo;

int32_t dcmturbo_source_file(const char* path, dcmturbo_source** source, dcmturbo_error* error) {
    return abi::guarded(error, [&] { *source = new dcmturbo_source{std::make_unique<FileSource>(path)}; });
}

int32_t dcmturbo_source_buffer(dcmturbo_bytes bytes, dcmturbo_source** source, dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        const std::span<const std::byte> span(reinterpret_cast<const std::byte*>(bytes.data), bytes.size);
        *source = new dcmturbo_source{std::make_unique<BufferSource>(span)};
    });
}

int32_t dcmturbo_source_callback(dcmturbo_read read, void* context, uint64_t size, dcmturbo_source** source,
                                 dcmturbo_error* error) {
    return abi::guarded(error,
                        [&] { *source = new dcmturbo_source{std::make_unique<CallbackSource>(read, context, size)}; });
}

int32_t dcmturbo_source_descriptor(int32_t descriptor, dcmturbo_source** source, dcmturbo_error* error) {
    return abi::guarded(error, [&] { *source = new dcmturbo_source{std::make_unique<FileSource>(descriptor)}; });
}

int32_t dcmturbo_source_patched(const dcmturbo_source* inner, const dcmturbo_patch* patches, size_t count,
                                dcmturbo_source** source, dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        std::vector<Patch> taken(count);
        for (size_t i = 0; i < count; ++i) {
            taken[i].offset = patches[i].offset;
            std::memcpy(taken[i].bytes.data(), patches[i].bytes, taken[i].bytes.size());
        }
        *source = new dcmturbo_source{std::make_unique<PatchedSource>(*inner->source, std::move(taken))};
    });
}

void dcmturbo_source_close(dcmturbo_source* source) { source->source->close(); }

void dcmturbo_source_free(dcmturbo_source* source) { delete source; }

int32_t dcmturbo_scan(const dcmturbo_source* source, uint32_t flags, dcmturbo_dataset** dataset,
                      dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        ScanOptions options;
        options.bare_dataset = (flags & 1) != 0;
        options.explicit_vr = (flags & 2) == 0;
        options.big_endian = (flags & 4) != 0;
        *dataset = new dcmturbo_dataset{scan(*source->source, options)};
    });
}

void dcmturbo_dataset_free(dcmturbo_dataset* dataset) { delete dataset; }

int32_t dcmturbo_list_elements(const dcmturbo_source* source, uint64_t offset, uint32_t flags,
                               void (*report)(void* context, const dcmturbo_element* element), void* context,
                               uint64_t* end, dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        const ElementList list = list_elements(*source->source, offset, {(flags & 2) == 0, (flags & 4) != 0});
        for (const ElementPlace& place : list.elements) {
            dcmturbo_element element{};
            element.size = sizeof element;
            element.tag = place.tag;
            std::copy(std::begin(place.vr), std::end(place.vr), std::begin(element.vr));
            element.undefined_length = place.undefined_length ? 1 : 0;
            element.begin = place.begin;
            element.value = place.value;
            element.end = place.end;
            report(context, &element);
        }
        *end = list.end;
    });
}

int32_t dcmturbo_find_attributes(const dcmturbo_source* source, uint64_t offset, uint32_t flags, uint32_t stop_tag,
                                 const uint32_t* tags, const uint32_t* ends, size_t count,
                                 void (*report)(void* context, const dcmturbo_found* found), void* context,
                                 dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        std::vector<std::span<const uint32_t>> paths;
        for (size_t i = 0, begin = 0; i < count; begin = ends[i++]) paths.emplace_back(tags + begin, ends[i] - begin);
        find_attributes(*source->source, offset, {(flags & 2) == 0, (flags & 4) != 0}, stop_tag, paths,
                        [&](const FoundValue& value) {
                            dcmturbo_found found{};
                            found.size = sizeof found;
                            found.path = value.path;
                            found.outer = value.outer;
                            found.inner = value.inner;
                            found.offset = value.offset;
                            found.value = {reinterpret_cast<const uint8_t*>(value.value.data()), value.value.size()};
                            report(context, &found);
                        });
    });
}

int32_t dcmturbo_parse_decimals(dcmturbo_bytes text, double* numbers, size_t capacity, size_t* count, int32_t* is_plain,
                                dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        std::vector<double> parsed;
        *is_plain = parse_decimals({reinterpret_cast<const std::byte*>(text.data), text.size}, parsed) ? 1 : 0;
        *count = *is_plain != 0 ? parsed.size() : 0;
        std::copy_n(parsed.begin(), std::min(*count, capacity), numbers);
    });
}

int32_t dcmturbo_index_create(const dcmturbo_source* source, const dcmturbo_layout* layout, dcmturbo_index** index,
                              dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        std::unique_ptr<FrameIndex> result;
        if (layout->encapsulated != 0) {
            EncapsulatedLayout inner;
            inner.offset = layout->offset;
            inner.length = layout->length;
            inner.undefined_length = layout->undefined_length != 0;
            inner.number_of_frames = layout->number_of_frames;
            if (layout->grouping > static_cast<uint8_t>(Grouping::size))
                fail(ErrorCode::argument, no_offset, "there is no grouping with the number %u", layout->grouping);
            inner.grouping = {static_cast<Grouping>(layout->grouping), layout->unit_bytes};
            inner.extended_offsets = {layout->extended_offset, layout->extended_offset_length,
                                      layout->extended_offset_length != 0};
            inner.extended_lengths = {layout->extended_lengths, layout->extended_lengths_length,
                                      layout->extended_lengths_length != 0};
            inner.extended_offset_bytes = {reinterpret_cast<const std::byte*>(layout->extended_offset_bytes.data),
                                           layout->extended_offset_bytes.size};
            inner.extended_length_bytes = {reinterpret_cast<const std::byte*>(layout->extended_length_bytes.data),
                                           layout->extended_length_bytes.size};
            result = FrameIndex::encapsulated(*source->source, inner);
        } else {
            NativeLayout inner;
            inner.offset = layout->offset;
            inner.length = layout->length;
            inner.frame_bits = layout->frame_bits;
            inner.number_of_frames = layout->number_of_frames;
            inner.word_bytes = layout->word_bytes == 0 ? 1 : layout->word_bytes;
            result = FrameIndex::native(*source->source, inner);
        }
        *index = new dcmturbo_index{source->source.get(), std::move(result)};
    });
}

void dcmturbo_index_free(dcmturbo_index* index) { delete index; }

int32_t dcmturbo_index_frame_count(const dcmturbo_index* index, uint64_t* count, dcmturbo_error* error) {
    return abi::guarded(error, [&] { *count = index->index->frame_count(); });
}

int32_t dcmturbo_index_frame(const dcmturbo_index* index, uint64_t frame, dcmturbo_range* ranges, size_t capacity,
                             size_t* count, uint32_t* first_bit, dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        std::vector<FragmentRange> found;
        index->index->frame(frame, found);
        for (size_t i = 0; i < std::min(capacity, found.size()); ++i) ranges[i] = {found[i].offset, found[i].size};
        *count = found.size();
        if (first_bit != nullptr) *first_bit = index->index->first_bit(frame);
    });
}

int32_t dcmturbo_index_read_frame(const dcmturbo_index* index, uint64_t frame, uint8_t* to, size_t capacity,
                                  dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        std::vector<FragmentRange> ranges;
        index->index->frame(frame, ranges);
        size_t filled = 0;
        for (const FragmentRange& range : ranges) {
            if (range.size > capacity - filled)
                fail(ErrorCode::argument, no_offset, "the buffer for the frame is too small");
            const size_t read = index->source->read_at(range.offset, reinterpret_cast<std::byte*>(to) + filled,
                                                       static_cast<size_t>(range.size));
            if (read < range.size)
                fail(ErrorCode::truncated, range.offset + read, "the source ends within frame %llu",
                     static_cast<unsigned long long>(frame));
            filled += read;
        }
    });
}

int32_t dcmturbo_find_patterns(dcmturbo_bytes data, const dcmturbo_bytes* patterns, size_t count, uint8_t* found,
                               dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        const auto inner = [](const dcmturbo_bytes& from) {
            return Bytes{reinterpret_cast<const std::byte*>(from.data), from.size};
        };
        std::vector<Bytes> wanted(count);
        std::transform(patterns, patterns + count, wanted.begin(), inner);
        const std::vector<bool> is_there = find_patterns(inner(data), wanted);
        std::copy(is_there.begin(), is_there.end(), found);
    });
}
