// Binds the tables of options and the values of options.
#include "bindings/options.h"

#include <cmath>
#include <optional>

namespace dcmturbo::bindings {

namespace {

bool is_flag(py::handle value) {
    const std::string_view type = Py_TYPE(value.ptr())->tp_name;
    return PyBool_Check(value.ptr()) != 0 || type == "numpy.bool" || type == "numpy.bool_";
}

// If `from` is a number, stores it in `value` and returns true. Integers that are too large for a double become
// infinite; no option accepts that.
bool read_number(py::handle from, std::uint8_t& type, double& value) {
    PyObject* const object = from.ptr();
    if (PyIndex_Check(object)) {
        const auto integer = py::reinterpret_steal<py::object>(PyNumber_Index(object));
        if (integer) {
            type = DCMTURBO_INTEGER;
            value = PyLong_AsDouble(integer.ptr());
            if (PyErr_Occurred() != nullptr) {
                PyErr_Clear();
                value = integer < py::int_(0) ? -HUGE_VAL : HUGE_VAL;
            }
            return true;
        }
        PyErr_Clear();
    }
    const PyNumberMethods* const methods = Py_TYPE(object)->tp_as_number;
    if (methods == nullptr || methods->nb_float == nullptr) return false;
    type = DCMTURBO_NUMBER;
    value = PyFloat_AsDouble(object);
    if (PyErr_Occurred() == nullptr) return true;
    PyErr_Clear();
    return false;
}

py::object default_of(const dcmturbo_option& row) {
    if (row.has_default == 0) return py::none();
    switch (row.type) {
        case DCMTURBO_FLAG: return py::bool_(row.default_value != 0);
        case DCMTURBO_INTEGER: return py::int_(static_cast<std::int64_t>(row.default_value));
        case DCMTURBO_TEXT: return py::str(row.words[static_cast<std::size_t>(row.default_value)]);
        default: return py::float_(row.default_value);
    }
}

// Returns the fields of dcmturbo.options.Option.
py::tuple row_of(const dcmturbo_option& row) {
    static constexpr const char* types[] = {"flag", "integer", "number", "choice"};
    py::tuple words(row.word_count);
    for (std::size_t i = 0; i < row.word_count; ++i) words[i] = row.words[i];
    return py::make_tuple(row.name, types[row.type], row.lowest, row.highest, words, default_of(row), row.loses_from,
                          row.bounds_error != 0, row.allowed, row.meaning);
}

template <typename At>
py::list rows(const At& at) {
    py::list result;
    for (std::size_t i = 0;; ++i) {
        dcmturbo_option row{};
        row.size = sizeof row;
        dcmturbo_error error = new_error();
        if (at(i, &row, &error) != DCMTURBO_OK) return result;
        result.append(row_of(row));
    }
}

py::list encode_options(const std::string& transfer_syntax, std::optional<bool> prefer_library) {
    return rows([&](std::size_t i, dcmturbo_option* row, dcmturbo_error* error) {
        return dcmturbo_encode_option_at(transfer_syntax.c_str(), prefer_library ? int{*prefer_library} : -1, i, row,
                                         error);
    });
}

py::list decode_options() { return rows(dcmturbo_decode_option_at); }

// Checks the values, and returns whether they ask for loss.
bool check_encode_options(const std::string& transfer_syntax, std::optional<bool> prefer_library,
                          const py::dict& options) {
    const OptionArray values(options);
    std::uint8_t loses = 0;
    dcmturbo_error error = new_error();
    check(dcmturbo_check_encode_options(transfer_syntax.c_str(), prefer_library ? int{*prefer_library} : -1,
                                        values.data(), values.size(), &loses, &error),
          error);
    return loses != 0;
}

void set_decode_option(const std::string& name, const py::object& value) {
    py::dict named;
    named[py::str(name)] = value;
    const OptionArray values(named);
    dcmturbo_error error = new_error();
    check(dcmturbo_set_decode_option(values.data(), &error), error);
}

py::object get_decode_option(const std::string& name) {
    dcmturbo_option_value value{};
    dcmturbo_error error = new_error();
    check(dcmturbo_get_decode_option(name.c_str(), &value, &error), error);
    switch (value.type) {
        case DCMTURBO_FLAG: return py::bool_(value.number != 0);
        case DCMTURBO_INTEGER: return py::int_(static_cast<std::int64_t>(value.number));
        case DCMTURBO_TEXT: return py::str(value.text);
        default: return py::float_(value.number);
    }
}

}  // namespace

OptionArray::OptionArray(const py::dict& options) {
    for (const auto& [key, value] : options) {
        dcmturbo_option_value to{};
        to.name = texts_.emplace_back(py::str(key)).c_str();
        if (value.is_none()) {
            to.type = DCMTURBO_NONE;
        } else if (is_flag(value)) {
            to.type = DCMTURBO_FLAG;
            to.number = PyObject_IsTrue(value.ptr()) == 1 ? 1 : 0;
        } else if (PyUnicode_Check(value.ptr()) != 0) {
            to.type = DCMTURBO_TEXT;
            to.text = texts_.emplace_back(py::str(value)).c_str();
        } else if (!read_number(value, to.type, to.number)) {
            to.type = DCMTURBO_OTHER;
            to.text = texts_.emplace_back(py::repr(value)).c_str();
        }
        values_.push_back(to);
    }
}

void bind_options(py::module_& m) {
    m.def("encode_options", encode_options, py::arg("transfer_syntax"), py::arg("prefer_library"));
    m.def("decode_options", decode_options);
    m.def("check_encode_options", check_encode_options, py::arg("transfer_syntax"), py::arg("prefer_library"),
          py::arg("options"));
    m.def("set_decode_option", set_decode_option, py::arg("name"), py::arg("value"));
    m.def("get_decode_option", get_decode_option, py::arg("name"));
}

}  // namespace dcmturbo::bindings
