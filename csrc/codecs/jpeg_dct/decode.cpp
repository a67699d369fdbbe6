// Walks through one frame, and decodes its scans as they come.
#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "base/error.h"
#include "bits/zero_byte_stuffing.h"
#include "codecs/jpeg/scan_walk.h"
#include "codecs/jpeg/syntax.h"
#include "codecs/jpeg_dct/codec.h"
#include "codecs/jpeg_dct/image_rows.h"
#include "codecs/jpeg_dct/kernels.h"
#include "codecs/jpeg_dct/progressive.h"
#include "codecs/jpeg_dct/scan_data.h"
#include "codecs/jpeg_dct/tables.h"
#include "image/row_sink.h"

namespace dcmturbo::jpeg_dct {

namespace {

using namespace jpeg;

// Leaves the frame to the library's codec.
[[noreturn]] void leave(const char* why) { fail(ErrorCode::other_codec, no_offset, "%s", why); }

// A scan as this room decodes it: rows of MCUs.
struct ScanPlan {
    std::uint32_t mcus_per_row = 0;
    std::uint32_t mcu_rows = 0;
    std::uint32_t first_row = 0;  // the rows of MCUs that are needed
    std::uint32_t end_row = 0;
    std::uint64_t interval = 0;  // MCUs of a restart interval
    std::vector<UnitPlan> units;
    // Of each unit: its component, and its line in a row of MCUs.
    struct Place {
        std::size_t component;
        std::uint32_t line;
        std::size_t offset;  // bytes from the beginning of that line
    };
    std::vector<Place> places;
    std::array<std::uint32_t, most_components> lines{};  // of a row of MCUs, by component; 0: not in the scan
};

class FrameDecoder {
  public:
    FrameDecoder(const Fragments& frame, const Header& header, const Options& options, Context& context)
        : frame_(frame), options_(options), context_(context), reader_(frame, context.arena), walk_(reader_, header) {}

    // Exactly one of the two.
    const FrameOut* pixels = nullptr;
    std::span<const ComponentOut> components{};

    // Throws DecodeError; valid_pixels() then returns how many pixels are right.
    void decode() {
        while (walk_.next([this](const Segment& segment) { tables_.read(segment); })) {
            if (!has_begun_) begin();
            if (progressive_) {
                decode_progressive_scan();
                continue;
            }
            if (walk_.repeats()) leave("a component is in several scans");
            decode_scan();
        }
        if (progressive_) transform();
        if (rows_) rows_->write_until(walk_.frame().lines);
        else copy_planes();
    }

    // After an error: writes the rows of which all components were decoded; components get zeros after them.
    void salvage() {
        if (!has_begun_) return;
        if (!rows_) {
            if (has_planes_) copy_planes();
            return;
        }
        std::uint32_t whole = pixels->format.rows;
        const FrameHeader& found = walk_.frame();
        for (std::size_t i = 0; i < found.count; ++i) {
            const std::uint64_t step = found.vertical_max / found.components[i].vertical_factor;
            // The last line of a component that is not complete has no line after it to be upsampled with.
            std::uint64_t lines = decoded_lines_[i];
            if (lines < found.height(i) && rows_->needs_neighbours() && lines > 0) --lines;
            whole = static_cast<std::uint32_t>(std::min<std::uint64_t>(whole, lines * step));
        }
        rows_->write_until(whole);
    }

    [[nodiscard]] std::uint64_t valid_pixels() const {
        if (!rows_) {
            std::uint64_t samples = 0;
            for (std::size_t i = 0; i < components.size(); ++i)
                samples += std::uint64_t{decoded_lines_[i]} * components[i].width;
            return samples;
        }
        if (!pixels->region.is_whole() && rows_->written() <= pixels->region.top) return 0;
        const std::uint32_t rows = rows_->written() >= pixels->end_row() ? pixels->format.rows : rows_->written();
        return std::uint64_t{rows} * pixels->format.columns;
    }
    [[nodiscard]] bool has_excess_data() const { return has_excess_data_; }
    [[nodiscard]] bool is_progressive() const { return progressive_.has_value(); }

  private:
    // Before the first scan.
    void begin() {
        const FrameHeader& found = walk_.frame();
        if (!ImageRows::can_upsample(found)) leave("the sampling factors do not divide each other");
        sample_size_ = found.precision > 8 ? 2 : 1;
        if (found.code == SOF2) progressive_.emplace(found, context_.arena);
        has_begun_ = true;
        if (pixels == nullptr) return;
        if (found.precision > 8 && sample_size(pixels->format.type) < 2)
            leave("the cells are smaller than the samples");
        if (pixels->format.samples_per_pixel != found.count || pixels->format.rows != found.lines ||
            pixels->format.columns != found.samples_per_line) {
            leave("the image is not the codestream's");
        }
        rows_.emplace(found, planes_, *pixels, context_);
    }

    void decode_progressive_scan() {
        // The library knows what others make of it.
        if (const char* const why = progressive_->contradiction(walk_)) leave(why);
        const ScanData data = read_scan_data(frame_, reader_.position(), walk_.restart_interval(),
                                             ceil_divide(count_units(walk_.frame(), walk_.scan(), walk_.covered()),
                                                         std::max<std::uint64_t>(walk_.restart_interval(), 1)),
                                             context_.arena);
        if (data.damage) throw *data.damage;
        reader_.seek(data.end);
        has_excess_data_ |= progressive_->decode_scan(walk_, tables_, data, frame_, context_);
    }

    // The coefficients of a progressive image to samples.
    void transform() {
        if (!progressive_->is_complete()) leave("some bits of the coefficients are in no scan");
        const FrameHeader& found = walk_.frame();
        const auto mcu_rows = static_cast<std::uint32_t>(ceil_divide(found.lines, 8 * found.vertical_max));
        ScanPlan plan;
        plan.mcu_rows = mcu_rows;
        for (std::size_t i = 0; i < found.count; ++i) plan.lines[i] = 8 * found.components[i].vertical_factor;
        limit_rows(plan);
        allocate_planes(rows_.has_value(), plan);
        const DctKernels& kernels = dct_kernels(context_.isa);
        const auto transform_blocks = sample_size_ == 1 ? kernels.transform_blocks8 : kernels.transform_blocks12;
        for (std::uint32_t row = plan.first_row; row < plan.end_row; ++row) {
            context_.check_interruption();
            for (std::size_t i = 0; i < found.count; ++i) {
                const CoefficientPlane& from = progressive_->plane(i);
                for (std::uint32_t v = 0; v < found.components[i].vertical_factor; ++v) {
                    const std::uint32_t line = row * found.components[i].vertical_factor + v;
                    transform_blocks(from.block(line, 0), from.blocks_per_line, *from.steps, planes_[i].line(8 * line),
                                     static_cast<std::ptrdiff_t>(planes_[i].stride));
                }
            }
            if (rows_) rows_->write_until(rows_after(row + 1, plan, found.vertical_max));
        }
        note_lines(plan, plan.mcu_rows);
    }

    // The decoded lines of each component, and zeros after them.
    void copy_planes() const {
        for (std::size_t i = 0; i < components.size(); ++i) {
            const ComponentOut part = components[i].part();
            const std::uint32_t end = components[i].lines_of_part(decoded_lines_[i]);
            for (std::uint32_t y = 0; y < end; ++y) {
                const std::byte* from = planes_[i].line(components[i].region.top + y) +
                                        std::size_t{components[i].region.left} * sample_size_;
                std::byte* to = part.base + static_cast<std::ptrdiff_t>(y) * part.row_stride;
                for (std::uint32_t x = 0; x < part.width; ++x, from += sample_size_, to += part.sample_stride)
                    std::copy_n(from, sample_size_, to);
            }
            clear_lines(part, end);
        }
    }

    // Memory for the samples of the components: if one scan has all of them, that of two rows of MCUs.
    void allocate_planes(bool writes_rows, const ScanPlan& plan) {
        const FrameHeader& found = walk_.frame();
        const std::uint64_t mcu_columns = ceil_divide(found.samples_per_line, 8 * found.horizontal_max);
        const std::uint64_t mcu_rows = ceil_divide(found.lines, 8 * found.vertical_max);
        for (std::size_t i = 0; i < found.count; ++i) {
            Plane& plane = planes_[i];
            plane.stride =
                static_cast<std::size_t>(mcu_columns * 8 * found.components[i].horizontal_factor) * sample_size_;
            plane.lines = static_cast<std::uint32_t>(mcu_rows * 8 * found.components[i].vertical_factor);
            if (writes_rows) plane.lines = std::min(plane.lines, 2 * plan.lines[i]);
            plane.base = context_.arena.allocate(plane.stride * plane.lines);
        }
        has_planes_ = true;
    }

    ScanPlan plan_scan() {
        const FrameHeader& found = walk_.frame();
        const ScanHeader& scan = walk_.scan();
        const Segment& segment = walk_.scan_segment();
        const bool is_interleaved = scan.count > 1;
        ScanPlan plan;
        const std::size_t only = walk_.covered().index(0);
        plan.mcus_per_row =
            static_cast<std::uint32_t>(is_interleaved ? ceil_divide(found.samples_per_line, 8 * found.horizontal_max)
                                                      : ceil_divide(found.width(only), 8));
        plan.mcu_rows = static_cast<std::uint32_t>(is_interleaved ? ceil_divide(found.lines, 8 * found.vertical_max)
                                                                  : ceil_divide(found.height(only), 8));
        const std::uint64_t mcus = std::uint64_t{plan.mcus_per_row} * plan.mcu_rows;
        plan.interval = walk_.restart_interval() == 0 ? mcus : walk_.restart_interval();
        // Those of one component stay in the first-level cache even so.
        const unsigned index_bits =
            index_bits_of_next_scan(CoefficientTable::most_index_bits - (is_interleaved ? 1 : 0));
        for (std::size_t k = 0; k < scan.count; ++k) {
            const std::size_t i = walk_.covered().index(k);
            const FrameComponent& component = found.components[i];
            const unsigned columns = is_interleaved ? component.horizontal_factor : 1;
            const unsigned rows = is_interleaved ? component.vertical_factor : 1;
            UnitPlan unit{};
            unit.tables = tables_.units(scan.tables[k] >> 4, scan.tables[k] & 15, index_bits, segment);
            unit.steps = tables_.steps(component.quantisation_table);
            if (unit.tables == nullptr || unit.steps == nullptr) leave("a table is not defined");
            unit.prediction = &predictions_[k];
            unit.mcu_step = static_cast<std::ptrdiff_t>(8 * columns * sample_size_);
            plan.lines[i] = 8 * rows;
            for (unsigned v = 0; v < rows; ++v) {
                for (unsigned h = 0; h < columns; ++h) {
                    plan.units.push_back(unit);
                    plan.places.push_back({i, 8 * v, 8 * h * sample_size_});
                }
            }
        }
        if (plan.units.size() > most_mcu_units) leave("an MCU has more than ten data units");
        limit_rows(plan);
        return plan;
    }

    // To the rows of MCUs that the region needs, with a row of samples before and after it.
    void limit_rows(ScanPlan& plan) const {
        const FrameHeader& found = walk_.frame();
        if (pixels == nullptr) {
            plan.end_row = plan.mcu_rows;
            return;
        }
        plan.first_row = plan.mcu_rows;
        for (std::size_t i = 0; i < found.count; ++i) {
            if (plan.lines[i] == 0) continue;
            const std::uint64_t factor = found.components[i].vertical_factor;
            const std::uint64_t top =
                (pixels->region.is_whole() ? 0 : pixels->region.top) * factor / found.vertical_max;
            const std::uint64_t end = ceil_divide(pixels->end_row() * factor, found.vertical_max) + 1;
            const std::uint64_t first = (top == 0 ? 0 : top - 1) / plan.lines[i];
            const std::uint64_t last = std::min<std::uint64_t>(plan.mcu_rows, ceil_divide(end, plan.lines[i]));
            plan.first_row = std::min(plan.first_row, static_cast<std::uint32_t>(first));
            plan.end_row = std::max(plan.end_row, static_cast<std::uint32_t>(last));
        }
    }

    void decode_scan() {
        const FrameHeader& found = walk_.frame();
        ScanPlan plan = plan_scan();
        // As the scan is decoded.
        const bool writes_rows = rows_ && walk_.scan().count == found.count;
        if (!has_planes_) allocate_planes(writes_rows, plan);
        for (std::size_t u = 0; u < plan.units.size(); ++u)
            plan.units[u].row_stride = static_cast<std::ptrdiff_t>(planes_[plan.places[u].component].stride);

        const std::uint64_t mcus = std::uint64_t{plan.mcus_per_row} * plan.mcu_rows;
        const ScanData data = read_scan_data(frame_, reader_.position(), walk_.restart_interval(),
                                             ceil_divide(mcus, plan.interval), context_.arena);
        if (data.damage && !options_.salvage) throw *data.damage;
        reader_.seek(data.end);
        try {
            decode_rows(plan, data, writes_rows);
        } catch (const DecodeError& error) {
            // The markers are the cause, if they are wrong.
            if (data.damage && error.code != ErrorCode::interrupted) throw *data.damage;
            throw;
        }
        if (data.damage) throw *data.damage;
    }

    // Where decoding is in the data of a scan.
    struct Position {
        std::size_t interval = 0;  // the next
        std::uint64_t left = 0;    // MCUs of the current one
        BitWindow bits{};
        const std::uint8_t* end = nullptr;
    };

    void decode_rows(ScanPlan& plan, const ScanData& data, bool writes_rows) {
        const FrameHeader& found = walk_.frame();
        const DctKernels& kernels = dct_kernels(isa_for(found));
        const DctKernels::DecodeMcus decode_mcus = sample_size_ == 1 ? kernels.decode_mcus8 : kernels.decode_mcus12;
        // Restart intervals before the region are skipped.
        const std::uint64_t skipped = std::uint64_t{plan.first_row} * plan.mcus_per_row / plan.interval;
        std::uint64_t first = skipped * plan.interval % plan.mcus_per_row;
        Position at;
        at.interval = static_cast<std::size_t>(skipped);
        const auto begin = static_cast<std::uint32_t>(skipped * plan.interval / plan.mcus_per_row);
        for (std::uint32_t row = begin; row < plan.end_row; ++row) {
            context_.check_interruption();
            place_units(plan, row);
            const unsigned blocks = walk_.scan().count > 1 ? found.vertical_max : 1;
            if (writes_rows) rows_->prefetch_until(rows_after(row + 1, plan, blocks));
            for (std::uint64_t mcu = first; mcu < plan.mcus_per_row;) {
                if (at.left == 0) next_interval(at, plan, data, row);
                const auto count =
                    static_cast<std::uint32_t>(std::min<std::uint64_t>(plan.mcus_per_row - mcu, at.left));
                const std::uint32_t done = decode_mcus(at.bits, at.end, plan.units.data(), plan.units.size(),
                                                       static_cast<std::uint32_t>(mcu), count);
                if (done < count) fail_at(at, data, row, plan.mcu_rows);
                mcu += count;
                at.left -= count;
                if (at.left == 0) has_excess_data_ |= at.bits.left(at.end) >= excess_bits;
            }
            first = 0;
            note_lines(plan, row + 1);
            if (writes_rows) rows_->write_until(rows_after(row + 1, plan, blocks));
        }
        if (plan.end_row == plan.mcu_rows) has_excess_data_ |= at.bits.left(at.end) >= excess_bits;
        // The other rows are not needed.
        note_lines(plan, plan.mcu_rows);
    }

    // Vectors of 512 bits slow down the processor's clock, which costs more than they save where nothing else uses
    // them.
    [[nodiscard]] Isa isa_for(const FrameHeader& frame) const {
        if (frame.count == 1 && sample_size_ == 1 && context_.isa == Isa::avx512) return Isa::avx2;
        return context_.isa;
    }

    void place_units(ScanPlan& plan, std::uint32_t row) const {
        for (std::size_t u = 0; u < plan.units.size(); ++u) {
            const ScanPlan::Place& place = plan.places[u];
            plan.units[u].to =
                planes_[place.component].line(row * plan.lines[place.component] + place.line) + place.offset;
        }
    }

    void next_interval(Position& at, const ScanPlan& plan, const ScanData& data, std::uint32_t row) {
        if (at.interval >= data.intervals.size())
            fail(ErrorCode::truncated, data.end, "the scan ends in row %u of %u", row, plan.mcu_rows);
        const Interval& interval = data.intervals[at.interval++];
        at.left = plan.interval;
        at.bits = BitWindow{0, interval.begin, 0};
        at.end = interval.end;
        predictions_.fill(0);
    }

    // Rows of the image that `mcu_rows` rows of MCUs give, each of so many rows of blocks.
    [[nodiscard]] std::uint32_t rows_after(std::uint32_t mcu_rows, const ScanPlan& plan, unsigned blocks) const {
        const FrameHeader& found = walk_.frame();
        std::uint64_t end = std::uint64_t{mcu_rows} * 8 * blocks;
        // The last lines of subsampled components wait for the next.
        if (mcu_rows < plan.mcu_rows && rows_->needs_neighbours()) end -= found.vertical_max;
        return static_cast<std::uint32_t>(std::min<std::uint64_t>(end, found.lines));
    }

    void note_lines(const ScanPlan& plan, std::uint32_t mcu_rows) {
        for (std::size_t i = 0; i < most_components; ++i) {
            if (plan.lines[i] == 0) continue;
            decoded_lines_[i] = static_cast<std::uint32_t>(
                std::min<std::uint64_t>(std::uint64_t{mcu_rows} * plan.lines[i], walk_.frame().height(i)));
        }
    }

    [[noreturn]] void fail_at(const Position& at, const ScanData& data, std::uint32_t row,
                              std::uint32_t mcu_rows) const {
        // Bits of which some are missing may be no code.
        const std::ptrdiff_t left = at.bits.left(at.end);
        const std::ptrdiff_t index = at.end - data.bytes - (left > 0 ? left + 7 : 0) / 8;
        // Restart markers are not among the bytes of the data.
        const std::size_t offset = stuffed_position(frame_, data.begin, static_cast<std::size_t>(index));
        if (left >= static_cast<std::ptrdiff_t>(max_code_length)) {
            fail(ErrorCode::malformed, offset,
                 "row %u of %u of the scan has bits that are no code of the Huffman table", row, mcu_rows);
        }
        fail(ErrorCode::truncated, std::min(offset, data.end), "the scan ends in row %u of %u", row, mcu_rows);
    }

    const Fragments& frame_;
    const Options& options_;
    Context& context_;
    MarkerReader reader_;
    ScanWalk walk_;
    Tables tables_;
    Planes planes_{};
    std::optional<ImageRows> rows_;
    std::optional<ProgressiveImage> progressive_;
    std::array<std::int32_t, most_components> predictions_{};
    std::array<std::uint32_t, most_components> decoded_lines_{};
    std::size_t sample_size_ = 1;
    bool has_begun_ = false;
    bool has_planes_ = false;
    bool has_excess_data_ = false;
};

// Throws again if there is nothing to salvage. Call it in the catch clause.
Outcome salvaged(FrameDecoder& decoder, const DecodeError& error, const Options& options, const Fragments& frame,
                 const Header& header, Context& context) {
    const bool is_damage = error.code != ErrorCode::other_codec && error.code != ErrorCode::unsupported &&
                           error.code != ErrorCode::interrupted;
    if (!options.salvage || !is_damage) throw;
    if (decoder.is_progressive()) {
        // No row is right before the last scan. If markers are missing, the library makes a picture of the scans that
        // are there; what its check does not see, it would call right.
        try {
            check_jpeg(frame.contiguous(context.arena), header);
        } catch (const DecodeError&) {
            leave("the library salvages progressive images");
        }
        throw;
    }
    decoder.salvage();
    if (decoder.valid_pixels() == 0) throw;
    return {decoder.valid_pixels(), false, error.code, error.offset, error.message};
}

Outcome run(FrameDecoder& decoder, const Options& options, const Fragments& frame, const Header& header,
            Context& context) {
    try {
        decoder.decode();
    } catch (const DecodeError& error) {
        return salvaged(decoder, error, options, frame, header, context);
    }
    return {.valid_pixels = decoder.valid_pixels(),
            .complete = true,
            .message = {},
            .has_excess_data = decoder.has_excess_data()};
}

}  // namespace

Outcome decode(const Fragments& frame, const PixelAttributes&, const Header& header, const FrameOut& out,
               const Options& options, Context& context) {
    if (options.reduce > 0) leave("the core does not reduce JPEG");
    FrameDecoder decoder(frame, header, options, context);
    decoder.pixels = &out;
    return run(decoder, options, frame, header, context);
}

Outcome decode_components(const Fragments& frame, const Header& header, std::span<const ComponentOut> out,
                          const Options& options, Context& context) {
    if (options.reduce > 0) leave("the core does not reduce JPEG");
    FrameDecoder decoder(frame, header, options, context);
    decoder.components = out;
    return run(decoder, options, frame, header, context);
}

}  // namespace dcmturbo::jpeg_dct
