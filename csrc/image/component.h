// Header describes a codestream, and ComponentOut the memory for its samples. Both have an entry per component, so
// interleaved, planar and subsampled images need no special cases.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "image/region.h"

namespace dcmturbo {

enum class SampleType : std::uint8_t { u8, i8, u16, i16, u32, i32, u64, i64, f32, f64 };

constexpr std::size_t sample_size(SampleType type) {
    switch (type) {
        case SampleType::u8:
        case SampleType::i8: return 1;
        case SampleType::u16:
        case SampleType::i16: return 2;
        case SampleType::u32:
        case SampleType::i32:
        case SampleType::f32: return 4;
        default: return 8;
    }
}

// Formats of one encoded frame, independent of the transfer syntax. codecs/formats.h lists them.
enum class Format : std::uint8_t;

struct ComponentHeader {
    std::uint32_t width = 0;  // in samples
    std::uint32_t height = 0;
    std::uint32_t x = 0;  // position of the first sample, in samples: the image area of JPEG 2000 may begin anywhere
    std::uint32_t y = 0;
    // Grid points per sample: XRsiz and YRsiz in JPEG 2000; Hmax/H and Vmax/V in JPEG if these are integers.
    std::uint32_t horizontal_step = 1;
    std::uint32_t vertical_step = 1;
    std::uint8_t precision = 0;  // in bits
    bool is_signed = false;
    std::uint8_t identifier = 0;  // component identifier of JPEG and JPEG-LS
};

// The colour information of a codestream. If it is `unstated`, the dataset decides.
enum class ColourTransform : std::uint8_t {
    unstated,
    none_rgb,
    ycbcr,
    reversible,
    irreversible,
};

// One parameter of a codestream that dt.probe and dcmturbo info show. The core does not use it for decoding.
struct HeaderParameter {
    std::string name;  // the standard's term in snake case: "selection_value", "decomposition_levels"
    std::int64_t value;
};

struct Header {
    Format format{};  // `unknown`, the first value, until the header has been read
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::vector<ComponentHeader> components;
    bool lossless = false;      // the coding process is reversible; false for near-lossless
    bool subsampled = false;    // at least one component is smaller than the image
    bool interleaved = true;    // all components in one scan
    bool holds_jpeg = false;    // a JPEG XL stream from which the original JPEG can be restored bit for bit
    bool in_container = false;  // the codestream is in a JP2, JPH or JPEG XL container
    ColourTransform colour = ColourTransform::unstated;
    std::uint64_t codestream_offset = 0;  // offset of the codestream in the frame
    std::uint64_t codestream_size = 0;    // bytes up to the end of the container box or of the frame
    std::vector<HeaderParameter> parameters;

    void clear();
    [[nodiscard]] std::uint8_t precision() const {
        return components.empty() ? std::uint8_t{0} : components[0].precision;
    }
    [[nodiscard]] bool is_signed() const { return !components.empty() && components[0].is_signed; }
};

// Keeps the memory of the vectors, because a worker parses all frames into the same header.
inline void Header::clear() {
    std::vector<ComponentHeader> kept_components = std::move(components);
    std::vector<HeaderParameter> kept_parameters = std::move(parameters);
    kept_components.clear();
    kept_parameters.clear();
    *this = Header{};
    components = std::move(kept_components);
    parameters = std::move(kept_parameters);
}

// Memory for one component. Sample (x, y) of the region is at base + y * row_stride + x * sample_stride.
struct ComponentOut {
    std::byte* base = nullptr;
    std::ptrdiff_t row_stride = 0;     // in bytes
    std::ptrdiff_t sample_stride = 0;  // in bytes
    std::uint32_t width = 0;           // of the whole component
    std::uint32_t height = 0;
    SampleType type = SampleType::u8;
    Region region{};  // the part of the component to decode

    [[nodiscard]] std::uint32_t end_row() const { return region.end_row(height); }
    // part() is the region as a component of its own. lines_of_part() is the number of its lines that are among the
    // first `lines` lines of the whole component.
    [[nodiscard]] ComponentOut part() const {
        if (region.is_whole()) return *this;
        return {base, row_stride, sample_stride, region.width, region.height, type, {}};
    }
    [[nodiscard]] std::uint32_t lines_of_part(std::uint32_t lines) const {
        if (region.is_whole()) return lines;
        return lines <= region.top ? 0 : std::min(lines - region.top, region.height);
    }
};

}  // namespace dcmturbo
