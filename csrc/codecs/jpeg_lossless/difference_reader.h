// The differences of one scan in order, however they are decoded: from several places of the stream at once where
// one Huffman table serves all components, one after another where each has its own.
//
// A decoder that starts at any byte of a Huffman stream soon falls into step with the code. So the stream is cut into
// segments, and several are decoded at a time. When the segment before one is complete, its decoder continues to the
// first boundary that both have found, and what was decoded before that boundary is dropped. If the two have no common
// boundary within a limit, the segment is decoded again from its true beginning. If this happens with differences of
// one length, the later segments are decoded again with new starting points. After several such failures, no more
// starting points are guessed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/arena.h"
#include "entropy/differences.h"

namespace dcmturbo::jpeg_lossless {

// A restart interval, or the whole scan: bits of the unstuffed data.
struct Interval {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
};

struct DifferenceSource {
    const std::uint8_t* data = nullptr;                // readable difference_read_slack bytes past its end
    std::span<const DifferenceTable* const> tables{};  // of each difference of an MCU, in order
    bool is_long = false;                              // few differences fit in the short look-up

    // Whether the order of the tables does not matter, so that decoding may start anywhere.
    [[nodiscard]] bool has_one_table() const;
};

// Where the decoding of a stream, truly at `position`, meets entries that were decoded from `start` on: after
// `skipped` of them. What lies between goes to `added`. Gives up after `added.size()`.
struct Meeting {
    bool met = false;
    std::size_t skipped = 0;
    std::size_t added = 0;
};
Meeting meet(const std::uint8_t* data, const DifferenceTable& table, std::uint64_t position, std::uint64_t start,
             std::span<const DifferenceEntry> entries, std::span<DifferenceEntry> added);

inline constexpr std::size_t most_added = 512;

class DifferenceReader {
  public:
    // `most` is the largest number that take() will be asked for.
    DifferenceReader(const DifferenceSource& source, std::span<const Interval> intervals, std::size_t most, Isa isa,
                     Arena& arena);

    // For several streams in turn, whose intervals have no more bits than `most_bits`: start() comes first.
    DifferenceReader(const DifferenceSource& source, std::uint64_t most_bits, std::size_t most, Isa isa, Arena& arena);
    // Begins another stream, with the same tables. Without `is_final`, the last interval ends within the stream, and
    // its last difference may lie across its end.
    void start(const DifferenceSource& source, std::span<const Interval> intervals, bool is_final);

    // The next differences of the interval: as many as wanted, or those that are left. Valid until the next call.
    std::span<const DifferenceEntry> take(std::size_t wanted);

    // Leaves out what is left of the interval.
    void next_interval();

    // Where the differences taken so far end, in bits.
    [[nodiscard]] std::uint64_t position() const;

  private:
    static constexpr std::uint64_t segment_bits = 16384;
    static constexpr std::size_t slots = 8;
    static constexpr unsigned failures_allowed = 16;

    struct Segment {
        std::uint64_t begin = 0;
        std::uint64_t limit = 0;
        std::uint64_t end = 0;              // where its last difference ends
        DifferenceEntry* buffer = nullptr;  // most_added entries, then those decoded
        std::size_t first = 0;
        std::size_t count = 0;  // one past the last, in the buffer
        std::size_t interval = 0;
        bool is_exact = false;  // begins at a true boundary
        bool is_last = false;   // of its interval
        bool is_complete = false;
    };

    std::span<const DifferenceEntry> take_in_turn(std::size_t wanted);
    Segment& segment(std::size_t i) { return segments_[i % slots]; }
    bool advance();
    bool plan();
    void start_lane(Segment& segment);
    void run();
    bool align(Segment& segment);
    void plan_again(const Segment& first);
    void trim(Segment& segment) const;
    void find_usual_length(const Segment& segment);

    DifferenceSource source_;
    std::span<const Interval> intervals_;
    const DifferenceKernels& kernels_;
    bool one_table_;
    bool is_final_ = true;
    DifferenceEntry* joined_;

    std::array<Segment, slots> segments_;
    std::size_t head_ = 0;  // the segment that is being taken from; before the first, none
    std::size_t tail_ = 0;  // one past the last that has been planned
    bool has_head_ = false;
    std::size_t cursor_ = 0;
    std::size_t interval_ = 0;

    std::array<DifferenceLane, max_difference_lanes> lanes_;
    std::array<std::size_t, max_difference_lanes> lane_segments_;
    int active_ = 0;
    std::size_t planned_interval_ = 0;
    std::uint64_t planned_bit_ = 0;
    std::uint64_t true_end_ = 0;  // of the segment before
    unsigned failures_ = 0;
    std::uint64_t usual_length_ = 1;  // of a difference, where one length is so usual that starts keep their phase

    std::size_t phase_ = 0;  // in turn: which table is next
    std::uint64_t turn_position_ = 0;
};

}  // namespace dcmturbo::jpeg_lossless
