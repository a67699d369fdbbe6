#include "codecs/jpeg_lossless/parts_decoder.h"

#include <algorithm>
#include <cstring>

#include "bits/zero_byte_stuffing.h"
#include "codecs/jpeg/headers.h"

namespace dcmturbo::jpeg_lossless {

namespace {

bool is_valid(DifferenceEntry entry) { return (entry & invalid_difference) == 0; }

}  // namespace

PartsDecoder::Worker::Worker(const Scan& scan, std::size_t part_bytes, RowSink& to, Context& context)
    : bytes(reinterpret_cast<std::uint8_t*>(
          context.arena.allocate(part_bytes + bytes_after + difference_read_slack + 16))),
      reader({.tables = scan.tables}, part_bytes * 8, block, context.isa, context.arena),
      prediction(scan, context),
      joined(context.arena.allocate_array<std::uint16_t>(scan.row_samples())),
      sink(to) {}

PartsDecoder::PartsDecoder(const Scan& scan, const Fragments& frame, std::size_t begin, Context& context)
    : scan_(scan),
      frame_(frame),
      context_(context),
      samples_(scan.row_samples() * scan.mcu_rows),
      in_order_(scan.selection_value != 1),
      starts_(in_order_ ? 0 : std::size_t{scan.mcu_rows} * scan.components.size()) {
    source_ = {.data = nullptr, .tables = scan.tables, .is_long = is_long(scan, 8 * (frame.size() - begin))};
    next_start_.fill(scan.first_prediction());
    plan_parts(begin);
}

// The last ones are small, so that no thread waits long for another at the end.
void PartsDecoder::plan_parts(std::size_t begin) {
    while (begin < frame_.size()) {
        const std::size_t left = frame_.size() - begin;
        const std::size_t size = std::clamp(left / 8, fewest_bytes, most_bytes);
        const std::size_t end = left - size < fewest_bytes / 2 ? frame_.size() : place_to_cut(frame_, begin + size);
        Part& part = parts_.emplace_back();
        part.begin = begin;
        part.end = end;
        begin = end;
    }
    for (const Part& part : parts_) longest_part_ = std::max(longest_part_, part.end - part.begin);
    part_count_ = parts_.size();
}

// All memory, so that no thread allocates.
void PartsDecoder::allocate(std::span<RowSink* const> sinks) {
    Arena& arena = context_.arena;
    const std::size_t kept = std::min(most_kept, parts_.size());
    const std::size_t part_pieces = longest_part_ * 8 / scan_.tables.front()->shortest() / piece + 2;
    // What is not of the scan between parts, and within each a piece that is not full.
    const std::size_t pieces = std::min(kept * part_pieces, samples_ / piece + 2 * kept);
    auto* const memory = arena.allocate_array<std::uint16_t>(pieces * piece);
    free_pieces_.reserve(pieces);
    for (std::size_t i = pieces; i-- > 0;) free_pieces_.push_back(memory + i * piece);
    runs_.reserve(samples_ / piece + 3 * parts_.size() + part_pieces);
    for (Part& part : parts_) {
        part.opening = reinterpret_cast<std::uint8_t*>(arena.allocate(opening_bytes));
        part.opening_entries = arena.allocate_array<DifferenceEntry>(block);
        part.pieces.reserve(part_pieces);
    }
    workers_.reserve(sinks.size());
    for (RowSink* sink : sinks) workers_.emplace_back(scan_, longest_part_, *sink, context_);
}

bool PartsDecoder::decode(std::span<RowSink* const> sinks) {
    allocate(sinks.first(std::min(sinks.size(), parts_.size())));
    context_.parallel_for(workers_.size(), [this](std::size_t i) { work(i); });
    return !failed_ && joined_samples_ == samples_;
}

void PartsDecoder::work(std::size_t worker) {
    for (;;) {
        if (context_.is_due_to_end()) give_up();
        const Task task = next_task(worker);
        if (task.step == Step::stop) return;
        if (task.step == Step::decode) conclude(*task.part, decode_part(*task.part, workers_[worker]));
        else restore_rows(task, workers_[worker]);
    }
}

// parallel_for() throws then.
void PartsDecoder::give_up() {
    const std::lock_guard lock(mutex_);
    failed_ = true;
    released_.notify_all();
}

PartsDecoder::Task PartsDecoder::next_task(std::size_t worker) {
    std::unique_lock lock(mutex_);
    for (;;) {
        if (failed_) return {};
        const bool all_planned = planned_ >= part_count_;
        if (in_order_) {
            if (!restores_in_order_ && restored_rows_ < complete_rows_) {
                restores_in_order_ = true;
                return {Step::restore, nullptr, restored_rows_, complete_rows_, runs_.size()};
            }
        } else {
            // Others' only when there is nothing else to do.
            const auto begin = parts_.begin() + static_cast<std::ptrdiff_t>(restored_parts_);
            const auto end = parts_.begin() + static_cast<std::ptrdiff_t>(joined_parts_);
            const auto part = std::find_if(begin, end, [&](const Part& candidate) {
                return !candidate.is_given && (all_planned || candidate.worker == worker);
            });
            if (part != end) {
                part->is_given = true;
                return {Step::restore, &*part, part->first_row, part->end_row, runs_.size()};
            }
        }
        if (all_planned) return {};
        if (planned_ - released_parts_ < most_kept) {
            Part& part = parts_[planned_++];
            part.worker = worker;
            return {.step = Step::decode, .part = &part};
        }
        released_.wait(lock);
    }
}

std::uint16_t* PartsDecoder::take_piece() {
    const std::lock_guard lock(mutex_);
    if (free_pieces_.empty()) return nullptr;
    std::uint16_t* const memory = free_pieces_.back();
    free_pieces_.pop_back();
    return memory;
}

bool PartsDecoder::decode_part(Part& part, Worker& worker) {
    const StuffedRun run = unstuff(frame_, part.begin, part.end, worker.bytes);
    if (jpeg::is_restart(run.marker)) return false;
    if (run.marker != 0 || part.end == frame_.size()) {
        part.is_last = true;
        part.scan_end = run.end;
    }
    std::size_t size = run.bytes;
    if (!part.is_last) {
        const std::size_t end = std::min(part.end + bytes_after, frame_.size());
        size += unstuff(frame_, part.end, end, worker.bytes + size).bytes;
    }
    std::fill_n(worker.bytes + size, difference_read_slack, std::uint8_t{0});
    const std::size_t opening = std::min(size, opening_bytes);
    std::memcpy(part.opening, worker.bytes, opening);
    std::memset(part.opening + opening, 0, opening_bytes - opening);

    const Interval range{0, std::uint64_t{run.bytes} * 8};
    worker.reader.start({worker.bytes, scan_.tables, source_.is_long}, {&range, 1}, part.is_last);
    const PredictionKernels& kernels = prediction_kernels(context_.isa);
    std::uint32_t all = 0;
    for (;;) {
        const std::span<const DifferenceEntry> entries = worker.reader.take(block);
        const std::size_t offset = part.count % piece;
        if (offset == 0 && !entries.empty()) {
            std::uint16_t* const memory = take_piece();
            if (memory == nullptr) return false;  // more differences than the scan has
            part.pieces.push_back(memory);
        }
        if (entries.empty()) break;
        const std::uint32_t flags =
            kernels.extract_differences(entries.data(), part.pieces.back() + offset, entries.size());
        if (part.count == 0) {
            std::copy(entries.begin(), entries.end(), part.opening_entries);
            part.opening_count = entries.size();
        } else {
            all |= flags;
        }
        part.count += entries.size();
        if (entries.size() < block) break;
    }
    // A byte or more after the last sample is worth a note, which others write.
    if (part.is_last && worker.reader.position() + 8 <= range.end) return false;
    part.end_bits = worker.reader.position() - range.end;
    return (all & invalid_difference) == 0;
}

void PartsDecoder::conclude(Part& part, bool is_right) {
    const std::lock_guard lock(mutex_);
    part.is_decoded = true;
    if (!is_right) failed_ = true;
    // A marker ends the scan wherever it stands.
    if (part.is_last) part_count_ = std::min(part_count_, static_cast<std::size_t>(&part - parts_.data()) + 1);
    while (!failed_ && joined_parts_ < part_count_ && parts_[joined_parts_].is_decoded) {
        if (join(joined_parts_)) ++joined_parts_;
        else failed_ = true;
    }
    if (failed_) released_.notify_all();
}

// Joins a part to those before it, which are joined.
bool PartsDecoder::join(std::size_t index) {
    Part& part = parts_[index];
    std::span<const DifferenceEntry> opening(part.opening_entries, part.opening_count);
    std::size_t skipped = 0;
    // A guess may read places without a code before it is in step.
    if (index > 0) {
        std::array<DifferenceEntry, most_added> added;
        const Meeting meeting = meet(part.opening, *scan_.tables.front(), parts_[index - 1].end_bits, 0, opening,
                                     {added.data(), added.size()});
        if (!meeting.met || !std::all_of(added.begin(), added.begin() + meeting.added, is_valid)) return false;
        skipped = meeting.skipped;
        std::transform(added.begin(), added.begin() + meeting.added, part.added.begin(), difference_of);
        if (meeting.added > 0) {
            runs_.push_back({joined_samples_, {part.added.data(), meeting.added}});
            joined_samples_ += meeting.added;
        }
    }
    opening = opening.subspan(skipped);
    if (!std::all_of(opening.begin(), opening.end(), is_valid)) return false;

    std::size_t left = part.count;
    for (const std::uint16_t* values : part.pieces) {
        const std::size_t count = std::min(left, piece);
        if (count > skipped) {
            runs_.push_back({joined_samples_, {values + skipped, count - skipped}});
            joined_samples_ += count - skipped;
        }
        left -= count;
        skipped = 0;
    }
    if (joined_samples_ > samples_) return false;
    if (index + 1 == part_count_) {
        if (joined_samples_ != samples_) return false;
        scan_end_ = part.scan_end;
    }
    part.end_sample = joined_samples_;
    part.first_row = complete_rows_;
    part.end_row = complete_rows_ = static_cast<std::uint32_t>(joined_samples_ / scan_.row_samples());
    if (!in_order_) find_starts();
    return true;
}

// What predicts the first samples of rows that have begun: those of the rows before.
void PartsDecoder::find_starts() {
    const std::size_t components = scan_.components.size();
    for (; started_rows_ < scan_.mcu_rows; ++started_rows_) {
        const std::size_t begin = started_rows_ * scan_.row_samples();
        if (begin + components > joined_samples_) return;
        std::array<std::uint16_t, 4> joined;
        const std::uint16_t* differences = differences_at(begin, components, runs_.size(), joined.data());
        for (std::size_t i = 0; i < components; ++i) {
            starts_[started_rows_ * components + i] = next_start_[i];
            next_start_[i] = static_cast<std::uint16_t>(next_start_[i] + differences[i]);
        }
    }
}

void PartsDecoder::restore_rows(const Task& task, Worker& worker) {
    const std::size_t row_samples = scan_.row_samples();
    RowPrediction& prediction = in_order_ ? workers_.front().prediction : worker.prediction;
    for (std::uint32_t row = task.first_row; row < task.end_row; ++row) {
        if (!in_order_ && row == task.first_row && row > 0)
            prediction.set_above(starts_.data() + std::size_t{row} * scan_.components.size());
        prediction.restore(differences_at(row * row_samples, row_samples, task.runs, worker.joined), row_samples,
                           row == 0, row, worker.sink);
    }
    release(task);
}

// Gives back the memory of parts all of whose rows are restored.
void PartsDecoder::release(const Task& task) {
    const std::lock_guard lock(mutex_);
    if (in_order_) {
        restored_rows_ = task.end_row;
        restores_in_order_ = false;
        restored_parts_ = joined_parts_;
    } else {
        task.part->is_restored = true;
        while (restored_parts_ < joined_parts_ && parts_[restored_parts_].is_restored)
            restored_rows_ = parts_[restored_parts_++].end_row;
    }
    while (released_parts_ < restored_parts_ &&
           parts_[released_parts_].end_sample <= restored_rows_ * scan_.row_samples()) {
        Part& part = parts_[released_parts_++];
        free_pieces_.insert(free_pieces_.end(), part.pieces.begin(), part.pieces.end());
    }
    released_.notify_all();
}

// `count` differences from the i-th on, within the first `runs`: where they lie in one piece, else copied to `joined`.
const std::uint16_t* PartsDecoder::differences_at(std::size_t i, std::size_t count, std::size_t runs,
                                                  std::uint16_t* joined) const {
    const Run* const first = runs_.data();
    const Run* run =
        std::upper_bound(first, first + runs, i, [](std::size_t index, const Run& r) { return index < r.begin; }) - 1;
    std::size_t offset = i - run->begin;
    if (offset + count <= run->values.size()) return run->values.data() + offset;
    for (std::size_t copied = 0; copied < count; ++run, offset = 0) {
        const std::size_t some = std::min(count - copied, run->values.size() - offset);
        std::memcpy(joined + copied, run->values.data() + offset, some * sizeof *joined);
        copied += some;
    }
    return joined;
}

}  // namespace dcmturbo::jpeg_lossless
