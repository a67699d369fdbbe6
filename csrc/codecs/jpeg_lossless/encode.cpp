#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/checked.h"
#include "base/error.h"
#include "base/team.h"
#include "bits/zero_byte_stuffing.h"
#include "codecs/jpeg/marker_writer.h"
#include "codecs/jpeg_lossless/codec.h"
#include "codecs/jpeg_lossless/kernels.h"
#include "codecs/jpeg_lossless/options.h"
#include "entropy/differences.h"
#include "image/pixel_reader.h"

namespace dcmturbo::jpeg_lossless {

namespace {

using namespace jpeg;

// Marker segments: SOI, SOF3, DHT, DRI, SOS and EOI need 96 bytes at most.
constexpr std::uint64_t header_bytes = 128;
// Of every restart interval: its marker, and what fills its last byte.
constexpr std::uint64_t interval_bytes = 4;

// Rows that one thread encodes. Without a team, all of them.
struct Rows {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    std::array<std::uint16_t*, 2> lines{};
    unsigned current = 0;
    std::array<std::uint64_t, difference_categories> frequencies{};
    std::uint8_t* row_bytes = nullptr;
    // Where its bytes go first; and, once it is encoded, where they end.
    std::uint8_t* to = nullptr;
    std::uint8_t* written = nullptr;
    // Bits of the byte in which the rows before end. That byte is kept apart until they are encoded, too.
    unsigned shared_bits = 0;
    std::uint8_t shared = 0;
    PendingBits pending{};  // those of the byte in which these rows end
};

class FrameEncoder {
  public:
    FrameEncoder(const FrameIn& frame, const EncodeOptions& options, Context& context)
        : attributes_(frame.attributes),
          restart_rows_(static_cast<std::uint32_t>(options.values.integer(restart_rows))),
          kernels_(difference_kernels(context.isa)),
          prediction_(prediction_kernels(context.isa)),
          context_(context),
          arena_(context.arena),
          rows_(frame),
          components_(frame.attributes.samples_per_pixel),
          // 10918-1 B.2.2 has no precision of 1.
          precision_(std::max<unsigned>(2, frame.attributes.bits_stored)),
          finds_best_(options.values.word(selection_value) >= 0),
          selection_value_(static_cast<unsigned>(options.values.integer(selection_value))) {
        plan_parts();
    }

    std::size_t encode(std::span<std::byte> out) {
        if (finds_best_) selection_value_ = find_best();
        differences_ =
            arena_.allocate_array<std::uint16_t>(checked_multiply<std::uint64_t>(row_samples(), attributes_.rows));
        run_on_team(context_, parts_.size(), [this](std::size_t i) { find_differences(parts_[i]); });
        std::array<std::uint64_t, difference_categories> frequencies{};
        for (const Rows& part : parts_) {
            for (std::size_t k = 0; k < frequencies.size(); ++k) frequencies[k] += part.frequencies[k];
        }
        const HuffmanTable table = optimal_huffman_table(frequencies.data(), frequencies.size());

        auto* const begin = reinterpret_cast<std::uint8_t*>(out.data());
        MarkerWriter writer(begin);
        write_headers(writer, table);
        write_scan(writer, DifferenceCodes(table));
        writer.marker(EOI);
        return static_cast<std::size_t>(writer.position() - begin);
    }

  private:
    // A part of fewer samples is not worth a thread's start; more parts than threads even out how long each takes.
    static constexpr std::uint64_t part_samples = std::uint64_t{1} << 17;
    static constexpr std::uint64_t most_parts = 32;

    [[nodiscard]] std::size_t row_samples() const { return std::size_t{attributes_.columns} * components_; }
    [[nodiscard]] bool starts_interval(std::uint32_t row) const {
        return restart_rows_ == 0 ? row == 0 : row % restart_rows_ == 0;
    }
    // Those that end within a part.
    [[nodiscard]] std::uint64_t intervals_in(const Rows& part) const {
        if (restart_rows_ == 0) return part.end == attributes_.rows ? 1 : 0;
        return (std::uint64_t{part.end} - part.begin + restart_rows_ - 1) / restart_rows_;
    }

    void plan_parts() {
        const std::uint64_t samples = std::uint64_t{attributes_.rows} * row_samples();
        // With restart intervals, whole ones: then no two parts share a byte.
        const std::uint32_t unit = std::max(1u, restart_rows_);
        const std::uint64_t units = (attributes_.rows + std::uint64_t{unit} - 1) / unit;
        const std::uint64_t wanted = context_.has_team() ? std::min(samples / part_samples, most_parts) : 1;
        const std::uint64_t count = std::clamp<std::uint64_t>(wanted, 1, units);
        parts_.resize(static_cast<std::size_t>(count));
        for (std::uint64_t i = 0; i < count; ++i) {
            Rows& part = parts_[static_cast<std::size_t>(i)];
            part.begin = static_cast<std::uint32_t>(units * i / count * unit);
            part.end =
                static_cast<std::uint32_t>(std::min<std::uint64_t>(attributes_.rows, units * (i + 1) / count * unit));
            for (std::uint16_t*& line : part.lines) line = arena_.allocate_array<std::uint16_t>(row_samples());
            // A difference takes 31 bits at most.
            part.row_bytes = arena_.allocate_array<std::uint8_t>(row_samples() * 4 + 16);
        }
    }

    // Reads a row into the line that then is current.
    void read_row(Rows& part, std::uint32_t row) const {
        part.current ^= 1;
        rows_.read_pixels(row, part.lines[part.current]);
    }

    // The differences of the current row.
    void difference(const Rows& part, unsigned selection_value, bool starts, std::uint16_t* to) const {
        const std::uint16_t* const line = part.lines[part.current];
        const std::uint16_t* const above = part.lines[part.current ^ 1];
        for (unsigned i = 0; i < components_; ++i)
            to[i] = static_cast<std::uint16_t>(line[i] - (starts ? 1u << (precision_ - 1) : above[i]));
        prediction_.difference_row(selection_value, above, line, to, row_samples(), components_);
    }

    void find_differences(Rows& part) const {
        if (!starts_interval(part.begin)) read_row(part, part.begin - 1);
        for (std::uint32_t row = part.begin; row < part.end; ++row) {
            context_.check_interruption();
            read_row(part, row);
            const bool starts = starts_interval(row);
            std::uint16_t* const to = differences_ + row * row_samples();
            difference(part, starts ? 1 : selection_value_, starts, to);
            kernels_.count_categories(to, row_samples(), part.frequencies.data());
        }
    }

    // The selection value with the lowest entropy over some pairs of rows.
    unsigned find_best() {
        // Odd: the two fields of an interlaced image differ.
        const std::uint32_t step = std::min(15u, attributes_.rows / 64) | 1;
        using Frequencies = std::array<std::array<std::uint64_t, difference_categories>, 8>;
        std::vector<Frequencies> found(parts_.size());
        std::vector<std::uint16_t*> differences;
        for (std::size_t i = 0; i < parts_.size(); ++i)
            differences.push_back(arena_.allocate_array<std::uint16_t>(row_samples()));
        run_on_team(context_, parts_.size(), [&](std::size_t i) {
            Rows& part = parts_[i];
            // The first of rows 1, 1 + step, 1 + 2 * step, ... that is in this part.
            std::uint32_t row = part.begin <= 1 ? 1 : (part.begin - 2) / step * step + step + 1;
            for (; row < part.end; row += step) {
                read_row(part, row - 1);
                read_row(part, row);
                for (unsigned value = 1; value <= 7; ++value) {
                    difference(part, value, false, differences[i]);
                    kernels_.count_categories(differences[i], row_samples(), found[i][value].data());
                }
            }
        });
        Frequencies frequencies{};
        for (const Frequencies& part : found) {
            for (unsigned value = 1; value <= 7; ++value) {
                for (std::size_t k = 0; k < difference_categories; ++k) frequencies[value][k] += part[value][k];
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
        if (restart_rows_ != 0) writer.restart_interval(restart_rows_ * a.columns);
        constexpr unsigned huffman_table = 0;
        constexpr unsigned point_transform = 0;
        writer.scan_header(identifiers, huffman_table, selection_value_, 0, point_transform);
    }

    void write_scan(MarkerWriter& writer, const DifferenceCodes& codes) {
        std::uint8_t* to = writer.position();
        std::uint64_t bits = 0;
        for (Rows& part : parts_) {
            // With restart intervals a part begins with one: at a whole byte.
            if (restart_rows_ != 0) bits = 0;
            const std::uint64_t begin = (bits + 7) / 8;
            part.to = to;
            part.shared_bits = static_cast<unsigned>(bits % 8);
            for (std::size_t k = 0; k < difference_categories; ++k)
                bits += part.frequencies[k] * codes.categories[k].length;
            // All parts together fit what encode_bound() allows: it counts the same bits, and each may be stuffed.
            to += 2 * (bits / 8 - std::min(begin, bits / 8)) + interval_bytes * intervals_in(part);
        }
        run_on_team(context_, parts_.size(), [&](std::size_t i) { write_part(parts_[i], codes); });
        to = writer.position();
        const Rows* before = nullptr;
        for (const Rows& part : parts_) {
            if (part.shared_bits != 0) {
                if (before == nullptr || before->pending.count != part.shared_bits)
                    fail(ErrorCode::internal, no_offset, "two parts of a scan do not fit together");
                const std::uint8_t first[8] = {static_cast<std::uint8_t>(part.shared | before->pending.bits >> 56)};
                to = stuff(first, 1, to);
            }
            const auto size = static_cast<std::size_t>(part.written - part.to);
            if (to != part.to) std::memmove(to, part.to, size);
            to += size;
            before = &part;
        }
        writer.seek(to);
    }

    void write_part(Rows& part, const DifferenceCodes& codes) const {
        part.pending.count = part.shared_bits;
        bool has_shared = part.shared_bits == 0;
        std::uint8_t* to = part.to;
        for (std::uint32_t row = part.begin; row < part.end; ++row) {
            context_.check_interruption();
            if (row != 0 && starts_interval(row)) {
                if (row != part.begin) to = finish_interval(part.pending, to);
                *to++ = 0xff;
                *to++ = static_cast<std::uint8_t>(RST0 + ((row / restart_rows_ - 1) & 7));
            }
            const std::uint8_t* bytes = part.row_bytes;
            const std::uint8_t* const end = kernels_.encode(differences_ + row * row_samples(), row_samples(), codes,
                                                            &part.pending, part.row_bytes);
            if (!has_shared && bytes != end) {
                part.shared = *bytes++;
                has_shared = true;
            }
            to = stuff(bytes, static_cast<std::size_t>(end - bytes), to);
        }
        if (part.end == attributes_.rows || starts_interval(part.end)) to = finish_interval(part.pending, to);
        part.written = to;
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
    std::uint32_t restart_rows_;
    const DifferenceKernels& kernels_;
    const PredictionKernels& prediction_;
    const Context& context_;
    Arena& arena_;
    PixelReader rows_;
    unsigned components_;
    unsigned precision_;
    bool finds_best_;
    unsigned selection_value_;
    std::vector<Rows> parts_;
    std::uint16_t* differences_ = nullptr;
};

void check(const PixelAttributes& a, const EncodeOptions& options) {
    if (a.rows > 0xffff || a.columns > 0xffff) {
        fail(ErrorCode::unsupported, no_offset, "JPEG Lossless can store at most 65535 rows and columns, not %u x %u",
             a.rows, a.columns);
    }
    if (a.keyword != PixelKeyword::pixel_data || a.bits_stored > 16 || a.bits_allocated < 8) {
        fail(ErrorCode::unsupported, no_offset,
             "JPEG Lossless can store integers of 2 to 16 bits, but BitsAllocated is %u and BitsStored is "
             "%u: native transfer syntaxes hold such samples",
             unsigned{a.bits_allocated}, unsigned{a.bits_stored});
    }
    const Photometric p = a.photometric;
    const bool is_grey =
        p == Photometric::monochrome1 || p == Photometric::monochrome2 || p == Photometric::palette_color;
    if (p != Photometric::unknown && is_grey != (a.samples_per_pixel == 1)) {
        fail(ErrorCode::argument, no_offset, "%s contradicts %u samples per pixel", photometric_name(p),
             unsigned{a.samples_per_pixel});
    }
    const auto rows = static_cast<unsigned>(options.values.integer(restart_rows));
    const std::uint64_t interval = std::uint64_t{rows} * a.columns;
    if (interval > 0xffff) {
        fail(ErrorCode::unsupported, no_offset,
             "a restart interval of %u rows of %u columns has %llu samples; at most 65535 are possible "
             "(ISO/IEC 10918-1, B.2.4.4)",
             rows, a.columns, static_cast<unsigned long long>(interval));
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
