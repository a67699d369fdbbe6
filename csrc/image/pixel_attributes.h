// The description of an image in its dataset: the Image Pixel module (PS3.3, C.7.6.3).
#pragma once

#include <cstdint>

namespace dcmturbo {

enum class Photometric : std::uint8_t {
    unknown,
    monochrome1,
    monochrome2,
    palette_color,
    rgb,
    ybr_full,
    ybr_full_422,
    ybr_partial_420,
    ybr_partial_422,
    ybr_ict,
    ybr_rct,
    hsv,
    argb,
    cmyk,
    xyb,
};

const char* photometric_name(Photometric photometric);  // the attribute's value; "" for unknown
Photometric photometric_from_name(const char* name);    // tolerates trailing spaces and NULs

enum class PixelKeyword : std::uint8_t { pixel_data, float_pixel_data, double_float_pixel_data };

struct PixelAttributes {
    std::uint32_t rows = 0;
    std::uint32_t columns = 0;
    std::uint16_t samples_per_pixel = 1;
    std::uint16_t bits_allocated = 0;
    std::uint16_t bits_stored = 0;
    std::uint8_t pixel_representation = 0;  // 1: two's complement
    std::uint8_t planar_configuration = 0;
    Photometric photometric = Photometric::unknown;
    PixelKeyword keyword = PixelKeyword::pixel_data;
    bool big_endian = false;
    bool words_swapped = false;  // 8-bit cells in OW of a big endian dataset (PS3.5, 8.1.2)
};

}  // namespace dcmturbo
