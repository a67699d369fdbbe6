// Used by all files of the bindings: converts errors, buffers and arrays between the C ABI and Python.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <mutex>
#include <span>
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

// Converts text that may hold bytes of a file or of its name. Bytes that are not UTF-8 are replaced, so it never
// raises.
inline py::str text_of(const std::string& text) {
    PyObject* decoded = PyUnicode_DecodeUTF8(text.data(), static_cast<py::ssize_t>(text.size()), "backslashreplace");
    if (decoded == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::str>(decoded);
}

// Raises the exception of dcmturbo.errors for the code.
[[noreturn]] void raise(const dcmturbo_error& error);

inline void check(std::int32_t code, const dcmturbo_error& error) {
    if (code != DCMTURBO_OK) raise(error);
}

// A contiguous view of an object with the buffer protocol. Destroying it releases the buffer. If the bytes of the
// object are not contiguous, it is a view of a copy.
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

// Attributes describe an image in its dataset; Format describes a decoded frame.
struct Attributes {
    dcmturbo_attributes plain{};
};

struct Format {
    dcmturbo_format plain{};
    [[nodiscard]] py::dtype dtype() const;
    // The type of numpy's name, such as "u2".
    static std::uint8_t type_of(const char* name);
};

// The names of the FormatNotes and DecodeNotes in `notes`.
py::list names_of_notes(std::uint32_t notes);

struct HeaderHandle {
    std::unique_ptr<dcmturbo_header, void (*)(dcmturbo_header*)> handle{nullptr, dcmturbo_header_free};
};

// A source keeps the object alive that it reads from.
struct SourceHandle {
    std::shared_ptr<SourceHandle> inner;  // the source below a patched one; freed after the handle
    std::unique_ptr<dcmturbo_source, void (*)(dcmturbo_source*)> handle{nullptr, dcmturbo_source_free};
    py::object reader;  // called as reader(offset, size); returns bytes
    std::unique_ptr<BufferView> buffer;
    // The exception of the reader, for the thread that raises it in Python. The core only knows that reading failed.
    // The mutex is for Pythons without a GIL. While it is held, Python does not run.
    py::object failure;
    std::mutex failure_mutex;

    // The source that reads what patched ones show.
    SourceHandle& innermost() { return inner ? inner->innermost() : *this; }

    // Returns what was there.
    py::object exchange_failure(py::object value) {
        const std::lock_guard lock(failure_mutex);
        std::swap(failure, value);
        return value;
    }
};

struct IndexHandle {
    std::shared_ptr<SourceHandle> source;  // freed after the index
    std::unique_ptr<dcmturbo_index, void (*)(dcmturbo_index*)> handle{nullptr, dcmturbo_index_free};
};

// The address and strides of an array of one frame: (rows, columns) or (rows, columns, samples).
dcmturbo_image image_of(const py::array& frame);

// An empty, C-contiguous array whose data are aligned to 64 bytes.
py::array aligned_empty(const py::dtype& dtype, std::span<const py::ssize_t> shape);

void bind_arrays();
void bind_formats(py::module_& m);
void bind_images(py::module_& m);
void bind_datasets(py::module_& m);
void bind_frames(py::module_& m);
void bind_encoding(py::module_& m);
void bind_blanking(py::module_& m);
void bind_transcoding(py::module_& m);
void bind_library(py::module_& m);
void bind_options(py::module_& m);
void bind_raster(py::module_& m);

}  // namespace dcmturbo::bindings
