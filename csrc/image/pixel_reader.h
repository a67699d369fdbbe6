// The first step of an encoder: converts rows of the caller's pixels to the type that the codec works with. Pixels may
// have any strides. Each value is checked against Bits Stored.
//
//   const PixelReader reader(frame);
//   reader.read_pixels(row, line);    // std::uint16_t: all samples of the row, pixel by pixel
//   reader.read_planes(row, planes);  // std::uint16_t: one line per sample of a pixel
//   reader.read_shifted(row, first, count, planes);  // std::int32_t, as JPEG 2000 codes them
#pragma once

#include <cstddef>
#include <cstdint>

#include "image/frame.h"

namespace dcmturbo {

// Reads integers. The frame must outlive the reader. Several threads may use one reader.
//
// A value that does not fit Bits Stored is an error: DecodeError(argument), which names the range of the values.
class PixelReader {
  public:
    explicit PixelReader(const FrameIn& frame) : frame_(frame), stored_(frame.attributes.bits_stored) {}

    // Unsigned numbers below 2^BitsStored; BitsStored is at most 16. Signed samples keep their two's complement of
    // BitsStored bits (PS3.5, 8.2.1). A line has Columns samples. `to` of read_pixels() has Columns times
    // SamplesPerPixel samples.
    void read_pixels(std::uint32_t row, std::uint16_t* to) const;
    void read_planes(std::uint32_t row, std::uint16_t* const to[]) const;

    // Signed numbers of `count` pixels, starting at pixel `first`. Half of the range is subtracted from unsigned
    // samples (level shift: ISO/IEC 15444-1, G.1.1). BitsStored is at most 32.
    void read_shifted(std::uint32_t row, std::uint32_t first, std::uint32_t count, std::int32_t* const to[]) const;

  private:
    [[nodiscard]] const std::byte* row_at(std::uint32_t row) const {
        return frame_.base + static_cast<std::ptrdiff_t>(row) * frame_.row_stride;
    }
    template <typename Read>
    void with_cells(Read&& read) const;
    template <typename Cell, typename To>
    Cell read_samples(const std::byte* from, std::ptrdiff_t stride, std::size_t count, To* to, std::size_t step) const;
    template <typename To>
    void read_lines(std::uint32_t row, std::uint32_t first, std::uint32_t count, To* const to[]) const;
    template <typename Cell>
    [[noreturn, gnu::cold]] void fail_outside() const;

    const FrameIn& frame_;
    unsigned stored_;
};

}  // namespace dcmturbo
