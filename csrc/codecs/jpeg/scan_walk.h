// Walks through one frame from scan to scan, for all code that reads more than its headers (ISO/IEC 10918-1, Annex B;
// 14495-1, Annex C).
//
//   MarkerReader reader(frame, arena);
//   ScanWalk walk(reader, header);              // `header`: what probe() has read
//   while (!walk.complete()) {                  // until all components have been in a scan; or: until it returns false
//       walk.next([&](const Segment& segment) { read_table(segment); });
//       const std::size_t end = decode(reader.position(), walk);
//       reader.seek(end);                       // the marker after the scan
//   }
//
// Within a scan, IntervalWalk says of each marker in the entropy-coded data whether the scan goes on behind it:
//
//   IntervalWalk intervals(walk.restart_interval(), expected);
//   Run run;
//   do run = unstuff(...); while (intervals.goes_on(run.marker, run.end));
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "codecs/jpeg/headers.h"
#include "codecs/jpeg/markers.h"
#include "image/component.h"

namespace dcmturbo::jpeg {

class ScanWalk {
  public:
    // Passes over SOI.
    ScanWalk(MarkerReader& reader, const Header& header) : reader_(reader), header_(header) { reader.start(); }

    // Reads the segments up to the next scan, and its header; the reader then stands at its first entropy-coded byte.
    // Tables and whatever else has no meaning for the walk (LSE, APPn, COM) are handed to `read`. False at EOI.
    // Throws DecodeError: unsupported for a process that nothing here decodes, malformed where a marker does not belong
    // or the frame header is not the one that was probed, truncated where EOI or the end of the data comes before all
    // components have been in a scan.
    template <typename Read>
    bool next(Read&& read) {
        for (;;) {
            if (reader_.position() >= reader_.size() && covered_.count() > 0 && !complete())
                fail_incomplete(reader_.position(), "the data end");
            const Segment segment = reader_.next();
            switch (take(segment)) {
                case Step::table: read(segment); break;
                case Step::taken: break;
                case Step::scan: return true;
                case Step::end: return false;
            }
        }
    }

    // All components of the frame have been in a scan. Progressive frames may have more scans.
    [[nodiscard]] bool complete() const { return frame_.code != 0 && covered_.count() == frame_.count; }

    // Lines and samples per line are those that were probed: DNL or LSE may have stated them.
    [[nodiscard]] const FrameHeader& frame() const { return frame_; }
    // The last scan's header, its segment, and the index in the frame of each of its components.
    [[nodiscard]] const ScanHeader& scan() const { return scan_; }
    [[nodiscard]] const Segment& scan_segment() const { return scan_segment_; }
    [[nodiscard]] const Coverage& covered() const { return covered_; }
    // The last scan has a component that an earlier one had, too.
    [[nodiscard]] bool repeats() const { return repeats_; }
    [[nodiscard]] std::uint32_t restart_interval() const { return restart_interval_; }

  private:
    enum class Step { taken, table, scan, end };
    Step take(const Segment& segment);
    void take_frame_header(const Segment& segment);
    void take_scan_header(const Segment& segment);
    [[noreturn]] void fail_incomplete(std::size_t offset, const char* what) const;

    MarkerReader& reader_;
    const Header& header_;
    FrameHeader frame_;
    ScanHeader scan_;
    Segment scan_segment_;
    Coverage covered_;
    bool repeats_ = false;
    std::uint32_t restart_interval_ = 0;
};

// The runs of entropy-coded data of one scan, which restart markers separate (10918-1, B.2.1 and F.2.2.5).
class IntervalWalk {
  public:
    // `expected` runs are in order; behind them any restart marker is let pass, since some writers close the last
    // interval with one too.
    explicit IntervalWalk(std::uint32_t restart_interval,
                          std::uint64_t expected = std::numeric_limits<std::uint64_t>::max())
        : restart_interval_(restart_interval), expected_(expected) {}

    // Whether the scan goes on behind the marker that ended a run: it does behind RSTn. Throws DecodeError(malformed)
    // for a restart marker out of order, or of a scan without restart interval.
    bool goes_on(std::uint8_t marker, std::size_t offset);

    [[nodiscard]] std::uint64_t restarts() const { return restarts_; }

  private:
    std::uint32_t restart_interval_;
    std::uint64_t expected_;
    std::uint64_t restarts_ = 0;
};

}  // namespace dcmturbo::jpeg
