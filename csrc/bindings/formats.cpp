// Binds the tables of formats and transfer syntaxes, with one dict per row.
#include "bindings/common.h"

namespace dcmturbo::bindings {

namespace {

py::tuple names_of(std::uint32_t photometrics) {
    py::list names;
    for (std::uint8_t i = 0; i < 32; ++i) {
        if ((photometrics >> i & 1U) != 0) names.append(dcmturbo_photometric_name(i));
    }
    return py::tuple(names);
}

py::list formats() {
    py::list result;
    for (std::size_t i = 0; i < dcmturbo_format_count(); ++i) {
        dcmturbo_format_row row{};
        row.size = sizeof row;
        dcmturbo_format_at(i, &row);
        result.append(py::dict(
            py::arg("name") = row.name, py::arg("title") = row.title, py::arg("family") = row.family,
            py::arg("frame_start") = row.frame_start, py::arg("single_bits") = row.single_bits,
            py::arg("sign") = row.sign, py::arg("loss") = row.loss, py::arg("lossy_method") = row.lossy_method,
            py::arg("of_rgb") = dcmturbo_photometric_name(row.of_rgb),
            py::arg("of_rgb_with_loss") = dcmturbo_photometric_name(row.of_rgb_with_loss),
            py::arg("colours") = names_of(row.colours), py::arg("least_precision") = row.least_precision,
            py::arg("most_precision") = row.most_precision, py::arg("most_samples") = row.most_samples,
            py::arg("has_header") = row.has_header != 0, py::arg("is_recognised") = row.is_recognised != 0,
            py::arg("container_allowed") = row.container_allowed != 0,
            py::arg("keeps_all_bits") = row.keeps_all_bits != 0,
            py::arg("stored_in_planes") = row.stored_in_planes != 0, py::arg("has_grid") = row.has_grid != 0,
            py::arg("most_reduce") = row.most_reduce, py::arg("has_components") = row.has_components != 0,
            py::arg("exact") = row.exact != 0, py::arg("holds_native_frames") = row.holds_native_frames != 0,
            py::arg("is_deflated") = row.is_deflated != 0, py::arg("holds_float") = row.holds_float != 0,
            py::arg("own") = row.own != 0, py::arg("library") = row.library != 0,
            py::arg("own_encodes") = row.own_encodes != 0, py::arg("library_encodes") = row.library_encodes != 0));
    }
    return result;
}

py::list transfer_syntaxes() {
    py::list result;
    for (std::size_t i = 0; i < dcmturbo_transfer_syntax_count(); ++i) {
        dcmturbo_transfer_syntax row{};
        row.size = sizeof row;
        dcmturbo_transfer_syntax_at(i, &row);
        result.append(py::dict(py::arg("uid") = row.uid, py::arg("keyword") = row.keyword, py::arg("name") = row.name,
                               py::arg("format") = row.format, py::arg("made_from") = row.made_from,
                               py::arg("dataset") = row.dataset, py::arg("encapsulated") = row.encapsulated != 0,
                               py::arg("lossless_only") = row.lossless_only != 0, py::arg("own") = row.own != 0,
                               py::arg("library") = row.library != 0, py::arg("encodes") = row.encodes != 0,
                               py::arg("library_encodes") = row.library_encodes != 0,
                               py::arg("retired") = row.retired != 0, py::arg("general") = row.general != 0));
    }
    return result;
}

const char* encoder_of(const std::string& transfer_syntax) {
    static constexpr const char* names[] = {"nobody", "own", "library"};
    return names[dcmturbo_encoder_of(transfer_syntax.c_str())];
}

const char* recognise(const py::object& data) {
    const BufferView view(data);
    dcmturbo_format_row row{};
    row.size = sizeof row;
    dcmturbo_format_at(dcmturbo_recognise(view.bytes()), &row);
    return row.name;
}

}  // namespace

void bind_formats(py::module_& m) {
    m.def("formats", formats);
    m.def("transfer_syntaxes", transfer_syntaxes);
    m.def("encoder_of", encoder_of, py::arg("transfer_syntax"));
    m.def("recognise", recognise, py::arg("data"));
    m.def(
        "keeps_promises",
        [](const std::string& transfer_syntax, const HeaderHandle& header) {
            return dcmturbo_keeps_promises(transfer_syntax.c_str(), header.handle.get()) != 0;
        },
        py::arg("transfer_syntax"), py::arg("header"));
}

}  // namespace dcmturbo::bindings
