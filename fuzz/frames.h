// Shared by the targets that decode one frame: reads a small image's attributes from the input, decodes the
// rest on every instruction set, and traps where two of them differ.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "dcmturbo.h"

namespace dcmturbo::fuzz {

struct Result {
    std::int32_t code = 0;
    std::uint8_t status = 0;
    std::vector<std::uint8_t> pixels;
};

inline void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "violated: %s\n", what);
    std::abort();
}

// Six bytes: rows, columns (both small), samples and bits, stored bits, flags, fragments.
inline dcmturbo_attributes attributes_from(const std::uint8_t* data) {
    static constexpr std::uint16_t bits[] = {1, 8, 16, 32, 64, 16, 8, 16};
    static constexpr std::uint16_t samples[] = {1, 3, 1, 4};
    dcmturbo_attributes attributes{};
    attributes.size = sizeof attributes;
    attributes.rows = data[0] % 70 + 1u;
    attributes.columns = data[1] % 150 + 1u;
    attributes.bits_allocated = bits[data[2] % 8];
    attributes.samples_per_pixel = attributes.bits_allocated == 1 ? std::uint16_t{1} : samples[data[2] / 8 % 4];
    attributes.bits_stored = static_cast<std::uint16_t>(data[3] % attributes.bits_allocated + 1);
    attributes.pixel_representation = data[4] & 1;
    attributes.planar_configuration = data[4] >> 1 & 1;
    attributes.photometric = dcmturbo_photometric_from_name(attributes.samples_per_pixel != 3 ? "MONOCHROME2"
                                                            : (data[4] & 4) != 0              ? "YBR_FULL"
                                                            : (data[4] & 8) != 0              ? "YBR_FULL_422"
                                                                                              : "RGB");
    attributes.big_endian = data[4] >> 4 & 1;
    return attributes;
}

inline Result decode(const char* syntax, const std::vector<dcmturbo_bytes>& fragments,
                     const dcmturbo_attributes& attributes, std::uint32_t flags, bool salvage, bool strided) {
    Result result;
    dcmturbo_error error{};
    error.size = sizeof error;
    dcmturbo_format format{};
    format.size = sizeof format;
    dcmturbo_request request{};
    request.size = sizeof request;
    request.raw = flags & 1;
    request.keep_unused_bits = flags >> 1 & 1;
    result.code = dcmturbo_frame_format(syntax, &attributes, nullptr, &request, &format, &error);
    if (result.code != DCMTURBO_OK) return result;
    static constexpr std::size_t sizes[] = {1, 1, 2, 2, 4, 4, 8, 8, 4, 8};
    const std::size_t cell = sizes[format.type];
    const std::size_t pixel = cell * format.samples_per_pixel;
    // Gaps of 0xA5 between pixels and rows must stay as they are.
    const std::size_t pixel_stride = strided ? pixel + cell : pixel;
    const std::size_t row_stride = pixel_stride * format.columns + (strided ? 3 * cell : 0);
    result.pixels.assign(row_stride * format.rows, 0xA5);
    const dcmturbo_image image{result.pixels.data(), static_cast<ptrdiff_t>(row_stride),
                               static_cast<ptrdiff_t>(pixel_stride), static_cast<ptrdiff_t>(cell)};
    result.code = dcmturbo_decode_frame(syntax, fragments.data(), fragments.size(), &attributes, &format, &request,
                                        &image, 1, salvage ? 1 : 0, 7, &result.status, &error);
    if (strided && result.code == DCMTURBO_OK) {
        for (std::size_t row = 0; row < format.rows; ++row) {
            for (std::size_t column = 0; column < format.columns; ++column) {
                const std::uint8_t* gap = result.pixels.data() + row * row_stride + column * pixel_stride + pixel;
                for (std::size_t i = 0; i < cell; ++i) require(gap[i] == 0xA5, "nothing is written between pixels");
            }
        }
    }
    return result;
}

inline void use_isa(std::uint8_t isa) {
    dcmturbo_settings settings{};
    settings.size = sizeof settings;
    dcmturbo_get_settings(&settings);
    settings.isa = isa;
    require(dcmturbo_set_settings(&settings, nullptr) == DCMTURBO_OK, "an available instruction set can be set");
}

// Decodes `data` behind six bytes of attributes on every instruction set, in one piece and in fragments.
inline void decode_everywhere(const char* syntax, const std::uint8_t* data, std::size_t size) {
    if (size < 6) return;
    const dcmturbo_attributes attributes = attributes_from(data);
    const std::uint32_t flags = data[4] >> 5 & 3;
    const bool salvage = (data[5] & 1) != 0;
    const bool strided = (data[5] & 2) != 0;
    // A copy of exactly the frame's size, so that the sanitizer sees one byte too many.
    const std::vector<std::uint8_t> frame(data + 6, data + size);
    const std::size_t cut = frame.empty() ? 0 : data[5] * frame.size() / 256;
    const std::vector<dcmturbo_bytes> whole{{frame.data(), frame.size()}};
    const std::vector<dcmturbo_bytes> parts{
        {frame.data(), cut}, {frame.data(), 0}, {frame.data() + cut, frame.size() - cut}};
    use_isa(0);
    const Result expected = decode(syntax, whole, attributes, flags, salvage, strided);
    for (std::uint8_t isa = 0; dcmturbo_isa_name(isa) != nullptr; ++isa) {
        if (dcmturbo_isa_available(isa) == 0) continue;
        use_isa(isa);
        for (const auto& fragments : {whole, parts}) {
            const Result result = decode(syntax, fragments, attributes, flags, salvage, strided);
            require(result.code == expected.code && result.status == expected.status, "every path ends alike");
            if (result.code == DCMTURBO_OK)
                require(result.pixels == expected.pixels, "every path gives the same pixels");
        }
    }
}

}  // namespace dcmturbo::fuzz
