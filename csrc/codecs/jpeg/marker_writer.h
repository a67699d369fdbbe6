// Writes the marker segments of JPEG (ISO/IEC 10918-1, B.2) and JPEG-LS (14495-1, C.2), and the bytes between them.
//
//   MarkerWriter writer(to);
//   writer.marker(SOI);
//   writer.frame_header(SOF3, precision, rows, columns, identifiers);
//   writer.scan_header(identifiers, tables, selection_value, 0, point_transform);
//   writer.seek(encode_scan(writer.position()));
//   writer.marker(EOI);
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/fragments.h"
#include "codecs/jpeg/headers.h"
#include "codecs/jpeg/markers.h"
#include "image/pixel_attributes.h"

namespace dcmturbo::jpeg {

// The component identifiers of a frame with `count` components: 1, 2, 3 and so on, and for RGB the letters. Readers
// outside DICOM take three components for YCbCr unless their identifiers say otherwise.
class Identifiers {
  public:
    // `count` is at most 4.
    Identifiers(unsigned count, Photometric photometric) : count_(count) {
        const bool is_rgb = count == 3 && photometric == Photometric::rgb;
        for (unsigned i = 0; i < values_.size(); ++i) values_[i] = static_cast<std::uint8_t>(is_rgb ? "RGB"[i] : i + 1);
    }
    // The identifier of the i-th component alone, for a scan that holds no other.
    [[nodiscard]] Identifiers only(unsigned i) const {
        Identifiers one = *this;
        one.count_ = 1;
        one.values_[0] = values_[i];
        return one;
    }
    [[nodiscard]] unsigned count() const { return count_; }
    [[nodiscard]] unsigned operator[](unsigned i) const { return values_[i]; }

  private:
    unsigned count_;
    std::array<std::uint8_t, 4> values_{};
};

// What both writers below write. `Writer` has u8().
template <typename Writer>
class SegmentWriter {
  public:
    void u16(unsigned value) {
        self().u8(value >> 8);
        self().u8(value & 0xff);
    }
    void u32(std::uint32_t value) {
        u16(value >> 16);
        u16(value & 0xffff);
    }
    void marker(std::uint8_t code) {
        self().u8(0xff);
        self().u8(code);
    }
    // Begins a segment of `size` bytes of parameters, which are then to be written.
    void segment(std::uint8_t code, std::size_t size) {
        marker(code);
        u16(static_cast<unsigned>(size + 2));
    }

    // 10918-1 B.2.2, 14495-1 C.2.2. No component is sampled.
    void frame_header(std::uint8_t code, unsigned precision, unsigned lines, unsigned samples_per_line,
                      const Identifiers& identifiers) {
        begin_frame_header(code, precision, lines, samples_per_line, identifiers.count());
        for (unsigned i = 0; i < identifiers.count(); ++i) component(identifiers[i], 0x11, 0);
    }
    // One that has been read, with the number of lines that DNL may have stated.
    void frame_header(const FrameHeader& frame) {
        begin_frame_header(frame.code, frame.precision, frame.lines, frame.samples_per_line,
                           static_cast<unsigned>(frame.count));
        for (std::size_t i = 0; i < frame.count; ++i) {
            const FrameComponent& from = frame.components[i];
            component(from.identifier, static_cast<unsigned>(from.horizontal_factor << 4 | from.vertical_factor),
                      from.quantisation_table);
        }
    }

    // 10918-1 B.2.3: `table` of each component, Ss, Se, and Al. 14495-1 C.2.3: mapping table, NEAR, interleave mode,
    // and point transform.
    void scan_header(const Identifiers& identifiers, unsigned table, unsigned first, unsigned second, unsigned low) {
        segment(SOS, 4 + 2 * std::size_t{identifiers.count()});
        self().u8(identifiers.count());
        for (unsigned i = 0; i < identifiers.count(); ++i) {
            self().u8(identifiers[i]);
            self().u8(table);
        }
        self().u8(first);
        self().u8(second);
        self().u8(low);
    }

    // 10918-1 B.2.4.4: of 16 bits. 14495-1 C.2.5 allows up to four bytes.
    void restart_interval(std::uint32_t interval) {
        segment(DRI, interval > 0xffff ? 4 : 2);
        if (interval > 0xffff) u32(interval);
        else u16(interval);
    }

  private:
    Writer& self() { return static_cast<Writer&>(*this); }
    void begin_frame_header(std::uint8_t code, unsigned precision, unsigned lines, unsigned samples_per_line,
                            unsigned components) {
        segment(code, 6 + 3 * std::size_t{components});
        self().u8(precision);
        u16(lines);
        u16(samples_per_line);
        self().u8(components);
    }
    void component(unsigned identifier, unsigned sampling_factors, unsigned quantisation_table) {
        self().u8(identifier);
        self().u8(sampling_factors);
        self().u8(quantisation_table);
    }
};

// `to` takes all that is written; whoever makes the buffer knows how much that is at most.
class MarkerWriter : public SegmentWriter<MarkerWriter> {
  public:
    // Of the segments above, for `components` components, markers and lengths included.
    static constexpr std::size_t frame_header_bytes(std::size_t components) { return 10 + 3 * components; }
    static constexpr std::size_t scan_header_bytes(std::size_t components) { return 8 + 2 * components; }
    static constexpr std::size_t restart_interval_bytes = 8;

    explicit MarkerWriter(std::uint8_t* to) : to_(to) {}

    void u8(unsigned value) { *to_++ = static_cast<std::uint8_t>(value); }
    [[nodiscard]] std::uint8_t* position() const { return to_; }
    // Goes on behind what somebody else has written.
    void seek(std::uint8_t* to) { to_ = to; }

  private:
    std::uint8_t* to_;
};

// Appends to a vector, which others may append to as well.
class MarkerAppender : public SegmentWriter<MarkerAppender> {
  public:
    explicit MarkerAppender(std::vector<std::uint8_t>& to) : to_(to) {}

    void u8(unsigned value) { to_.push_back(static_cast<std::uint8_t>(value)); }
    void put(Bytes bytes) {
        const auto* const data = reinterpret_cast<const std::uint8_t*>(bytes.data());
        to_.insert(to_.end(), data, data + bytes.size());
    }
    using SegmentWriter::segment;
    // A whole segment.
    void segment(std::uint8_t code, Bytes parameters) {
        segment(code, parameters.size());
        put(parameters);
    }

  private:
    std::vector<std::uint8_t>& to_;
};

}  // namespace dcmturbo::jpeg
