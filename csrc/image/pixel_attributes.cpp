// Names of Photometric Interpretation: PS3.3, C.7.6.3.1.2.
#include "image/pixel_attributes.h"

#include <cstring>
#include <iterator>

namespace dcmturbo {

namespace {

constexpr const char* names[] = {
    "",
    "MONOCHROME1",
    "MONOCHROME2",
    "PALETTE COLOR",
    "RGB",
    "YBR_FULL",
    "YBR_FULL_422",
    "YBR_PARTIAL_420",
    "YBR_PARTIAL_422",
    "YBR_ICT",
    "YBR_RCT",
    "HSV",
    "ARGB",
    "CMYK",
    "XYB",
};

}  // namespace

const char* photometric_name(Photometric photometric) { return names[static_cast<std::size_t>(photometric)]; }

Photometric photometric_from_name(const char* name) {
    std::size_t length = std::strlen(name);
    while (length > 0 && name[length - 1] == ' ') --length;
    // pydicom's enumeration and some writers spell the value with an underscore.
    if (length == 13 && std::strncmp(name, "PALETTE_COLOR", 13) == 0) return Photometric::palette_color;
    for (std::size_t i = 1; i < std::size(names); ++i) {
        if (std::strlen(names[i]) == length && std::strncmp(names[i], name, length) == 0)
            return static_cast<Photometric>(i);
    }
    return Photometric::unknown;
}

}  // namespace dcmturbo
