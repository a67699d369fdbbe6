// Where decoded rows go: into an image in its final form, or into planes, one for each component.
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

    // Takes samples [x, x + row.count) of line y of a component. One thread at a time uses a sink; sinks of the same
    // image or planes are independent.
    virtual void put(std::size_t component, std::uint32_t x, std::uint32_t y, const SampleRow& row) = 0;
};

// Components of the image's size, straight to pixels. The rows of all components follow each other, in order.
class PixelSink final : public RowSink {
  public:
    PixelSink(const FrameOut& out, Isa isa, Arena& arena);
    void put(std::size_t component, std::uint32_t x, std::uint32_t y, const SampleRow& row) override;

  private:
    const FrameOut& out_;
    const PixelKernels& kernels_;
    PixelWriter writer_;
    std::size_t cell_;
    std::array<std::byte*, 4> planes_{};
};

// Each component on its own, at its own size: arrays of the caller's, or planes in scratch memory.
class PlaneSink final : public RowSink {
  public:
    PlaneSink(std::span<const ComponentOut> planes, Isa isa, Arena& arena);
    void put(std::size_t component, std::uint32_t x, std::uint32_t y, const SampleRow& row) override;

  private:
    void put_region(const ComponentOut& plane, std::uint32_t x, std::uint32_t y, const SampleRow& row);
    void store(const ComponentOut& plane, std::uint32_t x, std::uint32_t y, const SampleRow& row);

    std::span<const ComponentOut> planes_;
    const PixelKernels& kernels_;
    std::byte* row_;  // cells, before they are spread out
};

// Puts zeros into the lines of a component from `first` on.
void clear_lines(const ComponentOut& plane, std::uint32_t first);

}  // namespace dcmturbo
