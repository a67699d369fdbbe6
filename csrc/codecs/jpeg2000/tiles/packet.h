// Packets: their headers, and the shares of code-blocks that they carry (ISO/IEC 15444-1, B.9 and B.10).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "bits/zero_bit_reader.h"
#include "codecs/jpeg2000/codestream/tile_part.h"
#include "codecs/jpeg2000/tiles/progression.h"
#include "codecs/jpeg2000/tiles/tile.h"

namespace dcmturbo::jpeg2000 {

// Reads the packets of one tile into its code-blocks.
class PacketReader {
  public:
    // `parts` are what follows SOD in each tile-part; `headers`, where has_packed_headers, what PPM or PPT hold for
    // them. Blocks above a tile-component's levels less `reduce` are passed over.
    PacketReader(Tile& tile, const Codestream& codestream, std::span<const Bytes> parts, Bytes headers,
                 bool has_packed_headers, unsigned reduce, Arena& arena);

    // False where the data end; throws DecodeError where they end within a packet, or are wrong.
    bool read(const PacketSequence::Place& place);

    // Passes over a packet of `size` bytes without reading it. False if the tile-part has fewer.
    bool skip(const PacketSequence::Place& place, std::uint64_t size);

    // Once all packets have been read: throws DecodeError where zeroes were read as packets (see zero_packets_).
    void require_no_zeroes() const;

    // What is left of the parts after the last packet.
    [[nodiscard]] std::span<const Bytes> rest() const { return parts_; }

    [[nodiscard]] std::uint64_t offset() const;
    [[nodiscard]] std::uint64_t packets() const { return packets_; }
    // Bytes of the last packet, with its header.
    [[nodiscard]] std::uint64_t packet_size() const { return packet_size_; }

  private:
    struct Share {
        BlockState* block;
        Contribution* contribution;  // null: the block's data are not needed
        std::uint32_t size;
        bool is_raw;
    };

    void find_part();
    void read_header(ZeroBitReader& bits, const PacketSequence::Place& place, Precinct& precinct);
    void read_block(ZeroBitReader& bits, const Band& band, PrecinctBand& blocks, std::uint32_t x, std::uint32_t y,
                    unsigned layer, bool is_needed);
    void read_segments(ZeroBitReader& bits, BlockState& block, unsigned passes, bool is_needed);
    void read_arithmetic_segments(ZeroBitReader& bits, BlockState& block, unsigned passes, bool is_needed);
    void read_high_throughput_segments(ZeroBitReader& bits, BlockState& block, unsigned passes, bool is_needed);
    unsigned read_first_segment(ZeroBitReader& bits, BlockState& block, unsigned passes, bool is_needed);
    void add_share(BlockState& block, std::uint32_t size, unsigned passes, bool starts, bool is_raw, bool is_needed);
    std::uint32_t read_length(ZeroBitReader& bits, unsigned width) const;
    std::uint32_t read_rest(ZeroBitReader& bits, std::uint32_t begin, unsigned read, unsigned width) const;
    void require_cleanup_size(std::uint32_t size) const;
    void require_no_placeholders(const BlockState& block) const;
    void take_body();
    void count_zeroes(const Share& share);
    [[noreturn]] void fail_at_zeroes() const;
    void require_few(std::uint64_t& sum, std::uint64_t more, std::uint64_t base, std::uint64_t a_byte,
                     const char* of) const;

    Tile& tile_;
    std::vector<Bytes> rest_;
    std::span<Bytes> parts_;
    Bytes headers_;
    bool has_packed_headers_;
    unsigned reduce_;
    const std::byte* base_;
    const std::byte* zeroes_;  // of Codestream
    // Headers and bytes of code-blocks among the zeroes that the data end with instead of EOC. An empty packet is a
    // byte of zero, so zeroes that stand for lost data are read as empty packets until there are none to come.
    std::uint64_t zero_packets_ = 0;
    std::uint64_t zero_bytes_ = 0;
    Arena& arena_;
    std::vector<Share> shares_;
    std::uint8_t style_ = 0;
    std::uint64_t packets_ = 0;
    std::uint64_t packet_size_ = 0;
    std::uint64_t bytes_ = 0;   // of the tile
    std::uint64_t blocks_ = 0;  // that have been made
    std::uint64_t visits_ = 0;  // of blocks by packets
    // Contributions are small and many: they come from runs, not each from the arena.
    Contribution* free_ = nullptr;
    std::size_t free_count_ = 0;
};

}  // namespace dcmturbo::jpeg2000
