// Marker segments of a codestream, written (ISO/IEC 15444-1, Annex A; 15444-15, Annex A).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "codecs/jpeg2000/codestream/codestream.h"
#include "codecs/jpeg2000/codestream/parameters.h"
#include "codecs/jpeg2000/tiles/tile.h"

namespace dcmturbo::jpeg2000 {

// What an encoder decides about a codestream, but for the size of its image.
struct CodestreamPlan {
    Size size;
    std::vector<ComponentSize> components;
    Parameters parameters;  // of all tiles; coding and quantisation of every component
    bool is_high_throughput = false;
    bool has_sop = false;
    bool has_eph = false;
    bool has_tile_part_lengths = false;  // TLM
    bool has_packet_lengths = false;     // PLT
    std::uint8_t most_bit_planes = 0;    // M_b of any sub-band, for CAP (15444-15, A.3)
};

class HeaderWriter {
  public:
    explicit HeaderWriter(std::vector<std::uint8_t>& to) : to_(to) {}

    // SOC up to the first tile-part. Room for TLM is left where it is asked for.
    void main_header(const CodestreamPlan& plan);

    // SOT to SOD of a tile's only tile-part, which `body` bytes of packets of these lengths follow.
    void tile_header(const CodestreamPlan& plan, std::uint16_t tile, std::span<const std::uint32_t> packets,
                     std::size_t body);

    void end() { marker(EOC); }

    // ---- for a codestream that is changed in part ----

    // A marker segment, or several, as they were read.
    void copy(Bytes segments);
    // TLM, at the end of a main header, for so many tile-parts. Their lengths are written as they end.
    void leave_tile_part_lengths(std::uint64_t parts);
    // SOT. Then come the other segments of its header.
    void begin_tile_part(std::uint16_t tile, std::uint8_t index, std::uint8_t count);
    // SOD, and the length of the tile-part with `body` bytes, which follow.
    void end_tile_header(std::size_t body);
    // The end of a tile-part that is SOT alone.
    void end_empty_tile_part() { set_length(0); }

  private:
    void u8(unsigned value) { to_.push_back(static_cast<std::uint8_t>(value)); }
    void u16(unsigned value) {
        u8(value >> 8);
        u8(value & 0xff);
    }
    void u32(std::uint32_t value) {
        u16(value >> 16);
        u16(value & 0xffff);
    }
    void set(std::size_t at, std::uint32_t value, unsigned bytes);
    void set_length(std::size_t body);
    void marker(std::uint8_t code) {
        u8(0xff);
        u8(code);
    }
    void size(const CodestreamPlan& plan);
    void capabilities(const CodestreamPlan& plan);
    void coding(const CodestreamPlan& plan);
    void quantisation(const Quantisation& quantisation);
    void packet_lengths(std::span<const std::uint32_t> packets);

    std::vector<std::uint8_t>& to_;
    std::vector<std::size_t> entries_;  // of TLM: where each begins
    std::size_t parts_ = 0;             // tile-parts that were begun
    std::size_t part_begin_ = 0;        // of the last one
};

}  // namespace dcmturbo::jpeg2000
