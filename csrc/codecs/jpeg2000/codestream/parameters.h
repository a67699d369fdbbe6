// What the main header and tile-part headers say of coding: COD, COC, QCD, QCC, RGN, POC, PPM and PPT
// (ISO/IEC 15444-1, A.6 and A.7).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/fragments.h"
#include "codecs/jpeg2000/codestream/codestream.h"

namespace dcmturbo::jpeg2000 {

inline constexpr unsigned max_levels = 32;

// A.6.1, Table A.15
struct CodingStyle {
    std::uint8_t levels = 0;
    std::uint8_t block_width_exponent = 6;
    std::uint8_t block_height_exponent = 6;
    std::uint8_t block_style = 0;
    bool reversible = true;
    std::array<std::uint8_t, max_levels + 1> precincts{};  // PPx in the low, PPy in the high half
};

// A.6.4. Step i belongs to the sub-band that comes i-th: LL, then HL, LH and HH of each resolution.
struct Quantisation {
    enum Style : std::uint8_t { none, derived, expounded };
    std::uint8_t style = none;
    std::uint8_t guard_bits = 0;
    std::uint8_t count = 0;
    std::array<std::uint16_t, 3 * max_levels + 1> steps{};  // exponent in the upper 5 bits, mantissa in the lower 11
};

struct ComponentParameters {
    CodingStyle coding;
    Quantisation quantisation;
    std::uint8_t roi_shift = 0;
    bool has_own_coding = false;        // COC stands over COD of the same header, in whatever order they come
    bool has_own_quantisation = false;  // QCC over QCD
};

// A.6.6
struct ProgressionChange {
    std::uint8_t first_resolution = 0;
    std::uint8_t end_resolution = max_levels + 1;
    std::uint16_t first_component = 0;
    std::uint16_t end_component = max_components;
    std::uint16_t end_layer = 0;
    std::uint8_t order = 0;
};

// A.7.4 and A.7.5: a run of packed packet headers.
struct PackedHeaders {
    std::uint8_t index = 0;
    Bytes bytes;
};

struct Parameters {
    std::uint8_t order = 0;
    std::uint16_t layers = 0;
    bool component_transform = false;
    bool start_of_packet_markers = false;  // they may be there
    bool end_of_header_markers = false;
    bool has_coding = false;
    bool has_quantisation = false;
    std::vector<ComponentParameters> components;
    std::vector<ProgressionChange> changes;
    std::vector<PackedHeaders> packed;

    // Of a tile: the main header's, until the tile's own segments say otherwise (A.6: tile COC over tile COD over
    // main COC over main COD).
    void inherit(const Parameters& main);
};

// Reads one segment of a header; passes over those that do not change decoding. A codestream that another decoder
// has to read (15444-2, 15444-15) is refused as ErrorCode::other_codec.
void read_parameters(const jpeg::Segment& segment, const Size& size, bool in_tile, Parameters& parameters);

}  // namespace dcmturbo::jpeg2000
