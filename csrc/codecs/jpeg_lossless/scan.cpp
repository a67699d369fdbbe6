#include "codecs/jpeg_lossless/scan.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "base/error.h"
#include "bits/zero_byte_stuffing.h"
#include "codecs/jpeg_lossless/row_prediction.h"

namespace dcmturbo::jpeg_lossless {

bool is_long(const Scan& scan, std::uint64_t bits) {
    constexpr double long_bits = 9.5;
    return static_cast<double>(bits) > long_bits * static_cast<double>(scan.row_samples()) * scan.mcu_rows;
}

ScanDecoder::ScanDecoder(const Scan& scan, const ScanData& data, const Fragments& frame, Context& context)
    : scan_(scan), data_(data), frame_(frame), context_(context) {
    std::uint64_t bits = 0;
    for (const Interval& interval : data.intervals) bits += interval.end - interval.begin;
    source_ = {data.bytes, scan.tables, is_long(scan, bits)};
}

void ScanDecoder::decode(RowSink& sink, ScanProgress& progress) {
    // Whole intervals before the first row that is needed are passed over.
    const std::size_t passed = scan_.first_row / scan_.rows_per_interval;
    if (passed > 0 && data_.intervals.size() == scan_.interval_count()) {
        const std::span<const Interval> intervals = data_.intervals.subspan(passed);
        const auto first_row = static_cast<std::uint32_t>(passed * scan_.rows_per_interval);
        return decode_rows(intervals, first_row, sink, progress);
    }
    decode_rows(data_.intervals, 0, sink, progress);
}

void ScanDecoder::decode_rows(std::span<const Interval> intervals, std::uint32_t first_row, RowSink& sink,
                              ScanProgress& progress) {
    DifferenceReader reader(source_, intervals, scan_.row_samples(), context_.isa, context_.arena);
    RowPrediction prediction(scan_, context_);
    auto* differences = context_.arena.allocate_array<std::uint16_t>(scan_.row_samples());
    decode_intervals(intervals, first_row, scan_.end_row, reader, {prediction, differences}, sink, progress);
}

void ScanDecoder::decode_intervals(std::span<const Interval> intervals, std::uint32_t first_row, std::uint32_t end_row,
                                   DifferenceReader& reader, Rows rows, RowSink& sink, ScanProgress& progress) const {
    const PredictionKernels& kernels = prediction_kernels(context_.isa);
    const std::size_t wanted = scan_.row_samples();
    std::uint32_t left = scan_.rows_per_interval;
    std::size_t interval = 0;
    for (std::uint32_t row = first_row; row < end_row; ++row, --left) {
        context_.check_interruption();
        if (left == 0) {
            progress.has_excess_data |=
                reader.position() + 8 <= intervals[std::min(interval, intervals.size() - 1)].end;
            reader.next_interval();
            ++interval;
            left = scan_.rows_per_interval;
        }
        const bool is_there = interval < intervals.size();
        const std::span<const DifferenceEntry> entries =
            is_there ? reader.take(wanted) : std::span<const DifferenceEntry>{};
        std::size_t count = entries.size();
        const std::uint32_t all = kernels.extract_differences(entries.data(), rows.differences, count);
        const bool is_invalid = (all & invalid_difference) != 0;
        if (is_invalid) {
            count = static_cast<std::size_t>(
                std::find_if(entries.begin(), entries.end(),
                             [](DifferenceEntry entry) { return (entry & invalid_difference) != 0; }) -
                entries.begin());
        }
        rows.prediction.restore(rows.differences, count, left == scan_.rows_per_interval, row, sink);
        if (count < wanted) {
            progress.rows = row;
            progress.samples = static_cast<std::uint32_t>(count / scan_.mcu_samples);
            std::uint64_t bit = is_there ? reader.position() : intervals.empty() ? 0 : intervals.back().end;
            for (std::size_t i = count; i < entries.size(); ++i) bit -= length_of(entries[i]);
            fail_at(bit, is_invalid, row);
        }
    }
    progress.rows = end_row;
    if (scan_.end_row < scan_.mcu_rows) return;  // what follows is of rows that are not needed
    progress.has_excess_data |= interval < intervals.size() && reader.position() + 8 <= intervals[interval].end;
}

void ScanDecoder::fail_at(std::uint64_t bit, bool is_invalid, std::uint32_t row) const {
    const std::size_t offset = stuffed_position(frame_, data_.begin, static_cast<std::size_t>(bit / 8));
    if (is_invalid && offset < data_.end) {
        fail(ErrorCode::malformed, offset, "row %u of %u of the scan has bits that are no code of the Huffman table",
             row, scan_.mcu_rows);
    }
    fail(ErrorCode::truncated, std::min(offset, data_.end), "the scan ends in row %u of %u", row, scan_.mcu_rows);
}

// Restart intervals depend on nothing before them.
bool ScanDecoder::decode_on_team(std::span<RowSink* const> sinks) {
    const std::size_t intervals = data_.intervals.size();
    if (intervals != scan_.interval_count()) return false;
    const std::size_t groups = std::min(intervals, sinks.size());
    std::vector<DifferenceReader> readers;
    std::vector<RowPrediction> predictions;
    std::vector<std::uint16_t*> differences;
    readers.reserve(groups);
    const auto begin_of = [&](std::size_t group) { return group * intervals / groups; };
    const auto span_of = [&](std::size_t group) {
        return data_.intervals.subspan(begin_of(group), begin_of(group + 1) - begin_of(group));
    };
    for (std::size_t group = 0; group < groups; ++group) {
        readers.emplace_back(source_, span_of(group), scan_.row_samples(), context_.isa, context_.arena);
        predictions.emplace_back(scan_, context_);
        differences.push_back(context_.arena.allocate_array<std::uint16_t>(scan_.row_samples()));
    }
    // What is odd goes the other way too, which knows what it means.
    std::atomic<bool> failed{false};
    context_.parallel_for(groups, [&](std::size_t group) {
        if (failed.load(std::memory_order_relaxed)) return;
        const auto row_of = [&](std::size_t interval) {
            return static_cast<std::uint32_t>(
                std::min<std::uint64_t>(std::uint64_t{interval} * scan_.rows_per_interval, scan_.mcu_rows));
        };
        ScanProgress progress;
        try {
            decode_intervals(span_of(group), row_of(begin_of(group)), row_of(begin_of(group + 1)), readers[group],
                             {predictions[group], differences[group]}, *sinks[group], progress);
            if (progress.has_excess_data) failed.store(true, std::memory_order_relaxed);
        } catch (...) {
            failed.store(true, std::memory_order_relaxed);
        }
    });
    return !failed.load();
}

}  // namespace dcmturbo::jpeg_lossless
