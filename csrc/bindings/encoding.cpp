// Binds encoding, with the core's own codec or a library's function.
#include <vector>

#include "base/error.h"
#include "bindings/library_encoder.h"
#include "bindings/options.h"

namespace dcmturbo::bindings {

namespace {

void check_frame(const py::array& frame, const dcmturbo_attributes& attributes) {
    if (frame.ndim() < 2 || frame.shape(0) != static_cast<py::ssize_t>(attributes.rows) ||
        frame.shape(1) != static_cast<py::ssize_t>(attributes.columns) ||
        (attributes.samples_per_pixel > 1) != (frame.ndim() == 3) ||
        (frame.ndim() == 3 && frame.shape(2) != static_cast<py::ssize_t>(attributes.samples_per_pixel))) {
        throw py::value_error("the shape of the array contradicts the attributes");
    }
    const std::size_t cell = attributes.bits_allocated == 1 ? 1 : attributes.bits_allocated / 8u;
    if (static_cast<std::size_t>(frame.itemsize()) != cell)
        throw py::value_error("the size of the array's items contradicts Bits Allocated");
}

// Returns the encoded frames. `library` is None or a function that encodes one frame: it takes an array and returns an
// object with the buffer protocol.
py::list encode_frames(const std::string& transfer_syntax, const std::vector<py::array>& frames,
                       const Attributes& attributes, const py::dict& options, const py::object& library,
                       std::uint32_t threads) {
    std::vector<dcmturbo_image> images;
    for (const py::array& frame : frames) {
        check_frame(frame, attributes.plain);
        images.push_back(image_of(frame));
    }
    LibraryEncoder encoder(library);
    const dcmturbo_library_encoder asked = encoder.plain();
    const OptionArray values(options);
    py::list encoded(frames.size());
    dcmturbo_error error = new_error();
    std::int32_t code = 0;
    {
        const GilRelease release;
        code = dcmturbo_encode_frames(
            transfer_syntax.c_str(), images.data(), images.size(), &attributes.plain, values.data(), values.size(),
            asked.encode == nullptr ? nullptr : &asked, threads,
            [](void* context, std::size_t frame, dcmturbo_bytes bytes) -> std::int32_t {
                const GilAcquire acquire;
                PyObject* const made = PyBytes_FromStringAndSize(reinterpret_cast<const char*>(bytes.data),
                                                                 static_cast<py::ssize_t>(bytes.size));
                if (made == nullptr) {
                    PyErr_Clear();
                    return static_cast<std::int32_t>(ErrorCode::out_of_memory);
                }
                PyList_SET_ITEM(static_cast<py::list*>(context)->ptr(), static_cast<py::ssize_t>(frame), made);
                return DCMTURBO_OK;
            },
            &encoded, &error);
    }
    if (code != DCMTURBO_OK) {
        if (error.frame >= 0) encoder.raise_failure(images[static_cast<std::size_t>(error.frame)].base);
        if (frames.size() == 1) error.frame = -1;  // the message needs no frame number
        raise(error);
    }
    return encoded;
}

}  // namespace

void bind_encoding(py::module_& m) {
    m.def("encode_frames", encode_frames, py::arg("transfer_syntax"), py::arg("frames"), py::arg("attributes"),
          py::kw_only(), py::arg("options") = py::dict(), py::arg("library") = py::none(), py::arg("threads") = 1);
}

}  // namespace dcmturbo::bindings
