// Binds the library codecs, which are Python packages. Each frame takes the GIL for its call; the libraries release it
// while they decode.
#include <string>

#include "abi/convert.h"
#include "bindings/common.h"
#include "bindings/library_encoder.h"

namespace dcmturbo::bindings {

namespace {

// The functions decode_into and reconstruct_jpeg of dcmturbo.formats.library. They are set while the package is
// imported, which one thread does, and never freed, because the interpreter may end first.
py::object* decode_into = nullptr;
py::object* reconstruct_jpeg = nullptr;

void fill_from(py::error_already_set& raised, dcmturbo_error* error) {
    if (!raised.matches(PyExc_Exception)) {
        // Ctrl-C was pressed during a frame. The signal is set again, and Python handles it when the call returns.
        PyErr_SetInterrupt();
        abi::fill_error(error, ErrorCode::interrupted, no_offset, -1, "interrupted");
        return;
    }
    const py::object describe = py::module_::import("dcmturbo.errors").attr("describe_failure");
    const auto [code, message, offset] =
        describe(raised.value()).cast<std::tuple<std::int32_t, std::string, std::uint64_t>>();
    abi::fill_error(error, static_cast<ErrorCode>(code), offset, -1, message.c_str());
}

// Fills the error from the exception that is being handled, and returns its code.
std::int32_t fill_from_caught(dcmturbo_error* error) {
    try {
        throw;
    } catch (py::error_already_set& raised) {
        fill_from(raised, error);
    } catch (const std::bad_alloc&) {
        abi::fill_error(error, ErrorCode::out_of_memory, no_offset, -1, "out of memory");
    } catch (const std::exception& caught) {
        abi::fill_error(error, ErrorCode::internal, no_offset, -1, caught.what());
    }
    return error->code;
}

// Makes an array of the image without a copy. numpy copies unless the array has an owner, so it gets one that owns
// nothing.
py::array array_of(const dcmturbo_image& image, const py::dtype& dtype, std::uint32_t rows, std::uint32_t columns,
                   unsigned samples_per_pixel) {
    std::vector<py::ssize_t> shape{static_cast<py::ssize_t>(rows), static_cast<py::ssize_t>(columns)};
    std::vector<py::ssize_t> strides{image.row_stride, image.pixel_stride};
    if (samples_per_pixel > 1) {
        shape.push_back(static_cast<py::ssize_t>(samples_per_pixel));
        strides.push_back(image.sample_stride);
    }
    const py::capsule owner(image.base, [](void*) {});
    return py::array(dtype, shape, strides, image.base, owner);
}

std::int32_t decode_with_library(dcmturbo_bytes data, const dcmturbo_header* header, const dcmturbo_format* format,
                                 const dcmturbo_image* image, dcmturbo_error* error) {
    const GilAcquire acquire;
    try {
        HeaderHandle handle;
        handle.handle.reset(new dcmturbo_header{*header});
        const py::array out =
            array_of(*image, Format{*format}.dtype(), format->rows, format->columns, format->samples_per_pixel);
        const py::memoryview view =
            py::memoryview::from_memory(static_cast<const void*>(data.data), static_cast<py::ssize_t>(data.size));
        // Functions that know no `reduce` stay usable for frames of full size.
        if (format->reduce == 0) call_python(*decode_into, py::make_tuple(view, std::move(handle), out));
        else call_python(*decode_into, py::make_tuple(view, std::move(handle), out, format->reduce));
        return DCMTURBO_OK;
    } catch (...) {
        return fill_from_caught(error);
    }
}

std::int32_t jpeg_of_jpegxl(dcmturbo_bytes data, void (*take)(void* taker, dcmturbo_bytes jpeg), void* taker,
                            dcmturbo_error* error) {
    const GilAcquire acquire;
    try {
        const py::memoryview view =
            py::memoryview::from_memory(static_cast<const void*>(data.data), static_cast<py::ssize_t>(data.size));
        const py::object jpeg = call_python(*reconstruct_jpeg, py::make_tuple(view));
        take(taker, BufferView(jpeg).bytes());
        return DCMTURBO_OK;
    } catch (...) {
        return fill_from_caught(error);
    }
}

py::dtype dtype_of(const dcmturbo_attributes& attributes) {
    const unsigned size = attributes.bits_allocated == 1 ? 1 : attributes.bits_allocated / 8u;
    const char kind = attributes.keyword != 0 ? 'f' : attributes.pixel_representation == 1 ? 'i' : 'u';
    return py::dtype(kind + std::to_string(size));
}

}  // namespace

std::int32_t LibraryEncoder::call(const void* self, const dcmturbo_image* image, const dcmturbo_attributes* attributes,
                                  void (*take)(void* taker, dcmturbo_bytes encoded), void* taker,
                                  dcmturbo_error* error) {
    const auto& encoder = *static_cast<const LibraryEncoder*>(self);
    const GilAcquire acquire;
    try {
        const py::array frame = array_of(*image, dtype_of(*attributes), attributes->rows, attributes->columns,
                                         attributes->samples_per_pixel);
        const py::object encoded = call_python(encoder.encode_, py::make_tuple(frame));
        take(taker, BufferView(encoded).bytes());
        return DCMTURBO_OK;
    } catch (py::error_already_set& raised) {
        py::object value = raised.value();
        {
            const std::lock_guard lock(encoder.mutex_);
            std::swap(encoder.failures_[image->base], value);
        }
        fill_from(raised, error);
        return error->code;
    } catch (...) {
        return fill_from_caught(error);
    }
}

void LibraryEncoder::raise_failure(const void* base) {
    const py::object raised = failure_of(base);
    if (raised.is_none()) return;
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(raised.ptr())), raised.ptr());
    throw py::error_already_set();
}

py::object LibraryEncoder::failure_of(const void* base) {
    const std::lock_guard lock(mutex_);
    const auto found = failures_.find(base);
    if (found == failures_.end()) return py::none();
    py::object raised = std::move(found->second);
    failures_.erase(found);
    return raised;
}

void bind_library(py::module_& m) {
    m.def(
        "set_library",
        [](const py::function& decode, const py::function& reconstruct) {
            delete decode_into;
            decode_into = new py::object(decode);
            delete reconstruct_jpeg;
            reconstruct_jpeg = new py::object(reconstruct);
            dcmturbo_set_library(decode_with_library, jpeg_of_jpegxl);
        },
        py::arg("decode_into"), py::arg("reconstruct_jpeg"));
}

}  // namespace dcmturbo::bindings
