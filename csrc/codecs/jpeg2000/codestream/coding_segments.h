// The fields of COD, COC, QCD and QCC as they stand in their segments (ISO/IEC 15444-1, A.6.1 to A.6.5). Nothing is
// judged here: probing describes codestreams that decoding refuses.
#pragma once

#include <cstddef>
#include <cstdint>

#include "codecs/jpeg/markers.h"

namespace dcmturbo::jpeg2000 {

// The bytes that name a component, in a codestream of `components` (A.6.2).
constexpr std::size_t index_size(std::size_t components) { return components < 257 ? 1 : 2; }

// What COD and COC have in common (Tables A.15 and A.23).
struct CodingStyleFields {
    std::uint8_t levels = 0;
    std::uint8_t block_width_exponent = 0;  // 2 and more
    std::uint8_t block_height_exponent = 0;
    std::uint8_t block_style = 0;
    std::uint8_t transformation = 0;  // Table A.20: 1 is the reversible wavelet
    bool states_precincts = false;
    std::size_t precincts = 0;  // where their sizes stand among the parameters, if they are stated
};

struct CodFields {
    bool start_of_packet_markers = false;
    bool end_of_header_markers = false;
    std::uint8_t order = 0;
    std::uint16_t layers = 0;
    std::uint8_t component_transform = 0;
    CodingStyleFields style;
};

struct QuantisationFields {
    std::uint8_t style = 0;
    std::uint8_t guard_bits = 0;
    std::size_t steps = 0;  // where they stand among the parameters
};

CodFields read_cod(const jpeg::Segment& segment);
CodingStyleFields read_coc(const jpeg::Segment& segment, std::size_t components);
QuantisationFields read_qcd(const jpeg::Segment& segment);
QuantisationFields read_qcc(const jpeg::Segment& segment, std::size_t components);

}  // namespace dcmturbo::jpeg2000
