// Binds transcoding as an iterator over the frames.
#include <optional>

#include "bindings/library_encoder.h"
#include "bindings/options.h"
#include "bindings/stream.h"

namespace dcmturbo::bindings {

namespace {

// The result for one frame. Python raises the error if it failed.
struct Transcoded {
    std::uint8_t stage = 0;
    py::object cells = py::none();
    py::object encoded = py::none();
    std::tuple<double, double, double, std::uint64_t> difference{};
    std::uint32_t bits = 0;
    bool is_recoded = false;
    std::string photometric;
    std::int32_t code = 0;
    std::string message;
    std::uint64_t offset = DCMTURBO_NO_OFFSET;
    py::object raised = py::none();  // the exception of the library's function
};

// Frees a block of memory that the core has handed over.
struct CoreMemory {
    void* data;
    std::size_t size;
    CoreMemory(void* block, std::size_t bytes) : data(block), size(bytes) {}
    CoreMemory(const CoreMemory&) = delete;
    CoreMemory& operator=(const CoreMemory&) = delete;
    ~CoreMemory() { dcmturbo_transcoded_free(data, size); }
};

class Transcoding {
  public:
    Transcoding(const Stream& source, std::uint64_t frames, const std::string& action, const py::object& target,
                std::optional<Attributes> attributes, bool raw, const py::object& library, const py::dict& options,
                bool verify, bool loses, bool mask, bool measure_bits, bool compare_readings, bool bytes_only,
                std::uint32_t most_bits, const std::string& photometric, std::uint32_t threads)
        : index_(source.index), format_(source.format), library_(library) {
        dcmturbo_error error = new_error();
        dcmturbo_transcode_plan plan{};
        plan.size = sizeof plan;
        plan.index = index_->handle.get();
        plan.frames = frames;
        plan.source = plain_stream(source);
        std::string syntax;
        if (attributes) {
            syntax = target.cast<std::string>();
            Format format;
            format.plain.size = sizeof format.plain;
            dcmturbo_request request = new_request();
            request.raw = raw ? 1 : 0;
            request.keep_unused_bits = 1;
            check(dcmturbo_frame_format(syntax.c_str(), &attributes->plain, nullptr, &request, &format.plain, &error),
                  error);
            plan.result = plain_stream(syntax, *attributes, format, request);
        }
        plan.action = action == "copy" ? DCMTURBO_COPY : action == "encode" ? DCMTURBO_ENCODE : DCMTURBO_ONLY_DECODE;
        const OptionArray values(options);
        plan.options = values.data();
        plan.option_count = values.size();
        const dcmturbo_library_encoder asked = library_.plain();
        plan.library = &asked;
        const auto flag = [&plan](bool is_set, std::uint32_t value) {
            if (is_set) plan.flags |= value;
        };
        flag(verify, DCMTURBO_VERIFY);
        flag(loses, DCMTURBO_LOSES);
        flag(mask, DCMTURBO_MASK);
        flag(measure_bits, DCMTURBO_MEASURE_BITS);
        flag(compare_readings, DCMTURBO_COMPARE_READINGS);
        flag(bytes_only, DCMTURBO_BYTES_ONLY);
        plan.most_bits = most_bits;
        plan.photometric = dcmturbo_photometric_from_name(photometric.c_str());
        plan.threads = threads;
        check(dcmturbo_transcode(&plan, &handle_, &error), error);
    }
    Transcoding(const Transcoding&) = delete;
    Transcoding& operator=(const Transcoding&) = delete;
    ~Transcoding() { close(); }

    // The GIL is released, because a worker may need it before it can leave.
    void close() {
        dcmturbo_transcoding* const handle = std::exchange(handle_, nullptr);
        if (handle == nullptr) return;
        const GilRelease release;
        dcmturbo_transcode_free(handle);
    }

    py::object next() {
        if (handle_ == nullptr) throw py::stop_iteration();
        dcmturbo_error error = new_error();
        dcmturbo_error why = new_error();
        dcmturbo_transcoded frame{};
        frame.size = sizeof frame;
        std::int32_t is_there = 0;
        std::int32_t code = 0;
        {
            const GilRelease release;
            code = dcmturbo_transcode_next(handle_, &frame, &is_there, &why, &error);
        }
        check(code, error);
        if (is_there == 0) throw py::stop_iteration();
        auto cells = std::make_unique<CoreMemory>(frame.cells, frame.cells_size);
        const CoreMemory encoded(frame.encoded, frame.encoded_size);
        Transcoded result;
        result.stage = frame.stage;
        result.bits = frame.bits;
        result.is_recoded = frame.is_recoded != 0;
        result.photometric = dcmturbo_photometric_name(frame.photometric);
        result.difference = {frame.maximum, frame.total, frame.squares, frame.samples};
        result.code = why.code;
        result.message = why.message;
        result.offset = why.offset;
        result.raised = library_.failure_of(frame.asked);
        if (encoded.data != nullptr) result.encoded = py::bytes(static_cast<const char*>(encoded.data), encoded.size);
        if (cells->data != nullptr) {
            std::vector<py::ssize_t> shape{static_cast<py::ssize_t>(format_.plain.rows),
                                           static_cast<py::ssize_t>(format_.plain.columns)};
            if (format_.plain.samples_per_pixel > 1) shape.push_back(format_.plain.samples_per_pixel);
            void* const data = cells->data;
            const py::capsule owner(cells.get(), [](void* block) { delete static_cast<CoreMemory*>(block); });
            cells.release();
            result.cells = py::array(format_.dtype(), shape, data, owner);
        }
        return py::cast(std::move(result));
    }

    [[nodiscard]] py::tuple notes() const {
        std::uint32_t source = 0;
        std::uint32_t result = 0;
        if (handle_ != nullptr) dcmturbo_transcode_notes(handle_, &source, &result);
        return py::make_tuple(names_of_notes(source), names_of_notes(result));
    }

  private:
    std::shared_ptr<IndexHandle> index_;
    Format format_;
    LibraryEncoder library_;
    dcmturbo_transcoding* handle_ = nullptr;
};

}  // namespace

void bind_transcoding(py::module_& m) {
    py::class_<Transcoded>(m, "Transcoded")
        .def_readonly("stage", &Transcoded::stage)
        .def_readonly("cells", &Transcoded::cells)
        .def_readonly("encoded", &Transcoded::encoded)
        .def_readonly("difference", &Transcoded::difference)
        .def_readonly("bits", &Transcoded::bits)
        .def_readonly("recoded", &Transcoded::is_recoded)
        .def_readonly("photometric_interpretation", &Transcoded::photometric)
        .def_readonly("code", &Transcoded::code)
        .def_property_readonly("message", [](const Transcoded& frame) { return text_of(frame.message); })
        .def_property_readonly("offset", [](const Transcoded& frame) { return offset_or_none(frame.offset); })
        .def_readonly("raised", &Transcoded::raised);
    py::class_<Transcoding>(m, "Transcoding")
        .def(py::init<const Stream&, std::uint64_t, const std::string&, const py::object&, std::optional<Attributes>,
                      bool, const py::object&, const py::dict&, bool, bool, bool, bool, bool, bool, std::uint32_t,
                      const std::string&, std::uint32_t>(),
             py::arg("source"), py::arg("frames"), py::kw_only(), py::arg("action"), py::arg("target") = py::none(),
             py::arg("attributes") = py::none(), py::arg("raw") = true, py::arg("library") = py::none(),
             py::arg("options") = py::dict(), py::arg("verify") = false, py::arg("loses") = false,
             py::arg("mask") = false, py::arg("measure_bits") = false, py::arg("compare_readings") = false,
             py::arg("bytes_only") = false, py::arg("most_bits") = 0, py::arg("photometric_interpretation") = "",
             py::arg("threads") = 1)
        .def("__iter__", [](py::object self) { return self; })
        .def("__next__", &Transcoding::next)
        .def("close", &Transcoding::close)
        .def_property_readonly("notes", &Transcoding::notes);
}

}  // namespace dcmturbo::bindings
