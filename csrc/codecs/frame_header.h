// The header of a frame whose format says nothing of the image: what the dataset says.
#pragma once

#include "base/component.h"
#include "base/pixel_attributes.h"

namespace dcmturbo {

inline void header_from_attributes(const PixelAttributes& attributes, Format format, Header& header) {
    header.clear();
    header.format = format;
    header.width = attributes.columns;
    header.height = attributes.rows;
    header.lossless = true;
    header.interleaved = attributes.planar_configuration == 0;
    for (unsigned i = 0; i < attributes.samples_per_pixel; ++i) {
        ComponentHeader component;
        component.width = attributes.columns;
        component.height = attributes.rows;
        component.precision = static_cast<std::uint8_t>(attributes.bits_allocated);
        component.is_signed = attributes.pixel_representation == 1;
        header.components.push_back(component);
    }
}

}  // namespace dcmturbo
