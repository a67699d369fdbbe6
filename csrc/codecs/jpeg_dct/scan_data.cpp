#include "codecs/jpeg_dct/scan_data.h"

#include <algorithm>

#include "bits/zero_byte_stuffing.h"
#include "codecs/jpeg/scan_walk.h"
#include "codecs/jpeg_dct/kernels.h"

namespace dcmturbo::jpeg_dct {

ScanData read_scan_data(const Fragments& frame, std::size_t begin, std::uint32_t restart_interval,
                        std::uint64_t expected, Arena& arena) {
    ScanData data;
    data.begin = begin;
    const std::size_t size = frame.size() - begin;
    auto* bytes = reinterpret_cast<std::uint8_t*>(arena.allocate(size + 8 + read_slack));
    // Each interval but the last ends with a marker of two bytes.
    const std::size_t most = std::min<std::uint64_t>(expected, size / 2 + 1);
    auto* intervals = arena.allocate_array<Interval>(most);
    std::size_t count = 0;
    std::size_t written = 0;
    std::size_t position = begin;
    jpeg::IntervalWalk walk(restart_interval);
    try {
        for (;;) {
            const StuffedRun run = unstuff(frame, position, frame.size(), bytes + written);
            if (count < most) intervals[count++] = {bytes + written, bytes + written + run.bytes};
            written += run.bytes;
            data.end = run.end;
            if (run.marker == 0) fail(ErrorCode::truncated, run.end, "the data end inside a scan (no EOI)");
            if (run.end == position) {
                fail(ErrorCode::truncated, position, "expected entropy-coded data, found marker FF%02X",
                     static_cast<unsigned>(run.marker));
            }
            if (!walk.goes_on(run.marker, run.end)) break;
            position = run.end + 2;
        }
        if (restart_interval != 0 && walk.restarts() + 1 < expected) {
            fail(ErrorCode::truncated, data.end, "the scan needs %llu restart markers, but has %llu",
                 static_cast<unsigned long long>(expected - 1), static_cast<unsigned long long>(walk.restarts()));
        }
    } catch (DecodeError& error) {
        data.damage = error;
    }
    std::fill_n(bytes + written, read_slack, std::uint8_t{0});
    data.bytes = bytes;
    data.intervals = {intervals, count};
    return data;
}

}  // namespace dcmturbo::jpeg_dct
