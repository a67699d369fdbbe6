// Marker segments of the JPEG family: ISO/IEC 10918-1 Annex B (JPEG, JPEG Lossless) and ISO/IEC
// 14495-1 Annex C (JPEG-LS). Shared by every room that reads such a stream; JPEG 2000 has the same
// form of segment (15444-1 A.1.1) with codes of its own.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/arena.h"
#include "base/fragments.h"

namespace dcmturbo::jpeg {

// Second byte of a marker; 10918-1 Table B.1, 14495-1 Table C.1.
enum Marker : std::uint8_t {
    TEM = 0x01,
    SOF0 = 0xC0,
    SOF1 = 0xC1,
    SOF2 = 0xC2,
    SOF3 = 0xC3,
    DHT = 0xC4,
    SOF5 = 0xC5,
    SOF6 = 0xC6,
    SOF7 = 0xC7,
    JPG = 0xC8,
    SOF9 = 0xC9,
    SOF10 = 0xCA,
    SOF11 = 0xCB,
    DAC = 0xCC,
    SOF13 = 0xCD,
    SOF14 = 0xCE,
    SOF15 = 0xCF,
    RST0 = 0xD0,
    RST7 = 0xD7,
    SOI = 0xD8,
    EOI = 0xD9,
    SOS = 0xDA,
    DQT = 0xDB,
    DNL = 0xDC,
    DRI = 0xDD,
    DHP = 0xDE,
    EXP = 0xDF,
    APP0 = 0xE0,
    APP14 = 0xEE,
    APP15 = 0xEF,
    SOF55 = 0xF7,
    LSE = 0xF8,
    COM = 0xFE,
};

constexpr bool is_restart(std::uint8_t code) { return code >= RST0 && code <= RST7; }

// SOI, EOI, RSTn and TEM stand alone; every other marker is followed by a length.
constexpr bool has_segment(std::uint8_t code) {
    return !(is_restart(code) || code == SOI || code == EOI || code == TEM);
}

constexpr bool is_frame_header(std::uint8_t code) {
    return (code >= SOF0 && code <= SOF15 && code != DHT && code != JPG && code != DAC) || code == SOF55;
}

// The coding process that a frame header names, in the standard's words: "baseline sequential DCT".
const char* process_name(std::uint8_t frame_header);

// One marker, and the parameters of its segment (without the two length bytes).
struct Segment {
    std::uint8_t code = 0;
    std::size_t offset = 0;  // of the FF that belongs to the code
    Bytes parameters;
    std::size_t parameters_offset = 0;

    // Big endian, at a byte of the parameters; DecodeError(malformed) where the segment is shorter.
    [[nodiscard]] std::uint8_t u8(std::size_t at) const;
    [[nodiscard]] std::uint16_t u16(std::size_t at) const;
    [[nodiscard]] std::uint32_t u32(std::size_t at) const;
    // The same for `count` <= 4 bytes.
    [[nodiscard]] std::uint32_t number(std::size_t at, std::size_t count) const;
    void require(std::size_t size) const;
};

// How a coder keeps its data apart from markers. 10918-1 B.1.1.5: a zero byte follows every FF.
// 14495-1 A.1: a zero bit does, so that there FF and any byte below 0x80 are data.
enum class Stuffing : std::uint8_t { zero_byte, zero_bit };

// The marker that ended a run of entropy-coded data.
struct ScanEnd {
    std::uint8_t code = 0;   // 0: the data end without a marker
    std::size_t offset = 0;  // of the FF before the code, or the end of the data
};

class MarkerReader {
  public:
    explicit MarkerReader(Bytes data) : only_(data), size_(data.size()) {}
    // Of a frame in fragments, which are not joined: only a segment that lies across them is, in the arena.
    MarkerReader(const Fragments& frame, Arena& arena) : frame_(&frame), arena_(&arena), size_(frame.size()) {}

    // Passes over SOI; throws DecodeError unless the data begin with it.
    void start();

    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::size_t position() const { return position_; }
    void seek(std::size_t position) { position_ = position; }

    // The next marker with its segment; the position is then behind it: after SOS, on the first
    // entropy-coded byte. Any number of FF may pad before a code (10918-1 B.1.1.2).
    // Throws DecodeError: truncated at the end of the data, malformed where no marker stands.
    Segment next();

    // From within entropy-coded data to the next marker, which may be RSTn. The position is then at
    // that marker, so that next() reads it. Passes over a scan in a few per cent of the time that
    // decoding it takes.
    ScanEnd skip_entropy_coded(Stuffing stuffing);

    // Whether a whole segment stands `at` a marker's length: next() throws where it does not.
    [[nodiscard]] bool holds_segment(std::size_t at);

  private:
    [[nodiscard]] std::span<const Bytes> spans() const {
        return frame_ != nullptr ? frame_->spans() : std::span<const Bytes>(&only_, 1);
    }
    // Makes the current span the one that holds a byte below the size.
    void find(std::size_t at);
    [[nodiscard]] std::uint8_t byte(std::size_t at);
    [[nodiscard]] Bytes bytes(std::size_t at, std::size_t count);

    Bytes only_;
    const Fragments* frame_ = nullptr;
    Arena* arena_ = nullptr;
    std::size_t size_;
    std::size_t position_ = 0;
    std::size_t span_ = 0;        // the current one
    std::size_t span_begin_ = 0;  // its position in the frame
};

}  // namespace dcmturbo::jpeg
