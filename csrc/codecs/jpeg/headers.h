// Frame and scan headers of JPEG (ISO/IEC 10918-1, B.2.2 and B.2.3) and JPEG-LS (14495-1, C.2.2 and C.2.3),
// and the small rules that everything which reads such a stream shares.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "codecs/jpeg/markers.h"

namespace dcmturbo::jpeg {

struct FrameComponent {
    std::uint8_t identifier;
    std::uint8_t horizontal_factor;
    std::uint8_t vertical_factor;
    std::uint8_t quantisation_table;  // DCT processes
};

// 10918-1 B.2.2
struct FrameHeader {
    std::uint8_t code = 0;  // SOFn
    std::uint8_t precision = 0;
    std::uint32_t lines = 0;  // 0: DNL states it
    std::uint32_t samples_per_line = 0;
    std::size_t count = 0;
    std::array<FrameComponent, 255> components;
    std::uint8_t horizontal_max = 1;
    std::uint8_t vertical_max = 1;

    [[nodiscard]] bool is_jpegls() const { return code == SOF55; }
    [[nodiscard]] bool is_lossless() const { return code == SOF3 || code == SOF7 || code == SOF11 || code == SOF15; }
    [[nodiscard]] Stuffing stuffing() const { return is_jpegls() ? Stuffing::zero_bit : Stuffing::zero_byte; }
    // 10918-1 A.1.1: x_i = ceil(X * H_i / H_max)
    [[nodiscard]] std::uint32_t width(std::size_t i) const {
        return scaled(samples_per_line, components[i].horizontal_factor, horizontal_max);
    }
    [[nodiscard]] std::uint32_t height(std::size_t i) const {
        return scaled(lines, components[i].vertical_factor, vertical_max);
    }

  private:
    static std::uint32_t scaled(std::uint32_t size, std::uint32_t factor, std::uint32_t maximum) {
        return static_cast<std::uint32_t>((std::uint64_t{size} * factor + maximum - 1) / maximum);
    }
};

// 10918-1 B.2.3; the last three bytes mean NEAR, interleave mode and point transform in 14495-1 C.2.3.
struct ScanHeader {
    std::size_t count = 0;
    std::array<std::uint8_t, 4> identifiers{};
    std::array<std::uint8_t, 4> tables{};  // JPEG-LS: mapping table
    std::uint8_t first = 0;                // Ss: selection value; NEAR
    std::uint8_t second = 0;               // Se; interleave mode
    std::uint8_t low = 0;                  // Al: point transform
};

constexpr std::uint64_t ceil_divide(std::uint64_t a, std::uint64_t b) { return (a + b - 1) / b; }

// Throw DecodeError(malformed) if a field has a value that the standard does not allow.
FrameHeader read_frame_header(const Segment& segment);
ScanHeader read_scan_header(const Segment& segment);

// Which components of the frame have been in a scan. Files exist that give all components one
// identifier: within a scan, equal identifiers mean one component after another.
class Coverage {
  public:
    // Throws DecodeError(malformed) where the scan names a component that the frame does not have.
    void add(const FrameHeader& frame, const ScanHeader& scan, std::size_t offset);
    [[nodiscard]] std::size_t count() const { return count_; }
    // Index within the frame of the last scan's k-th component.
    [[nodiscard]] std::size_t index(std::size_t k) const { return indices_[k]; }

  private:
    std::array<bool, 255> seen_{};
    std::array<std::size_t, 4> indices_{};
    std::size_t count_ = 0;
};

std::uint32_t read_restart_interval(const Segment& segment);

// The number of MCUs of a scan: 10918-1 A.2. A lone component's MCU is one data unit, whatever its
// sampling factors.
std::uint64_t count_units(const FrameHeader& frame, const ScanHeader& scan, const Coverage& covered);

// Throws DecodeError(unsupported) for a marker of a process that nothing here decodes: hierarchical streams,
// arithmetic coding.
void refuse_unsupported(const Segment& segment);

// Whether a marker between the frame header and EOI can be skipped: tables, comments, application data.
bool is_miscellaneous(std::uint8_t code, const FrameHeader& frame);

}  // namespace dcmturbo::jpeg
