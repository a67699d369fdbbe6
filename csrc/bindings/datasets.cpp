// Binds sources, scanned datasets and frame indexes.
#include <algorithm>
#include <cstring>
#include <iterator>
#include <optional>

#include "abi/convert.h"
#include "bindings/common.h"

namespace dcmturbo::bindings {

namespace {

// The core calls this function on any of its threads, without the GIL.
std::int64_t read_from_python(void* context, std::uint64_t offset, void* to, std::size_t size) {
    const GilAcquire acquire;
    auto* source = static_cast<SourceHandle*>(context);
    try {
        const py::object read = call_python(source->reader, py::make_tuple(offset, size));
        const BufferView view(read);
        const dcmturbo_bytes bytes = view.bytes();
        if (bytes.size > size) return -1;
        std::memcpy(to, bytes.data, bytes.size);
        return static_cast<std::int64_t>(bytes.size);
    } catch (py::error_already_set& error) {
        // It becomes the cause of the exception in Python.
        source->exchange_failure(error.value());
        return -1;
    } catch (...) {
        return -1;
    }
}

std::shared_ptr<SourceHandle> open_file(const std::string& path) {
    auto result = std::make_shared<SourceHandle>();
    dcmturbo_source* source = nullptr;
    dcmturbo_error error = new_error();
    check(dcmturbo_source_file(path.c_str(), &source, &error), error);
    result->handle.reset(source);
    return result;
}

std::shared_ptr<SourceHandle> open_buffer(const py::object& object) {
    auto result = std::make_shared<SourceHandle>();
    result->buffer = std::make_unique<BufferView>(object);
    dcmturbo_source* source = nullptr;
    dcmturbo_error error = new_error();
    check(dcmturbo_source_buffer(result->buffer->bytes(), &source, &error), error);
    result->handle.reset(source);
    return result;
}

std::shared_ptr<SourceHandle> open_reader(const py::object& reader, std::uint64_t size) {
    auto result = std::make_shared<SourceHandle>();
    result->reader = reader;
    dcmturbo_source* source = nullptr;
    dcmturbo_error error = new_error();
    check(dcmturbo_source_callback(read_from_python, result.get(), size, &source, &error), error);
    result->handle.reset(source);
    return result;
}

std::shared_ptr<SourceHandle> open_descriptor(int descriptor) {
    auto result = std::make_shared<SourceHandle>();
    dcmturbo_source* source = nullptr;
    dcmturbo_error error = new_error();
    check(dcmturbo_source_descriptor(descriptor, &source, &error), error);
    result->handle.reset(source);
    return result;
}

std::shared_ptr<SourceHandle> open_patched(const std::shared_ptr<SourceHandle>& inner,
                                           const std::vector<std::pair<std::uint64_t, py::bytes>>& patches) {
    std::vector<dcmturbo_patch> taken(patches.size());
    for (std::size_t i = 0; i < patches.size(); ++i) {
        const std::string bytes = patches[i].second;
        if (bytes.size() != sizeof taken[i].bytes) throw py::value_error("a patch must have four bytes");
        taken[i].offset = patches[i].first;
        std::memcpy(taken[i].bytes, bytes.data(), bytes.size());
    }
    auto result = std::make_shared<SourceHandle>();
    result->inner = inner;
    dcmturbo_source* source = nullptr;
    dcmturbo_error error = new_error();
    check(dcmturbo_source_patched(inner->handle.get(), taken.data(), taken.size(), &source, &error), error);
    result->handle.reset(source);
    return result;
}

py::list patches_of(const Dataset& dataset) {
    py::list result;
    for (const Patch& patch : dataset.patches) {
        result.append(py::make_tuple(patch.offset,
                                     py::bytes(reinterpret_cast<const char*>(patch.bytes.data()), patch.bytes.size())));
    }
    return result;
}

struct DatasetHandle {
    std::unique_ptr<dcmturbo_dataset, void (*)(dcmturbo_dataset*)> handle{nullptr, dcmturbo_dataset_free};
    [[nodiscard]] const Dataset& get() const { return handle->dataset; }
};

DatasetHandle scan(const std::shared_ptr<SourceHandle>& source, bool bare_dataset, bool explicit_vr, bool big_endian) {
    DatasetHandle result;
    dcmturbo_dataset* dataset = nullptr;
    dcmturbo_error error = new_error();
    std::int32_t code = 0;
    {
        const GilRelease release;
        code = dcmturbo_scan(source->handle.get(),
                             (bare_dataset ? 1u : 0u) | (explicit_vr ? 0u : 2u) | (big_endian ? 4u : 0u), &dataset,
                             &error);
    }
    check(code, error);
    result.handle.reset(dataset);
    return result;
}

// Returns ([(tag, vr, begin, value, end, undefined_length), ...], end of the elements).
py::tuple list_elements(const SourceHandle& source, std::uint64_t offset, bool explicit_vr, bool big_endian) {
    std::vector<dcmturbo_element> found;
    std::uint64_t end = 0;
    dcmturbo_error error = new_error();
    std::int32_t code = 0;
    {
        const GilRelease release;
        code = dcmturbo_list_elements(
            source.handle.get(), offset, (explicit_vr ? 0u : 2u) | (big_endian ? 4u : 0u),
            [](void* context, const dcmturbo_element* element) {
                static_cast<std::vector<dcmturbo_element>*>(context)->push_back(*element);
            },
            &found, &end, &error);
    }
    check(code, error);
    py::list elements(found.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
        const dcmturbo_element& e = found[i];
        elements[i] = py::make_tuple(e.tag, text_of(e.vr), e.begin, e.value, e.end, e.undefined_length != 0);
    }
    return py::make_tuple(elements, end);
}

// In the order of the enumeration Grouping.
constexpr const char* grouping_names[] = {"codestream", "one_fragment", "rle", "size"};

std::shared_ptr<IndexHandle> make_index(const std::shared_ptr<SourceHandle>& source, bool encapsulated,
                                        std::uint64_t offset, std::uint64_t length, bool undefined_length,
                                        std::uint64_t number_of_frames, const std::string& grouping,
                                        std::uint64_t unit_bytes, std::uint64_t frame_bits, unsigned word_bytes,
                                        std::pair<std::uint64_t, std::uint64_t> extended_offset_table,
                                        std::pair<std::uint64_t, std::uint64_t> extended_offset_table_lengths,
                                        const py::object& extended_bytes) {
    dcmturbo_layout layout{};
    layout.size = sizeof layout;
    layout.encapsulated = encapsulated ? 1 : 0;
    const auto* const named = std::find(std::begin(grouping_names), std::end(grouping_names), grouping);
    if (named == std::end(grouping_names)) throw py::value_error("there is no grouping named '" + grouping + "'");
    layout.grouping = static_cast<std::uint8_t>(named - std::begin(grouping_names));
    layout.unit_bytes = unit_bytes;
    layout.undefined_length = undefined_length ? 1 : 0;
    layout.word_bytes = static_cast<std::uint8_t>(word_bytes);
    layout.offset = offset;
    layout.length = length;
    layout.frame_bits = frame_bits;
    layout.number_of_frames = number_of_frames;
    layout.extended_offset = extended_offset_table.first;
    layout.extended_offset_length = extended_offset_table.second;
    layout.extended_lengths = extended_offset_table_lengths.first;
    layout.extended_lengths_length = extended_offset_table_lengths.second;
    std::optional<BufferView> offsets;
    std::optional<BufferView> lengths;
    if (!extended_bytes.is_none()) {
        const auto pair = extended_bytes.cast<py::tuple>();
        offsets.emplace(pair[0]);
        lengths.emplace(pair[1]);
        layout.extended_offset_bytes = offsets->bytes();
        layout.extended_length_bytes = lengths->bytes();
    }
    auto result = std::make_shared<IndexHandle>();
    result->source = source;
    dcmturbo_index* index = nullptr;
    dcmturbo_error error = new_error();
    std::int32_t code = 0;
    {
        const GilRelease release;
        code = dcmturbo_index_create(source->handle.get(), &layout, &index, &error);
    }
    check(code, error);
    result->handle.reset(index);
    return result;
}

std::vector<dcmturbo_range> ranges_of(const IndexHandle& index, std::uint64_t frame, std::uint32_t* first_bit) {
    std::vector<dcmturbo_range> ranges(1);
    std::size_t count = 0;
    for (;;) {
        dcmturbo_error error = new_error();
        std::int32_t code = 0;
        {
            const GilRelease release;
            code = dcmturbo_index_frame(index.handle.get(), frame, ranges.data(), ranges.size(), &count, first_bit,
                                        &error);
        }
        check(code, error);
        const bool fits = count <= ranges.size();
        ranges.resize(count);
        if (fits) return ranges;
    }
}

py::bytes read_frame(const IndexHandle& index, std::uint64_t frame) {
    std::size_t total = 0;
    for (const dcmturbo_range& range : ranges_of(index, frame, nullptr)) total += range.size;
    auto result = py::reinterpret_steal<py::bytes>(PyBytes_FromStringAndSize(nullptr, static_cast<py::ssize_t>(total)));
    if (!result) throw py::error_already_set();
    auto* to = reinterpret_cast<std::uint8_t*>(PyBytes_AS_STRING(result.ptr()));
    dcmturbo_error error = new_error();
    std::int32_t code = 0;
    {
        const GilRelease release;
        code = dcmturbo_index_read_frame(index.handle.get(), frame, to, total, &error);
    }
    check(code, error);
    return result;
}

constexpr const char* keywords[] = {"PixelData", "FloatPixelData", "DoubleFloatPixelData"};
constexpr const char* table_names[] = {"native", "extended", "basic", "scanned"};

py::object pixel_data(const DatasetHandle& d) {
    if (!d.get().pixel_data) return py::none();
    const PixelDataElement& element = *d.get().pixel_data;
    py::dict result;
    result["offset"] = element.offset;
    result["length"] = element.length;
    result["declared_length"] = element.declared_length;
    result["undefined_length"] = element.undefined_length;
    result["cut_short"] = element.cut_short;
    result["vr"] = text_of(element.vr);
    result["keyword"] = keywords[static_cast<std::size_t>(element.keyword)];
    return result;
}

// The Image Pixel module (PS3.3, C.7.6.3) in the order of dcmturbo.dataset.opened.ImageValues.
py::tuple image_values(const DatasetHandle& d) {
    const Dataset& found = d.get();
    return py::make_tuple(found.rows, found.columns, found.samples_per_pixel, found.bits_allocated, found.bits_stored,
                          found.pixel_representation, found.planar_configuration,
                          text_of(found.photometric_interpretation), found.number_of_frames);
}

std::pair<std::uint64_t, std::uint64_t> range_of(const ByteRange& range) {
    return range.present ? std::pair{range.offset, range.length} : std::pair{std::uint64_t{0}, std::uint64_t{0}};
}

py::list texts_of(const std::vector<std::string>& texts) {
    py::list result;
    for (const std::string& text : texts) result.append(text_of(text));
    return result;
}

}  // namespace

void bind_datasets(py::module_& m) {
    py::class_<SourceHandle, std::shared_ptr<SourceHandle>>(m, "Source")
        .def_static("file", open_file, py::arg("path"))
        .def_static("buffer", open_buffer, py::arg("buffer"))
        .def_static("reader", open_reader, py::arg("read"), py::arg("size"))
        .def_static("descriptor", open_descriptor, py::arg("descriptor"))
        .def_static("patched", open_patched, py::arg("source"), py::arg("patches"))
        .def_property_readonly("size", [](const SourceHandle& s) { return s.handle->source->size(); })
        .def(
            "read_into",
            [](const SourceHandle& s, std::uint64_t offset, const py::buffer& to) {
                const py::buffer_info info = to.request(true);
                std::size_t read = 0;
                dcmturbo_error error = new_error();
                std::int32_t code = 0;
                {
                    const GilRelease release;
                    code = abi::guarded(&error, [&] {
                        read = s.handle->source->read_at(offset, static_cast<std::byte*>(info.ptr),
                                                         static_cast<std::size_t>(info.size * info.itemsize));
                    });
                }
                check(code, error);
                return read;
            },
            py::arg("offset"), py::arg("to"))
        .def("close", [](SourceHandle& s) { dcmturbo_source_close(s.innermost().handle.get()); })
        // Returns the last exception of the reader, or None, and clears it.
        .def("take_failure", [](SourceHandle& s) {
            const py::object failure = s.innermost().exchange_failure(py::object());
            return failure ? failure : py::object(py::none());
        });

    const auto text = [](auto member) {
        return [member](const DatasetHandle& d) { return py::bytes(d.get().*member).attr("decode")("latin-1"); };
    };
    const auto field = [](auto member) { return [member](const DatasetHandle& d) { return d.get().*member; }; };
    py::class_<DatasetHandle>(m, "Dataset")
        .def_property_readonly("transfer_syntax", text(&Dataset::transfer_syntax))
        .def_property_readonly("has_preamble", field(&Dataset::has_preamble))
        .def_property_readonly("has_meta", field(&Dataset::has_meta))
        .def_property_readonly("explicit_vr", field(&Dataset::explicit_vr))
        .def_property_readonly("big_endian", field(&Dataset::big_endian))
        .def_property_readonly("deflated", field(&Dataset::deflated))
        .def_property_readonly("dataset_offset", field(&Dataset::dataset_offset))
        .def_property_readonly("samples_per_pixel", field(&Dataset::samples_per_pixel))
        .def_property_readonly("planar_configuration", field(&Dataset::planar_configuration))
        .def_property_readonly("rows", field(&Dataset::rows))
        .def_property_readonly("columns", field(&Dataset::columns))
        .def_property_readonly("bits_allocated", field(&Dataset::bits_allocated))
        .def_property_readonly("bits_stored", field(&Dataset::bits_stored))
        .def_property_readonly("high_bit", field(&Dataset::high_bit))
        .def_property_readonly("pixel_representation", field(&Dataset::pixel_representation))
        .def_property_readonly("number_of_frames", field(&Dataset::number_of_frames))
        .def_property_readonly("photometric_interpretation", text(&Dataset::photometric_interpretation))
        .def_property_readonly("pixel_data_provider_url", text(&Dataset::pixel_data_provider_url))
        .def_property_readonly("sop_class_uid", text(&Dataset::sop_class_uid))
        .def_property_readonly("sop_instance_uid", text(&Dataset::sop_instance_uid))
        .def_property_readonly("modality", text(&Dataset::modality))
        .def_property_readonly("manufacturer", text(&Dataset::manufacturer))
        .def_property_readonly("manufacturer_model_name", text(&Dataset::manufacturer_model_name))
        .def_property_readonly("lossy_image_compression", text(&Dataset::lossy_image_compression))
        .def_property_readonly("lossy_image_compression_ratio", text(&Dataset::lossy_image_compression_ratio))
        .def_property_readonly("lossy_image_compression_method", text(&Dataset::lossy_image_compression_method))
        .def_property_readonly("has_icon", field(&Dataset::has_icon))
        .def_property_readonly("extended_offset_table",
                               [](const DatasetHandle& d) { return range_of(d.get().extended_offset_table); })
        .def_property_readonly("extended_offset_table_lengths",
                               [](const DatasetHandle& d) { return range_of(d.get().extended_offset_table_lengths); })
        .def_property_readonly("image_values", image_values)
        .def_property_readonly("pixel_data", pixel_data)
        .def_property_readonly("patches", [](const DatasetHandle& d) { return patches_of(d.get()); })
        .def_property_readonly("cut", text(&Dataset::cut))
        .def_property_readonly("warnings", [](const DatasetHandle& d) { return texts_of(d.get().warnings); });

    m.def("scan", scan, py::arg("source"), py::kw_only(), py::arg("bare_dataset") = false,
          py::arg("explicit_vr") = true, py::arg("big_endian") = false);

    m.def("list_elements", list_elements, py::arg("source"), py::arg("offset"), py::kw_only(), py::arg("explicit_vr"),
          py::arg("big_endian"));

    py::class_<IndexHandle, std::shared_ptr<IndexHandle>>(m, "Index")
        .def(py::init(&make_index), py::arg("source"), py::arg("encapsulated"), py::arg("offset"), py::arg("length"),
             py::arg("undefined_length") = false, py::arg("number_of_frames") = 0, py::arg("grouping") = "codestream",
             py::arg("unit_bytes") = 0, py::arg("frame_bits") = 0, py::arg("word_bytes") = 1,
             py::arg("extended_offset_table") = std::pair<std::uint64_t, std::uint64_t>{0, 0},
             py::arg("extended_offset_table_lengths") = std::pair<std::uint64_t, std::uint64_t>{0, 0},
             py::arg("extended_bytes") = py::none())
        .def_property_readonly("frame_count",
                               [](const IndexHandle& i) {
                                   std::uint64_t count = 0;
                                   if (i.handle->index->is_settled()) return i.handle->index->frame_count();
                                   dcmturbo_error error = new_error();
                                   std::int32_t code = 0;
                                   {
                                       const GilRelease release;
                                       code = dcmturbo_index_frame_count(i.handle.get(), &count, &error);
                                   }
                                   check(code, error);
                                   return count;
                               })
        .def_property_readonly("is_settled", [](const IndexHandle& i) { return i.handle->index->is_settled(); })
        .def_property_readonly(
            "table",
            [](const IndexHandle& i) { return table_names[static_cast<std::size_t>(i.handle->index->table())]; })
        .def_property_readonly("warnings",
                               [](const IndexHandle& i) {
                                   // The GIL is released, because a thread that holds the lock of the index may be
                                   // waiting for the GIL.
                                   std::vector<std::string> texts;
                                   {
                                       const GilRelease release;
                                       texts = i.handle->index->warnings();
                                   }
                                   return texts_of(texts);
                               })
        .def("ranges",
             [](const IndexHandle& index, std::uint64_t frame) {
                 py::list result;
                 for (const dcmturbo_range& range : ranges_of(index, frame, nullptr))
                     result.append(py::make_tuple(range.offset, range.size));
                 return result;
             })
        .def("first_bit",
             [](const IndexHandle& index, std::uint64_t frame) {
                 std::uint32_t first_bit = 0;
                 ranges_of(index, frame, &first_bit);
                 return first_bit;
             })
        .def("read_frame", read_frame);
}

}  // namespace dcmturbo::bindings
