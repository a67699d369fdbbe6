// The C ABI of decoding: headers, formats, library codecs, single frames and batches.
#include <atomic>
#include <vector>

#include "abi/convert.h"
#include "abi/options.h"
#include "abi/stream.h"
#include "base/checked.h"
#include "codecs/codec.h"
#include "codecs/frame_format.h"
#include "codecs/library.h"
#include "codecs/probe.h"
#include "image/pixel_writer.h"
#include "sched/decode_frames.h"
#include "sched/scratch.h"

using namespace dcmturbo;

namespace {

Bytes bytes_from(const dcmturbo_bytes& from) { return {reinterpret_cast<const std::byte*>(from.data), from.size}; }

// ISO/IEC 15444-1, (B-14): the corners of the image are divided, not its size.
uint32_t reduced_extent(uint32_t begin, uint32_t size, uint32_t reduce) {
    const uint64_t most = (uint64_t{1} << reduce) - 1;
    return static_cast<uint32_t>(((uint64_t{begin} + size + most) >> reduce) - ((begin + most) >> reduce));
}

// The part of the region in component i, which has `rows` rows and `columns` columns.
Region component_region(const Header& header, size_t i, const dcmturbo_request& request, uint32_t rows,
                        uint32_t columns) {
    const Region region = abi::request_from(request).region;
    if (region.is_whole()) return region;
    if (rows == 0 || columns == 0)
        fail(ErrorCode::unsupported, no_offset, "component %zu has no samples to take a region of", i);
    uint32_t most_rows = 0;
    uint32_t most_columns = 0;
    uint32_t horizontal_step = ~uint32_t{0};
    uint32_t vertical_step = ~uint32_t{0};
    for (const ComponentHeader& component : header.components) {
        most_rows = std::max(most_rows, reduced_extent(component.y, component.height, request.reduce));
        most_columns = std::max(most_columns, reduced_extent(component.x, component.width, request.reduce));
        horizontal_step = std::min(horizontal_step, component.horizontal_step);
        vertical_step = std::min(vertical_step, component.vertical_step);
    }
    abi::check_region(region, most_rows, most_columns);
    return divide(region, header.components[i].horizontal_step / horizontal_step,
                  header.components[i].vertical_step / vertical_step, rows, columns);
}

// The size and type of component i without the discarded resolution levels, and its part of the region. The memory is
// not set yet.
ComponentOut wanted_component(const Header& header, size_t i, const dcmturbo_request& request) {
    const FormatRow& row = row_of(header.format);
    const uint32_t reduce = request.reduce;
    check_reduce(row, reduce);
    const ComponentHeader& component = header.components[i];
    ComponentOut out;
    out.width = reduced_extent(component.x, component.width, reduce);
    out.height = reduced_extent(component.y, component.height, reduce);
    const bool is_signed = component.is_signed;
    out.type = component.precision <= 8    ? (is_signed ? SampleType::i8 : SampleType::u8)
               : component.precision <= 16 ? (is_signed ? SampleType::i16 : SampleType::u16)
               : component.precision <= 32 ? (is_signed ? SampleType::i32 : SampleType::u32)
                                           : SampleType::i64;
    out.region = component_region(header, i, request, out.height, out.width);
    return out;
}

std::atomic<dcmturbo_library> library{nullptr};
std::atomic<dcmturbo_library_unwrap> library_unwrap{nullptr};

// Calls the function that was registered with dcmturbo_set_library.
void call_library(Bytes data, const Header& header, const FrameOut& out) {
    const dcmturbo_header handle{header};
    dcmturbo_format format{};
    format.size = sizeof format;
    abi::format_to({out.format, 0}, format);
    const dcmturbo_image image{out.base, out.row_stride, out.pixel_stride, out.sample_stride};
    dcmturbo_error error{};
    error.size = sizeof error;
    error.offset = no_offset;
    const dcmturbo_library decode = library.load(std::memory_order_acquire);
    const int32_t code =
        decode({reinterpret_cast<const uint8_t*>(data.data()), data.size()}, &handle, &format, &image, &error);
    if (code != DCMTURBO_OK) fail(static_cast<ErrorCode>(code), error.offset, "%s", error.message);
}

Bytes call_unwrap(Bytes data, Arena& arena) {
    struct Taker {
        Arena& arena;
        Bytes taken;
        bool is_over_limit;
    } taker{arena, {}, false};
    const auto take = [](void* to, dcmturbo_bytes jpeg) {
        auto& into = *static_cast<Taker*>(to);
        try {
            std::byte* copy = into.arena.allocate(jpeg.size);
            std::copy_n(reinterpret_cast<const std::byte*>(jpeg.data), jpeg.size, copy);
            into.taken = {copy, jpeg.size};
        } catch (...) {  // the caller may not be C++, so nothing may be thrown to it
            into.is_over_limit = true;
        }
    };
    dcmturbo_error error{};
    error.size = sizeof error;
    error.offset = no_offset;
    const dcmturbo_library_unwrap unwrap = library_unwrap.load(std::memory_order_acquire);
    const int32_t code = unwrap({reinterpret_cast<const uint8_t*>(data.data()), data.size()}, take, &taker, &error);
    if (code != DCMTURBO_OK) fail(static_cast<ErrorCode>(code), error.offset, "%s", error.message);
    if (taker.is_over_limit) fail(ErrorCode::limit, no_offset, "there is no scratch memory for the JPEG in a JPEG XL");
    return taker.taken;
}

}  // namespace

uint8_t dcmturbo_photometric_from_name(const char* name) { return static_cast<uint8_t>(photometric_from_name(name)); }

const char* dcmturbo_photometric_name(uint8_t photometric) {
    return photometric <= static_cast<uint8_t>(Photometric::xyb)
               ? photometric_name(static_cast<Photometric>(photometric))
               : "";
}

int32_t dcmturbo_probe(dcmturbo_bytes data, dcmturbo_header** header, dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        auto result = std::make_unique<dcmturbo_header>();
        probe(bytes_from(data), result->header);
        *header = result.release();
    });
}

int32_t dcmturbo_check(dcmturbo_bytes data, const dcmturbo_header* header, dcmturbo_error* error) {
    return abi::guarded(error, [&] { check(bytes_from(data), header->header); });
}

void dcmturbo_header_free(dcmturbo_header* header) { delete header; }

int32_t dcmturbo_frame_format(const char* transfer_syntax, const dcmturbo_attributes* attributes,
                              const dcmturbo_header* header, const dcmturbo_request* request, dcmturbo_format* format,
                              dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        abi::format_to(frame_format(abi::attributes_from(*attributes), header == nullptr ? nullptr : &header->header,
                                    abi::required_syntax(transfer_syntax), abi::request_from(*request)),
                       *format);
    });
}

int32_t dcmturbo_native_reading(const dcmturbo_attributes* attributes, uint64_t bytes, uint64_t frames,
                                uint8_t* photometric, uint32_t* notes, dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        const NativeReading reading = native_reading(abi::attributes_from(*attributes), bytes, frames);
        *photometric = static_cast<uint8_t>(reading.photometric);
        *notes = reading.notes;
    });
}

int32_t dcmturbo_check_limits(const dcmturbo_format* format, uint64_t frames, dcmturbo_error* error) {
    return abi::guarded(error, [&] { check_limits(abi::format_from(*format), frames, settings().limits); });
}

int32_t dcmturbo_check_held(const char* transfer_syntax, const dcmturbo_format* format, uint64_t frames, uint64_t held,
                            dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        const FrameFormat form = abi::format_from(*format);
        check_limits(form, frames, settings().limits);
        if (form.frame_bytes() * frames > harmless_bytes)
            check_held(form, abi::required_syntax(transfer_syntax), frames, held);
    });
}

int32_t dcmturbo_decode_frame(const char* transfer_syntax, const dcmturbo_bytes* fragments, size_t fragment_count,
                              const dcmturbo_attributes* attributes, dcmturbo_format* format,
                              const dcmturbo_request* request, const dcmturbo_image* image, uint32_t threads,
                              int32_t salvage, double fill_value, uint8_t* status, dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        FrameStream stream = abi::stream_from(transfer_syntax, *attributes, *format, *request, image->row_stride,
                                              image->pixel_stride, image->sample_stride);
        if (stream.syntax->dataset == DatasetEncoding::explicit_big) stream.attributes.big_endian = true;
        uint32_t notes = 0;
        stream.notes = &notes;
        const Settings current = settings();
        const DecodePolicy policy{
            .threads = resolve_threads(threads, current), .salvage = salvage != 0, .fill_value = fill_value};
        auto* base = static_cast<std::byte*>(image->base);
        FrameFailure failure;
        if (fragment_count == 1) {
            const Bytes only = bytes_from(*fragments);
            failure = decode_fragments(Fragments(only), stream, base, policy, current);
        } else {
            std::vector<Bytes> spans;
            for (size_t i = 0; i < fragment_count; ++i) spans.push_back(bytes_from(fragments[i]));
            failure = decode_fragments(Fragments(spans), stream, base, policy, current);
        }
        format->notes = notes;
        if (status != nullptr) *status = static_cast<uint8_t>(failure.status);
        if (failure.status != FrameStatus::ok)
            abi::fill_error(error, failure.code, failure.offset, -1, failure.message.c_str(), failure.whole);
    });
}

int32_t dcmturbo_is_quick(const char* transfer_syntax, uint64_t bytes) {
    constexpr uint64_t most_bytes = 32 << 10;  // of which RLE takes 2 to 20 microseconds
    const TransferSyntax* syntax = find_transfer_syntax(transfer_syntax);
    if (syntax == nullptr || bytes > most_bytes) return 0;
    const FormatRow& row = row_of(syntax->format);
    return row.has_header || row.is_deflated ? 0 : 1;
}

int32_t dcmturbo_component_at(const dcmturbo_header* header, size_t i, const dcmturbo_request* request,
                              dcmturbo_component* component, dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        if (i >= header->header.components.size())
            fail(ErrorCode::argument, no_offset, "component %zu of %zu", i, header->header.components.size());
        const ComponentOut wanted = wanted_component(header->header, i, *request).part();
        component->width = wanted.width;
        component->height = wanted.height;
        component->type = static_cast<uint8_t>(wanted.type);
    });
}

int32_t dcmturbo_decode_components(dcmturbo_bytes data, const dcmturbo_header* header, const dcmturbo_image* images,
                                   size_t count, const dcmturbo_request* request, uint32_t threads, int32_t salvage,
                                   uint8_t* status, uint32_t* notes, dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        const Header& of = header->header;
        if (!row_of(of.format).has_components) {
            fail(ErrorCode::unsupported, no_offset,
                 "components are decoded of JPEG 2000, HTJ2K, JPEG-LS, JPEG Lossless and JPEG");
        }
        if (count != of.components.size())
            fail(ErrorCode::argument, no_offset, "%zu images for %zu components", count, of.components.size());
        std::vector<ComponentOut> out;
        for (size_t i = 0; i < count; ++i) {
            out.push_back(wanted_component(of, i, *request));
            out.back().base = static_cast<std::byte*>(images[i].base);
            out.back().row_stride = images[i].row_stride;
            out.back().sample_stride = images[i].pixel_stride;
        }
        Options options;
        options.reduce = request->reduce;
        options.salvage = salvage != 0;
        const Settings current = settings();
        const ScratchLoan scratch(current.limits.max_scratch);
        scratch->arena.reset();
        Context context{scratch->arena, current.isa, current.limits};
        Call call{.threads = resolve_threads(threads, current)};
        attach(context, call, true);
        const Bytes bytes = bytes_from(data);
        options.values = &current.decode_values();
        const Codec& codec = decoder_of(of.format, current.prefer_library);
        Outcome outcome;
        try {
            outcome = codec.decode_components(Fragments(bytes), of, out, options, context);
        } catch (const DecodeError& failure) {
            if (failure.code != ErrorCode::other_codec || &codec == &library_codec) throw;
            outcome = library_codec.decode_components(Fragments(bytes), of, out, options, context);
        }
        context.check_interruption();  // otherwise salvage would treat the interruption as damage
        if (status != nullptr)
            *status = static_cast<uint8_t>(outcome.complete ? FrameStatus::ok : FrameStatus::partial);
        if (notes != nullptr) *notes = outcome.notes | (outcome.has_excess_data ? note_excess_data : 0U);
        if (!outcome.complete)
            abi::fill_error(error, outcome.code, outcome.offset, -1, outcome.message.c_str(), outcome.whole);
    });
}

int32_t dcmturbo_finish_frame(const dcmturbo_image* from, const dcmturbo_format* format, const dcmturbo_image* image,
                              dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        const Settings current = settings();
        const FrameOut out{static_cast<std::byte*>(image->base),
                           image->row_stride,
                           image->pixel_stride,
                           image->sample_stride,
                           abi::format_from(*format),
                           {}};
        if (out.format.samples_per_pixel == 0 || out.format.samples_per_pixel > 4)
            fail(ErrorCode::argument, no_offset, "1 to 4 samples a pixel");
        const ScratchLoan scratch(current.limits.max_scratch);
        scratch->arena.reset();
        const PixelWriter writer(out, current.isa);
        const FrameOut source{static_cast<std::byte*>(from->base),
                              from->row_stride,
                              from->pixel_stride,
                              from->sample_stride,
                              out.format,
                              {}};
        writer.convert(source, out.format.pixels(), false, scratch->arena);
    });
}

void dcmturbo_set_library(dcmturbo_library decode, dcmturbo_library_unwrap jpeg_of_jpegxl) {
    library.store(decode, std::memory_order_release);
    library_unwrap.store(jpeg_of_jpegxl, std::memory_order_release);
    set_library(decode == nullptr ? nullptr : call_library, jpeg_of_jpegxl == nullptr ? nullptr : call_unwrap);
}

int32_t dcmturbo_decode_frames(const dcmturbo_job* jobs, size_t job_count, const dcmturbo_stream* streams,
                               size_t stream_count, uint32_t threads, int32_t salvage, double fill_value,
                               uint8_t* status, dcmturbo_report report, void* report_context, dcmturbo_error* error) {
    std::vector<FrameFailure> failures;
    const int32_t code = abi::guarded(error, [&] {
        std::vector<FrameStream> inner_streams;
        inner_streams.reserve(stream_count);
        for (size_t i = 0; i < stream_count; ++i) {
            const dcmturbo_stream& s = streams[i];
            inner_streams.push_back(abi::stream_from(s));
            inner_streams.back().notes = s.notes;
            inner_streams.back().step = abi::step_from(s.step, inner_streams.back().format.type);
            inner_streams.back().overlaps = s.overlaps;
            if (s.step.kind == DCMTURBO_STEP_LABEL && salvage != 0)
                fail(ErrorCode::argument, no_offset, "labels are not drawn from damaged frames");
            if ((s.step.kind == DCMTURBO_STEP_LABEL) != (streams[0].step.kind == DCMTURBO_STEP_LABEL))
                fail(ErrorCode::argument, no_offset, "either all streams have label steps, or none has");
        }
        std::vector<FrameJob> inner_jobs;
        inner_jobs.reserve(job_count);
        for (size_t i = 0; i < job_count; ++i) {
            if (jobs[i].stream >= stream_count)
                fail(ErrorCode::argument, no_offset, "job %zu names stream %u of %zu", i, jobs[i].stream, stream_count);
            inner_jobs.push_back({jobs[i].index->source, jobs[i].index->index.get(), jobs[i].frame, jobs[i].stream,
                                  static_cast<std::byte*>(jobs[i].base)});
        }
        // All frames count as failed until they have been decoded.
        if (status != nullptr) std::fill_n(status, job_count, static_cast<uint8_t>(FrameStatus::failed));
        const Settings current = settings();
        const DecodePolicy policy{
            .threads = resolve_threads(threads, current), .salvage = salvage != 0, .fill_value = fill_value};
        failures = decode_frames(inner_jobs, inner_streams, policy, current, status);
    });
    if (code != DCMTURBO_OK) return code;
    for (const FrameFailure& failure : failures) {
        const auto fill = [&failure](dcmturbo_error* to) {
            abi::fill_error(to, failure.code, failure.offset, static_cast<int64_t>(failure.job),
                            failure.message.c_str(), failure.whole);
        };
        if (salvage == 0) {
            fill(error);
            return static_cast<int32_t>(failure.code);
        }
        if (report == nullptr) continue;
        dcmturbo_error reported{};
        reported.size = sizeof reported;
        fill(&reported);
        report(report_context, failure.job, static_cast<uint8_t>(failure.status), &reported);
    }
    return DCMTURBO_OK;
}
