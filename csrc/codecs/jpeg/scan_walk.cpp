#include "codecs/jpeg/scan_walk.h"

#include "base/error.h"

namespace dcmturbo::jpeg {

ScanWalk::Step ScanWalk::take(const Segment& segment) {
    refuse_unsupported(segment);
    if (segment.code == EOI) {
        if (complete()) return Step::end;
        fail_incomplete(segment.offset, "found EOI");
    }
    if (is_frame_header(segment.code)) {
        take_frame_header(segment);
        return Step::taken;
    }
    if (segment.code == SOS) {
        take_scan_header(segment);
        return Step::scan;
    }
    if (segment.code == DRI) {
        restart_interval_ = read_restart_interval(segment);
        return Step::taken;
    }
    if (is_miscellaneous(segment.code, frame_)) return Step::table;
    fail(ErrorCode::malformed, segment.offset, "found marker FF%02X, expected a table, a scan or EOI",
         static_cast<unsigned>(segment.code));
}

void ScanWalk::take_frame_header(const Segment& segment) {
    if (frame_.code != 0) fail(ErrorCode::malformed, segment.offset, "found a second frame header");
    frame_ = read_frame_header(segment);
    frame_.lines = header_.height;
    if (frame_.is_jpegls()) frame_.samples_per_line = header_.width;
    // What is written to has the sizes that probing found.
    bool agrees = frame_.samples_per_line == header_.width && frame_.count == header_.components.size();
    for (std::size_t i = 0; agrees && i < frame_.count; ++i) {
        const ComponentHeader& probed = header_.components[i];
        agrees = frame_.width(i) == probed.width && frame_.height(i) == probed.height &&
                 frame_.precision == probed.precision;
    }
    if (!agrees) fail(ErrorCode::malformed, segment.offset, "the frame header has changed since it was probed");
}

void ScanWalk::take_scan_header(const Segment& segment) {
    if (frame_.code == 0) fail(ErrorCode::malformed, segment.offset, "found SOS before a frame header");
    scan_ = read_scan_header(segment);
    scan_segment_ = segment;
    const std::size_t before = covered_.count();
    covered_.add(frame_, scan_, segment.offset);
    repeats_ = covered_.count() != before + scan_.count;
}

void ScanWalk::fail_incomplete(std::size_t offset, const char* what) const {
    fail(ErrorCode::truncated, offset, "%s after scans of only %zu of %zu components", what, covered_.count(),
         frame_.count);
}

bool IntervalWalk::goes_on(std::uint8_t marker, std::size_t offset) {
    if (!is_restart(marker)) return false;
    if (restart_interval_ == 0) {
        fail(ErrorCode::malformed, offset, "found restart marker FF%02X in a scan without a restart interval",
             static_cast<unsigned>(marker));
    }
    const unsigned wanted = RST0 + (restarts_ & 7);
    if (restarts_ + 1 < expected_ && marker != wanted) {
        fail(ErrorCode::malformed, offset, "expected restart marker FF%02X, found FF%02X", wanted,
             static_cast<unsigned>(marker));
    }
    ++restarts_;
    return true;
}

}  // namespace dcmturbo::jpeg
