// Takes decoded rows, and stores them in an image in its final form, or in planes, one per component.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/arena.h"
#include "image/component.h"
#include "image/pixel_writer.h"
#include "image/sample_row.h"

namespace dcmturbo {

class RowSink {
  public:
    RowSink() = default;
    RowSink(const RowSink&) = delete;
    RowSink& operator=(const RowSink&) = delete;
    virtual ~RowSink() = default;

    // Takes samples [x, x + row.count) of line y of a component. Only one thread at a time may use a sink. Several
    // sinks may write to the same image or planes.
    virtual void put(std::size_t component, std::uint32_t x, std::uint32_t y, const SampleRow& row) = 0;
    // Makes `count` lines of all components behind line y, which has been put, the same as it. Returns false if the
    // sink cannot: then they have to be put.
    virtual bool repeat(std::uint32_t /*y*/, std::uint32_t /*count*/) { return false; }
};

// Stores components that have the size of the image as pixels. All components of a part of a row come together, in any
// order.
class PixelSink final : public RowSink {
  public:
    PixelSink(const FrameOut& out, Isa isa, Arena& arena);
    void put(std::size_t component, std::uint32_t x, std::uint32_t y, const SampleRow& row) override;
    bool repeat(std::uint32_t y, std::uint32_t count) override;

  private:
    const FrameOut& out_;
    const PixelKernels& kernels_;
    PixelWriter writer_;
    std::size_t cell_;
    std::array<std::byte*, 4> planes_{};
    std::uint64_t first_ = 0;  // the pixel that planes_ begin with
    unsigned arrived_ = 0;     // a bit for each component that planes_ hold
};

// Stores each component at its own size, in the caller's arrays or in planes in scratch memory.
class PlaneSink final : public RowSink {
  public:
    PlaneSink(std::span<const ComponentOut> planes, Isa isa, Arena& arena);
    void put(std::size_t component, std::uint32_t x, std::uint32_t y, const SampleRow& row) override;

  private:
    void put_region(const ComponentOut& plane, std::uint32_t x, std::uint32_t y, const SampleRow& row);
    void store(const ComponentOut& plane, std::uint32_t x, std::uint32_t y, const SampleRow& row);

    std::span<const ComponentOut> planes_;
    const PixelKernels& kernels_;
    std::byte* row_;  // a row of cells before they are distributed with a stride
};

// Sets the lines of a component from `first` on to zero.
void clear_lines(const ComponentOut& plane, std::uint32_t first);

}  // namespace dcmturbo
