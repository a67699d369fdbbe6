// Binds decoding: single frames, components and batches.
#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "bindings/common.h"
#include "bindings/options.h"
#include "bindings/stream.h"

namespace dcmturbo::bindings {

namespace {

// The format of an array that holds only a region of the frame.
dcmturbo_format format_of_part(const dcmturbo_format& format, const dcmturbo_region& region) {
    dcmturbo_format part = format;
    if (region.height != 0) {
        part.rows = region.height;
        part.columns = region.width;
    }
    return part;
}

void check_array(const py::array& array, const dcmturbo_format& format, bool frame_axis) {
    const py::ssize_t first = frame_axis ? 1 : 0;
    const py::ssize_t dimensions = first + (format.samples_per_pixel > 1 ? 3 : 2);
    if (array.ndim() != dimensions || array.shape(first) != static_cast<py::ssize_t>(format.rows) ||
        array.shape(first + 1) != static_cast<py::ssize_t>(format.columns) ||
        (format.samples_per_pixel > 1 &&
         array.shape(first + 2) != static_cast<py::ssize_t>(format.samples_per_pixel))) {
        throw py::value_error("the array has another shape than the frames");
    }
    if (!array.writeable()) throw py::value_error("the array is read-only");
}

// The places of the frames in the output. Each frame is an entry along the first axis of an array, or a rectangle in
// one image.
class Places {
  public:
    using Corners = py::array_t<std::int64_t, py::array::c_style | py::array::forcecast>;

    Places(py::array& out, const py::object& corners)
        : out_(out), base_(static_cast<std::uint8_t*>(out.mutable_data())) {
        if (!corners.is_none()) corners_ = corners.cast<Corners>();
        if (corners_ && (corners_->ndim() != 2 || corners_->shape(1) != 2 || out.ndim() < 2))
            throw py::value_error("places must be pairs of a row and a column");
    }
    void check_count(std::size_t count) const {
        if (static_cast<std::size_t>(corners_ ? corners_->shape(0) : out_.shape(0)) != count)
            throw py::value_error("out has room for fewer frames than requested");
    }
    void check_stream(const dcmturbo_format& part) const {
        if (!corners_) return check_array(out_, part, true);
        if (out_.ndim() != (part.samples_per_pixel > 1 ? 3 : 2) ||
            (part.samples_per_pixel > 1 && out_.shape(2) != static_cast<py::ssize_t>(part.samples_per_pixel)))
            throw py::value_error("the array has another number of samples than the frames");
        if (!out_.writeable()) throw py::value_error("the array is read-only");
    }
    // Steps write the samples of a row one after the other, and functions whole frames.
    void check_rows(const dcmturbo_format& part, bool whole_frames) const {
        const py::ssize_t size = out_.itemsize();
        const bool has_samples = part.samples_per_pixel > 1;
        if (stride(1) != size * static_cast<py::ssize_t>(part.samples_per_pixel) || (has_samples && stride(2) != size))
            throw py::value_error("the samples of a row of out are not contiguous");
        if (whole_frames && stride(0) != stride(1) * static_cast<py::ssize_t>(part.columns))
            throw py::value_error("the rows of out are not contiguous");
    }
    [[nodiscard]] py::ssize_t stride(py::ssize_t of) const {
        const py::ssize_t axis = of + (corners_ ? 0 : 1);
        return axis < out_.ndim() ? out_.strides(axis) : 0;
    }
    [[nodiscard]] std::uint8_t* base(std::size_t k, const dcmturbo_format& part) const {
        if (!corners_) return base_ + static_cast<std::ptrdiff_t>(k) * out_.strides(0);
        const std::int64_t row = corners_->at(static_cast<py::ssize_t>(k), 0);
        const std::int64_t column = corners_->at(static_cast<py::ssize_t>(k), 1);
        if (row < 0 || column < 0 || row > out_.shape(0) - std::int64_t{part.rows} ||
            column > out_.shape(1) - std::int64_t{part.columns})
            throw py::value_error("a frame does not lie within the array");
        return base_ + row * out_.strides(0) + column * out_.strides(1);
    }

  private:
    py::array& out_;
    std::uint8_t* base_;
    std::optional<Corners> corners_;
};

// (resolutions, layers) that are there in full, or None.
py::object whole_of(const dcmturbo_error& error) {
    if (error.states_whole == 0) return py::none();
    return py::make_tuple(error.whole_resolutions, error.whole_layers);
}

// Whether a Python object is true. Mostly it is one of the constants.
bool is_true(PyObject* object) {
    if (object == Py_True || object == Py_False) return object == Py_True;
    return PyObject_IsTrue(object) == 1;
}

dcmturbo_region region_from(py::handle region) {
    if (region.is_none()) return {};
    const auto numbers = region.cast<std::array<std::uint32_t, 4>>();
    return {numbers[0], numbers[1], numbers[2], numbers[3]};
}

// A step gives floats, or for labels unsigned integers, of the size of the output's items. A function says its type.
Format result_of(const Stream& stream, const py::dtype& of_out) {
    Format format = stream.format;
    const std::uint8_t kind = stream.step.kind;
    const py::ssize_t size = of_out.itemsize();
    if (kind == DCMTURBO_STEP_FUNCTION) format.plain.type = stream.step.type;
    else if (kind == DCMTURBO_STEP_LABEL)
        format.plain.type = Format::type_of(size == 1 ? "u1" : size == 2 ? "u2" : "u4");
    else if (kind != DCMTURBO_STEP_NONE) format.plain.type = Format::type_of(size == sizeof(double) ? "f8" : "f4");
    return format;
}

py::value_error no_step() {
    return py::value_error(
        "a step is None, 'normalise', (gain, offset, clips), ('label', label, threshold, replaces) or ('function', "
        "address, type)");
}

// A tuple with the name of a step: ("label", label, threshold, whether it replaces others), or ("function", address,
// type of its results).
dcmturbo_step named_step_from(const py::tuple& from) {
    dcmturbo_step step{};
    const auto name = from[0].cast<std::string>();
    if (name == "label" && from.size() == 4) {
        step.kind = DCMTURBO_STEP_LABEL;
        step.label = from[1].cast<std::uint32_t>();
        step.threshold = from[2].cast<std::uint8_t>();
        step.replaces = from[3].cast<bool>() ? 1 : 0;
    } else if (name == "function" && from.size() == 3) {
        step.kind = DCMTURBO_STEP_FUNCTION;
        step.function = reinterpret_cast<dcmturbo_frame_function>(from[1].cast<std::uintptr_t>());
        step.type = Format::type_of(from[2].cast<std::string>().c_str());
    } else {
        throw no_step();
    }
    return step;
}

// None, "normalise", a named step, or the gain, the offset and whether results are limited to 0 ... 1.
dcmturbo_step step_from(const py::object& from) {
    dcmturbo_step step{};
    if (from.is_none()) return step;
    if (py::isinstance<py::str>(from) && from.cast<std::string>() == "normalise") {
        step.kind = DCMTURBO_STEP_NORMALISE;
        return step;
    }
    if (!py::isinstance<py::tuple>(from)) throw no_step();
    try {
        const py::tuple parts = from;
        if (!parts.empty() && py::isinstance<py::str>(parts[0])) return named_step_from(parts);
        const auto [gain, offset, clips] = from.cast<std::tuple<double, double, bool>>();
        step.kind = DCMTURBO_STEP_LINEAR;
        step.gain = gain;
        step.offset = offset;
        step.clips = clips ? 1 : 0;
        return step;
    } catch (const py::cast_error&) {
        throw no_step();
    }
}

// Decodes the frames `frames[k]` of `streams[stream_of[k]]` to out[k], or to row corners[k][0] and column corners[k][1]
// of out. Returns the failures as tuples (k, status, code, offset, message). Without salvage there is at most one, the
// first.
py::list decode_frames(const std::vector<Stream*>& streams,
                       const py::array_t<std::uint32_t, py::array::c_style | py::array::forcecast>& stream_of,
                       const py::array_t<std::uint64_t, py::array::c_style | py::array::forcecast>& frames,
                       py::array out, std::uint32_t threads, bool salvage, double fill_value, const py::object& status,
                       const py::object& corners) {
    const auto count = static_cast<std::size_t>(frames.size());
    if (streams.empty()) throw py::value_error("no streams");
    if (static_cast<std::size_t>(stream_of.size()) != count && stream_of.size() != 0)
        throw py::value_error("stream_of and frames have different lengths");
    const Places places(out, corners);
    std::vector<dcmturbo_format> parts;
    for (const Stream* const stream : streams) {
        parts.push_back(format_of_part(stream->format.plain, stream->request.region));
        places.check_stream(parts.back());
    }
    places.check_count(count);

    std::vector<dcmturbo_stream> plain_streams;
    for (Stream* const each : streams) {
        Stream& stream = *each;
        const Format result = result_of(stream, out.dtype());
        const py::dtype expected = result.dtype();
        if (!out.dtype().is(expected) && !out.dtype().equal(expected))
            throw py::value_error("out has another dtype than the frames");
        dcmturbo_stream plain = plain_stream(stream);
        plain.notes = &stream.notes;
        plain.row_stride = places.stride(0);
        plain.pixel_stride = places.stride(1);
        plain.sample_stride = places.stride(2);
        plain.step = stream.step;
        plain.step.type = result.plain.type;
        plain.overlaps = &stream.overlaps;
        if (plain.step.kind != DCMTURBO_STEP_NONE)
            places.check_rows(parts[plain_streams.size()], plain.step.kind == DCMTURBO_STEP_FUNCTION);
        plain_streams.push_back(plain);
    }
    std::vector<dcmturbo_job> jobs(count);
    for (std::size_t k = 0; k < count; ++k) {
        const std::uint32_t stream = stream_of.size() == 0 ? 0 : stream_of.data()[k];
        if (stream >= streams.size()) throw py::value_error("stream_of names a stream that does not exist");
        jobs[k] = {streams[stream]->index->handle.get(), frames.data()[k], stream, places.base(k, parts[stream])};
    }
    std::optional<py::array_t<std::uint8_t, py::array::c_style>> status_array;
    std::uint8_t* status_data = nullptr;
    if (!status.is_none()) {
        status_array = status.cast<py::array_t<std::uint8_t, py::array::c_style>>();
        if (static_cast<std::size_t>(status_array->size()) != count)
            throw py::value_error("status has room for fewer frames than requested");
        status_data = status_array->mutable_data();
    }
    struct Report {
        std::size_t job;
        std::uint8_t status;
        dcmturbo_error error;
    };
    std::vector<Report> reports;
    dcmturbo_error error = new_error();
    std::int32_t code = 0;
    {
        const GilRelease release;
        code = dcmturbo_decode_frames(
            jobs.data(), count, plain_streams.data(), plain_streams.size(), threads, salvage ? 1 : 0, fill_value,
            status_data,
            [](void* context, std::size_t job, std::uint8_t frame_status, const dcmturbo_error* what) {
                static_cast<std::vector<Report>*>(context)->push_back({job, frame_status, *what});
            },
            &reports, &error);
    }
    if (code != DCMTURBO_OK && error.frame < 0) raise(error);
    py::list result;
    const auto add = [&result](std::size_t job, std::uint8_t frame_status, const dcmturbo_error& what) {
        result.append(py::make_tuple(job, frame_status, what.code, offset_or_none(what.offset), text_of(what.message),
                                     whole_of(what)));
    };
    if (code != DCMTURBO_OK) add(static_cast<std::size_t>(error.frame), DCMTURBO_FRAME_FAILED, error);
    for (const Report& one : reports) add(one.job, one.status, one.error);
    return result;
}

// The fragments of one frame: one buffer or a sequence of buffers.
class FragmentList {
  public:
    explicit FragmentList(py::handle data) {
        if (PyObject_CheckBuffer(data.ptr()) != 0) {
            only_.emplace(data);
            only_bytes_ = only_->bytes();
            return;
        }
        try {
            for (const py::handle fragment : data) {
                views_.push_back(std::make_unique<BufferView>(fragment));
                bytes_.push_back(views_.back()->bytes());
            }
        } catch (const py::error_already_set& error) {
            if (!error.matches(PyExc_TypeError)) throw;
            PyErr_SetString(PyExc_TypeError, "data must be a bytes-like object, or a sequence of bytes-like objects");
            throw py::error_already_set();
        }
    }
    // Whether the array may overlap the fragments in memory. Gaps between the cells of the array count as part of it.
    [[nodiscard]] bool may_share_memory(const py::array& array) const {
        auto begin = reinterpret_cast<std::uintptr_t>(array.data());
        std::uintptr_t end = begin + static_cast<std::uintptr_t>(array.itemsize());
        for (py::ssize_t i = 0; i < array.ndim(); ++i) {
            const py::ssize_t span = (array.shape(i) - 1) * array.strides(i);
            (span < 0 ? begin : end) += static_cast<std::uintptr_t>(span);
        }
        return std::any_of(data(), data() + size(), [&](const dcmturbo_bytes& bytes) {
            const auto first = reinterpret_cast<std::uintptr_t>(bytes.data);
            return first < end && begin < first + bytes.size;
        });
    }
    [[nodiscard]] const dcmturbo_bytes* data() const { return only_ ? &only_bytes_ : bytes_.data(); }
    [[nodiscard]] std::size_t size() const { return only_ ? 1 : bytes_.size(); }
    [[nodiscard]] std::uint64_t total() const {
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < size(); ++i) sum += data()[i].size;
        return sum;
    }

  private:
    std::optional<BufferView> only_;
    dcmturbo_bytes only_bytes_{};
    std::vector<std::unique_ptr<BufferView>> views_;
    std::vector<dcmturbo_bytes> bytes_;
};

py::array new_array(const dcmturbo_format& format, const py::dtype& dtype) {
    const std::array<py::ssize_t, 3> shape{static_cast<py::ssize_t>(format.rows),
                                           static_cast<py::ssize_t>(format.columns), format.samples_per_pixel};
    return aligned_empty(dtype, std::span(shape).first(format.samples_per_pixel > 1 ? 3 : 2));
}

py::object decode_frame(const char* transfer_syntax, py::handle data, const dcmturbo_attributes& attributes,
                        const dcmturbo_request& request, py::handle out, std::uint32_t threads, bool salvage) {
    dcmturbo_error error = new_error();
    dcmturbo_format format{};
    format.size = sizeof format;
    check(dcmturbo_frame_format(transfer_syntax, &attributes, nullptr, &request, &format, &error), error);
    const FragmentList fragments(data);
    // A default py::array would be an empty array of numpy, which takes time to make.
    py::array array = [&] {
        if (!out.is_none()) return py::reinterpret_borrow<py::array>(out);
        // This is checked before the array is made, because its size may come from an untrusted file.
        const dcmturbo_format part = format_of_part(format, request.region);
        check(dcmturbo_check_held(transfer_syntax, &part, 1, fragments.total(), &error), error);
        return new_array(part, Format{format}.dtype());
    }();
    if (!out.is_none() && fragments.may_share_memory(array)) throw py::value_error("out shares memory with the source");
    const dcmturbo_image image = image_of(array);
    std::uint8_t status = DCMTURBO_FRAME_OK;
    std::int32_t code = 0;
    {
        // Threads that take turns with the GIL for each small frame are slower than one thread.
        const std::uint64_t size = fragments.total() + static_cast<std::uint64_t>(array.nbytes());
        std::optional<GilRelease> release;
        if (threads != 1 || dcmturbo_is_quick(transfer_syntax, size) == 0) release.emplace();
        code = dcmturbo_decode_frame(transfer_syntax, fragments.data(), fragments.size(), &attributes, &format,
                                     &request, &image, threads, salvage ? 1 : 0, 0.0, &status, &error);
    }
    check(code, error);
    if (status == DCMTURBO_FRAME_OK && format.notes == 0) return array;
    py::object failure = py::none();
    if (status != DCMTURBO_FRAME_OK)
        failure = py::make_tuple(error.code, offset_or_none(error.offset), text_of(error.message), whole_of(error));
    return py::make_tuple(array, status, failure, names_of_notes(format.notes));
}

// The keywords of _core.decode_frame. A call must give them in this order.
constexpr std::array<const char*, 12> frame_keywords = {
    "rows",
    "columns",
    "samples_per_pixel",
    "bits_allocated",
    "bits_stored",
    "pixel_representation",
    "planar_configuration",
    "photometric_interpretation",
    "raw",
    "keep_unused_bits",
    "threads",
    "salvage",
};
std::array<PyObject*, frame_keywords.size()> interned_keywords{};

// Whether a call gives these keywords. Names in Python code are interned, so comparing pointers is enough.
bool has_frame_keywords(PyObject* names) {
    if (names == nullptr || PyTuple_GET_SIZE(names) != static_cast<Py_ssize_t>(interned_keywords.size())) return false;
    for (std::size_t i = 0; i < interned_keywords.size(); ++i) {
        if (PyTuple_GET_ITEM(names, static_cast<Py_ssize_t>(i)) != interned_keywords[i]) return false;
    }
    return true;
}

// _core.decode_frame(transfer_syntax, data, out, reduce, region, *, rows, ...). Returns the array. If the frame was
// salvaged or has notes, it returns (array, status, None or (code, offset, message, whole), notes).
// It uses Python's own calling convention, because pybind11's takes as long as decoding a frame of 64 x 64 pixels.
// The positional arguments and twice the keywords must not exceed 30: above that, CPython builds a dict for the call.
PyObject* decode_frame_bare(PyObject*, PyObject* const* arguments, Py_ssize_t count, PyObject* names) {
    if (count != 5 || !has_frame_keywords(names)) {
        PyErr_SetString(PyExc_TypeError,
                        "decode_frame needs transfer_syntax, data, out, reduce and region, then its keywords in order");
        return nullptr;
    }
    bool bad = false;
    const auto number = [&](Py_ssize_t i, unsigned long most, const char* name) -> unsigned long {
        PyObject* index = arguments[i];
        py::object converted;
        if (!PyLong_CheckExact(index)) {
            converted = py::reinterpret_steal<py::object>(PyNumber_Index(index));
            index = converted.ptr();
            if (index == nullptr) {
                bad = true;
                return 0;
            }
        }
        int overflow = 0;
        const long long value = PyLong_AsLongLongAndOverflow(index, &overflow);
        if (overflow != 0 || value < 0 || static_cast<unsigned long long>(value) > most) {
            if (!bad) PyErr_Format(PyExc_ValueError, "%s is %R; expected 0 to %lu", name, index, most);
            bad = true;
            return 0;
        }
        return static_cast<unsigned long>(value);
    };
    try {
        const char* transfer_syntax = PyUnicode_AsUTF8(arguments[0]);
        const char* photometric = PyUnicode_AsUTF8(arguments[12]);
        if (transfer_syntax == nullptr || photometric == nullptr) return nullptr;
        dcmturbo_attributes attributes{};
        attributes.size = sizeof attributes;
        attributes.rows = static_cast<std::uint32_t>(number(5, 0xffffffff, "rows"));
        attributes.columns = static_cast<std::uint32_t>(number(6, 0xffffffff, "columns"));
        attributes.samples_per_pixel = static_cast<std::uint16_t>(number(7, 0xffff, "samples_per_pixel"));
        attributes.bits_allocated = static_cast<std::uint16_t>(number(8, 0xffff, "bits_allocated"));
        attributes.bits_stored = static_cast<std::uint16_t>(number(9, 0xffff, "bits_stored"));
        attributes.pixel_representation = static_cast<std::uint8_t>(number(10, 1, "pixel_representation"));
        attributes.planar_configuration = static_cast<std::uint8_t>(number(11, 1, "planar_configuration"));
        attributes.photometric = dcmturbo_photometric_from_name(photometric);
        const auto threads = static_cast<std::uint32_t>(number(15, 1024, "threads"));
        const auto reduce = static_cast<std::uint32_t>(number(3, 32, "reduce"));
        if (bad || PyErr_Occurred() != nullptr) return nullptr;
        dcmturbo_request request = new_request();
        request.raw = is_true(arguments[13]) ? 1 : 0;
        request.keep_unused_bits = is_true(arguments[14]) ? 1 : 0;
        request.reduce = static_cast<std::uint8_t>(reduce);
        request.region = region_from(arguments[4]);
        return decode_frame(transfer_syntax, arguments[1], attributes, request, arguments[2], threads,
                            is_true(arguments[16]))
            .release()
            .ptr();
    } catch (py::error_already_set& error) {
        error.restore();
    } catch (const py::builtin_exception& error) {
        error.set_error();
    } catch (const std::bad_alloc&) {
        PyErr_NoMemory();
    } catch (const std::exception& error) {
        PyErr_SetString(PyExc_RuntimeError, error.what());
    }
    return nullptr;
}

PyMethodDef decode_frame_method = {
    "decode_frame", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(decode_frame_bare)),
    METH_FASTCALL | METH_KEYWORDS, "Decode one frame of a syntax that the core decodes."};

dcmturbo_request component_request(std::uint8_t reduce, const py::object& region) {
    dcmturbo_request request = new_request();
    request.reduce = reduce;
    request.region = region_from(region);
    return request;
}

// The shape and dtype of component i.
std::pair<py::tuple, py::object> component_of(const HeaderHandle& header, std::size_t i, std::uint8_t reduce,
                                              const py::object& region) {
    static constexpr const char* types[] = {"u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8"};
    dcmturbo_component component{};
    component.size = sizeof component;
    dcmturbo_error error = new_error();
    const dcmturbo_request request = component_request(reduce, region);
    check(dcmturbo_component_at(header.handle.get(), i, &request, &component, &error), error);
    return {py::make_tuple(component.height, component.width), py::str(types[component.type])};
}

// Decodes components into arrays. Returns (None or (status, code, offset, message) if components were salvaged, notes).
py::object decode_components(const py::object& data, const HeaderHandle& header, const py::list& arrays,
                             std::uint8_t reduce, const py::object& region, std::uint32_t threads, bool salvage) {
    const BufferView view(data);
    const dcmturbo_request request = component_request(reduce, region);
    for (std::size_t i = 0; i < arrays.size(); ++i) {
        const auto array = py::reinterpret_borrow<py::array>(arrays[i]);
        const auto [shape, type] = component_of(header, i, reduce, region);
        if (array.ndim() != 2 || !py::make_tuple(array.shape(0), array.shape(1)).equal(shape) ||
            !array.dtype().equal(py::dtype::from_args(type)))
            throw py::value_error("an array has another shape or dtype than its component");
    }
    std::vector<dcmturbo_image> images;
    for (const py::handle array : arrays) images.push_back(image_of(py::reinterpret_borrow<py::array>(array)));
    dcmturbo_error error = new_error();
    std::uint8_t status = DCMTURBO_FRAME_OK;
    std::uint32_t notes = 0;
    std::int32_t code = 0;
    {
        const GilRelease release;
        code = dcmturbo_decode_components(view.bytes(), header.handle.get(), images.data(), images.size(), &request,
                                          threads, salvage ? 1 : 0, &status, &notes, &error);
    }
    check(code, error);
    py::object damage = py::none();
    if (status != DCMTURBO_FRAME_OK)
        damage =
            py::make_tuple(status, error.code, offset_or_none(error.offset), text_of(error.message), whole_of(error));
    return py::make_tuple(damage, names_of_notes(notes));
}

void finish_frame(const py::array& from, const Format& format, py::array out) {
    check_array(out, format.plain, false);
    const dcmturbo_image source = image_of(from);
    if (from.ndim() != out.ndim() || from.itemsize() != out.itemsize())
        throw py::value_error("the samples have another shape or size than the frame");
    for (py::ssize_t i = 0; i < from.ndim(); ++i) {
        if (from.shape(i) != out.shape(i)) throw py::value_error("the samples have another shape than the frame");
    }
    const dcmturbo_image image = image_of(out);
    dcmturbo_error error = new_error();
    std::int32_t code = 0;
    {
        const GilRelease release;
        code = dcmturbo_finish_frame(&source, &format.plain, &image, &error);
    }
    check(code, error);
}

// Compares bytes without the GIL and without numpy's temporary array of booleans.
bool same_bytes(const py::object& a, const py::object& b) {
    const BufferView one(a);
    const BufferView other(b);
    const dcmturbo_bytes left = one.bytes();
    const dcmturbo_bytes right = other.bytes();
    const GilRelease release;
    return left.size == right.size && (left.size == 0 || std::memcmp(left.data, right.data, left.size) == 0);
}

}  // namespace

void bind_frames(py::module_& m) {
    py::class_<Stream>(m, "Stream")
        .def(py::init([](std::shared_ptr<IndexHandle> index, std::string transfer_syntax, const Attributes& attributes,
                         const Format& format, bool raw, bool keep_unused_bits, std::uint8_t reduce,
                         const py::object& region, const py::object& step) {
                 dcmturbo_request request = component_request(reduce, region);
                 request.raw = raw ? 1 : 0;
                 request.keep_unused_bits = keep_unused_bits ? 1 : 0;
                 return Stream{std::move(index), std::move(transfer_syntax), attributes, format, request,
                               step_from(step)};
             }),
             py::arg("index"), py::arg("transfer_syntax"), py::arg("attributes"), py::arg("format"), py::kw_only(),
             py::arg("raw"), py::arg("keep_unused_bits"), py::arg("reduce") = 0, py::arg("region") = py::none(),
             py::arg("step") = py::none())
        .def_property_readonly("notes", [](const Stream& stream) { return names_of_notes(stream.notes); })
        .def_readonly("overlaps", &Stream::overlaps);
    m.def("decode_frames", decode_frames, py::arg("streams"), py::arg("stream_of"), py::arg("frames"), py::arg("out"),
          py::kw_only(), py::arg("threads"), py::arg("salvage"), py::arg("fill_value"), py::arg("status"),
          py::arg("places") = py::none());
    std::transform(frame_keywords.begin(), frame_keywords.end(), interned_keywords.begin(), PyUnicode_InternFromString);
    m.attr("decode_frame") =
        py::reinterpret_steal<py::object>(PyCFunction_NewEx(&decode_frame_method, nullptr, nullptr));
    m.def("component", component_of, py::arg("header"), py::arg("index"), py::arg("reduce"), py::arg("region"));
    m.def("decode_components", decode_components, py::arg("data"), py::arg("header"), py::arg("arrays"),
          py::arg("reduce"), py::arg("region"), py::arg("threads"), py::arg("salvage"));
    m.def("finish_frame", finish_frame, py::arg("samples"), py::arg("format"), py::arg("out"));
    m.def("same_bytes", same_bytes, py::arg("a"), py::arg("b"));
    m.def("set_output_cache", dcmturbo_set_output_cache, py::arg("bytes"));
    m.def("output_cache", dcmturbo_output_cache);
    m.def("aligned_empty", [](const py::object& dtype, const std::vector<py::ssize_t>& shape) {
        return aligned_empty(py::dtype::from_args(dtype), shape);
    });
}

}  // namespace dcmturbo::bindings
