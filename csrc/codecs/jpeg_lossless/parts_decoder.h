// One scan without restart intervals on a team: parts of its bytes are decoded at the same time, each from a guess,
// and joined in order; rows are restored as soon as all parts before them are joined.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "base/context.h"
#include "base/fragments.h"
#include "codecs/jpeg_lossless/difference_reader.h"
#include "codecs/jpeg_lossless/row_prediction.h"
#include "codecs/jpeg_lossless/scan.h"
#include "image/row_sink.h"

namespace dcmturbo::jpeg_lossless {

// Whoever decoded a part restores its rows too, if it can: what a core has just written is near to that core alone.
// With another selection value than 1, rows are restored in order, by one thread at a time.
class PartsDecoder {
  public:
    // The scan's entropy-coded data begin at byte `begin` of the frame. The scan is simple and has one table.
    PartsDecoder(const Scan& scan, const Fragments& frame, std::size_t begin, Context& context);

    // False, with invalid data in the sinks, if the scan is damaged or parts do not fit together: ScanDecoder then
    // reports what is wrong. Each thread has a sink; there are no more threads than sinks.
    bool decode(std::span<RowSink* const> sinks);

    // In the frame: the marker after the scan, or the frame's end.
    [[nodiscard]] std::size_t end() const { return scan_end_; }

  private:
    // Differences at a time; and in a piece of memory, of which a part takes as many as it turns out to need.
    static constexpr std::size_t block = 1024;
    static constexpr std::size_t piece = 32768;
    static_assert(piece % block == 0);
    static constexpr std::size_t most_bytes = std::size_t{160} << 10;
    static constexpr std::size_t fewest_bytes = std::size_t{24} << 10;
    // Parts whose differences are kept, for want of one before them.
    static constexpr std::size_t most_kept = 64;
    // Of those that follow a part: what its last difference needs.
    static constexpr std::size_t bytes_after = 2 * difference_read_slack;
    // meet() looks at no more of the stream.
    static constexpr std::size_t opening_bytes = most_added * DifferenceTable::longest / 8 + 2 * difference_read_slack;

    struct Part {
        std::size_t begin = 0;  // bytes of the frame
        std::size_t end = 0;
        std::size_t worker = 0;
        bool is_decoded = false;
        bool is_given = false;  // to be restored
        bool is_restored = false;
        bool is_last = false;
        std::size_t scan_end = 0;    // of the last
        std::uint64_t end_bits = 0;  // where its last difference ends, from the beginning of the next part
        std::vector<std::uint16_t*> pieces;
        std::size_t count = 0;                       // of its differences
        DifferenceEntry* opening_entries = nullptr;  // the first of them, with their lengths
        std::size_t opening_count = 0;
        std::uint8_t* opening = nullptr;  // the first bytes, unstuffed
        // Once joined:
        std::array<std::uint16_t, most_added> added;  // what belongs before them
        std::size_t end_sample = 0;                   // of the scan
        std::uint32_t first_row = 0;                  // of those complete with this part
        std::uint32_t end_row = 0;
    };
    // Differences one after another in the scan.
    struct Run {
        std::size_t begin;
        std::span<const std::uint16_t> values;
    };
    struct Worker {
        Worker(const Scan& scan, std::size_t part_bytes, RowSink& sink, Context& context);
        std::uint8_t* bytes;  // a part, unstuffed
        DifferenceReader reader;
        RowPrediction prediction;
        std::uint16_t* joined;  // a row
        RowSink& sink;
    };
    enum class Step { decode, restore, stop };
    struct Task {
        Step step = Step::stop;
        Part* part = nullptr;
        std::uint32_t first_row = 0;
        std::uint32_t end_row = 0;
        std::size_t runs = 0;
    };

    void plan_parts(std::size_t begin);
    void allocate(std::span<RowSink* const> sinks);
    void work(std::size_t worker);
    void give_up();
    Task next_task(std::size_t worker);
    bool decode_part(Part& part, Worker& worker);
    void conclude(Part& part, bool is_right);
    bool join(std::size_t index);
    void find_starts();
    void restore_rows(const Task& task, Worker& worker);
    void release(const Task& task);
    const std::uint16_t* differences_at(std::size_t i, std::size_t count, std::size_t runs,
                                        std::uint16_t* joined) const;
    std::uint16_t* take_piece();

    const Scan& scan_;
    const Fragments& frame_;
    Context& context_;
    DifferenceSource source_;
    const std::size_t samples_;
    const bool in_order_;  // rows need all of the row before

    std::vector<Part> parts_;
    std::size_t longest_part_ = 0;  // bytes
    std::vector<Worker> workers_;
    std::vector<std::uint16_t> starts_;  // [row * components]: what predicts the row's first samples
    std::array<std::uint16_t, 4> next_start_{};
    std::uint32_t started_rows_ = 0;

    std::mutex mutex_;  // of what follows, and of all parts but those being decoded
    std::condition_variable released_;
    bool failed_ = false;
    bool restores_in_order_ = false;  // a thread is at it
    std::size_t part_count_ = 0;
    std::size_t planned_ = 0;         // parts given out
    std::size_t joined_parts_ = 0;    // those before are joined
    std::size_t restored_parts_ = 0;  // those before are restored
    std::size_t released_parts_ = 0;  // those before are needed no more
    std::uint32_t complete_rows_ = 0;
    std::uint32_t restored_rows_ = 0;  // those before are restored
    std::size_t joined_samples_ = 0;
    std::size_t scan_end_ = 0;
    std::vector<Run> runs_;
    std::vector<std::uint16_t*> free_pieces_;
};

}  // namespace dcmturbo::jpeg_lossless
