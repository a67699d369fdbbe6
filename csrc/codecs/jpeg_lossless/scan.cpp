#include "codecs/jpeg_lossless/scan.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "base/error.h"
#include "bits/zero_byte_stuffing.h"

namespace dcmturbo::jpeg_lossless {

namespace {

// Above this many bits a difference, on average, most do not fit in the short look-up. Only where to begin: the
// reader changes to the long one where the short one turns out to fail often.
constexpr double long_bits = 9.5;

// A frame smaller than this is not worth a team. Bytes of entropy-coded data.
constexpr std::size_t team_bytes = std::size_t{64} << 10;

}  // namespace

struct ScanDecoder::Rows {
    std::uint16_t* differences;                                    // a row of MCUs, as coded
    std::array<std::array<std::uint16_t*, 2>, 4> lines{};          // [component]: this row and the one before
    std::array<std::array<std::uint16_t*, 4>, 4> sampled_lines{};  // [component]: the rows of one MCU row
    unsigned current = 0;
};

ScanDecoder::ScanDecoder(const Scan& scan, const ScanData& data, const Fragments& frame, Context& context)
    : scan_(scan), data_(data), frame_(frame), context_(context) {
    std::uint64_t bits = 0;
    for (const Interval& interval : data.intervals) bits += interval.end - interval.begin;
    const double samples = static_cast<double>(scan.row_samples()) * scan.mcu_rows;
    source_ = {data.bytes, scan.tables, static_cast<double>(bits) > long_bits * samples};
}

ScanDecoder::Rows ScanDecoder::allocate_rows() {
    Rows rows;
    Arena& arena = context_.arena;
    rows.differences = arena.allocate_array<std::uint16_t>(scan_.row_samples());
    for (std::size_t i = 0; i < scan_.components.size(); ++i) {
        const ScanComponent& component = scan_.components[i];
        for (std::uint16_t*& line : rows.lines[i]) line = arena.allocate_array<std::uint16_t>(component.coded_width);
        if (scan_.is_simple()) continue;
        for (unsigned r = 0; r < component.rows; ++r)
            rows.sampled_lines[i][r] = arena.allocate_array<std::uint16_t>(component.coded_width);
    }
    return rows;
}

void ScanDecoder::decode(RowSink& sink, ScanProgress& progress) {
    DifferenceReader reader(source_, data_.intervals, scan_.row_samples(), context_.kernels, context_.arena);
    Rows rows = allocate_rows();
    decode_intervals(data_.intervals, 0, scan_.mcu_rows, reader, rows, sink, progress);
}

void ScanDecoder::decode_intervals(std::span<const Interval> intervals, std::uint32_t first_row, std::uint32_t end_row,
                                   DifferenceReader& reader, Rows& rows, RowSink& sink, ScanProgress& progress) const {
    const std::size_t wanted = scan_.row_samples();
    std::uint32_t left = scan_.rows_per_interval;
    std::size_t interval = 0;
    for (std::uint32_t row = first_row; row < end_row; ++row, --left) {
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
        const std::uint32_t all = context_.kernels.extract_differences(entries.data(), rows.differences, count);
        const bool is_invalid = (all & invalid_difference) != 0;
        if (is_invalid) {
            count = static_cast<std::size_t>(
                std::find_if(entries.begin(), entries.end(),
                             [](DifferenceEntry entry) { return (entry & invalid_difference) != 0; }) -
                entries.begin());
        }
        const bool starts = left == scan_.rows_per_interval;
        if (scan_.is_simple()) restore(rows.differences, count, starts, row, rows, sink);
        else if (count == wanted) restore_sampled(rows.differences, count, starts, row, rows, sink);
        if (count < wanted) {
            progress.rows = row;
            progress.samples = static_cast<std::uint32_t>(count / scan_.mcu_samples);
            std::uint64_t bit = is_there ? reader.position() : intervals.empty() ? 0 : intervals.back().end;
            for (std::size_t i = count; i < entries.size(); ++i) bit -= length_of(entries[i]);
            fail_at(bit, is_invalid, row);
        }
    }
    progress.rows = end_row;
    progress.has_excess_data |= interval < intervals.size() && reader.position() + 8 <= intervals[interval].end;
}

void ScanDecoder::fail_at(std::uint64_t bit, bool is_invalid, std::uint32_t row) const {
    const std::size_t offset = stuffed_position(frame_, data_.begin, static_cast<std::size_t>(bit / 8));
    if (is_invalid && offset < data_.end) {
        fail(ErrorCode::malformed, offset, "no code of the Huffman table stands in row %u of %u of the scan", row,
             scan_.mcu_rows);
    }
    fail(ErrorCode::truncated, std::min(offset, data_.end), "the scan ends in row %u of %u", row, scan_.mcu_rows);
}

// MCUs of one sample of each component.
void ScanDecoder::restore(const std::uint16_t* differences, std::size_t count, bool starts_interval, std::uint32_t row,
                          Rows& rows, RowSink& sink) const {
    const std::size_t components = scan_.components.size();
    const std::size_t pixels = count / components;
    if (pixels == 0) return;
    const unsigned current = rows.current ^= 1;
    if (components == 1) {
        std::memcpy(rows.lines[0][current], differences, pixels * sizeof *differences);
    } else {
        std::array<std::uint16_t*, 4> to{};
        for (std::size_t i = 0; i < components; ++i) to[i] = rows.lines[i][current];
        context_.kernels.separate_components(differences, components, pixels, to.data());
    }
    for (std::size_t i = 0; i < components; ++i) {
        std::uint16_t* const line = rows.lines[i][current];
        const std::uint16_t* const above = rows.lines[i][current ^ 1];
        context_.kernels.restore_row(starts_interval ? 1 : scan_.selection_value, above, line, pixels,
                                     starts_interval ? scan_.first_prediction() : above[0]);
    }
    for (std::size_t i = 0; i < components; ++i) {
        sink.put(scan_.components[i].index, row, rows.lines[i][current], static_cast<std::uint32_t>(pixels),
                 scan_.point_transform);
    }
}

// MCUs of several samples of a component (A.2.3): first sorted into the component's lines.
void ScanDecoder::restore_sampled(const std::uint16_t* differences, std::size_t, bool starts_interval,
                                  std::uint32_t row, Rows& rows, RowSink& sink) const {
    for (std::uint32_t mcu = 0; mcu < scan_.mcus_per_row; ++mcu) {
        for (std::size_t i = 0; i < scan_.components.size(); ++i) {
            const ScanComponent& component = scan_.components[i];
            for (unsigned r = 0; r < component.rows; ++r) {
                std::uint16_t* const to = rows.sampled_lines[i][r] + std::size_t{mcu} * component.columns;
                for (unsigned c = 0; c < component.columns; ++c) to[c] = *differences++;
            }
        }
    }
    for (std::size_t i = 0; i < scan_.components.size(); ++i) {
        const ScanComponent& component = scan_.components[i];
        // The row above the first is the last one of the MCU row before, kept in lines[i][0].
        const std::uint16_t* above = rows.lines[i][0];
        for (unsigned r = 0; r < component.rows; ++r) {
            std::uint16_t* const line = rows.sampled_lines[i][r];
            const bool first = starts_interval && r == 0;
            context_.kernels.restore_row(first ? 1 : scan_.selection_value, above, line, component.coded_width,
                                         first ? scan_.first_prediction() : above[0]);
            const std::uint32_t y = row * component.rows + r;
            if (y < component.height) sink.put(component.index, y, line, component.width, scan_.point_transform);
            above = line;
        }
        std::memcpy(rows.lines[i][0], above, component.coded_width * sizeof *above);
    }
}

bool ScanDecoder::suits_team() const {
    return context_.has_team() && scan_.is_simple() && source_.has_one_table() &&
           data_.end - data_.begin >= team_bytes && data_.intervals.size() == scan_.interval_count();
}

bool ScanDecoder::decode_on_team(std::span<RowSink* const> sinks) {
    return data_.intervals.size() > 1 ? decode_interval_groups(sinks) : decode_parts(sinks);
}

// Restart intervals depend on nothing before them.
bool ScanDecoder::decode_interval_groups(std::span<RowSink* const> sinks) {
    const std::size_t intervals = data_.intervals.size();
    const std::size_t groups = std::min(intervals, sinks.size());
    std::vector<DifferenceReader> readers;
    std::vector<Rows> rows;
    readers.reserve(groups);
    const auto begin_of = [&](std::size_t group) { return group * intervals / groups; };
    const auto span_of = [&](std::size_t group) {
        return data_.intervals.subspan(begin_of(group), begin_of(group + 1) - begin_of(group));
    };
    for (std::size_t group = 0; group < groups; ++group) {
        readers.emplace_back(source_, span_of(group), scan_.row_samples(), context_.kernels, context_.arena);
        rows.push_back(allocate_rows());
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
                             rows[group], *sinks[group], progress);
            if (progress.has_excess_data) failed.store(true, std::memory_order_relaxed);
        } catch (...) {
            failed.store(true, std::memory_order_relaxed);
        }
    });
    return !failed.load();
}

namespace {

// Memory for differences, given out in pieces to whoever decodes most: nobody knows how many a stretch of bytes holds.
class PiecePool {
  public:
    static constexpr std::size_t piece = 32768;

    PiecePool(std::size_t pieces, Arena& arena)
        : pieces_(pieces), memory_(arena.allocate_array<std::uint16_t>(pieces * piece)) {}
    // Null where there is none left: then there are more differences than the scan has.
    std::uint16_t* take() {
        const std::size_t i = next_.fetch_add(1, std::memory_order_relaxed);
        return i < pieces_ ? memory_ + i * piece : nullptr;
    }

  private:
    std::size_t pieces_;
    std::uint16_t* memory_;
    std::atomic<std::size_t> next_{0};
};

// A stretch of the differences of a scan, decoded apart from the others.
struct Part {
    Interval range;
    std::vector<std::uint16_t*> pieces;
    std::size_t count = 0;
    DifferenceEntry* opening = nullptr;  // the first of them, with their lengths
    std::size_t opening_count = 0;
    std::uint64_t end = 0;  // where the last one ends, in bits
    bool is_right = false;

    std::array<std::uint16_t, most_added> added;  // what belongs before them
    std::size_t added_count = 0;
    std::size_t skipped = 0;  // what does not belong to them
};

// All differences of a scan in order, from its parts.
class Sequence {
  public:
    explicit Sequence(std::span<const Part> parts) {
        for (const Part& part : parts) {
            add({part.added.data(), part.added_count});
            std::size_t skipped = part.skipped;
            std::size_t left = part.count;
            for (const std::uint16_t* piece : part.pieces) {
                const std::size_t count = std::min(left, PiecePool::piece);
                add({piece + skipped, count - skipped});
                left -= count;
                skipped = 0;
            }
        }
    }
    [[nodiscard]] std::size_t size() const { return size_; }

    // `count` differences from the i-th on: where they lie in one piece, else copied to `joined`.
    const std::uint16_t* at(std::size_t i, std::size_t count, std::uint16_t* joined) const {
        auto piece = std::upper_bound(pieces_.begin(), pieces_.end(), i,
                                      [](std::size_t index, const Piece& p) { return index < p.begin; }) -
                     1;
        const std::size_t offset = i - piece->begin;
        if (offset + count <= piece->values.size()) return piece->values.data() + offset;
        std::size_t copied = 0;
        for (std::size_t from = offset; copied < count; ++piece, from = 0) {
            const std::size_t some = std::min(count - copied, piece->values.size() - from);
            std::memcpy(joined + copied, piece->values.data() + from, some * sizeof *joined);
            copied += some;
        }
        return joined;
    }

  private:
    struct Piece {
        std::size_t begin;
        std::span<const std::uint16_t> values;
    };
    void add(std::span<const std::uint16_t> values) {
        if (values.empty()) return;
        pieces_.push_back({size_, values});
        size_ += values.size();
    }

    std::vector<Piece> pieces_;
    std::size_t size_ = 0;
};

}  // namespace

// One interval: stretches of it are decoded at the same time, each from a guess; then joined as segments are. With
// selection value 1 a row needs only the first sample of the row before, so that rows are predicted at the same
// time too.
bool ScanDecoder::decode_parts(std::span<RowSink* const> sinks) {
    constexpr std::size_t block = 4096;
    const DifferenceTable& table = *source_.tables.front();
    const Interval whole = data_.intervals.front();
    const std::uint64_t bytes = (whole.end - whole.begin) / 8;
    const std::size_t count = sinks.size();
    Arena& arena = context_.arena;

    const std::size_t samples = scan_.row_samples() * scan_.mcu_rows;
    const std::size_t most_pieces = samples / PiecePool::piece + 2 * count;
    std::vector<Part> parts(count);
    std::vector<DifferenceReader> readers;
    readers.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        Part& part = parts[i];
        part.range = {whole.begin + bytes * i / count * 8, whole.begin + bytes * (i + 1) / count * 8};
        const bool is_last = i + 1 == count;
        part.pieces.reserve(most_pieces);  // so that no thread allocates
        if (is_last) part.range.end = whole.end;
        part.opening = arena.allocate_array<DifferenceEntry>(block);
        readers.emplace_back(source_, std::span<const Interval>(&part.range, 1), block, context_.kernels, arena,
                             is_last);
    }
    PiecePool pool(most_pieces, arena);
    static_assert(PiecePool::piece % block == 0);
    context_.parallel_for(count, [&](std::size_t i) {
        Part& part = parts[i];
        std::uint32_t all = 0;
        for (;;) {
            const std::span<const DifferenceEntry> entries = readers[i].take(block);
            const std::size_t offset = part.count % PiecePool::piece;
            if (offset == 0) {
                part.pieces.push_back(pool.take());
                if (part.pieces.back() == nullptr) return;
            }
            const std::uint32_t flags =
                context_.kernels.extract_differences(entries.data(), part.pieces.back() + offset, entries.size());
            if (part.count == 0) {
                std::copy(entries.begin(), entries.end(), part.opening);
                part.opening_count = entries.size();
            } else {
                all |= flags;
            }
            part.count += entries.size();
            if (entries.size() < block) break;
        }
        part.end = readers[i].position();
        part.is_right = (all & invalid_difference) == 0;
    });
    // A guess may read places without a code before it is in step.
    const auto is_valid = [](DifferenceEntry entry) { return (entry & invalid_difference) == 0; };
    for (std::size_t i = 0; i < count; ++i) {
        Part& part = parts[i];
        if (!part.is_right) return false;
        std::span<const DifferenceEntry> opening(part.opening, part.opening_count);
        if (i > 0) {
            std::array<DifferenceEntry, most_added> added;
            const Meeting meeting =
                meet(source_.data, table, parts[i - 1].end, part.range.begin, opening, {added.data(), added.size()});
            if (!meeting.met || !std::all_of(added.begin(), added.begin() + meeting.added, is_valid)) return false;
            part.skipped = meeting.skipped;
            part.added_count = meeting.added;
            for (std::size_t k = 0; k < meeting.added; ++k) part.added[k] = difference_of(added[k]);
        }
        opening = opening.subspan(part.skipped);
        if (!std::all_of(opening.begin(), opening.end(), is_valid)) return false;
    }
    const Sequence sequence(parts);
    const std::size_t row_samples = scan_.row_samples();
    if (sequence.size() != samples) return false;

    const std::size_t components = scan_.components.size();
    std::vector<std::uint16_t> starts(std::size_t{scan_.mcu_rows} * components);
    std::array<std::uint16_t, 4> first{};
    first.fill(scan_.first_prediction());
    for (std::uint32_t row = 0; row < scan_.mcu_rows; ++row) {
        std::array<std::uint16_t, 4> joined;
        const std::uint16_t* differences = sequence.at(row * row_samples, components, joined.data());
        for (std::size_t i = 0; i < components; ++i) {
            starts[row * components + i] = first[i];
            first[i] = static_cast<std::uint16_t>(first[i] + differences[i]);
        }
    }
    const std::size_t bands = scan_.selection_value == 1 ? std::min<std::size_t>(count, scan_.mcu_rows) : 1;
    std::vector<Rows> rows;
    for (std::size_t band = 0; band < bands; ++band) rows.push_back(allocate_rows());
    context_.parallel_for(bands, [&](std::size_t band) {
        const auto begin = static_cast<std::uint32_t>(band * scan_.mcu_rows / bands);
        const auto end = static_cast<std::uint32_t>((band + 1) * scan_.mcu_rows / bands);
        Rows& own = rows[band];
        for (std::uint32_t row = begin; row < end; ++row) {
            const std::uint16_t* differences = sequence.at(row * row_samples, row_samples, own.differences);
            // What restore() takes for the row above needs only its first sample here.
            if (row == begin && row > 0) {
                for (std::size_t i = 0; i < components; ++i)
                    own.lines[i][own.current][0] = starts[row * components + i];
            }
            restore(differences, row_samples, row == 0, row, own, *sinks[band]);
        }
    });
    return true;
}

}  // namespace dcmturbo::jpeg_lossless
