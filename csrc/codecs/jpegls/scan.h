// One scan: its components, parameters and restart intervals, and the lines of an interval (ISO/IEC 14495-1, annexes A
// and B).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/context.h"
#include "base/fragments.h"
#include "codecs/jpegls/kernels.h"
#include "codecs/jpegls/parameters.h"
#include "image/row_sink.h"

namespace dcmturbo::jpegls {

struct ScanComponent {
    std::size_t index = 0;  // within the frame
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::uint32_t lines = 1;  // in an MCU: the vertical sampling factor where components take turns line by line
};

// Entropy-coded data between markers, as they stand in the frame.
struct Interval {
    std::size_t begin = 0;
    std::size_t end = 0;
};

struct Scan {
    Parameters parameters;
    Interleave interleave = Interleave::none;
    std::vector<ScanComponent> components;
    std::uint32_t mcu_rows = 0;
    std::uint32_t first_row = 0;          // that is needed
    std::uint32_t end_row = 0;            // behind the last that is needed
    std::uint32_t rows_per_interval = 0;  // all of them without restart
    std::vector<Interval> intervals;      // that were found

    [[nodiscard]] std::uint32_t interval_count() const {
        return (mcu_rows + rows_per_interval - 1) / rows_per_interval;
    }
    [[nodiscard]] std::uint32_t widest() const;
    [[nodiscard]] std::size_t longest_interval() const;  // bytes
};

// How far an interval came.
struct IntervalProgress {
    std::uint32_t rows = 0;        // complete rows of MCUs
    bool has_excess_data = false;  // several bytes of zeros follow its last sample
};

// Decodes intervals of a scan, one after another. One for each thread.
class IntervalDecoder {
  public:
    // Takes its memory from the arena, for intervals of the scan that are not longer than its longest.
    IntervalDecoder(const Scan& scan, Bytes frame, const std::int8_t* gradients, const LineKernels& kernels,
                    Arena& arena);

    // Throws DecodeError; `progress` tells how far it came.
    void decode(std::size_t interval, RowSink& sink, IntervalProgress& progress);

  private:
    void decode_row(GolombPlace& place, std::uint32_t row, RowSink& sink, unsigned& damage);
    void decode_rows_alone(const Interval& interval, GolombPlace& place, std::uint32_t first, std::uint32_t end,
                           RowSink& sink, IntervalProgress& progress);
    void check_rest(const Interval& interval, const GolombPlace& place, std::size_t bits,
                    IntervalProgress& progress) const;
    [[noreturn]] void fail_in(const Interval& interval, std::size_t bit, bool ends, std::uint32_t row) const;

    const Scan& scan_;
    Bytes frame_;
    const LineKernels& kernels_;
    Contexts* contexts_;
    LineCoder coder_;
    std::uint8_t* bytes_;
    std::array<std::array<std::uint16_t*, 2>, most_components> lines_{};  // of a component: the one before, this one
};

// What stands beside a line (A.2.1): before it, the first sample of the line above; behind that one, its last again.
inline void prepare_line(std::uint16_t* above, std::uint16_t* line, std::uint32_t width) {
    above[width] = above[width - 1];
    line[-1] = above[0];
}

// Fills a GradientTable for a scan.
const std::int8_t* make_gradients(const Parameters& parameters, Arena& arena);

}  // namespace dcmturbo::jpegls
