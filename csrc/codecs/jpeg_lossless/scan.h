// One scan: its components, tables and restart intervals, and its rows (ISO/IEC 10918-1, B.2.3 and H.2).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "codecs/codec.h"
#include "codecs/jpeg/headers.h"
#include "codecs/jpeg_lossless/difference_reader.h"
#include "image/row_sink.h"

namespace dcmturbo::jpeg_lossless {

struct ScanComponent {
    std::size_t index = 0;    // within the frame
    unsigned columns = 1;     // samples in an MCU: across
    unsigned rows = 1;        // and down
    std::uint32_t width = 0;  // of the component
    std::uint32_t height = 0;
    std::uint32_t coded_width = 0;  // with what fills the last MCU
    const DifferenceTable* table = nullptr;
};

struct Scan {
    std::vector<ScanComponent> components;
    unsigned selection_value = 1;
    unsigned point_transform = 0;
    unsigned precision = 0;
    std::uint32_t mcus_per_row = 0;
    std::uint32_t mcu_rows = 0;
    std::uint32_t first_row = 0;          // of MCUs that are needed
    std::uint32_t end_row = 0;            // behind the last of them
    std::uint32_t rows_per_interval = 0;  // of MCUs; all of them without restart
    std::size_t mcu_samples = 0;
    std::vector<const DifferenceTable*> tables;  // of each sample of an MCU

    [[nodiscard]] std::size_t row_samples() const { return mcu_samples * mcus_per_row; }
    [[nodiscard]] std::uint32_t interval_count() const {
        return (mcu_rows + rows_per_interval - 1) / rows_per_interval;
    }
    // Prediction at the beginning of a scan and of each restart interval (H.1.2.1).
    [[nodiscard]] std::uint16_t first_prediction() const {
        return static_cast<std::uint16_t>(1u << (precision - point_transform - 1));
    }
    // All MCUs are one sample of each component.
    [[nodiscard]] bool is_simple() const { return mcu_samples == components.size(); }
    // The order of the tables does not matter, so that decoding may start anywhere.
    [[nodiscard]] bool has_one_table() const { return DifferenceSource{.tables = tables}.has_one_table(); }
};

// The entropy-coded data of a scan, unstuffed.
struct ScanData {
    const std::uint8_t* bytes = nullptr;
    std::span<const Interval> intervals{};
    std::size_t begin = 0;  // in the frame
    std::size_t end = 0;    // in the frame: of the marker after it, or of the data
};

// The part of a scan that was asked for. `rows` counts rows of MCUs.
struct ScanProgress {
    std::uint32_t rows = 0;        // complete
    std::uint32_t samples = 0;     // complete pixels of the next, where an MCU is one sample a component
    bool has_excess_data = false;  // an interval goes on for a byte or more after its last sample
};

// Whether `bits` for a scan make the usual difference longer than the short look-up takes. Only where to begin: the
// reader changes to the long one where the short one turns out to fail often.
bool is_long(const Scan& scan, std::uint64_t bits);

class RowPrediction;

// Decodes a scan into a sink; throws DecodeError, and `progress` says how far it came.
class ScanDecoder {
  public:
    ScanDecoder(const Scan& scan, const ScanData& data, const Fragments& frame, Context& context);

    void decode(RowSink& sink, ScanProgress& progress);
    // Groups of restart intervals on the frame's team, one for each sink. False, with nothing but rubbish in the sinks,
    // where that does not work out: then decode() does, and finds what is wrong.
    bool decode_on_team(std::span<RowSink* const> sinks);

  private:
    struct Rows {
        RowPrediction& prediction;
        std::uint16_t* differences;  // a row of MCUs, as coded
    };

    void decode_rows(std::span<const Interval> intervals, std::uint32_t first_row, RowSink& sink,
                     ScanProgress& progress);
    void decode_intervals(std::span<const Interval> intervals, std::uint32_t first_row, std::uint32_t end_row,
                          DifferenceReader& reader, Rows rows, RowSink& sink, ScanProgress& progress) const;
    [[noreturn]] void fail_at(std::uint64_t bit, bool is_invalid, std::uint32_t row) const;

    const Scan& scan_;
    const ScanData& data_;
    const Fragments& frame_;
    Context& context_;
    DifferenceSource source_;
};

}  // namespace dcmturbo::jpeg_lossless
