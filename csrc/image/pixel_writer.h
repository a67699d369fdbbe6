// The last step of all codecs of the core: planes of cells in scratch memory become pixels in the caller's memory. Bits
// and colours are corrected at the same time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/arena.h"
#include "image/frame.h"
#include "image/kernels.h"

namespace dcmturbo {

class PixelWriter {
  public:
    // Pixels per call: few enough to keep all planes in the first-level cache.
    static constexpr std::size_t block = 4096;

    PixelWriter(const FrameOut& out, Isa isa);

    // The address of cell `first` in the output, if cells of one plane can be written there in order; otherwise null.
    // The caller must then call correct() on these cells, in place.
    [[nodiscard]] std::byte* direct(std::uint64_t first) const { return direct_ ? out_.base + first * cell_ : nullptr; }

    // Corrects the bits of `count` cells. `from` is in scratch memory, in the source or in the output; `to` is in
    // scratch memory or in the output. Both are aligned to a cell. They are the same or do not overlap.
    void correct(const std::byte* from, std::byte* to, std::size_t count) const;
    [[nodiscard]] bool corrects() const { return unused_bits_ != 0; }
    [[nodiscard]] unsigned unused_bits() const { return unused_bits_; }
    [[nodiscard]] bool sign_extends() const { return out_.format.sign_extend; }

    // Converts pixels [first, first + count) and stores those in the region. planes[s] holds corrected cells of sample
    // s and is overwritten.
    void write(std::uint64_t first, std::size_t count, std::byte* const planes[]) const;

    // Brings the memory of rows [first, end) into the cache, if they are in the region. Call it some work before they
    // are written: else that waits for memory, and so does each load behind it that needs a store's data.
    void prefetch_rows(std::uint32_t first, std::uint32_t end) const;

    // Converts the first `pixels` pixels of `from`, and stores those in the region. `from` has cells of the same type;
    // it is a native frame or the output of a library. If swap_bytes is set, the bytes of each cell are reversed first.
    // `from` and the output may be the same memory with the same strides.
    void convert(const FrameOut& from, std::uint64_t pixels, bool swap_bytes, Arena& arena) const;

    // Stores `value` in every sample of the region, starting at pixel `first` of the frame.
    static void fill(const FrameOut& out, std::uint64_t first, double value);

  private:
    void convert_region(const FrameOut& from, std::uint64_t pixels, bool swap_bytes, Arena& arena) const;
    void convert_block(const FrameOut& from, std::uint64_t first, std::size_t count, bool swap_bytes,
                       std::byte* const planes[]) const;
    void interleave(std::byte* const planes[], std::size_t from, std::byte* to, std::size_t count) const;
    void store(std::uint64_t first, std::size_t count, std::byte* const planes[]) const;
    void gather(const FrameOut& from, std::uint64_t first, std::size_t count, unsigned sample, std::byte* plane) const;
    void swap(std::byte* cells, std::size_t count) const;

    const FrameOut& out_;
    const PixelKernels& kernels_;
    std::size_t cell_;
    unsigned unused_bits_;
    Region region_;
    bool contiguous_;
    bool direct_;
    bool interleaves_;  // bytes of three planes to pixels
    bool converts_;     // YBR_FULL to RGB
};

}  // namespace dcmturbo
