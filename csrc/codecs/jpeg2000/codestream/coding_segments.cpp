#include "codecs/jpeg2000/codestream/coding_segments.h"

namespace dcmturbo::jpeg2000 {

using jpeg::Segment;

namespace {

CodingStyleFields read_style(const Segment& segment, std::size_t at, std::uint8_t flags) {
    CodingStyleFields fields;
    fields.levels = segment.u8(at);
    fields.block_width_exponent = static_cast<std::uint8_t>((segment.u8(at + 1) & 15) + 2);
    fields.block_height_exponent = static_cast<std::uint8_t>((segment.u8(at + 2) & 15) + 2);
    fields.block_style = segment.u8(at + 3);
    fields.transformation = segment.u8(at + 4);
    fields.states_precincts = (flags & 1) != 0;
    fields.precincts = at + 5;
    return fields;
}

QuantisationFields read_quantisation(const Segment& segment, std::size_t at) {
    const std::uint8_t style = segment.u8(at);
    return {static_cast<std::uint8_t>(style & 31), static_cast<std::uint8_t>(style >> 5), at + 1};
}

}  // namespace

CodFields read_cod(const Segment& segment) {
    const std::uint8_t flags = segment.u8(0);
    CodFields fields;
    fields.start_of_packet_markers = (flags & 2) != 0;
    fields.end_of_header_markers = (flags & 4) != 0;
    fields.order = segment.u8(1);
    fields.layers = segment.u16(2);
    fields.component_transform = segment.u8(4);
    fields.style = read_style(segment, 5, flags);
    return fields;
}

CodingStyleFields read_coc(const Segment& segment, std::size_t components) {
    const std::size_t at = index_size(components);
    return read_style(segment, at + 1, segment.u8(at));
}

QuantisationFields read_qcd(const Segment& segment) { return read_quantisation(segment, 0); }

QuantisationFields read_qcc(const Segment& segment, std::size_t components) {
    return read_quantisation(segment, index_size(components));
}

}  // namespace dcmturbo::jpeg2000
