#include "codecs/jpeg2000/codestream/parameters.h"

#include <algorithm>

#include "base/error.h"
#include "codecs/jpeg2000/blocks/code_block.h"
#include "codecs/jpeg2000/codestream/coding_segments.h"

namespace dcmturbo::jpeg2000 {

using jpeg::Segment;

namespace {

std::size_t component_index(const Segment& segment, const Size& size) {
    const std::size_t index = segment.number(0, index_size(size.components));
    if (index >= size.components) {
        fail(ErrorCode::malformed, segment.offset,
             "marker FF%02X refers to component %zu (counted from 0), but there are %zu",
             static_cast<unsigned>(segment.code), index, size.components);
    }
    return index;
}

CodingStyle judge_coding_style(const Segment& segment, const CodingStyleFields& fields) {
    CodingStyle style;
    style.levels = fields.levels;
    style.block_width_exponent = fields.block_width_exponent;
    style.block_height_exponent = fields.block_height_exponent;
    style.block_style = fields.block_style;
    if (style.levels > max_levels)
        fail(ErrorCode::malformed, segment.offset, "the number of decomposition levels is %u; expected 0 to 32",
             style.levels);
    if (style.block_width_exponent > 10 || style.block_height_exponent > 10 ||
        style.block_width_exponent + style.block_height_exponent > 12) {
        fail(ErrorCode::malformed, segment.offset,
             "a code-block has 2^%u x 2^%u coefficients; at most 2^12 are allowed", style.block_width_exponent,
             style.block_height_exponent);
    }
    if ((style.block_style & (style_high_throughput | style_mixed)) == style_mixed)
        fail(ErrorCode::malformed, segment.offset, "code-block style %02X is reserved", unsigned{style.block_style});
    if (fields.transformation > 1) {
        fail(ErrorCode::other_codec, segment.offset, "wavelet transformation %u does not exist in Part 1",
             unsigned{fields.transformation});
    }
    style.reversible = fields.transformation == 1;
    for (unsigned r = 0; r <= style.levels; ++r) {
        style.precincts[r] = fields.states_precincts ? segment.u8(fields.precincts + r) : std::uint8_t{0xFF};
        // B.7: a precinct of a higher resolution is halved in its sub-bands.
        if (r > 0 && ((style.precincts[r] & 15) == 0 || style.precincts[r] >> 4 == 0))
            fail(ErrorCode::malformed, segment.offset, "a precinct at resolution %u would have 2^0 samples", r);
    }
    return style;
}

void read_coding(const Segment& segment, Parameters& parameters) {
    const CodFields fields = read_cod(segment);
    parameters.start_of_packet_markers = fields.start_of_packet_markers;
    parameters.end_of_header_markers = fields.end_of_header_markers;
    parameters.order = fields.order;
    parameters.layers = fields.layers;
    if (parameters.order > 4)
        fail(ErrorCode::malformed, segment.offset, "progression order is %u; expected 0 to 4", parameters.order);
    if (parameters.layers == 0) fail(ErrorCode::malformed, segment.offset, "COD has 0 layers");
    if (fields.component_transform > 1) {
        fail(ErrorCode::other_codec, segment.offset, "multiple component transform %u does not exist in Part 1",
             unsigned{fields.component_transform});
    }
    parameters.component_transform = fields.component_transform == 1;
    const CodingStyle coding = judge_coding_style(segment, fields.style);
    for (ComponentParameters& component : parameters.components) {
        if (!component.has_own_coding) component.coding = coding;
    }
    parameters.has_coding = true;
}

// A.6.4
Quantisation read_steps(const Segment& segment, const QuantisationFields& fields) {
    Quantisation quantisation;
    quantisation.style = fields.style;
    quantisation.guard_bits = fields.guard_bits;
    if (quantisation.style > Quantisation::expounded)
        fail(ErrorCode::malformed, segment.offset, "quantisation style is %u; expected 0 to 2", unsigned{fields.style});
    const std::size_t left = segment.parameters.size() - fields.steps;
    const std::size_t size = quantisation.style == Quantisation::none ? 1 : 2;
    const std::size_t stated = quantisation.style == Quantisation::derived ? 1 : left / size;
    quantisation.count = static_cast<std::uint8_t>(std::min(stated, quantisation.steps.size()));
    for (std::size_t i = 0; i < quantisation.count; ++i) {
        quantisation.steps[i] = size == 1 ? static_cast<std::uint16_t>(segment.u8(fields.steps + i) << 8)
                                          : segment.u16(fields.steps + 2 * i);
    }
    return quantisation;
}

// A.6.6
void read_progression_changes(const Segment& segment, const Size& size, Parameters& parameters) {
    const std::size_t index = index_size(size.components);
    const std::size_t entry = 5 + 2 * index;
    if (segment.parameters.empty() || segment.parameters.size() % entry != 0)
        fail(ErrorCode::malformed, segment.offset,
             "the length of POC does not match a whole number of progression changes");
    for (std::size_t at = 0; at < segment.parameters.size(); at += entry) {
        ProgressionChange change;
        change.first_resolution = segment.u8(at);
        change.first_component = static_cast<std::uint16_t>(segment.number(at + 1, index));
        change.end_layer = segment.u16(at + 1 + index);
        change.end_resolution = std::min<std::uint8_t>(segment.u8(at + 3 + index), max_levels + 1);
        const std::uint32_t end = segment.number(at + 4 + index, index);
        // Table A.32: 0 stands for 256, or for all.
        change.end_component =
            static_cast<std::uint16_t>(end == 0 ? size.components : std::min<std::size_t>(end, size.components));
        change.order = segment.u8(at + 4 + 2 * index);
        if (change.order > 4)
            fail(ErrorCode::malformed, segment.offset, "progression order is %u; expected 0 to 4", change.order);
        parameters.changes.push_back(change);
    }
}

// A.6.3
void read_region_of_interest(const Segment& segment, const Size& size, Parameters& parameters) {
    const std::size_t component = component_index(segment, size);
    const std::size_t at = index_size(size.components);
    if (segment.u8(at) != 0)
        fail(ErrorCode::other_codec, segment.offset, "region of interest style %u does not exist in Part 1",
             segment.u8(at));
    parameters.components[component].roi_shift = segment.u8(at + 1);
}

bool is_part_2(std::uint8_t code) { return code >= 0x70 && code <= 0x7F; }  // 15444-2, Table A.2

}  // namespace

void Parameters::inherit(const Parameters& main) {
    *this = main;
    packed.clear();
    for (ComponentParameters& component : components) component.has_own_coding = component.has_own_quantisation = false;
}

void read_parameters(const Segment& segment, const Size& size, bool in_tile, Parameters& parameters) {
    switch (segment.code) {
        case COD: read_coding(segment, parameters); break;
        case COC: {
            ComponentParameters& component = parameters.components[component_index(segment, size)];
            component.coding = judge_coding_style(segment, read_coc(segment, size.components));
            component.has_own_coding = true;
            break;
        }
        case QCD: {
            const Quantisation quantisation = read_steps(segment, read_qcd(segment));
            for (ComponentParameters& component : parameters.components) {
                if (!component.has_own_quantisation) component.quantisation = quantisation;
            }
            parameters.has_quantisation = true;
            break;
        }
        case QCC: {
            ComponentParameters& component = parameters.components[component_index(segment, size)];
            component.quantisation = read_steps(segment, read_qcc(segment, size.components));
            component.has_own_quantisation = true;
            break;
        }
        case RGN: read_region_of_interest(segment, size, parameters); break;
        case POC: read_progression_changes(segment, size, parameters); break;
        case PPM:
        case PPT:
            if ((segment.code == PPT) != in_tile) {
                fail(ErrorCode::malformed, segment.offset, "marker FF%02X is not allowed in this header",
                     static_cast<unsigned>(segment.code));
            }
            segment.require(1);
            parameters.packed.push_back({segment.u8(0), segment.parameters.subspan(1)});
            break;
        default:
            if (is_part_2(segment.code)) {
                fail(ErrorCode::other_codec, segment.offset, "marker FF%02X does not exist in Part 1",
                     static_cast<unsigned>(segment.code));
            }
            break;
    }
}

}  // namespace dcmturbo::jpeg2000
