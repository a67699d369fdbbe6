#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "base/error.h"
#include "bits/zero_byte_stuffing.h"
#include "codecs/formats.h"
#include "codecs/jpeg/scan_walk.h"
#include "codecs/jpeg_lossless/codec.h"
#include "codecs/jpeg_lossless/options.h"
#include "codecs/jpeg_lossless/parts_decoder.h"
#include "codecs/jpeg_lossless/scan.h"

namespace dcmturbo::jpeg_lossless {

namespace {

using namespace jpeg;

// Entropy-coded data of fewer bytes are not worth a team.
constexpr std::size_t team_bytes = std::size_t{64} << 10;
// No more threads than these work on a frame.
constexpr std::size_t most_sinks = 16;

// Walks the markers of one frame, and decodes its scans as they come.
class FrameDecoder {
  public:
    FrameDecoder(const Fragments& frame, const Header& header, const Options& options, Context& context)
        : frame_(frame),
          header_(header),
          options_(options),
          context_(context),
          reader_(frame, context.arena),
          walk_(reader_, header) {}

    // Exactly one of the two.
    const FrameOut* pixels = nullptr;
    std::span<const ComponentOut> planes{};

    // Throws DecodeError; valid_pixels() then returns how many pixels are right.
    void decode() {
        while (!walk_.complete()) {
            walk_.next([this](const Segment& segment) {
                if (segment.code == DHT) read_tables(segment);
            });
            decode_scan();
        }
        if (waits()) finish_planes();
    }

    // After an error: pixels get the rows of which all components were decoded, planes get zeros where nothing was.
    void salvage() {
        if (waits()) finish_planes();
        if (pixels != nullptr) return;
        for (std::size_t i = 0; i < planes.size(); ++i)
            valid_pixels_ += std::uint64_t{valid_rows_[i]} * planes[i].width;
        for (std::size_t i = 0; valid_pixels_ > 0 && i < planes.size(); ++i) clear_lines(planes[i], valid_rows_[i]);
    }

    [[nodiscard]] std::uint64_t valid_pixels() const { return valid_pixels_; }
    [[nodiscard]] bool has_excess_data() const { return has_excess_data_; }

  private:
    // Whether components wait in scratch memory for one another.
    [[nodiscard]] bool waits() const { return !scratch_planes_.empty(); }

    // B.2.4.2
    void read_tables(const Segment& segment) {
        std::size_t at = 0;
        while (at < segment.parameters.size()) {
            const unsigned destination = segment.u8(at);
            HuffmanTable table;
            std::size_t size = 0;
            for (unsigned length = 1; length <= max_code_length; ++length) {
                table.counts[length] = segment.u8(at + length);
                size += table.counts[length];
            }
            const std::size_t offset = segment.parameters_offset + at;
            if ((destination & 15) > 3 || destination >> 4 > 1) {
                fail(ErrorCode::malformed, offset,
                     "a Huffman table has class %u and destination %u; expected 0 to 1 and 0 to 3", destination >> 4,
                     destination & 15);
            }
            if (size > table.symbols.size() || !is_prefix_code(table))
                fail(ErrorCode::malformed, offset, "a Huffman table has more codes than are possible");
            at += 1 + max_code_length;
            segment.require(at + size);
            for (std::size_t i = 0; i < size; ++i) table.symbols[i] = segment.u8(at + i);
            at += size;
            if (destination >> 4 == 0) tables_[destination] = table;  // class 1 is for AC coefficients
        }
    }

    const DifferenceTable* table_for(unsigned destination) {
        if (destination > 3 || !tables_[destination]) {
            fail(ErrorCode::malformed, walk_.scan_segment().offset,
                 "the scan uses Huffman table %u, which is not defined", destination);
        }
        for (std::size_t i = 0; i < built_.size(); ++i) {
            if (built_[i].first == *tables_[destination]) return built_[i].second;
        }
        auto* table = new (context_.arena.allocate(sizeof(DifferenceTable))) DifferenceTable;
        table->build(*tables_[destination], options_.values->flag(category_16_has_bits));
        built_.emplace_back(*tables_[destination], table);
        return table;
    }

    Scan plan_scan() {
        const ScanHeader& scan_header = walk_.scan();
        const Segment& segment = walk_.scan_segment();
        const FrameHeader& found = walk_.frame();
        const Coverage& covered = walk_.covered();
        if (walk_.repeats()) fail(ErrorCode::malformed, segment.offset, "the scan contains a component twice");
        Scan scan;
        scan.selection_value = scan_header.first;
        scan.point_transform = scan_header.low;
        scan.precision = found.precision;
        if (scan.selection_value > 7) {
            fail(ErrorCode::malformed, segment.offset, "the selection value is %u; expected 0 to 7",
                 scan.selection_value);
        }
        if (scan.point_transform >= scan.precision) {
            fail(ErrorCode::malformed, segment.offset, "the point transform removes %u of %u bits",
                 scan.point_transform, scan.precision);
        }
        const bool interleaved = scan_header.count > 1;
        scan.mcus_per_row = interleaved
                                ? static_cast<std::uint32_t>(ceil_divide(found.samples_per_line, found.horizontal_max))
                                : found.width(covered.index(0));
        scan.mcu_rows = interleaved ? static_cast<std::uint32_t>(ceil_divide(found.lines, found.vertical_max))
                                    : found.height(covered.index(0));
        for (std::size_t k = 0; k < scan_header.count; ++k) {
            ScanComponent component;
            component.index = covered.index(k);
            if (interleaved) {
                component.columns = found.components[component.index].horizontal_factor;
                component.rows = found.components[component.index].vertical_factor;
            }
            component.width = found.width(component.index);
            component.height = found.height(component.index);
            component.coded_width = scan.mcus_per_row * component.columns;
            component.table = table_for(scan_header.tables[k] >> 4);
            scan.tables.insert(scan.tables.end(), std::size_t{component.columns} * component.rows, component.table);
            scan.components.push_back(component);
        }
        scan.mcu_samples = scan.tables.size();
        scan.rows_per_interval = scan.mcu_rows;
        const std::uint32_t interval = walk_.restart_interval();
        if (interval != 0) {
            if (interval % scan.mcus_per_row != 0) {
                fail(ErrorCode::malformed, segment.offset,
                     "a restart interval of %u MCUs is not a multiple of the %u MCUs of a row (ISO/IEC 10918-1, "
                     "H.1.1)",
                     interval, scan.mcus_per_row);
            }
            scan.rows_per_interval = std::min(scan.mcu_rows, interval / scan.mcus_per_row);
        }
        limit_rows(scan);
        return scan;
    }

    // To those rows of MCUs that the region needs.
    void limit_rows(Scan& scan) const {
        scan.first_row = scan.mcu_rows;
        const FrameHeader& found = walk_.frame();
        for (const ScanComponent& component : scan.components) {
            std::uint64_t first = 0;  // rows of the component
            std::uint64_t end = component.height;
            if (pixels != nullptr) {
                const std::uint64_t factor = found.components[component.index].vertical_factor;
                first = pixels->region.top * factor / found.vertical_max;
                end = (pixels->end_row() * factor + found.vertical_max - 1) / found.vertical_max;
            } else {
                first = planes[component.index].region.top;
                end = planes[component.index].end_row();
            }
            scan.first_row = std::min(scan.first_row, static_cast<std::uint32_t>(first / component.rows));
            const std::uint64_t rows = (end + component.rows - 1) / component.rows;
            scan.end_row =
                std::max(scan.end_row, static_cast<std::uint32_t>(std::min<std::uint64_t>(rows, scan.mcu_rows)));
        }
    }

    // Unstuffs the data and finds the restart intervals. What is wrong there is kept until the rows before it
    // have been decoded.
    ScanData read_data(const Scan& scan, std::size_t begin, std::optional<DecodeError>& damage) {
        ScanData data;
        data.begin = begin;
        auto* bytes =
            reinterpret_cast<std::uint8_t*>(context_.arena.allocate(frame_.size() - begin + 8 + difference_read_slack));
        const std::uint32_t expected = scan.interval_count();
        auto* intervals = context_.arena.allocate_array<Interval>(expected);
        IntervalWalk walk(walk_.restart_interval(), expected);
        std::size_t written = 0;
        std::size_t position = begin;
        std::uint32_t count = 0;
        for (;;) {
            const StuffedRun run = unstuff(frame_, position, frame_.size(), bytes + written);
            if (count < expected)
                intervals[count++] = {std::uint64_t{written} * 8, std::uint64_t{written + run.bytes} * 8};
            written += run.bytes;
            data.end = run.end;
            try {
                if (!walk.goes_on(run.marker, run.end)) break;
            } catch (DecodeError& error) {
                damage = error;
                break;
            }
            position = run.end + 2;
        }
        std::fill_n(bytes + written, difference_read_slack, std::uint8_t{0});
        data.bytes = bytes;
        data.intervals = {intervals, count};
        return data;
    }

    void decode_scan() {
        const Scan scan = plan_scan();
        const FrameHeader& found = walk_.frame();
        const bool whole_image = pixels != nullptr && walk_.complete() && scan.components.size() == found.count &&
                                 scan.is_simple() && !header_.subsampled;
        // A team decodes all rows.
        const bool on_team = whole_image && context_.has_team() && scan.has_one_table() &&
                             (scan.end_row - scan.first_row) >= scan.mcu_rows / 2 &&
                             frame_.size() - reader_.position() >= team_bytes;
        std::vector<std::unique_ptr<PixelSink>> sinks;
        std::vector<RowSink*> pointers;
        for (std::size_t i = 0; i < (on_team ? most_sinks : whole_image ? 1 : 0); ++i) {
            sinks.push_back(std::make_unique<PixelSink>(*pixels, context_.isa, context_.arena));
            pointers.push_back(sinks.back().get());
        }
        if (on_team && walk_.restart_interval() == 0) {
            const Arena::Mark mark = context_.arena.mark();
            PartsDecoder decoder(scan, frame_, reader_.position(), context_);
            if (decoder.decode(pointers)) {
                reader_.seek(decoder.end());
                valid_pixels_ = std::uint64_t{found.lines} * found.samples_per_line;
                return;
            }
            context_.arena.rewind(mark);
        }

        std::optional<DecodeError> damage;
        const ScanData data = read_data(scan, reader_.position(), damage);
        reader_.seek(data.end);
        ScanDecoder decoder(scan, data, frame_, context_);
        ScanProgress progress;
        try {
            if (!whole_image) {
                if (planes.empty()) allocate_planes();
                PlaneSink sink(planes, context_.isa, context_.arena);
                decoder.decode(sink, progress);
            } else if (damage || !on_team || data.intervals.size() == 1 || !decoder.decode_on_team(pointers)) {
                decoder.decode(*sinks.front(), progress);
            }
        } catch (const DecodeError& error) {
            if (whole_image) valid_pixels_ = std::uint64_t{progress.rows} * found.samples_per_line + progress.samples;
            else note_rows(scan, progress.rows);
            // The earlier of the two is the cause. A difference that a marker cuts begins at most 8 bytes before it.
            if (damage && damage->offset <= error.offset + 8) throw *damage;
            throw;
        }
        // A restart marker that nothing announced, behind the last sample, is no more than that.
        has_excess_data_ |= progress.has_excess_data || damage.has_value();
        if (whole_image) valid_pixels_ = std::uint64_t{found.lines} * found.samples_per_line;
        else note_rows(scan, scan.end_row);
    }

    void note_rows(const Scan& scan, std::uint32_t mcu_rows) {
        for (const ScanComponent& component : scan.components) {
            valid_rows_[component.index] = static_cast<std::uint32_t>(
                std::min(std::uint64_t{mcu_rows} * component.rows, std::uint64_t{component.height}));
        }
    }

    void allocate_planes() {
        const FrameHeader& found = walk_.frame();
        scratch_planes_.resize(found.count);
        for (std::size_t i = 0; i < found.count; ++i) {
            ComponentOut& plane = scratch_planes_[i];
            plane.width = found.width(i);
            plane.height = found.height(i);
            plane.type = SampleType::u16;
            plane.sample_stride = 2;
            plane.row_stride = static_cast<std::ptrdiff_t>(plane.width) * 2;
            plane.base = reinterpret_cast<std::byte*>(
                context_.arena.allocate_array<std::uint16_t>(std::size_t{plane.width} * plane.height));
        }
        planes = scratch_planes_;
    }

    void finish_planes() {
        const FrameHeader& found = walk_.frame();
        std::uint32_t rows = found.lines;
        for (std::size_t i = 0; i < found.count; ++i) {
            // Those rows of the image that only decoded samples cover.
            const std::uint64_t covered =
                std::uint64_t{valid_rows_[i]} * found.vertical_max / found.components[i].vertical_factor;
            if (valid_rows_[i] < found.height(i))
                rows = static_cast<std::uint32_t>(std::min<std::uint64_t>(rows, covered));
        }
        write_planes(rows);
        valid_pixels_ = std::uint64_t{rows} * found.samples_per_line;
    }

    // The first `lines` lines of the planes to pixels, each sample as often as sampling factors say.
    void write_planes(std::uint32_t lines) {
        const FrameHeader& found = walk_.frame();
        const std::uint32_t width = found.samples_per_line;
        PixelSink sink(*pixels, context_.isa, context_.arena);
        std::vector<std::uint16_t*> rows;
        for (std::size_t i = 0; i < found.count; ++i)
            rows.push_back(context_.arena.allocate_array<std::uint16_t>(width));
        for (std::uint32_t y = pixels->region.top; y < std::min(lines, pixels->end_row()); ++y) {
            for (std::size_t i = 0; i < found.count; ++i) {
                const ComponentOut& plane = scratch_planes_[i];
                const FrameComponent& component = found.components[i];
                // 10918-1 A.1.1, the other way: a sample covers Hmax / H columns and Vmax / V rows.
                const std::uint32_t row = y * component.vertical_factor / found.vertical_max;
                const auto* from = reinterpret_cast<const std::uint16_t*>(
                    plane.base + static_cast<std::ptrdiff_t>(row) * plane.row_stride);
                for (std::uint32_t x = 0; x < width; ++x)
                    rows[i][x] = from[x * component.horizontal_factor / found.horizontal_max];
                sink.put(i, 0, y, {rows[i], width, 0});
            }
        }
    }

    const Fragments& frame_;
    const Header& header_;
    const Options& options_;
    Context& context_;
    MarkerReader reader_;
    ScanWalk walk_;
    std::array<std::optional<HuffmanTable>, 4> tables_;
    std::vector<std::pair<HuffmanTable, const DifferenceTable*>> built_;
    std::vector<ComponentOut> scratch_planes_;
    std::array<std::uint32_t, 255> valid_rows_{};  // of each component; where it does not go straight to pixels
    std::uint64_t valid_pixels_ = 0;
    bool has_excess_data_ = false;
};

void require_lossless(const Header& header) {
    if (header.format == Format::jpeg_lossless) return;
    fail(ErrorCode::other_codec, 0, "the frame is JPEG, but not lossless JPEG");
}

// Throws again where there is nothing to salvage. Within the catch clause.
Outcome salvaged(FrameDecoder& decoder, const DecodeError& error, const Options& options) {
    if (options.salvage) decoder.salvage();
    if (!options.salvage || decoder.valid_pixels() == 0) throw;
    return {decoder.valid_pixels(), false, error.code, error.offset, error.message};
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
            .has_excess_data = decoder.has_excess_data()};
}

}  // namespace

Outcome decode(const Fragments& frame, const PixelAttributes&, const Header& header, const FrameOut& out,
               const Options& options, Context& context) {
    require_lossless(header);
    FrameDecoder decoder(frame, header, options, context);
    decoder.pixels = &out;
    return run(decoder, options);
}

Outcome decode_components(const Fragments& frame, const Header& header, std::span<const ComponentOut> out,
                          const Options& options, Context& context) {
    require_lossless(header);
    FrameDecoder decoder(frame, header, options, context);
    decoder.planes = out;
    return run(decoder, options);
}

}  // namespace dcmturbo::jpeg_lossless
