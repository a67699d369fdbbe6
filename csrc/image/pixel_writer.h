// The last step of every codec here: planes of cells in scratch memory become pixels in the caller's
// memory, with bit correction and colour on the way.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/arena.h"
#include "image/frame.h"
#include "image/kernels.h"

namespace dcmturbo {

class PixelWriter {
  public:
    // Pixels a call: small enough for all planes to stay in the first-level cache.
    static constexpr std::size_t block = 4096;

    PixelWriter(const FrameOut& out, Isa isa);

    // Where cell `first` belongs, if cells of one plane can be written to it in order; null otherwise.
    // What is written there is corrected by correct(), in place.
    [[nodiscard]] std::byte* direct(std::uint64_t first) const { return direct_ ? out_.base + first * cell_ : nullptr; }

    // Bit correction of `count` cells: from scratch, the source or the output, to scratch or the output.
    // `from` and `to` are aligned to the cell, and the same or disjoint.
    void correct(const std::byte* from, std::byte* to, std::size_t count) const;
    [[nodiscard]] bool corrects() const { return unused_bits_ != 0; }
    [[nodiscard]] unsigned unused_bits() const { return unused_bits_; }
    [[nodiscard]] bool sign_extends() const { return out_.format.sign_extend; }

    // Converts pixels [first, first + count), and stores those of the region. planes[s] holds corrected cells of
    // sample s and is overwritten.
    void write(std::uint64_t first, std::size_t count, std::byte* const planes[]) const;

    // Converts the region's part of the first `pixels` pixels, which lie elsewhere in cells of the same type: natively
    // encoded frames, and what a library decoded. Bytes of each cell are exchanged first where swap_bytes says so. The
    // two may be the same memory, laid out alike.
    void convert(const FrameOut& from, std::uint64_t pixels, bool swap_bytes, Arena& arena) const;

    // Puts `value` into every sample of the region from pixel `first` of the frame on.
    static void fill(const FrameOut& out, std::uint64_t first, double value);

  private:
    void convert_region(const FrameOut& from, std::uint64_t pixels, bool swap_bytes, Arena& arena) const;
    void convert_block(const FrameOut& from, std::uint64_t first, std::size_t count, bool swap_bytes,
                       std::byte* const planes[]) const;
    void write_region(std::uint64_t first, std::size_t count, std::byte* const planes[]) const;
    void gather(const FrameOut& from, std::uint64_t first, std::size_t count, unsigned sample, std::byte* plane) const;
    void swap(std::byte* cells, std::size_t count) const;
    void scatter(std::uint64_t first, std::size_t count, const std::byte* plane, unsigned sample) const;

    const FrameOut& out_;
    const PixelKernels& kernels_;
    std::size_t cell_;
    unsigned unused_bits_;
    bool contiguous_;
    bool direct_;
};

}  // namespace dcmturbo
