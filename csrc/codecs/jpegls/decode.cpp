#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "codecs/formats.h"
#include "codecs/jpeg/headers.h"
#include "codecs/jpeg/scan_walk.h"
#include "codecs/jpegls/codec.h"
#include "codecs/jpegls/mapping.h"
#include "codecs/jpegls/scan.h"
#include "image/row_sink.h"

namespace dcmturbo::jpegls {

namespace {

using namespace jpeg;

// Entropy-coded data of fewer bytes are not worth a team.
constexpr std::size_t team_bytes = std::size_t{32} << 10;
// No more threads than these work on a frame.
constexpr std::size_t most_groups = 16;

// Intervals of one scan that follow one another, decoded by one thread.
struct Group {
    const Scan* scan = nullptr;
    std::size_t first = 0;  // interval
    std::size_t end = 0;
    std::uint32_t rows = 0;  // of MCUs, decoded
    bool has_excess_data = false;
    std::optional<DecodeError> damage;
};

// An object that is never destroyed.
template <typename T, typename... Arguments>
T* make_in(Arena& arena, Arguments&&... arguments) {
    static_assert(alignof(T) <= Arena::alignment);
    return new (arena.allocate(sizeof(T))) T(std::forward<Arguments>(arguments)...);
}

// Walks the markers of one frame, then decodes its scans.
class FrameDecoder {
  public:
    FrameDecoder(Bytes frame, const Header& header, Context& context)
        : frame_(frame), header_(header), kernels_(line_kernels(context.isa)), context_(context), reader_(frame) {
        std::fill_n(valid_lines_.begin(), header.components.size(), 0U);
    }

    // Exactly one of the two.
    const FrameOut* pixels = nullptr;
    std::span<const ComponentOut> planes{};

    // Throws DecodeError; valid_pixels() then tells what is right all the same.
    void decode() {
        std::optional<DecodeError> damage;
        try {
            walk();
        } catch (const DecodeError& error) {
            damage = error;
        }
        decode_scans();
        finish();
        // What stands first in the file is the cause of what comes later.
        for (const Group& group : groups_) {
            if (group.damage) throw DecodeError(*group.damage);
        }
        if (damage) throw DecodeError(*damage);
    }

    [[nodiscard]] std::uint64_t valid_pixels() const { return valid_pixels_; }
    [[nodiscard]] bool has_excess_data() const { return has_excess_data_; }
    [[nodiscard]] std::uint32_t notes() const { return colour_transform_ != 0 ? note_hp_transform : 0U; }

  private:
    // What is found before damage is kept.
    void walk() {
        walk_.emplace(reader_, header_);
        while (!walk_->complete()) {
            walk_->next([this](const Segment& segment) { read(segment); });
            plan_scan();
            find_intervals(*scans_.back());
        }
        const auto is_whole = [](const auto& scan) { return scan->end_row == scan->mcu_rows; };
        if (std::all_of(scans_.begin(), scans_.end(), is_whole)) find_end();
    }

    // Behind the last scan (C.1.2): EOI, and before it at most segments that decode nothing. A region does not need it.
    void find_end() {
        for (;;) {
            const Segment segment = reader_.next();
            if (segment.code == EOI) return;
            if (is_miscellaneous(segment.code, walk_->frame())) continue;
            fail(ErrorCode::malformed, segment.offset, "found marker FF%02X after all scans, expected EOI",
                 unsigned{segment.code});
        }
    }

    void read(const Segment& segment) {
        if (segment.code == LSE) read_parameters(segment);
        else if (segment.code == APP0 + 8 && is_hp_transform(segment)) read_colour_transform(segment.u8(4));
    }

    // C.2.4.1
    void read_parameters(const Segment& segment) {
        switch (segment.u8(0)) {
            case 1: presets_ = {segment.u16(1), segment.u16(3), segment.u16(5), segment.u16(7), segment.u16(9)}; break;
            case 2: mapping_.define(segment, false); break;
            case 3: mapping_.define(segment, true); break;
            case 4: break;  // dimensions, which probing has read
            default:
                fail(ErrorCode::unsupported, segment.parameters_offset,
                     "LSE of type %u: ISO/IEC 14495-1 defines 1 to 4 (C.2.4.1)", unsigned{segment.u8(0)});
        }
    }

    // Writers state the one that they would use, also where there is no colour.
    void read_colour_transform(unsigned transform) {
        colour_transform_ = header_.components.size() == 1 && transform <= most_hp_transform ? 0 : transform;
    }

    void plan_scan() {
        const Segment& segment = walk_->scan_segment();
        const ScanHeader& header = walk_->scan();
        const FrameHeader& found = walk_->frame();
        if (!found.is_jpegls())
            fail(ErrorCode::malformed, segment.offset, "the frame header is not the one that was probed");
        if (walk_->repeats()) fail(ErrorCode::malformed, segment.offset, "the scan repeats a component");
        auto scan = std::make_unique<Scan>();
        if (header.second > 2 || (header.second == 0 && header.count != 1)) {
            fail(ErrorCode::malformed, segment.offset,
                 "interleave mode %u with %zu components; it is 0 for one, 1 or 2 for more", unsigned{header.second},
                 header.count);
        }
        if (header.low != 0) {
            fail(ErrorCode::unsupported, segment.offset, "a point transform of %u bits is not supported in JPEG-LS",
                 unsigned{header.low});
        }
        if (const char* wrong = what_is_wrong(presets_, found.precision, header.first))
            fail(ErrorCode::malformed, segment.offset, "coding parameters of the scan: %s", wrong);
        scan->parameters = resolve(presets_, found.precision, header.first);
        scan->interleave = header.count == 1 ? Interleave::none : static_cast<Interleave>(header.second);
        for (std::size_t k = 0; k < header.count; ++k) {
            ScanComponent component;
            component.index = walk_->covered().index(k);
            component.width = found.width(component.index);
            component.height = found.height(component.index);
            if (scan->interleave == Interleave::line)
                component.lines = found.components[component.index].vertical_factor;
            scan->mcu_rows =
                std::max(scan->mcu_rows, static_cast<std::uint32_t>(ceil_divide(component.height, component.lines)));
            scan->components.push_back(component);
            mapping_.use(component.index, header.tables[k], scan->parameters, segment);
        }
        if (scan->interleave == Interleave::sample) {
            for (const ScanComponent& component : scan->components) {
                if (component.width == scan->components[0].width && component.height == scan->components[0].height)
                    continue;
                fail(ErrorCode::malformed, segment.offset,
                     "components of different sizes, interleaved sample by sample");
            }
        }
        // CharLS states a transform that it was asked for, and makes none unless components take turns.
        if (scan->interleave == Interleave::none && colour_transform_ <= most_hp_transform) colour_transform_ = 0;
        const std::uint32_t interval = walk_->restart_interval();
        scan->rows_per_interval = interval == 0 ? scan->mcu_rows : std::min(scan->mcu_rows, interval);
        limit_rows(*scan);
        scans_.push_back(std::move(scan));
    }

    // To those rows that the region needs.
    void limit_rows(Scan& scan) const {
        scan.first_row = scan.mcu_rows;
        for (const ScanComponent& component : scan.components) {
            const Region& region = pixels != nullptr ? pixels->region : planes[component.index].region;
            scan.first_row = std::min(scan.first_row, region.top / component.lines);
            const std::uint64_t rows = ceil_divide(region.end_row(component.height), component.lines);
            scan.end_row =
                std::max(scan.end_row, static_cast<std::uint32_t>(std::min<std::uint64_t>(rows, scan.mcu_rows)));
        }
    }

    void find_intervals(Scan& scan) {
        const std::uint32_t expected = scan.interval_count();
        IntervalWalk intervals(walk_->restart_interval(), expected);
        ScanEnd end;
        do {
            const std::size_t begin = reader_.position();
            end = reader_.skip_entropy_coded(Stuffing::zero_bit);
            if (scan.intervals.size() < expected) {
                scan.intervals.push_back({begin, end.offset});
            } else if (end.offset != begin) {  // some writers close the last interval with a marker, too
                fail(ErrorCode::malformed, begin, "the scan goes on after the last of its %u restart intervals",
                     expected);
            }
            if (is_restart(end.code)) reader_.next();
        } while (intervals.goes_on(end.code, end.offset));
        if (scan.intervals.size() < expected) {
            fail(ErrorCode::truncated, end.offset, "the scan needs %u restart markers, found %zu", expected - 1,
                 scan.intervals.size() - 1);
        }
    }

    // One scan that holds all components, each of the image's size, and nothing is to be done about the samples.
    [[nodiscard]] bool is_direct() const {
        return pixels != nullptr && scans_.size() == 1 && scans_[0]->components.size() == header_.components.size() &&
               !mapping_.is_used() && colour_transform_ == 0;
    }

    void decode_scans() {
        if (scans_.empty()) return;
        const bool direct = is_direct();
        if (!direct && planes.empty()) allocate_planes();
        std::size_t bytes = 0;
        for (const auto& scan : scans_) {
            for (const Interval& interval : scan->intervals) bytes += interval.end - interval.begin;
        }
        const bool on_team = context_.has_team() && bytes >= team_bytes;
        make_groups(on_team, direct);
        // In the arena: for a small frame, the allocator takes as long as the decoder. Nothing in them needs to be
        // destroyed.
        Arena& arena = context_.arena;
        auto** const decoders = arena.allocate_array<IntervalDecoder*>(groups_.size());
        auto** const sinks = arena.allocate_array<RowSink*>(groups_.size());
        const Scan* last = nullptr;
        const std::int8_t* gradients = nullptr;
        for (std::size_t i = 0; i < groups_.size(); ++i) {
            const Scan& scan = *groups_[i].scan;
            if (&scan != last) gradients = make_gradients(scan.parameters, arena);
            last = &scan;
            decoders[i] = make_in<IntervalDecoder>(arena, scan, frame_, gradients, kernels_, arena);
            if (direct) sinks[i] = make_in<PixelSink>(arena, *pixels, context_.isa, arena);
            else sinks[i] = make_in<PlaneSink>(arena, planes, context_.isa, arena);
        }
        auto run = [&](std::size_t i) {
            Group& group = groups_[i];
            IntervalProgress progress;
            try {
                for (std::size_t k = group.first; k < group.end; ++k) decoders[i]->decode(k, *sinks[i], progress);
            } catch (const DecodeError& error) {
                group.damage = error;
            }
            group.rows = progress.rows;
            group.has_excess_data = progress.has_excess_data;
        };
        if (on_team) {
            context_.parallel_for(groups_.size(), run);
        } else {
            for (std::size_t i = 0; i < groups_.size(); ++i) run(i);
        }
    }

    // Of intervals with rows that are needed; those before them are passed over where nothing reads their planes.
    void make_groups(bool on_team, bool direct) {
        const auto needed = [&](const Scan& scan) -> std::pair<std::size_t, std::size_t> {
            const std::size_t end =
                std::min<std::size_t>(scan.intervals.size(), ceil_divide(scan.end_row, scan.rows_per_interval));
            const std::size_t first = direct ? scan.first_row / scan.rows_per_interval : 0;
            return {std::min(first, end), end};
        };
        std::size_t total = 0;
        for (const auto& scan : scans_) total += needed(*scan).second - needed(*scan).first;
        total = std::max<std::size_t>(total, 1);  // all may be damaged that a region needs
        // Of every scan as many as its share of the intervals.
        for (const auto& scan : scans_) {
            const auto [first, end] = needed(*scan);
            const std::size_t count = end - first;
            const std::size_t parts =
                on_team ? std::max<std::size_t>(1, std::min(count, (most_groups * count + total - 1) / total)) : 1;
            for (std::size_t part = 0; part < parts; ++part) {
                Group group;
                group.scan = scan.get();
                group.first = first + part * count / parts;
                group.end = first + (part + 1) * count / parts;
                groups_.push_back(std::move(group));
            }
        }
    }

    void allocate_planes() {
        for (const ComponentHeader& component : header_.components) {
            ComponentOut plane;
            plane.width = component.width;
            plane.height = component.height;
            plane.type = SampleType::u16;
            plane.sample_stride = 2;
            plane.row_stride = static_cast<std::ptrdiff_t>(plane.width) * 2;
            plane.base = reinterpret_cast<std::byte*>(
                context_.arena.allocate_array<std::uint16_t>(std::size_t{plane.width} * plane.height));
            scratch_planes_.push_back(plane);
        }
        planes = scratch_planes_;
    }

    // Counts the lines of each component up to the first that is missing.
    void count_lines() {
        const Scan* broken = nullptr;
        for (const Group& group : groups_) {
            has_excess_data_ |= group.has_excess_data;
            if (broken == group.scan) continue;
            for (const ScanComponent& component : group.scan->components) {
                const std::uint64_t rows = std::uint64_t{group.first} * group.scan->rows_per_interval + group.rows;
                valid_lines_[component.index] =
                    static_cast<std::uint32_t>(std::min<std::uint64_t>(component.height, rows * component.lines));
            }
            if (group.damage) broken = group.scan;
        }
    }

    void finish() {
        count_lines();
        if (planes.empty()) {
            valid_pixels_ = std::uint64_t{valid_lines_[0]} * header_.width;
            return;
        }
        for (std::size_t i = 0; i < planes.size(); ++i) {
            const SampleType type = pixels != nullptr ? pixels->format.type : planes[i].type;
            mapping_.apply(i, planes[i].part(), planes[i].lines_of_part(valid_lines_[i]), sample_size(type));
        }
        if (colour_transform_ != 0) {
            std::vector<ComponentOut> parts;
            for (const ComponentOut& plane : planes) parts.push_back(plane.part());
            undo_hp_transform(parts, colour_transform_, header_.precision());
        }
        if (pixels != nullptr) write_pixels();
        else clear_missing();
    }

    void clear_missing() {
        for (std::size_t i = 0; i < planes.size(); ++i)
            valid_pixels_ += std::uint64_t{valid_lines_[i]} * planes[i].width;
        if (valid_pixels_ == 0) return;
        for (std::size_t i = 0; i < planes.size(); ++i) clear_lines(planes[i], valid_lines_[i]);
    }

    // Those lines of the image of which all components have been decoded.
    void write_pixels() {
        std::uint32_t lines = header_.height;
        for (std::size_t i = 0; i < planes.size(); ++i) lines = std::min(lines, valid_lines_[i]);
        const std::size_t parts = context_.has_team() ? std::min<std::size_t>(most_groups, lines / 64 + 1) : 1;
        std::vector<std::unique_ptr<PixelSink>> sinks;
        for (std::size_t part = 0; part < parts; ++part)
            sinks.push_back(std::make_unique<PixelSink>(*pixels, context_.isa, context_.arena));
        context_.parallel_for(parts, [&](std::size_t part) {
            const auto line_of = [&](std::size_t k) { return static_cast<std::uint32_t>(k * lines / parts); };
            for (std::uint32_t y = line_of(part); y < line_of(part + 1); ++y) {
                for (std::size_t i = 0; i < planes.size(); ++i) {
                    const ComponentOut& plane = planes[i];
                    const auto* line = reinterpret_cast<const std::uint16_t*>(
                        plane.base + static_cast<std::ptrdiff_t>(y) * plane.row_stride);
                    sinks[part]->put(i, 0, y, {line, plane.width, 0});
                }
            }
        });
        valid_pixels_ = std::uint64_t{lines} * header_.width;
    }

    Bytes frame_;
    const Header& header_;
    const LineKernels& kernels_;
    Context& context_;
    MarkerReader reader_;
    std::optional<ScanWalk> walk_;
    Presets presets_;
    Mapping mapping_;
    unsigned colour_transform_ = 0;
    std::vector<std::unique_ptr<Scan>> scans_;
    std::vector<Group> groups_;
    std::vector<ComponentOut> scratch_planes_;
    std::array<std::uint32_t, 255> valid_lines_;  // of the components that are there
    std::uint64_t valid_pixels_ = 0;
    bool has_excess_data_ = false;
};

void require_jpegls(const Header& header) {
    if (header.format == Format::jpegls) return;
    fail(ErrorCode::other_codec, 0, "the frame is not JPEG-LS");
}

// Throws again where there is nothing to salvage. Within the catch clause.
Outcome salvaged(const FrameDecoder& decoder, const DecodeError& error, const Options& options) {
    if (!options.salvage || decoder.valid_pixels() == 0) throw;
    return {.valid_pixels = decoder.valid_pixels(),
            .complete = false,
            .code = error.code,
            .offset = error.offset,
            .message = error.message,
            .notes = decoder.notes()};
}

Outcome run(FrameDecoder& decoder, const Options& options) {
    try {
        decoder.decode();
    } catch (const DecodeError& error) {
        return salvaged(decoder, error, options);
    }
    return {.valid_pixels = decoder.valid_pixels(),
            .complete = true,
            .message = {},
            .has_excess_data = decoder.has_excess_data(),
            .notes = decoder.notes()};
}

}  // namespace

Outcome decode(const Fragments& frame, const PixelAttributes&, const Header& header, const FrameOut& out,
               const Options& options, Context& context) {
    require_jpegls(header);
    if (header.subsampled) {
        fail(ErrorCode::unsupported, 0,
             "the components differ in size, which DICOM does not allow in JPEG-LS (PS3.5, 8.2.3): decode_components "
             "returns them as they are");
    }
    FrameDecoder decoder(frame.contiguous(context.arena), header, context);
    decoder.pixels = &out;
    return run(decoder, options);
}

Outcome decode_components(const Fragments& frame, const Header& header, std::span<const ComponentOut> out,
                          const Options& options, Context& context) {
    require_jpegls(header);
    FrameDecoder decoder(frame.contiguous(context.arena), header, context);
    decoder.planes = out;
    return run(decoder, options);
}

}  // namespace dcmturbo::jpegls
