// Binds the blanking of boxes in encoded frames.
#include <array>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "bindings/common.h"

namespace dcmturbo::bindings {

namespace {

using BoxTuple = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t>;

struct Taken {
    std::vector<std::uint8_t> codestream;
    std::vector<BoxTuple> changed;
};

// Returns the new codestream, and the boxes outside of which no sample changes.
py::tuple blank_frame(const py::object& frame, const std::vector<BoxTuple>& boxes,
                      const std::vector<std::uint32_t>& values) {
    const BufferView view(frame);
    std::vector<std::uint32_t> plain;
    for (const auto& [top, left, height, width] : boxes) plain.insert(plain.end(), {top, left, height, width});
    Taken taken;
    dcmturbo_error error = new_error();
    std::int32_t code = 0;
    {
        const GilRelease release;
        code = dcmturbo_blank_frame(
            view.bytes(), plain.data(), boxes.size(), values.data(), values.size(),
            [](void* taker, dcmturbo_bytes codestream, const std::uint32_t* changed, std::size_t count) {
                auto& to = *static_cast<Taken*>(taker);
                to.codestream.assign(codestream.data, codestream.data + codestream.size);
                for (; count > 0; --count, changed += 4)
                    to.changed.emplace_back(changed[0], changed[1], changed[2], changed[3]);
            },
            &taken, &error);
    }
    check(code, error);
    return py::make_tuple(py::bytes(reinterpret_cast<const char*>(taken.codestream.data()), taken.codestream.size()),
                          taken.changed);
}

}  // namespace

void bind_blanking(py::module_& m) {
    m.def("blank_frame", blank_frame, py::arg("frame"), py::arg("boxes"), py::arg("values"));
}

}  // namespace dcmturbo::bindings
