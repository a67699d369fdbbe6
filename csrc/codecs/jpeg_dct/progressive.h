// Progressive JPEG (ISO/IEC 10918-1, Annex G): several scans give the coefficients of the image, some of their
// positions or bits at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/context.h"
#include "codecs/jpeg/scan_walk.h"
#include "codecs/jpeg_dct/image_rows.h"
#include "codecs/jpeg_dct/kernels.h"
#include "codecs/jpeg_dct/scan_data.h"
#include "codecs/jpeg_dct/tables.h"

namespace dcmturbo::jpeg_dct {

// The coefficients of a component, without their quantisation steps. Each block has them at the places that the inverse
// DCT wants (kernels.h).
struct CoefficientPlane {
    std::int16_t* blocks = nullptr;
    std::uint32_t blocks_per_line = 0;
    const Steps* steps = nullptr;
    [[nodiscard]] std::int16_t* block(std::uint32_t line, std::uint32_t column) const {
        return blocks + (std::size_t{line} * blocks_per_line + column) * block_samples;
    }
};

class ProgressiveImage {
  public:
    // Takes memory for all coefficients. The frame has at most four components.
    ProgressiveImage(const jpeg::FrameHeader& frame, Arena& arena);

    // Why a scan cannot follow the ones before it, or null. The standard forbids it, or no decoder agrees with another.
    [[nodiscard]] const char* contradiction(const jpeg::ScanWalk& walk) const;

    // Decodes the last scan of `walk`. Throws DecodeError. Returns whether there are data after its last coefficient.
    bool decode_scan(const jpeg::ScanWalk& walk, const Tables& tables, const ScanData& data, const Fragments& stream,
                     Context& context);

    // All bits of all coefficients have been in a scan.
    [[nodiscard]] bool is_complete() const;

    [[nodiscard]] const CoefficientPlane& plane(std::size_t i) const { return planes_[i]; }

  private:
    static constexpr std::int8_t unknown = -1;

    std::size_t count_;
    std::array<CoefficientPlane, most_components> planes_{};
    std::array<Steps, most_components> steps_{};
    // [component][position]: how many of the lowest bits are not there yet; or unknown.
    std::array<std::array<std::int8_t, block_samples>, most_components> missing_bits_;
};

}  // namespace dcmturbo::jpeg_dct
