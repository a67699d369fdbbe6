// Binds the blanking of boxes in encoded frames.
#include <array>
#include <new>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "bindings/stream.h"

namespace dcmturbo::bindings {

namespace {

using BoxTuple = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t>;

// What is to be blanked, as the core takes it.
struct BlankRequest {
    BlankRequest(const std::vector<BoxTuple>& from, const std::vector<std::uint32_t>& values) {
        for (const auto& [top, left, height, width] : from) boxes.push_back({top, left, height, width});
        plain = {sizeof plain, boxes.data(), boxes.size(), values.data(), values.size()};
    }
    BlankRequest(const BlankRequest&) = delete;
    BlankRequest& operator=(const BlankRequest&) = delete;

    std::vector<dcmturbo_region> boxes;
    dcmturbo_blanking plain{};
};

struct Blanked {
    std::vector<std::uint8_t> codestream;
    std::vector<BoxTuple> changed;
};

// Each worker writes to another element, so no lock is needed.
std::int32_t keep(void* context, std::size_t frame, dcmturbo_bytes codestream, const dcmturbo_region* changed,
                  std::size_t count) noexcept {
    try {
        Blanked& to = (*static_cast<std::vector<Blanked>*>(context))[frame];
        to.codestream.assign(codestream.data, codestream.data + codestream.size);
        for (; count > 0; --count, ++changed)
            to.changed.emplace_back(changed->top, changed->left, changed->height, changed->width);
        return DCMTURBO_OK;
    } catch (const std::bad_alloc&) {
        return static_cast<std::int32_t>(ErrorCode::out_of_memory);
    }
}

py::tuple result_of(Blanked& blanked) {
    const std::vector<std::uint8_t> codestream = std::move(blanked.codestream);
    return py::make_tuple(py::bytes(reinterpret_cast<const char*>(codestream.data()), codestream.size()),
                          blanked.changed);
}

// Returns the new codestream, and the boxes outside of which no sample changes.
py::tuple blank_frame(const py::object& frame, const std::vector<BoxTuple>& boxes,
                      const std::vector<std::uint32_t>& values) {
    const BufferView view(frame);
    const BlankRequest request(boxes, values);
    std::vector<Blanked> blanked(1);
    dcmturbo_error error = new_error();
    std::int32_t code = 0;
    {
        const GilRelease release;
        code = dcmturbo_blank_frame(view.bytes(), &request.plain, keep, &blanked, &error);
    }
    check(code, error);
    return result_of(blanked[0]);
}

// Returns both for each of the first frames of a stream, verified.
py::list blank_frames(Stream& stream, std::uint64_t frames, const std::vector<BoxTuple>& boxes,
                      const std::vector<std::uint32_t>& values, std::uint32_t threads) {
    const BlankRequest request(boxes, values);
    std::vector<Blanked> blanked(static_cast<std::size_t>(frames));
    dcmturbo_stream plain = plain_stream(stream);
    plain.notes = &stream.notes;
    dcmturbo_error error = new_error();
    std::int32_t code = 0;
    {
        const GilRelease release;
        code = dcmturbo_blank_frames(stream.index->handle.get(), frames, &plain, &request.plain, threads, keep,
                                     &blanked, &error);
    }
    check(code, error);
    py::list results(blanked.size());
    for (std::size_t i = 0; i < blanked.size(); ++i) results[i] = result_of(blanked[i]);
    return results;
}

}  // namespace

void bind_blanking(py::module_& m) {
    m.def("blank_frame", blank_frame, py::arg("frame"), py::arg("boxes"), py::arg("values"));
    m.def("blank_frames", blank_frames, py::arg("stream"), py::arg("frames"), py::arg("boxes"), py::arg("values"),
          py::kw_only(), py::arg("threads") = 0);
}

}  // namespace dcmturbo::bindings
