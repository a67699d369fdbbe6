// Marker segments of a codestream, written (ISO/IEC 15444-1, Annex A; 15444-15, Annex A).
#include "codecs/jpeg2000/codestream/header_writer.h"

#include <algorithm>

#include "base/error.h"
#include "codecs/jpeg2000/blocks/code_block.h"

namespace dcmturbo::jpeg2000 {

namespace {

constexpr std::size_t most_segment_bytes = 65535;
constexpr std::size_t entries_per_tlm = (most_segment_bytes - 4) / 6;

bool has_precincts(const CodingStyle& style) {
    return std::any_of(style.precincts.begin(), style.precincts.begin() + style.levels + 1,
                       [](std::uint8_t exponents) { return exponents != 0xFF; });
}

// 15444-15, A.3.2: the field MAGB, for a bound of so many bits.
unsigned magnitude_bound(unsigned bits) {
    if (bits <= 8) return 0;
    if (bits < 28) return bits - 8;
    if (bits < 72) return 19 + (bits - 24) / 4;
    return 31;
}

}  // namespace

void HeaderWriter::set(std::size_t at, std::uint32_t value, unsigned bytes) {
    for (unsigned i = bytes; i-- > 0; value >>= 8) to_[at + i] = static_cast<std::uint8_t>(value);
}

void HeaderWriter::copy(Bytes segments) {
    const auto* const data = reinterpret_cast<const std::uint8_t*>(segments.data());
    to_.insert(to_.end(), data, data + segments.size());
}

void HeaderWriter::main_header(const CodestreamPlan& plan) {
    marker(SOC);
    size(plan);
    if (plan.is_high_throughput) capabilities(plan);
    coding(plan);
    quantisation(plan.parameters.components[0].quantisation);
    if (plan.has_tile_part_lengths) leave_tile_part_lengths(plan.size.tiles());
}

// A.5.1
void HeaderWriter::size(const CodestreamPlan& plan) {
    const Size& s = plan.size;
    marker(SIZ);
    u16(static_cast<unsigned>(38 + 3 * plan.components.size()));
    u16(plan.is_high_throughput ? 0x4000 : 0);  // 15444-15, A.2: a CAP segment follows
    for (const std::uint32_t value :
         {s.x_end, s.y_end, s.x_origin, s.y_origin, s.tile_width, s.tile_height, s.tile_x, s.tile_y})
        u32(value);
    u16(static_cast<unsigned>(plan.components.size()));
    for (const ComponentSize& component : plan.components) {
        u8((component.precision - 1U) | (component.is_signed ? 0x80U : 0U));
        u8(component.horizontal_step);
        u8(component.vertical_step);
    }
}

// 15444-15, A.3: Part 15 alone; all code-blocks are HT, of one HT set, without regions of interest.
void HeaderWriter::capabilities(const CodestreamPlan& plan) {
    marker(CAP);
    u16(8);
    u32(1U << (32 - 15));
    const bool reversible = plan.parameters.components[0].coding.reversible;
    u16((reversible ? 0U : 0x20U) | magnitude_bound(plan.most_bit_planes));
}

// A.6.1
void HeaderWriter::coding(const CodestreamPlan& plan) {
    const Parameters& parameters = plan.parameters;
    const CodingStyle& style = parameters.components[0].coding;
    const bool precincts = has_precincts(style);
    marker(COD);
    u16(12U + (precincts ? style.levels + 1U : 0U));
    u8((precincts ? 1U : 0U) | (plan.has_sop ? 2U : 0U) | (plan.has_eph ? 4U : 0U));
    u8(parameters.order);
    u16(parameters.layers);
    u8(parameters.component_transform ? 1 : 0);
    u8(style.levels);
    u8(style.block_width_exponent - 2U);
    u8(style.block_height_exponent - 2U);
    u8(style.block_style);
    u8(style.reversible ? 1 : 0);
    for (unsigned r = 0; precincts && r <= style.levels; ++r) u8(style.precincts[r]);
}

// A.6.4
void HeaderWriter::quantisation(const Quantisation& quantisation) {
    const bool is_none = quantisation.style == Quantisation::none;
    marker(QCD);
    u16(3U + quantisation.count * (is_none ? 1U : 2U));
    u8(quantisation.style | static_cast<unsigned>(quantisation.guard_bits) << 5);
    for (unsigned i = 0; i < quantisation.count; ++i) {
        const unsigned step = quantisation.steps[i];
        if (is_none) u8(step >> 11 << 3);
        else u16(step);
    }
}

// A.7.1, with two bytes for the tile and four for its length.
void HeaderWriter::leave_tile_part_lengths(std::uint64_t parts) {
    std::uint64_t part = 0;
    for (unsigned number = 0; part < parts; ++number) {
        if (number > 255)
            fail(ErrorCode::unsupported, no_offset, "a TLM marker cannot list %llu tile-parts",
                 static_cast<unsigned long long>(parts));
        const std::uint64_t count = std::min<std::uint64_t>(parts - part, entries_per_tlm);
        marker(TLM);
        u16(static_cast<unsigned>(4 + 6 * count));
        u8(number);
        u8(0x60);
        for (std::uint64_t i = 0; i < count; ++i, ++part) {
            entries_.push_back(to_.size());
            u16(0);
            u32(0);
        }
    }
}

// A.4.2
void HeaderWriter::begin_tile_part(std::uint16_t tile, std::uint8_t index, std::uint8_t count) {
    part_begin_ = to_.size();
    marker(SOT);
    u16(10);
    u16(tile);
    u32(0);
    u8(index);
    u8(count);
    if (parts_ < entries_.size()) set(entries_[parts_], tile, 2);
    ++parts_;
}

void HeaderWriter::end_tile_header(std::size_t body) {
    marker(SOD);
    set_length(body);
}

void HeaderWriter::set_length(std::size_t body) {
    const std::uint64_t length = to_.size() - part_begin_ + body;
    if (length > 0xFFFFFFFF)
        fail(ErrorCode::unsupported, no_offset, "a tile-part of %llu bytes is too long: its length has 32 bits",
             static_cast<unsigned long long>(length));
    set(part_begin_ + 6, static_cast<std::uint32_t>(length), 4);
    if (parts_ <= entries_.size()) set(entries_[parts_ - 1] + 2, static_cast<std::uint32_t>(length), 4);
}

void HeaderWriter::tile_header(const CodestreamPlan& plan, std::uint16_t tile, std::span<const std::uint32_t> packets,
                               std::size_t body) {
    begin_tile_part(tile, 0, 1);
    if (plan.has_packet_lengths) packet_lengths(packets);
    end_tile_header(body);
}

// A.7.3: lengths of seven bits a byte; one does not go over from a segment to the next.
void HeaderWriter::packet_lengths(std::span<const std::uint32_t> packets) {
    unsigned number = 0;
    std::size_t begin = 0;
    const auto finish = [&] {
        const std::size_t size = to_.size() - begin - 2;
        to_[begin + 2] = static_cast<std::uint8_t>(size >> 8);
        to_[begin + 3] = static_cast<std::uint8_t>(size);
    };
    for (const std::uint32_t length : packets) {
        if (begin == 0 || to_.size() - begin > most_segment_bytes - 8) {
            if (begin != 0) finish();
            // More than this cannot be numbered: PLT may end early, decoders count on it no further.
            if (number > 255) return;
            begin = to_.size();
            marker(PLT);
            u16(0);
            u8(number++);
        }
        for (int shift = 28; shift >= 0; shift -= 7) {
            if (shift != 0 && length >> shift == 0) continue;
            u8((length >> shift & 0x7F) | (shift != 0 ? 0x80U : 0U));
        }
    }
    if (begin != 0) finish();
}

}  // namespace dcmturbo::jpeg2000
