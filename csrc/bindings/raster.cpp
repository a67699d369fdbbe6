// Binds attributes of datasets, the search for texts, polygons and outlines.
#include <algorithm>

#include "bindings/common.h"

namespace dcmturbo::bindings {

namespace {

using Doubles = py::array_t<double, py::array::c_style | py::array::forcecast>;
using Words = py::array_t<std::uint64_t, py::array::c_style | py::array::forcecast>;

// Returns ([[path, outer item, inner item, start, length], ...], the values one after the other).
py::tuple find_attributes(const SourceHandle& source, std::uint64_t offset, bool explicit_vr, bool big_endian,
                          std::uint32_t stop_tag, const std::vector<std::vector<std::uint32_t>>& paths) {
    struct Found {
        std::vector<std::int64_t> rows{};
        std::string values{};
    } found;
    std::vector<std::uint32_t> tags;
    std::vector<std::uint32_t> ends;
    for (const auto& path : paths) {
        tags.insert(tags.end(), path.begin(), path.end());
        ends.push_back(static_cast<std::uint32_t>(tags.size()));
    }
    dcmturbo_error error = new_error();
    std::int32_t code = 0;
    {
        const GilRelease release;
        code = dcmturbo_find_attributes(
            source.handle.get(), offset, (explicit_vr ? 0u : 2u) | (big_endian ? 4u : 0u), stop_tag, tags.data(),
            ends.data(), ends.size(),
            [](void* context, const dcmturbo_found* one) {
                auto& to = *static_cast<Found*>(context);
                const auto start = static_cast<std::int64_t>(to.values.size());
                to.values.append(reinterpret_cast<const char*>(one->value.data), one->value.size);
                to.rows.insert(to.rows.end(),
                               {one->path, one->outer, one->inner, start, static_cast<std::int64_t>(one->value.size)});
            },
            &found, &error);
    }
    check(code, error);
    py::array_t<std::int64_t> table({static_cast<py::ssize_t>(found.rows.size() / 5), py::ssize_t{5}});
    std::copy(found.rows.begin(), found.rows.end(), table.mutable_data());
    return py::make_tuple(table, py::bytes(found.values));
}

// Returns the numbers, or None if Python's float() has to read them.
py::object parse_decimals(const py::object& text) {
    const BufferView view(text);
    const dcmturbo_bytes bytes = view.bytes();
    // Each number has a backslash after it, but the last one.
    const auto most = static_cast<std::size_t>(std::count(bytes.data, bytes.data + bytes.size, '\\')) + 1;
    py::array_t<double> numbers(static_cast<py::ssize_t>(most));
    std::size_t count = 0;
    std::int32_t is_plain = 0;
    dcmturbo_error error = new_error();
    std::int32_t code = 0;
    double* const to = numbers.mutable_data();
    {
        const GilRelease release;
        code = dcmturbo_parse_decimals(bytes, to, most, &count, &is_plain, &error);
    }
    check(code, error);
    if (is_plain == 0) return py::none();
    return numbers;
}

// The positions of the patterns that the data contain, in ascending order.
py::list find_patterns(const py::object& data, const std::vector<py::bytes>& patterns) {
    const BufferView view(data);
    std::vector<std::string_view> texts(patterns.begin(), patterns.end());
    std::vector<dcmturbo_bytes> wanted;
    for (const std::string_view text : texts)
        wanted.push_back({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    std::vector<std::uint8_t> found(patterns.size());
    dcmturbo_error error = new_error();
    std::int32_t code = 0;
    {
        const GilRelease release;
        code = dcmturbo_find_patterns(view.bytes(), wanted.data(), wanted.size(), found.data(), &error);
    }
    check(code, error);
    py::list result;
    for (std::size_t k = 0; k < found.size(); ++k)
        if (found[k] != 0) result.append(k);
    return result;
}

dcmturbo_raster raster_of(const py::array& cells) {
    if (cells.ndim() != 3 || (cells.flags() & py::array::c_style) == 0)
        throw py::value_error("the array must be (images, rows, columns) and C-contiguous");
    dcmturbo_raster raster{};
    raster.size = sizeof raster;
    raster.cells = const_cast<void*>(cells.data());
    raster.images = static_cast<std::uint64_t>(cells.shape(0));
    raster.rows = static_cast<std::uint64_t>(cells.shape(1));
    raster.columns = static_cast<std::uint64_t>(cells.shape(2));
    raster.cell_bytes = static_cast<std::uint8_t>(cells.itemsize());
    return raster;
}

void fill_polygons(const Doubles& points, const Words& ends, const Words& image_ends, const Words& images,
                   const py::array& out, unsigned rule, unsigned subdivisions, unsigned value, std::uint32_t threads) {
    if (points.ndim() != 2 || points.shape(1) != 2) throw py::value_error("points must be (n, 2)");
    if (image_ends.size() != images.size()) throw py::value_error("each group of polygons must have an image");
    const bool is_coverage = out.dtype().kind() == 'f';
    if (!out.writeable() || out.itemsize() != (is_coverage ? 4 : 1))
        throw py::value_error("the output must be a writeable array of uint8 or float32");
    const dcmturbo_raster raster = raster_of(out);
    dcmturbo_polygons polygons{};
    polygons.size = sizeof polygons;
    polygons.rule = static_cast<std::uint8_t>(rule);
    polygons.subdivisions = static_cast<std::uint8_t>(subdivisions);
    polygons.value = static_cast<std::uint8_t>(value);
    polygons.is_coverage = is_coverage ? 1 : 0;
    polygons.points = points.data();
    polygons.point_count = static_cast<std::uint64_t>(points.shape(0));
    polygons.ends = ends.data();
    polygons.polygon_count = static_cast<std::uint64_t>(ends.size());
    polygons.image_ends = image_ends.data();
    polygons.images = images.data();
    polygons.group_count = static_cast<std::uint64_t>(images.size());
    dcmturbo_error error = new_error();
    std::int32_t code = 0;
    {
        const GilRelease release;
        code = dcmturbo_fill_polygons(&polygons, &raster, threads, &error);
    }
    check(code, error);
}

// Returns [(image, is_hole, points), ...].
py::list trace_outlines(const py::array& masks, bool diagonal, std::uint32_t threads) {
    if (masks.itemsize() != 1) throw py::value_error("masks must have items of one byte");
    struct Found {
        std::vector<std::uint64_t> images{};
        std::vector<bool> holes{};
        std::vector<std::vector<double>> points{};
    } found;
    const dcmturbo_raster raster = raster_of(masks);
    dcmturbo_error error = new_error();
    std::int32_t code = 0;
    {
        const GilRelease release;
        code = dcmturbo_trace_outlines(
            &raster, diagonal ? 1 : 0, threads,
            [](void* context, std::uint64_t image, std::int32_t is_hole, const double* points, std::uint64_t count) {
                auto& to = *static_cast<Found*>(context);
                to.images.push_back(image);
                to.holes.push_back(is_hole != 0);
                to.points.emplace_back(points, points + 2 * count);
            },
            &found, &error);
    }
    check(code, error);
    py::list result(found.images.size());
    for (std::size_t i = 0; i < found.images.size(); ++i) {
        const std::vector<double>& from = found.points[i];
        py::array_t<double> points({static_cast<py::ssize_t>(from.size() / 2), py::ssize_t{2}});
        std::copy(from.begin(), from.end(), points.mutable_data());
        result[i] = py::make_tuple(found.images[i], static_cast<bool>(found.holes[i]), points);
    }
    return result;
}

}  // namespace

void bind_raster(py::module_& m) {
    m.def("find_attributes", find_attributes, py::arg("source"), py::arg("offset"), py::kw_only(),
          py::arg("explicit_vr"), py::arg("big_endian"), py::arg("stop_tag"), py::arg("paths"));
    m.def("parse_decimals", parse_decimals, py::arg("text"));
    m.def("find_patterns", find_patterns, py::arg("data"), py::arg("patterns"));
    m.def("fill_polygons", fill_polygons, py::arg("points"), py::arg("ends"), py::arg("image_ends"), py::arg("images"),
          py::arg("out"), py::kw_only(), py::arg("rule"), py::arg("subdivisions"), py::arg("value"),
          py::arg("threads"));
    m.def("trace_outlines", trace_outlines, py::arg("masks"), py::kw_only(), py::arg("diagonal"), py::arg("threads"));
}

}  // namespace dcmturbo::bindings
