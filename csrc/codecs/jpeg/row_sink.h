// Where decoded rows go: into an image in its final form, or into planes that wait for other scans.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "codecs/jpeg/headers.h"
#include "image/component.h"
#include "image/pixel_writer.h"

namespace dcmturbo::jpeg {

class RowSink {
  public:
    RowSink() = default;
    RowSink(const RowSink&) = delete;
    RowSink& operator=(const RowSink&) = delete;
    virtual ~RowSink() = default;

    // Takes the first `count` samples of row `y` of a component of the frame. They are to be shifted up by the point
    // transform. `samples` stay as they are until all components of the scan have given row `y`.
    virtual void put(std::size_t component, std::uint32_t y, const std::uint16_t* samples, std::uint32_t count,
                     unsigned point_transform) = 0;
};

// All components in step and of the image's size: straight to pixels. One for each thread.
class PixelSink final : public RowSink {
  public:
    PixelSink(const FrameOut& out, Isa isa, Arena& arena);
    void put(std::size_t component, std::uint32_t y, const std::uint16_t* samples, std::uint32_t count,
             unsigned point_transform) override;

  private:
    void convert(const std::uint16_t* samples, std::byte* to, std::uint32_t count, unsigned point_transform) const;

    const FrameOut& out_;
    const PixelKernels& kernels_;
    PixelWriter writer_;
    std::size_t cell_;
    std::array<std::byte*, 4> planes_{};
};

// Each component on its own, at its own size: arrays of the caller's, or planes in scratch memory.
class PlaneSink final : public RowSink {
  public:
    explicit PlaneSink(std::span<const ComponentOut> planes) : planes_(planes) {}
    void put(std::size_t component, std::uint32_t y, const std::uint16_t* samples, std::uint32_t count,
             unsigned point_transform) override;

  private:
    std::span<const ComponentOut> planes_;
};

// Gives the first `lines` lines of planes of 16-bit samples to a sink of pixels, each sample as often as sampling
// factors say.
void write_planes(std::span<const ComponentOut> planes, const FrameHeader& frame, std::uint32_t lines, RowSink& sink,
                  Arena& arena);

}  // namespace dcmturbo::jpeg
