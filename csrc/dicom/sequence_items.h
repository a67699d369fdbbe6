// The items of sequences: their tags, and how their content is encoded. PS3.5 clause 7.5.
#pragma once

#include <cstdint>

#include "dicom/element_reader.h"

namespace dcmturbo {

inline constexpr std::uint32_t item_tag = 0xFFFEE000;
inline constexpr std::uint32_t item_delimiter_tag = 0xFFFEE00D;
inline constexpr std::uint32_t sequence_delimiter_tag = 0xFFFEE0DD;

// The encoding of the items of a sequence. A value of VR UN is encoded as implicit VR little endian: PS3.5 6.2.2,
// note 2.
inline Encoding encoding_of_items(const ElementHeader& sequence, Encoding around) {
    return sequence.has_vr("UN") ? Encoding{false, false} : around;
}

// The encoding of the content of an item. Writers put items in implicit or explicit VR into datasets of explicit VR
// (`mixed`). The first element of the item then decides.
inline Encoding encoding_of_content(ElementReader& reader, const ElementHeader& item, Encoding around, bool mixed) {
    if (mixed) around.explicit_vr = reader.shows_vr(item.value);
    return around;
}

}  // namespace dcmturbo
