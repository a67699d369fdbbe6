// The C ABI of polygons and outlines.
#include <algorithm>
#include <atomic>
#include <exception>
#include <vector>

#include "abi/convert.h"
#include "raster/outlines.h"
#include "raster/polygon_fill.h"
#include "sched/thread_pool.h"

using namespace dcmturbo;

namespace {

// Runs body(i) on the pool, and throws the exception with the lowest i.
template <typename Body>
void run(std::size_t count, std::uint32_t threads, const Body& body) {
    struct State {
        const Body& body;
        std::vector<std::exception_ptr> errors;
        std::atomic<bool> has_failed{false};
    } state{body, std::vector<std::exception_ptr>(count)};
    ThreadPool::instance().run(
        count, threads,
        [](void* context, std::size_t i) {
            auto& inner = *static_cast<State*>(context);
            try {
                inner.body(i);
            } catch (...) {
                inner.errors[i] = std::current_exception();
                inner.has_failed = true;
            }
        },
        &state);
    if (!state.has_failed) return;
    for (const std::exception_ptr& error : state.errors)
        if (error) std::rethrow_exception(error);
}

// Whether the ends of consecutive parts are in order, and none is after the end of the whole.
bool are_ends(const std::uint64_t* ends, std::uint64_t count, std::uint64_t size) {
    return std::is_sorted(ends, ends + count) && (count == 0 || ends[count - 1] <= size);
}

}  // namespace

int32_t dcmturbo_fill_polygons(const dcmturbo_polygons* polygons, const dcmturbo_raster* raster, uint32_t threads,
                               dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        const dcmturbo_polygons& p = *polygons;
        const unsigned n = p.subdivisions;
        if (n == 0 || n > most_subdivisions || (n & (n - 1)) != 0 || (p.is_coverage == 0 && n != 1) || p.rule > 1)
            fail(ErrorCode::argument, no_offset,
                 "polygons are filled with 1, 2, 4, 8 or 16 subdivisions, by rule 0 or 1");
        if (!are_ends(p.ends, p.polygon_count, p.point_count) ||
            !are_ends(p.image_ends, p.group_count, p.polygon_count))
            fail(ErrorCode::argument, no_offset, "the ends of polygons are not in order");
        for (std::uint64_t i = 0; i < p.group_count; ++i) {
            if (p.images[i] >= raster->images || (i > 0 && p.images[i] <= p.images[i - 1]))
                fail(ErrorCode::argument, no_offset, "polygons must be in images of the stack, in ascending order");
        }
        const std::span<const Point> points(reinterpret_cast<const Point*>(p.points), p.point_count);
        check_points(points);
        run(p.group_count, threads, [&](std::size_t group) {
            std::vector<std::int32_t> scratch;
            const std::uint64_t begin = group == 0 ? 0 : p.image_ends[group - 1];
            const std::uint64_t first_point = begin == 0 ? 0 : p.ends[begin - 1];
            std::vector<std::uint64_t> ends(p.ends + begin, p.ends + p.image_ends[group]);
            for (std::uint64_t& end : ends) end -= first_point;
            FillTarget target;
            target.rows = raster->rows;
            target.columns = target.row_stride = raster->columns;
            const std::size_t offset = p.images[group] * raster->rows * raster->columns;
            if (p.is_coverage != 0) {
                target.coverage = static_cast<float*>(raster->cells) + offset;
            } else {
                target.mask = static_cast<std::uint8_t*>(raster->cells) + offset;
            }
            target.value = p.value;
            const std::size_t size = ends.empty() ? 0 : ends.back();
            fill_polygons(points.subspan(first_point, size), ends, static_cast<FillRule>(p.rule), n, target, scratch);
        });
    });
}

int32_t dcmturbo_trace_outlines(const dcmturbo_raster* raster, int32_t diagonal, uint32_t threads,
                                void (*report)(void* context, uint64_t image, int32_t is_hole, const double* points,
                                               uint64_t count),
                                void* context, dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        std::vector<Outlines> found(raster->images);
        run(raster->images, threads, [&](std::size_t i) {
            std::vector<std::uint8_t> scratch;
            Mask mask;
            mask.rows = raster->rows;
            mask.columns = mask.row_stride = raster->columns;
            mask.pixels = static_cast<const std::uint8_t*>(raster->cells) + i * raster->rows * raster->columns;
            trace_outlines(mask, diagonal != 0, found[i], scratch);
        });
        for (std::size_t i = 0; i < found.size(); ++i) {
            std::uint64_t begin = 0;
            for (std::size_t k = 0; k < found[i].ends.size(); ++k) {
                const std::uint64_t end = found[i].ends[k];
                report(context, i, found[i].is_hole[k], &found[i].points[begin].x, end - begin);
                begin = end;
            }
        }
    });
}
