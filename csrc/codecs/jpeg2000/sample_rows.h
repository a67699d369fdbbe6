// The last step: rows of reconstructed samples into cells of the caller's type, through level shift and clamping
// (ISO/IEC 15444-1, Annex G), and from there into an image or into planes.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/context.h"
#include "codecs/jpeg2000/tiles/tile.h"
#include "codecs/jpeg2000/wavelet/kernels.h"
#include "image/component.h"
#include "image/pixel_writer.h"

namespace dcmturbo::jpeg2000 {

// Undoes the component transform on the first three of `rows`, which are of the same arithmetic.
void inverse_component_transform(Arithmetic arithmetic, std::span<void* const> rows, std::size_t count,
                                 const WaveletKernels& kernels);

// Level shift, clamping, and narrowing to cells of `cell` bytes. `row` is overwritten.
void store_samples(Arithmetic arithmetic, void* row, std::byte* to, std::size_t cell, std::size_t count,
                   const ComponentSize& component, const PixelKernels& kernels);

class Sink {
  public:
    Sink() = default;
    Sink(const Sink&) = delete;
    Sink& operator=(const Sink&) = delete;
    virtual ~Sink() = default;

    // Samples [x, x + count) of row y of all the components from `first` on; of one thread at a time for each slot.
    virtual void put(std::size_t slot, std::size_t first, std::span<void* const> rows,
                     std::span<const Arithmetic> arithmetic, std::uint32_t x, std::uint32_t y, std::uint32_t count) = 0;
};

// Components in step and of the image's size: straight to pixels.
class PixelSink final : public Sink {
  public:
    PixelSink(const FrameOut& out, std::span<const ComponentSize> components, std::size_t slots, Context& context);
    void put(std::size_t slot, std::size_t first, std::span<void* const> rows, std::span<const Arithmetic> arithmetic,
             std::uint32_t x, std::uint32_t y, std::uint32_t count) override;

  private:
    const FrameOut& out_;
    std::span<const ComponentSize> components_;
    const PixelKernels& kernels_;
    PixelWriter writer_;
    std::size_t cell_;
    std::vector<std::array<std::byte*, 4>> planes_;
};

// Each component on its own.
class PlaneSink final : public Sink {
  public:
    PlaneSink(std::span<const ComponentOut> planes, std::span<const ComponentSize> components, std::size_t slots,
              Context& context);
    void put(std::size_t slot, std::size_t first, std::span<void* const> rows, std::span<const Arithmetic> arithmetic,
             std::uint32_t x, std::uint32_t y, std::uint32_t count) override;

  private:
    std::span<const ComponentOut> planes_;
    std::span<const ComponentSize> components_;
    const PixelKernels& kernels_;
    std::vector<std::byte*> rows_;
};

}  // namespace dcmturbo::jpeg2000
