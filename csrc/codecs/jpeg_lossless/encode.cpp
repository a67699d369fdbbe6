#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/checked.h"
#include "base/error.h"
#include "bits/zero_byte_stuffing.h"
#include "codecs/jpeg/marker_writer.h"
#include "codecs/jpeg_lossless/codec.h"
#include "entropy/differences.h"
#include "image/pixel_reader.h"
#include "kernels/kernels.h"

namespace dcmturbo::jpeg_lossless {

namespace {

using namespace jpeg;

// Marker segments: SOI, SOF3, DHT, DRI, SOS and EOI need 96 bytes at most.
constexpr std::uint64_t header_bytes = 128;
// Of every restart interval: its marker, and what fills its last byte.
constexpr std::uint64_t interval_bytes = 4;

class FrameEncoder {
  public:
    FrameEncoder(const FrameIn& frame, const EncodeOptions& options, Context& context)
        : attributes_(frame.attributes),
          options_(options),
          kernels_(context.kernels),
          arena_(context.arena),
          rows_(frame),
          components_(frame.attributes.samples_per_pixel),
          // 10918-1 B.2.2 has no precision of 1.
          precision_(std::max<unsigned>(2, frame.attributes.bits_stored)),
          selection_value_(options.selection_value == 0 ? 1 : options.selection_value) {
        for (std::uint16_t*& line : lines_) line = arena_.allocate_array<std::uint16_t>(row_samples());
    }

    std::size_t encode(std::span<std::byte> out) {
        if (selection_value_ == EncodeOptions::best) selection_value_ = find_best();
        auto* const differences =
            arena_.allocate_array<std::uint16_t>(checked_multiply<std::uint64_t>(row_samples(), attributes_.rows));
        std::array<std::uint64_t, difference_categories> frequencies{};
        for (std::uint32_t row = 0; row < attributes_.rows; ++row) {
            read_row(row);
            const bool starts = starts_interval(row);
            std::uint16_t* const to = differences + row * row_samples();
            difference(starts ? 1 : selection_value_, starts, to);
            kernels_.count_categories(to, row_samples(), frequencies.data());
        }
        const HuffmanTable table = optimal_huffman_table(frequencies.data(), frequencies.size());

        auto* const begin = reinterpret_cast<std::uint8_t*>(out.data());
        MarkerWriter writer(begin);
        write_headers(writer, table);
        write_scan(writer, differences, DifferenceCodes(table));
        writer.marker(EOI);
        return static_cast<std::size_t>(writer.position() - begin);
    }

  private:
    [[nodiscard]] std::size_t row_samples() const { return std::size_t{attributes_.columns} * components_; }
    [[nodiscard]] bool starts_interval(std::uint32_t row) const {
        return options_.restart_rows == 0 ? row == 0 : row % options_.restart_rows == 0;
    }

    // Reads a row into the line that then is current.
    void read_row(std::uint32_t row) {
        current_ ^= 1;
        rows_.read_pixels(row, lines_[current_]);
    }

    // The differences of the current row.
    void difference(unsigned selection_value, bool starts, std::uint16_t* to) const {
        const std::uint16_t* const line = lines_[current_];
        const std::uint16_t* const above = lines_[current_ ^ 1];
        for (unsigned i = 0; i < components_; ++i)
            to[i] = static_cast<std::uint16_t>(line[i] - (starts ? 1u << (precision_ - 1) : above[i]));
        kernels_.difference_row(selection_value, above, line, to, row_samples(), components_);
    }

    // The selection value with the lowest entropy over some pairs of rows.
    unsigned find_best() {
        // Odd: the two fields of an interlaced image differ.
        const std::uint32_t step = std::min(15u, attributes_.rows / 64) | 1;
        std::array<std::array<std::uint64_t, difference_categories>, 8> frequencies{};
        auto* const differences = arena_.allocate_array<std::uint16_t>(row_samples());
        for (std::uint32_t row = 1; row < attributes_.rows; row += step) {
            read_row(row - 1);
            read_row(row);
            for (unsigned value = 1; value <= 7; ++value) {
                difference(value, false, differences);
                kernels_.count_categories(differences, row_samples(), frequencies[value].data());
            }
        }
        unsigned best = 1;
        double fewest = std::numeric_limits<double>::max();
        for (unsigned value = 1; value <= 7; ++value) {
            double total = 0;
            double bits = 0;
            for (std::size_t k = 0; k < difference_categories; ++k) total += static_cast<double>(frequencies[value][k]);
            for (std::size_t k = 0; k < difference_categories; ++k) {
                const auto count = static_cast<double>(frequencies[value][k]);
                if (count > 0) bits += count * (std::log2(total / count) + static_cast<double>(k < 16 ? k : 0));
            }
            if (bits < fewest) {
                fewest = bits;
                best = value;
            }
        }
        return best;
    }

    void write_headers(MarkerWriter& writer, const HuffmanTable& table) const {
        const PixelAttributes& a = attributes_;
        const Identifiers identifiers(components_, a.photometric);
        writer.marker(SOI);
        writer.frame_header(SOF3, precision_, a.rows, a.columns, identifiers);
        writer.segment(DHT, 1 + max_code_length + table.size());
        writer.u8(0);
        for (unsigned length = 1; length <= max_code_length; ++length) writer.u8(table.counts[length]);
        for (unsigned i = 0; i < table.size(); ++i) writer.u8(table.symbols[i]);
        if (options_.restart_rows != 0) writer.restart_interval(options_.restart_rows * a.columns);
        constexpr unsigned huffman_table = 0;
        constexpr unsigned point_transform = 0;
        writer.scan_header(identifiers, huffman_table, selection_value_, 0, point_transform);
    }

    void write_scan(MarkerWriter& writer, const std::uint16_t* differences, const DifferenceCodes& codes) {
        // A difference takes 31 bits at most.
        auto* const row_bytes = arena_.allocate_array<std::uint8_t>(row_samples() * 4 + 16);
        PendingBits pending;
        std::uint8_t* to = writer.position();
        unsigned restarts = 0;
        for (std::uint32_t row = 0; row < attributes_.rows; ++row) {
            if (row != 0 && starts_interval(row)) {
                to = finish_interval(pending, to);
                *to++ = 0xff;
                *to++ = static_cast<std::uint8_t>(RST0 + (restarts++ & 7));
            }
            const std::uint8_t* const end = kernels_.encode_differences(differences + row * row_samples(),
                                                                        row_samples(), codes, &pending, row_bytes);
            to = stuff(row_bytes, static_cast<std::size_t>(end - row_bytes), to);
        }
        writer.seek(finish_interval(pending, to));
    }

    // F.1.2.3: the last byte is filled with ones.
    static std::uint8_t* finish_interval(PendingBits& pending, std::uint8_t* to) {
        if (pending.count != 0) {
            const std::uint8_t last[8] = {static_cast<std::uint8_t>(pending.bits >> 56 | 0xffu >> pending.count)};
            to = stuff(last, 1, to);
        }
        pending = {};
        return to;
    }

    const PixelAttributes& attributes_;
    const EncodeOptions& options_;
    const Kernels& kernels_;
    Arena& arena_;
    PixelReader rows_;
    unsigned components_;
    unsigned precision_;
    unsigned selection_value_;
    std::array<std::uint16_t*, 2> lines_{};
    unsigned current_ = 0;
};

void check(const PixelAttributes& a, const EncodeOptions& options) {
    if (a.rows > 0xffff || a.columns > 0xffff) {
        fail(ErrorCode::unsupported, no_offset, "JPEG Lossless holds at most 65535 rows and columns, not %u x %u",
             a.rows, a.columns);
    }
    if (a.keyword != PixelKeyword::pixel_data || a.bits_stored > 16 || a.bits_allocated < 8) {
        fail(ErrorCode::unsupported, no_offset,
             "JPEG Lossless holds integers of 2 to 16 bits; BitsAllocated is %u, "
             "BitsStored %u",
             unsigned{a.bits_allocated}, unsigned{a.bits_stored});
    }
    const Photometric p = a.photometric;
    const bool is_grey =
        p == Photometric::monochrome1 || p == Photometric::monochrome2 || p == Photometric::palette_color;
    if (p != Photometric::unknown && is_grey != (a.samples_per_pixel == 1)) {
        fail(ErrorCode::argument, no_offset, "%s contradicts %u samples a pixel", photometric_name(p),
             unsigned{a.samples_per_pixel});
    }
    if (options.selection_value > 7 && options.selection_value != EncodeOptions::best)
        fail(ErrorCode::argument, no_offset, "a selection value of %u; there are 1 to 7", options.selection_value);
    const std::uint64_t interval = std::uint64_t{options.restart_rows} * a.columns;
    if (interval > 0xffff) {
        fail(ErrorCode::unsupported, no_offset,
             "a restart interval of %u rows of %u columns is %llu samples; 65535 can be stated (ISO/IEC 10918-1, "
             "B.2.4.4)",
             options.restart_rows, a.columns, static_cast<unsigned long long>(interval));
    }
}

}  // namespace

// No code is worse than one of 5 bits for every category, which 16 bits may follow; stuffing may double that.
std::uint64_t encode_bound(const FrameIn& frame) {
    const PixelAttributes& a = frame.attributes;
    const std::uint64_t samples = std::uint64_t{a.rows} * a.columns * a.samples_per_pixel;
    const std::uint64_t bits = checked_multiply<std::uint64_t>(samples, 21);
    return checked_add<std::uint64_t>(checked_multiply<std::uint64_t>(bits / 8 + 1, 2),
                                      header_bytes + std::uint64_t{a.rows} * interval_bytes);
}

std::size_t encode(const FrameIn& frame, std::span<std::byte> to, const EncodeOptions& options, Context& context) {
    check(frame.attributes, options);
    if (to.size() < encode_bound(frame))
        fail(ErrorCode::argument, no_offset, "the buffer for the encoded frame is too small");
    return FrameEncoder(frame, options, context).encode(to);
}

}  // namespace dcmturbo::jpeg_lossless
