#include "codecs/jpeg_lossless/difference_reader.h"

#include <algorithm>
#include <cstring>

#include "base/endian.h"

namespace dcmturbo::jpeg_lossless {

namespace {

std::uint64_t window_at(const std::uint8_t* data, std::uint64_t position) {
    return load_be<std::uint64_t>(data + (position >> 3)) << (position & 7);
}

std::uint64_t longest(std::span<const Interval> intervals) {
    std::uint64_t bits = 0;
    for (const Interval& interval : intervals) bits = std::max(bits, interval.end - interval.begin);
    return bits;
}

}  // namespace

bool DifferenceSource::has_one_table() const {
    return std::all_of(tables.begin(), tables.end(), [this](const DifferenceTable* table) {
        return table == tables.front() || *table == *tables.front();
    });
}

Meeting meet(const std::uint8_t* data, const DifferenceTable& table, std::uint64_t position, std::uint64_t start,
             std::span<const DifferenceEntry> entries, std::span<DifferenceEntry> added) {
    Meeting result;
    while (position != start) {
        if (start < position) {
            if (result.skipped == entries.size()) return result;
            start += length_of(entries[result.skipped++]);
        } else {
            if (result.added == added.size()) return result;
            const DifferenceEntry entry = table.decode(window_at(data, position));
            added[result.added++] = entry;
            position += length_of(entry);
        }
    }
    result.met = true;
    return result;
}

DifferenceReader::DifferenceReader(const DifferenceSource& source, std::uint64_t most_bits, std::size_t most, Isa isa,
                                   Arena& arena)
    : source_(source),
      kernels_(difference_kernels(isa)),
      one_table_(source.has_one_table()),
      joined_(arena.allocate_array<DifferenceEntry>(most)) {
    if (!one_table_) return;
    // The last segment of an interval may be a quarter longer.
    const std::uint64_t bits = std::min(most_bits, segment_bits + segment_bits / 4);
    const auto capacity = static_cast<std::size_t>(bits / source_.tables.front()->shortest()) + difference_overshoot;
    for (Segment& segment : segments_) segment.buffer = arena.allocate_array<DifferenceEntry>(most_added + capacity);
}

DifferenceReader::DifferenceReader(const DifferenceSource& source, std::span<const Interval> intervals,
                                   std::size_t most, Isa isa, Arena& arena)
    : DifferenceReader(source, longest(intervals), most, isa, arena) {
    start(source, intervals, true);
}

void DifferenceReader::start(const DifferenceSource& source, std::span<const Interval> intervals, bool is_final) {
    source_ = source;
    intervals_ = intervals;
    is_final_ = is_final;
    head_ = tail_ = 0;
    has_head_ = false;
    cursor_ = interval_ = planned_interval_ = phase_ = 0;
    active_ = 0;
    planned_bit_ = turn_position_ = intervals.empty() ? 0 : intervals.front().begin;
    true_end_ = 0;
    failures_ = 0;
    usual_length_ = 1;
}

std::span<const DifferenceEntry> DifferenceReader::take(std::size_t wanted) {
    if (!one_table_) return take_in_turn(wanted);
    if (has_head_) {
        Segment& head = segment(head_);
        if (head.count - cursor_ >= wanted) {
            cursor_ += wanted;
            return {head.buffer + cursor_ - wanted, wanted};
        }
    }
    std::size_t joined = 0;
    for (;;) {
        if (has_head_) {
            Segment& head = segment(head_);
            const std::size_t count = std::min(wanted - joined, head.count - cursor_);
            std::memcpy(joined_ + joined, head.buffer + cursor_, count * sizeof(DifferenceEntry));
            cursor_ += count;
            joined += count;
            if (joined == wanted || head.is_last) break;
        }
        if (!advance()) break;
    }
    return {joined_, joined};
}

std::span<const DifferenceEntry> DifferenceReader::take_in_turn(std::size_t wanted) {
    std::uint64_t position = turn_position_;
    const std::uint64_t end = intervals_.empty() ? 0 : intervals_[interval_].end;
    const std::size_t tables = source_.tables.size();
    std::size_t count = 0;
    std::size_t phase = phase_;
    while (count < wanted && position < end) {
        const DifferenceEntry entry = source_.tables[phase]->decode(window_at(source_.data, position));
        position += length_of(entry);
        if (position > end) break;
        joined_[count++] = entry;
        if (++phase == tables) phase = 0;
        turn_position_ = position;
    }
    phase_ = phase;
    return {joined_, count};
}

void DifferenceReader::next_interval() {
    ++interval_;
    if (!one_table_) {
        phase_ = 0;
        if (interval_ < intervals_.size()) turn_position_ = intervals_[interval_].begin;
        return;
    }
    while (!has_head_ || !segment(head_).is_last) {
        if (!advance()) return;
    }
    // The next take() goes on to the first segment of the next interval.
    advance();
}

std::uint64_t DifferenceReader::position() const {
    if (!one_table_) return turn_position_;
    if (!has_head_) return intervals_.empty() ? 0 : intervals_.front().begin;
    const Segment& head = segments_[head_ % slots];
    std::uint64_t position = head.end;
    for (std::size_t i = cursor_; i < head.count; ++i) position -= length_of(head.buffer[i]);
    return position;
}

// Makes the next segment the one to take from.
bool DifferenceReader::advance() {
    const std::size_t next = has_head_ ? head_ + 1 : head_;
    if (has_head_) {
        has_head_ = false;
        head_ = next;
    }
    for (;;) {
        while (active_ < max_difference_lanes && plan()) {
        }
        if (next == tail_) return false;
        if (!segment(next).is_complete) run();
        else if (segment(next).is_exact || align(segment(next))) break;
    }
    Segment& now = segment(next);
    true_end_ = now.end;
    if (now.is_last && (is_final_ || now.interval + 1 < intervals_.size())) trim(now);
    has_head_ = true;
    cursor_ = now.first;
    return true;
}

// Plans one more segment and gives it a lane, if there is anything to plan and room for it.
bool DifferenceReader::plan() {
    if (planned_interval_ == intervals_.size() || tail_ - head_ == slots) return false;
    const Interval& interval = intervals_[planned_interval_];
    const bool is_first = planned_bit_ == interval.begin;
    const bool follows = tail_ == head_;  // on what is decoded already
    if (!is_first && !follows && failures_ >= failures_allowed) return false;

    Segment& next = segment(tail_);
    next.is_exact = is_first || follows;
    next.begin = is_first || !follows ? planned_bit_ : true_end_;
    // Noise makes all differences equally long, and those never fall into step: a start needs their phase.
    if (!next.is_exact && usual_length_ > 1 && planned_bit_ > true_end_)
        next.begin += usual_length_ - 1 - (planned_bit_ - true_end_ - 1) % usual_length_;
    next.limit = planned_bit_ + segment_bits;
    next.interval = planned_interval_;
    if (next.limit + segment_bits / 4 >= interval.end) next.limit = interval.end;
    next.is_last = next.limit == interval.end;
    planned_bit_ = next.limit;
    if (next.is_last && ++planned_interval_ < intervals_.size()) planned_bit_ = intervals_[planned_interval_].begin;
    ++tail_;
    start_lane(next);
    return true;
}

void DifferenceReader::start_lane(Segment& segment) {
    segment.first = segment.count = most_added;
    segment.end = segment.begin;
    segment.is_complete = segment.begin >= segment.limit;
    if (segment.is_complete) return;
    lane_segments_[static_cast<std::size_t>(active_)] = static_cast<std::size_t>(&segment - segments_.data());
    lanes_[static_cast<std::size_t>(active_)] = {segment.begin, segment.limit, segment.buffer + most_added, 0};
    ++active_;
}

// Decodes until at least one lane is done, and frees its lane.
void DifferenceReader::run() {
    const DifferenceTable& table = *source_.tables.front();
    kernels_.decode(source_.data, table, lanes_.data(), active_, source_.is_long);
    for (int i = active_ - 1; i >= 0; --i) {
        const auto k = static_cast<std::size_t>(i);
        const DifferenceLane lane = lanes_[k];
        if (lane.position < lane.limit) continue;
        Segment& done = segments_[lane_segments_[k]];
        done.end = lane.position;
        done.count = static_cast<std::size_t>(lane.to - done.buffer);
        done.is_complete = true;
        // One group in eight slow: the other loop is faster from here on.
        if (!source_.is_long && lane.slow > (done.count - most_added) / 32) source_.is_long = true;
        --active_;
        lanes_[k] = lanes_[static_cast<std::size_t>(active_)];
        lane_segments_[k] = lane_segments_[static_cast<std::size_t>(active_)];
    }
}

// Joins a segment whose beginning was a guess to the end of the one before. False if it has to be decoded again, which
// it and those planned after it then are.
bool DifferenceReader::align(Segment& segment) {
    const DifferenceTable& table = *source_.tables.front();
    std::array<DifferenceEntry, most_added> added;
    // Differences of one length are in phase at once, or hardly ever.
    const std::size_t most = usual_length_ > 1 ? most_added / 16 : most_added;
    const Meeting meeting = meet(source_.data, table, true_end_, segment.begin,
                                 {segment.buffer + segment.first, segment.count - segment.first}, {added.data(), most});
    if (meeting.met) {
        segment.first += meeting.skipped;
        segment.first -= meeting.added;
        std::memcpy(segment.buffer + segment.first, added.data(), meeting.added * sizeof(DifferenceEntry));
        if (failures_ > 0) --failures_;
        return true;
    }
    failures_ += 2;
    // Noise looks the same from a wrong place.
    find_usual_length(segment);
    if (usual_length_ > 1) {
        plan_again(segment);
        return false;
    }
    segment.first = segment.count = most_added;
    segment.end = true_end_;
    if (true_end_ >= segment.limit) return true;
    DifferenceLane lane{true_end_, segment.limit, segment.buffer + most_added, 0};
    kernels_.decode(source_.data, table, &lane, 1, source_.is_long);
    segment.end = lane.position;
    segment.count = static_cast<std::size_t>(lane.to - segment.buffer);
    return true;
}

// Forgets a segment, which follows on what is decoded already, and all after it: their starts are out of phase with
// the true end of the one before.
void DifferenceReader::plan_again(const Segment& first) {
    planned_interval_ = first.interval;
    planned_bit_ = true_end_;
    tail_ = head_;
    active_ = 0;
}

void DifferenceReader::find_usual_length(const Segment& segment) {
    std::array<std::size_t, 256> counts{};
    for (std::size_t i = segment.first; i < segment.count; ++i) ++counts[length_of(segment.buffer[i])];
    const auto most = std::max_element(counts.begin(), counts.end());
    const bool is_usual = *most > (segment.count - segment.first) / 4 * 3;
    usual_length_ = is_usual ? static_cast<std::uint64_t>(most - counts.begin()) : 1;
}

// Drops what was decoded from the padding at the end of an interval, or from beyond.
void DifferenceReader::trim(Segment& segment) const {
    const std::uint64_t end = intervals_[segment.interval].end;
    while (segment.count > segment.first && segment.end > end)
        segment.end -= length_of(segment.buffer[--segment.count]);
}

}  // namespace dcmturbo::jpeg_lossless
