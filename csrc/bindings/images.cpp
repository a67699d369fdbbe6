// Binds attributes, formats and codestream headers.
#include <algorithm>
#include <array>
#include <cstring>

#include "abi/convert.h"
#include "bindings/common.h"

namespace dcmturbo::bindings {

namespace {

constexpr const char* type_names[] = {"u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"};
// Kept, because numpy reads the name of a dtype anew each time.
std::array<PyObject*, std::size(type_names)> dtypes{};
constexpr const char* colour_names[] = {"unstated", "none_rgb", "ycbcr", "reversible", "irreversible"};
constexpr const char* note_names[] = {
    "photometric_overridden", "sign_differs",         "precision_differs", "container",
    "format_differs",         "lossy_under_lossless", "excess_data",       "subsampled_colour",
    "transform_missing",      "not_subsampled",       "subsampled_native", "options_missing"};

// The names of DecodeNote (codecs/codec.h), which begins at bit 16.
constexpr const char* decode_note_names[] = {"missing_end", "transform_ignored", "zero_tail", "hp_transform",
                                             "capabilities"};

Attributes make_attributes(std::uint32_t rows, std::uint32_t columns, std::uint16_t samples_per_pixel,
                           std::uint16_t bits_allocated, std::uint16_t bits_stored, std::uint8_t pixel_representation,
                           std::uint8_t planar_configuration, const std::string& photometric_interpretation,
                           const std::string& keyword, bool big_endian, bool words_swapped) {
    Attributes result;
    dcmturbo_attributes& plain = result.plain;
    plain.size = sizeof plain;
    plain.rows = rows;
    plain.columns = columns;
    plain.samples_per_pixel = samples_per_pixel;
    plain.bits_allocated = bits_allocated;
    plain.bits_stored = bits_stored;
    plain.pixel_representation = pixel_representation;
    plain.planar_configuration = planar_configuration;
    plain.photometric = dcmturbo_photometric_from_name(photometric_interpretation.c_str());
    plain.keyword = keyword == "FloatPixelData" ? 1 : keyword == "DoubleFloatPixelData" ? 2 : 0;
    plain.big_endian = big_endian ? 1 : 0;
    plain.words_swapped = words_swapped ? 1 : 0;
    return result;
}

Format frame_format(const std::string& transfer_syntax, const Attributes& attributes, const HeaderHandle* header,
                    bool raw, bool keep_unused_bits, std::uint8_t reduce) {
    Format result;
    result.plain.size = sizeof result.plain;
    dcmturbo_request request = new_request();
    request.raw = raw ? 1 : 0;
    request.keep_unused_bits = keep_unused_bits ? 1 : 0;
    request.reduce = reduce;
    dcmturbo_error error = new_error();
    check(dcmturbo_frame_format(transfer_syntax.c_str(), &attributes.plain,
                                header == nullptr ? nullptr : header->handle.get(), &request, &result.plain, &error),
          error);
    return result;
}

// Returns (photometric interpretation, notes).
py::tuple native_reading(const Attributes& attributes, std::uint64_t bytes, std::uint64_t frames) {
    std::uint8_t photometric = 0;
    std::uint32_t notes = 0;
    dcmturbo_error error = new_error();
    check(dcmturbo_native_reading(&attributes.plain, bytes, frames, &photometric, &notes, &error), error);
    return py::make_tuple(dcmturbo_photometric_name(photometric), names_of_notes(notes));
}

HeaderHandle probe(const py::object& data) {
    const BufferView view(data);
    HeaderHandle result;
    dcmturbo_header* header = nullptr;
    dcmturbo_error error = new_error();
    std::int32_t code = 0;
    {
        const GilRelease release;
        code = dcmturbo_probe(view.bytes(), &header, &error);
    }
    check(code, error);
    result.handle.reset(header);
    return result;
}

void check_codestream(const py::object& data, const HeaderHandle& header) {
    const BufferView view(data);
    dcmturbo_error error = new_error();
    std::int32_t code = 0;
    {
        const GilRelease release;
        code = dcmturbo_check(view.bytes(), header.handle.get(), &error);
    }
    check(code, error);
}

}  // namespace

py::dtype Format::dtype() const { return py::reinterpret_borrow<py::dtype>(dtypes[plain.type]); }

std::uint8_t Format::type_of(const char* name) {
    const auto* const found = std::find_if(std::begin(type_names), std::end(type_names),
                                           [&](const char* one) { return std::strcmp(one, name) == 0; });
    return static_cast<std::uint8_t>(found - std::begin(type_names));
}

py::list names_of_notes(std::uint32_t notes) {
    py::list names;
    for (std::size_t i = 0; i < std::size(note_names); ++i) {
        if ((notes >> i & 1) != 0) names.append(note_names[i]);
    }
    for (std::size_t i = 0; i < std::size(decode_note_names); ++i) {
        if ((notes >> (16 + i) & 1) != 0) names.append(decode_note_names[i]);
    }
    return names;
}

void bind_images(py::module_& m) {
    for (std::size_t i = 0; i < dtypes.size(); ++i) dtypes[i] = py::dtype(type_names[i]).release().ptr();
    py::class_<Attributes>(m, "Attributes")
        .def(py::init(&make_attributes), py::arg("rows"), py::arg("columns"), py::arg("samples_per_pixel"),
             py::arg("bits_allocated"), py::arg("bits_stored"), py::arg("pixel_representation"),
             py::arg("planar_configuration"), py::arg("photometric_interpretation"), py::arg("keyword") = "PixelData",
             py::arg("big_endian") = false, py::arg("words_swapped") = false)
        .def_property_readonly("native_frame_bits", [](const Attributes& a) {
            std::uint64_t bits = 0;
            dcmturbo_error error = new_error();
            check(abi::guarded(&error, [&] { bits = native_frame_bits(abi::attributes_from(a.plain)); }), error);
            return bits;
        });

    py::class_<Format>(m, "Format")
        .def_property_readonly("rows", [](const Format& f) { return f.plain.rows; })
        .def_property_readonly("columns", [](const Format& f) { return f.plain.columns; })
        .def_property_readonly("samples_per_pixel", [](const Format& f) { return f.plain.samples_per_pixel; })
        .def_property_readonly("dtype", &Format::dtype)
        .def_property_readonly("significant_bits", [](const Format& f) { return f.plain.significant_bits; })
        .def_property_readonly("converts_colour", [](const Format& f) { return f.plain.colour != 0; })
        .def_property_readonly("photometric_interpretation",
                               [](const Format& f) { return dcmturbo_photometric_name(f.plain.photometric); })
        .def_property_readonly("notes", [](const Format& f) { return names_of_notes(f.plain.notes); })
        .def(
            "with_size",
            [](const Format& f, std::uint32_t rows, std::uint32_t columns) {
                Format other = f;
                other.plain.rows = rows;
                other.plain.columns = columns;
                return other;
            },
            py::arg("rows"), py::arg("columns"));

    py::class_<ComponentHeader>(m, "Component")
        .def_readonly("width", &ComponentHeader::width)
        .def_readonly("height", &ComponentHeader::height)
        .def_readonly("horizontal_step", &ComponentHeader::horizontal_step)
        .def_readonly("vertical_step", &ComponentHeader::vertical_step)
        .def_readonly("precision", &ComponentHeader::precision)
        .def_readonly("is_signed", &ComponentHeader::is_signed)
        .def_readonly("identifier", &ComponentHeader::identifier);

    const auto field = [](auto member) { return [member](const HeaderHandle& h) { return h.handle->header.*member; }; };
    py::class_<HeaderHandle>(m, "Header")
        .def_property_readonly("format", [](const HeaderHandle& h) { return row_of(h.handle->header.format).name; })
        .def_property_readonly("width", field(&Header::width))
        .def_property_readonly("height", field(&Header::height))
        .def_property_readonly("components", [](const HeaderHandle& h) { return h.handle->header.components; })
        .def_property_readonly("precision", [](const HeaderHandle& h) { return h.handle->header.precision(); })
        .def_property_readonly("is_signed", [](const HeaderHandle& h) { return h.handle->header.is_signed(); })
        .def_property_readonly("lossless", field(&Header::lossless))
        .def_property_readonly("subsampled", field(&Header::subsampled))
        .def_property_readonly("interleaved", field(&Header::interleaved))
        .def_property_readonly("in_container", field(&Header::in_container))
        .def_property_readonly(
            "colour",
            [](const HeaderHandle& h) { return colour_names[static_cast<std::size_t>(h.handle->header.colour)]; })
        .def_property_readonly("codestream_offset", field(&Header::codestream_offset))
        .def_property_readonly("codestream_size", field(&Header::codestream_size))
        .def_property_readonly("parameters", [](const HeaderHandle& h) {
            py::dict parameters;
            for (const HeaderParameter& parameter : h.handle->header.parameters)
                parameters[py::str(parameter.name)] = parameter.value;
            return parameters;
        });

    m.def("native_reading", native_reading, py::arg("attributes"), py::arg("bytes"), py::arg("frames"));
    m.def("frame_format", frame_format, py::arg("transfer_syntax"), py::arg("attributes"), py::arg("header"),
          py::kw_only(), py::arg("raw"), py::arg("keep_unused_bits"), py::arg("reduce") = 0);
    m.def(
        "check_limits",
        [](const Format& format, std::uint64_t frames) {
            dcmturbo_error error = new_error();
            check(dcmturbo_check_limits(&format.plain, frames, &error), error);
        },
        py::arg("format"), py::arg("frames"));
    m.def(
        "check_held",
        [](const std::string& transfer_syntax, const Format& format, std::uint64_t frames, std::uint64_t held) {
            dcmturbo_error error = new_error();
            check(dcmturbo_check_held(transfer_syntax.c_str(), &format.plain, frames, held, &error), error);
        },
        py::arg("transfer_syntax"), py::arg("format"), py::arg("frames"), py::arg("held"));
    m.def("probe", probe, py::arg("data"));
    m.def("check", check_codestream, py::arg("data"), py::arg("header"));
}

}  // namespace dcmturbo::bindings
