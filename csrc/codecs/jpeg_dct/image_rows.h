// From planes of decoded samples to rows of the image: upsamples the components that have fewer samples, and passes the
// rows to PixelWriter.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/context.h"
#include "codecs/jpeg/headers.h"
#include "codecs/jpeg_dct/kernels.h"
#include "image/frame.h"
#include "image/pixel_writer.h"

namespace dcmturbo::jpeg_dct {

inline constexpr std::size_t most_components = 4;

// The samples of one component. Line y is at y modulo `lines`: if the image is written while it is decoded, only the
// last lines are kept.
struct Plane {
    std::byte* base = nullptr;
    std::size_t stride = 0;  // bytes
    std::uint32_t lines = 0;
    [[nodiscard]] std::byte* line(std::uint32_t y) const { return base + std::size_t{y % lines} * stride; }
};

using Planes = std::array<Plane, most_components>;

class ImageRows {
  public:
    // Whether the components have sizes from which this class makes an image.
    static bool can_upsample(const jpeg::FrameHeader& frame);

    ImageRows(const jpeg::FrameHeader& frame, const Planes& planes, const FrameOut& out, Context& context);

    // Whether a row depends on samples of the rows before and after it.
    [[nodiscard]] bool needs_neighbours() const { return needs_neighbours_; }

    // Writes the rows up to `end`, from the one after the last that was written. Rows outside the region are skipped.
    void write_until(std::uint32_t end);
    // Brings the memory for these rows into the cache.
    void prefetch_until(std::uint32_t end) const { writer_.prefetch_rows(next_, end); }
    [[nodiscard]] std::uint32_t written() const { return next_; }

  private:
    enum class Filter : std::uint8_t { none, columns, rows, both, repeat };
    struct Component {
        Filter filter;
        unsigned horizontal;  // samples of the image per sample
        unsigned vertical;
        std::uint32_t width;
        std::uint32_t height;
        std::byte* upsampled;  // a row
    };

    template <typename Sample>
    Sample* row_of(std::size_t i, std::uint32_t y);
    template <typename Sample>
    void write_row(std::uint32_t y);

    const Planes& planes_;
    const FrameOut& out_;
    const DctKernels& kernels_;
    PixelWriter writer_;
    std::size_t count_;
    std::size_t sample_size_;
    std::size_t cell_;
    std::array<Component, most_components> components_{};
    std::array<std::byte*, most_components> cells_{};  // rows of cells that are larger than samples
    std::uint32_t next_ = 0;
    bool needs_neighbours_ = false;
};

}  // namespace dcmturbo::jpeg_dct
