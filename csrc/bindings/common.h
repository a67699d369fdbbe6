// Shared by the binding files: Python's view of errors, buffers and arrays.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <string>

#include "bindings/gil.h"
#include "dcmturbo.h"

namespace dcmturbo::bindings {

namespace py = pybind11;

inline dcmturbo_request new_request() {
    dcmturbo_request request{};
    request.size = sizeof request;
    return request;
}

inline dcmturbo_error new_error() {
    dcmturbo_error error{};
    error.size = sizeof error;
    error.offset = DCMTURBO_NO_OFFSET;
    error.frame = -1;
    return error;
}

inline py::object offset_or_none(std::uint64_t offset) {
    return offset == DCMTURBO_NO_OFFSET ? py::object(py::none()) : py::object(py::int_(offset));
}

// Text that may hold bytes of a file or of its name: what is not UTF-8 is replaced, never an exception.
inline py::str text_of(const std::string& text) {
    PyObject* decoded = PyUnicode_DecodeUTF8(text.data(), static_cast<py::ssize_t>(text.size()), "backslashreplace");
    if (decoded == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::str>(decoded);
}

// Raises the exception of dcmturbo.errors that the code stands for.
[[noreturn]] void raise(const dcmturbo_error& error);

inline void check(std::int32_t code, const dcmturbo_error& error) {
    if (code != DCMTURBO_OK) raise(error);
}

// A contiguous view of any object with the buffer protocol, released with this object. If the object's bytes have gaps,
// it is a view of a copy.
class BufferView {
  public:
    explicit BufferView(py::handle object) {
        if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_SIMPLE) == 0) return;
        PyErr_Clear();
        contiguous_ = py::reinterpret_steal<py::object>(PyMemoryView_GetContiguous(object.ptr(), PyBUF_READ, 'C'));
        if (!contiguous_ || PyObject_GetBuffer(contiguous_.ptr(), &view_, PyBUF_SIMPLE) != 0)
            throw py::error_already_set();
    }
    ~BufferView() { PyBuffer_Release(&view_); }
    BufferView(const BufferView&) = delete;
    BufferView& operator=(const BufferView&) = delete;
    [[nodiscard]] dcmturbo_bytes bytes() const {
        return {static_cast<const std::uint8_t*>(view_.buf), static_cast<std::size_t>(view_.len)};
    }

  private:
    py::object contiguous_;
    Py_buffer view_{};
};

// The attributes of an image in the dataset, and the format of a decoded frame.
struct Attributes {
    dcmturbo_attributes plain{};
};

struct Format {
    dcmturbo_format plain{};
    [[nodiscard]] py::dtype dtype() const;
};

// The names of a set of FormatNotes.
py::list names_of_notes(std::uint32_t notes);

struct HeaderHandle {
    std::unique_ptr<dcmturbo_header, void (*)(dcmturbo_header*)> handle{nullptr, dcmturbo_header_free};
};

// A source keeps the object alive that it reads from.
struct SourceHandle {
    std::shared_ptr<SourceHandle> inner;  // of a patched source; freed after the handle
    std::unique_ptr<dcmturbo_source, void (*)(dcmturbo_source*)> handle{nullptr, dcmturbo_source_free};
    py::object reader;  // called as reader(offset, size) -> bytes
    std::unique_ptr<BufferView> buffer;
    // Why the reader failed, for the thread that raises the exception; the core only knows that it failed.
    py::object failure;
};

struct IndexHandle {
    std::shared_ptr<SourceHandle> source;  // freed after the index
    std::unique_ptr<dcmturbo_index, void (*)(dcmturbo_index*)> handle{nullptr, dcmturbo_index_free};
};

// Strides of an array of one frame: (rows, columns) or (rows, columns, samples).
dcmturbo_image image_of(const py::array& frame);

// An empty, C-contiguous array whose data are aligned to 64 bytes.
py::array aligned_empty(const py::dtype& dtype, const std::vector<py::ssize_t>& shape);

void bind_formats(py::module_& m);
void bind_images(py::module_& m);
void bind_datasets(py::module_& m);
void bind_frames(py::module_& m);
void bind_encoding(py::module_& m);
void bind_transcoding(py::module_& m);
void bind_library(py::module_& m);
void bind_options(py::module_& m);

}  // namespace dcmturbo::bindings
