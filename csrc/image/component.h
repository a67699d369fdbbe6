// What a codestream's header says (Header), and where its samples go (ComponentOut). Both are per component, so
// interleaved, planar and subsampled images are one case.
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

// Formats of one encoded frame, whatever the transfer syntax calls them. codecs/formats.h lists them.
enum class Format : std::uint8_t;

struct ComponentHeader {
    std::uint32_t width = 0;  // samples
    std::uint32_t height = 0;
    std::uint32_t x = 0;  // of the first sample, counted in samples: JPEG 2000 has images that begin anywhere
    std::uint32_t y = 0;
    std::uint32_t horizontal_step = 1;  // grid points a sample: XRsiz; for JPEG Hmax/H where that divides
    std::uint32_t vertical_step = 1;
    std::uint8_t precision = 0;  // bits
    bool is_signed = false;
    std::uint8_t identifier = 0;  // JPEG and JPEG-LS component identifier
};

// How the codestream says that its components relate to colour. `unstated` leaves it to the dataset.
enum class ColourTransform : std::uint8_t {
    unstated,
    none_rgb,
    ycbcr,
    reversible,
    irreversible,
};

// One parameter of a codestream for people to read (dt.probe, dcmturbo info): never steers the core.
struct HeaderParameter {
    std::string name;  // the standard's term in snake case: "selection_value", "decomposition_levels"
    std::int64_t value;
};

struct Header {
    Format format{};  // the first, `unknown`, until something is known
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::vector<ComponentHeader> components;
    bool lossless = false;      // the coding process is reversible (near-lossless counts as not)
    bool subsampled = false;    // some component is smaller than the image
    bool interleaved = true;    // all components in one scan
    bool holds_jpeg = false;    // a JPEG XL stream made from a JPEG, which it gives back bit for bit
    bool in_container = false;  // JP2, JPH or JPEG XL boxes around the codestream
    ColourTransform colour = ColourTransform::unstated;
    std::uint64_t codestream_offset = 0;  // of the bare codestream within the frame
    std::uint64_t codestream_size = 0;    // bytes, up to the end of the container box or of the frame
    std::vector<HeaderParameter> parameters;

    void clear();
    [[nodiscard]] std::uint8_t precision() const {
        return components.empty() ? std::uint8_t{0} : components[0].precision;
    }
    [[nodiscard]] bool is_signed() const { return !components.empty() && components[0].is_signed; }
};

// Keeps the vectors' memory, because a worker probes every frame into the same header.
inline void Header::clear() {
    std::vector<ComponentHeader> kept_components = std::move(components);
    std::vector<HeaderParameter> kept_parameters = std::move(parameters);
    kept_components.clear();
    kept_parameters.clear();
    *this = Header{};
    components = std::move(kept_components);
    parameters = std::move(kept_parameters);
}

// Sample (x, y) of the region lies at base + y * row_stride + x * sample_stride.
struct ComponentOut {
    std::byte* base = nullptr;
    std::ptrdiff_t row_stride = 0;     // bytes
    std::ptrdiff_t sample_stride = 0;  // bytes
    std::uint32_t width = 0;           // of the whole component
    std::uint32_t height = 0;
    SampleType type = SampleType::u8;
    Region region{};  // the part of it that is wanted

    [[nodiscard]] std::uint32_t end_row() const { return region.end_row(height); }
    // The region as a component of its own, and how many of its lines the first `lines` of the whole one hold.
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
