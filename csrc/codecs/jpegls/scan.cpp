#include "codecs/jpegls/scan.h"

#include <algorithm>
#include <bit>
#include <new>

#include "base/endian.h"
#include "base/error.h"
#include "bits/zero_bit_stuffing.h"

namespace dcmturbo::jpegls {

std::uint32_t Scan::widest() const {
    std::uint32_t most = 0;
    for (const ScanComponent& component : components) most = std::max(most, component.width);
    return most;
}

std::size_t Scan::longest_interval() const {
    std::size_t most = 0;
    for (const Interval& interval : intervals) most = std::max(most, interval.end - interval.begin);
    return most;
}

const std::int8_t* make_gradients(const Parameters& parameters, Arena& arena) {
    // From 12 bits on the default thresholds are the same (C.2.4.1.1.1), so that one large table serves nearly all
    // lossless streams. To fill it takes as long as to decode a small frame.
    // It is never freed: while the process exits, threads of daemons still decode.
    static const std::int8_t* const of_16_bits = [] {
        const Parameters most = resolve({}, 16, 0);
        auto* const table = new std::int8_t[GradientTable::size_for(most.maxval)];
        GradientTable::fill(table, most);
        return table;
    }();
    const Parameters usual = resolve({}, 16, 0);
    if (parameters.near_lossless == 0 && parameters.t1 == usual.t1 && parameters.t2 == usual.t2 &&
        parameters.t3 == usual.t3)
        return of_16_bits + usual.maxval;
    auto* const table = arena.allocate_array<std::int8_t>(GradientTable::size_for(parameters.maxval));
    GradientTable::fill(table, parameters);
    return table + parameters.maxval;
}

IntervalDecoder::IntervalDecoder(const Scan& scan, Bytes frame, const std::int8_t* gradients,
                                 const LineKernels& kernels, Arena& arena)
    : scan_(scan),
      frame_(frame),
      kernels_(kernels),
      contexts_(new (arena.allocate(sizeof(Contexts))) Contexts),
      coder_{scan.parameters,
             *contexts_,
             gradients,
             arena.allocate_array<std::int16_t>(scan.widest() + line_margin),
             arena.allocate_array<LineSample>((scan.widest() + line_margin) * scan.components.size()),
             nullptr},
      bytes_(arena.allocate_array<std::uint8_t>(scan.longest_interval() + unstuff_bits_slack)) {
    for (std::size_t i = 0; i < scan.components.size(); ++i) {
        for (std::uint16_t*& line : lines_[i])
            line = arena.allocate_array<std::uint16_t>(scan.components[i].width + 2 * line_margin) + line_margin;
    }
}

void IntervalDecoder::decode_row(GolombPlace& place, std::uint32_t row, RowSink& sink, unsigned& damage) {
    const std::span<const ScanComponent> components = scan_.components;
    if (scan_.interleave == Interleave::sample) {
        std::array<Line, most_components> lines;
        const std::uint32_t width = components[0].width;
        for (std::size_t i = 0; i < components.size(); ++i) {
            prepare_line(lines_[i][0], lines_[i][1], width);
            lines[i] = {lines_[i][0], lines_[i][1]};
        }
        damage |= kernels_.decode_samples(coder_, place, lines.data(), static_cast<unsigned>(components.size()), width);
        if (damage != 0 || place.is_past_end()) return;
        for (std::size_t i = 0; i < components.size(); ++i) {
            sink.put(components[i].index, 0, row, {lines_[i][1], width, 0});
            std::swap(lines_[i][0], lines_[i][1]);
        }
        return;
    }
    for (std::size_t i = 0; i < components.size(); ++i) {
        const ScanComponent& component = components[i];
        for (std::uint32_t k = 0; k < component.lines; ++k) {
            const std::uint32_t y = row * component.lines + k;
            if (y >= component.height) break;
            prepare_line(lines_[i][0], lines_[i][1], component.width);
            damage |= kernels_.decode_line(coder_, place, {lines_[i][0], lines_[i][1]}, component.width,
                                           contexts_->run_index[i]);
            if (damage != 0 || place.is_past_end()) return;
            sink.put(component.index, 0, y, {lines_[i][1], component.width, 0});
            std::swap(lines_[i][0], lines_[i][1]);
        }
    }
}

namespace {

// How many lines, of at most `most`, come next that are a run of one bit each and do not change the run index. The bits
// past the end of the data are zero.
std::uint32_t count_runs_of_one_bit(const GolombPlace& place, std::uint32_t width, std::uint32_t run_index,
                                    std::uint32_t most) {
    if (std::uint32_t{1} << run_order[run_index] <= width) return 0;
    const auto bits = load_be<std::uint64_t>(place.begin + place.position / 8) << place.position % 8;
    return std::min(most, static_cast<std::uint32_t>(std::countl_one(bits)));
}

// Behind a line of one bit: the lines like it that come next. A line of two samples or more that takes one bit is one
// run, so that it has one value.
void repeat_line(GolombPlace& place, std::uint32_t width, std::uint32_t run_index, std::uint32_t& row,
                 std::uint32_t end, RowSink& sink, IntervalProgress& progress) {
    if (width < 2) return;
    const std::uint32_t same = count_runs_of_one_bit(place, width, run_index, end - row - 1);
    if (same == 0 || !sink.repeat(row, same)) return;
    place.position += same;
    progress.rows += same;
    row += same;
}

}  // namespace

// The same for the lines of one component: those of flat images take less time than what decode_row() does beside them.
void IntervalDecoder::decode_rows_alone(const Interval& interval, GolombPlace& place, std::uint32_t first,
                                        std::uint32_t end, RowSink& sink, IntervalProgress& progress) {
    const std::size_t index = scan_.components[0].index;
    const std::uint32_t width = scan_.components[0].width;
    std::uint32_t& run_index = contexts_->run_index[0];
    auto [above, line] = lines_[0];
    for (std::uint32_t row = first; row < end; ++row) {
        const std::size_t before = place.position;
        prepare_line(above, line, width);
        const unsigned damage = kernels_.decode_line(coder_, place, {above, line}, width, run_index);
        if (place.is_past_end()) fail_in(interval, interval.end, true, row);
        if (damage != 0) fail_in(interval, before, false, row);
        sink.put(index, 0, row, {line, width, 0});
        ++progress.rows;
        if (place.position == before + 1) repeat_line(place, width, run_index, row, end, sink, progress);
        std::swap(above, line);
    }
}

void IntervalDecoder::decode(std::size_t index, RowSink& sink, IntervalProgress& progress) {
    const Interval& interval = scan_.intervals[index];
    const UnstuffedBits data = unstuff_bits(frame_.subspan(interval.begin, interval.end - interval.begin), bytes_);
    contexts_->reset(scan_.parameters, kernels_);
    for (std::size_t i = 0; i < scan_.components.size(); ++i)
        std::fill_n(lines_[i][0] - 1, scan_.components[i].width + 2, std::uint16_t{0});
    GolombPlace place(bytes_, data.bits);
    const auto first = static_cast<std::uint32_t>(index * scan_.rows_per_interval);
    const std::uint32_t end = std::min(scan_.end_row, first + scan_.rows_per_interval);
    const bool is_alone = scan_.components.size() == 1 && scan_.components[0].lines == 1;
    if (is_alone) decode_rows_alone(interval, place, first, end, sink, progress);
    for (std::uint32_t row = first; row < end && !is_alone; ++row) {
        const std::size_t before = place.position;
        unsigned damage = 0;
        decode_row(place, row, sink, damage);
        if (place.is_past_end()) fail_in(interval, data.bits, true, row);
        if (damage != 0) fail_in(interval, before, false, row);
        ++progress.rows;
        if (scan_.interleave == Interleave::sample && place.position == before + 1) {
            repeat_line(place, scan_.components[0].width, contexts_->run_index[0], row, end, sink, progress);
        }
    }
    if (end < std::min(scan_.mcu_rows, first + scan_.rows_per_interval)) return;
    check_rest(interval, place, data.bits, progress);
}

// Behind the last sample stand less than eight bits of padding. A byte of zeros more makes data even, in the images of
// DICOM's working group 4, too.
void IntervalDecoder::check_rest(const Interval& interval, const GolombPlace& place, std::size_t bits,
                                 IntervalProgress& progress) const {
    const std::size_t bytes = (bits - place.position) / 8;
    const std::size_t rest = bits - bytes * 8;
    unsigned set = bytes == 0 ? 0U : bytes_[rest / 8] & 0xFFU >> rest % 8;
    for (std::size_t at = rest / 8 + 1; at < (bits + 7) / 8; ++at) set |= bytes_[at];
    if (bytes != 0 && set != 0) {
        const Bytes data = frame_.subspan(interval.begin, interval.end - interval.begin);
        fail(ErrorCode::malformed, interval.begin + stuffed_bit_position(data, rest),
             "the scan goes on after its last row: it is damaged, or it had more rows");
    }
    progress.has_excess_data |= bytes > 1;
}

void IntervalDecoder::fail_in(const Interval& interval, std::size_t bit, bool ends, std::uint32_t row) const {
    const Bytes data = frame_.subspan(interval.begin, interval.end - interval.begin);
    if (ends) {
        fail(ErrorCode::truncated, interval.end, "the scan ends in row %u of %u", row, scan_.mcu_rows);
    }
    fail(ErrorCode::malformed, interval.begin + stuffed_bit_position(data, bit),
         "row %u of %u of the scan, which begins here, is damaged: it holds a run that is longer than the row or an "
         "error that is larger than the samples allow",
         row, scan_.mcu_rows);
}

}  // namespace dcmturbo::jpegls
