#include "codecs/jpeg2000/tiles/packet.h"

#include <algorithm>
#include <bit>

namespace dcmturbo::jpeg2000 {

namespace {

// Bounds of a tile: so many in any case, and so many more for each of its bytes.
constexpr std::uint64_t most_blocks = 1U << 22;
constexpr std::uint64_t blocks_a_byte = 64;
constexpr std::uint64_t most_visits = 1U << 25;
constexpr std::uint64_t visits_a_byte = 256;

// Table B.4
unsigned read_passes(ZeroBitReader& bits) {
    if (bits.bit() == 0) return 1;
    if (bits.bit() == 0) return 2;
    unsigned value = bits.bits(2);
    if (value < 3) return 3 + value;
    value = bits.bits(5);
    if (value < 31) return 6 + value;
    return 37 + bits.bits(7);
}

// How many passes the codeword segment that begins with pass `pass` takes (Tables D.8 and D.9).
std::uint16_t segment_passes(std::uint8_t style, unsigned pass) {
    if ((style & style_terminate_all) != 0) return 1;
    if ((style & style_bypass) == 0) return 0xFFFF;
    // The first ten are arithmetic; then two raw ones and a cleanup pass in turn.
    if (pass < 10) return static_cast<std::uint16_t>(10 - pass);
    return (pass - 10) % 3 == 0 ? 2 : 1;
}

// Whether the codeword segment that pass `pass` belongs to is raw (Table D.9).
bool is_raw_pass(std::uint8_t style, unsigned pass) {
    return (style & style_bypass) != 0 && pass >= 10 && (pass - 10) % 3 != 2;
}

unsigned floor_log2(unsigned value) { return static_cast<unsigned>(std::bit_width(value)) - 1; }

bool starts_with(Bytes bytes, std::uint8_t marker) {
    return bytes.size() >= 2 && bytes[0] == std::byte{0xFF} && bytes[1] == std::byte{marker};
}

}  // namespace

PacketReader::PacketReader(Tile& tile, const Codestream& codestream, std::span<const Bytes> parts, Bytes headers,
                           bool has_packed_headers, unsigned reduce, Arena& arena)
    : tile_(tile),
      rest_(parts.begin(), parts.end()),
      parts_(rest_),
      headers_(headers),
      has_packed_headers_(has_packed_headers),
      reduce_(reduce),
      base_(codestream.bytes.data()),
      zeroes_(codestream.zeroes),
      arena_(arena) {
    for (const Bytes& part : parts) bytes_ += part.size();
    bytes_ += headers.size();
}

std::uint64_t PacketReader::offset() const {
    return parts_.empty() ? no_offset : static_cast<std::uint64_t>(parts_.front().data() - base_);
}

// Tag trees say of millions of blocks in a few bits that nothing comes of them. Memory and work for them are bounded by
// the bytes that there are, with plenty to spare.
void PacketReader::require_few(std::uint64_t& sum, std::uint64_t more, std::uint64_t base, std::uint64_t a_byte,
                               const char* of) const {
    sum += more;
    if (sum <= base + a_byte * bytes_) return;
    fail(ErrorCode::limit, offset(), "%llu %s are too many for a tile of %llu bytes",
         static_cast<unsigned long long>(sum), of, static_cast<unsigned long long>(bytes_));
}

// The part that the next packet begins in: one that has bytes left, or the last.
void PacketReader::find_part() {
    while (parts_.size() > 1 && parts_.front().empty()) parts_ = parts_.subspan(1);
}

bool PacketReader::skip(const PacketSequence::Place& place, std::uint64_t size) {
    find_part();
    if (parts_.empty() || size > parts_.front().size()) return false;
    parts_.front() = parts_.front().subspan(static_cast<std::size_t>(size));
    ++tile_.components[place.component].resolutions[place.resolution].precincts[place.precinct].layers;
    return true;
}

bool PacketReader::read(const PacketSequence::Place& place) {
    find_part();
    if (parts_.empty() || (has_packed_headers_ ? headers_.empty() : parts_.front().empty())) return false;
    Bytes& body = parts_.front();
    const std::byte* const begin = body.data();
    // A.8.1. No packet begins like SOP, so it is known without Scod.
    if (starts_with(body, SOP)) body = body.subspan(std::min<std::size_t>(6, body.size()));
    Bytes& header = has_packed_headers_ ? headers_ : body;
    Precinct& precinct = tile_.components[place.component].resolutions[place.resolution].precincts[place.precinct];
    ZeroBitReader bits(header);
    shares_.clear();
    if (bits.bit() != 0) read_header(bits, place, precinct);
    const std::size_t size = bits.end();
    if (bits.holds_marker()) {
        fail(ErrorCode::malformed, offset(),
             "there is a marker in the header of a packet (component %u, resolution %u)", unsigned{place.component},
             unsigned{place.resolution});
    }
    if (bits.is_overrun()) {
        fail(ErrorCode::truncated, offset(), "the data end inside the header of a packet (component %u, resolution %u)",
             unsigned{place.component}, unsigned{place.resolution});
    }
    if (!has_packed_headers_ && header.data() + size > zeroes_) ++zero_packets_;
    header = header.subspan(size);
    // A.8.2. No code-block's data are a single FF: it is the half of a marker that was cut.
    if (tile_.parameters->end_of_header_markers) {
        if (header.size() == 1 && header[0] == std::byte{0xFF}) {
            fail(ErrorCode::truncated, offset(),
                 "the data end inside the marker behind the header of a packet (component %u, resolution %u)",
                 unsigned{place.component}, unsigned{place.resolution});
        }
        if (starts_with(header, EPH)) header = header.subspan(2);
    }
    take_body();
    packet_size_ = static_cast<std::uint64_t>(parts_.front().data() - begin);
    ++precinct.layers;
    if (parts_.front().data() <= zeroes_) ++precinct.whole_layers;
    ++packets_;
    return true;
}

void PacketReader::read_header(ZeroBitReader& bits, const PacketSequence::Place& place, Precinct& precinct) {
    const TileComponent& component = tile_.components[place.component];
    Resolution& resolution = component.resolutions[place.resolution];
    const std::uint64_t blocks_here = block_count(component, resolution, place.precinct);
    if (precinct.bands == nullptr) {
        require_few(blocks_, blocks_here, most_blocks, blocks_a_byte, "code-blocks");
        allocate_blocks(component, resolution, place.precinct, arena_);
    }
    require_few(visits_, blocks_here, most_visits, visits_a_byte, "looks at code-blocks");
    const bool is_needed = place.resolution + reduce_ <= component.levels();
    style_ = component.parameters->coding.block_style;
    for (std::size_t b = 0; b < resolution.band_count; ++b) {
        PrecinctBand& blocks = precinct.bands[b];
        for (std::uint32_t y = 0; y < blocks.grid.height(); ++y) {
            for (std::uint32_t x = 0; x < blocks.grid.width(); ++x)
                read_block(bits, resolution.bands[b], blocks, x, y, precinct.layers, is_needed);
            if (bits.is_overrun()) return;
        }
    }
}

void PacketReader::read_block(ZeroBitReader& bits, const Band& band, PrecinctBand& blocks, std::uint32_t x,
                              std::uint32_t y, unsigned layer, bool is_needed) {
    BlockState& block = blocks.blocks[std::size_t{y} * blocks.grid.width() + x];
    if (!block.is_included) {
        if (!blocks.inclusion.is_below(bits, x, y, static_cast<std::uint16_t>(layer + 1))) return;
        const unsigned planes = band.bit_planes;
        const unsigned missing = blocks.missing_planes.value(bits, x, y, static_cast<std::uint16_t>(planes + 1));
        if (bits.is_overrun()) return;
        if (missing >= planes) {
            fail(ErrorCode::malformed, offset(), "a code-block lacks %u bit-planes, but has only %u", missing, planes);
        }
        block.missing_planes = static_cast<std::uint8_t>(missing);
        block.is_included = true;
        if ((style_ & style_high_throughput) != 0) block.coder = BlockCoder::not_yet_known;
    } else if (bits.bit() == 0) {
        return;
    }
    const unsigned passes = read_passes(bits);
    while (bits.bit() != 0 && !bits.is_overrun()) {
        if (++block.length_bits > 32) fail(ErrorCode::malformed, offset(), "a code-block's Lblock is above 32");
    }
    if (bits.is_overrun()) return;
    const unsigned most = 3U * (band.bit_planes - block.missing_planes) - 2;
    if (block.passes + passes > most) {
        fail(ErrorCode::malformed, offset(), "a code-block has %u coding passes, but its bit-planes allow only %u",
             block.passes + passes, most);
    }
    read_segments(bits, block, passes, is_needed);
}

// B.10.7
void PacketReader::read_segments(ZeroBitReader& bits, BlockState& block, unsigned passes, bool is_needed) {
    if (block.coder == BlockCoder::not_yet_known) passes -= read_first_segment(bits, block, passes, is_needed);
    if (block.coder == BlockCoder::arithmetic) read_arithmetic_segments(bits, block, passes, is_needed);
    else read_high_throughput_segments(bits, block, passes, is_needed);
}

void PacketReader::read_arithmetic_segments(ZeroBitReader& bits, BlockState& block, unsigned passes, bool is_needed) {
    while (passes > 0) {
        const bool starts = block.segment_left == 0;
        if (starts) block.segment_left = segment_passes(style_, block.passes);
        const unsigned now = std::min<unsigned>(passes, block.segment_left);
        const std::uint32_t size = read_length(bits, block.length_bits + floor_log2(now));
        block.segment_left = static_cast<std::uint16_t>(block.segment_left - now);
        add_share(block, size, now, starts, is_raw_pass(style_, block.passes), is_needed);
        passes -= now;
    }
}

// 15444-15, B.3: a cleanup pass is a segment; so are the one or two passes that refine it, of which packets may carry
// one each. A set without data is a placeholder.
void PacketReader::read_high_throughput_segments(ZeroBitReader& bits, BlockState& block, unsigned passes,
                                                 bool is_needed) {
    while (passes > 0) {
        const unsigned place = block.passes % 3;
        const unsigned now = place == 1 ? std::min(passes, 2U) : 1;
        const std::uint32_t size = read_length(bits, block.length_bits + floor_log2(now));
        if (place == 0) {
            require_cleanup_size(size);
            block.is_empty_set = size == 0;
        } else if (block.is_empty_set && size != 0) {
            fail(ErrorCode::malformed, offset(), "a code-block's refinement passes of %u bytes without a cleanup pass",
                 size);
        }
        add_share(block, size, now, place != 2, place != 0, is_needed);
        passes -= now;
    }
}

// Until there are data, a length is that of all passes up to the last one that may be a cleanup pass; if it is 0, that
// of all passes. The first one that is not 0 says what coder the block has. In mixed mode, the first bit of an HT
// block's length is 0, and Lblock is above 3; the length of another block begins with a 1, or Lblock is 3. Returns how
// many passes it took.
unsigned PacketReader::read_first_segment(ZeroBitReader& bits, BlockState& block, unsigned passes, bool is_needed) {
    const bool is_mixed = (style_ & style_mixed) != 0;
    const unsigned refining = (block.passes + passes - 1) % 3;
    const bool has_cleanup = passes > refining;
    const unsigned up_to_cleanup = has_cleanup ? passes - refining : passes;
    const unsigned width = block.length_bits + floor_log2(up_to_cleanup);
    const bool starts = block.passes == 0;
    const bool may_be_high_throughput = !is_mixed || block.length_bits > 3;
    std::uint32_t size = 0;
    unsigned read = 0;  // bits of `size`
    if (is_mixed && (style_ & (style_bypass | style_terminate_all)) != 0) {
        // Such a block has lengths of its own: that of its first segment, of fewer passes, is read by its own rule.
        size = bits.bit();
        read = 1;
        const unsigned first = std::min<unsigned>(passes, segment_passes(style_, block.passes));
        const unsigned own_width = block.length_bits + floor_log2(first);
        if (size == 0 && !may_be_high_throughput) {
            size = read_rest(bits, size, read, own_width);
            read = own_width;
        }
        if (size != 0) {
            require_no_placeholders(block);
            size = read_rest(bits, size, read, own_width);
            block.coder = BlockCoder::arithmetic;
            block.segment_left = static_cast<std::uint16_t>(segment_passes(style_, block.passes) - first);
            add_share(block, size, first, true, is_raw_pass(style_, 0), is_needed);
            return first;
        }
    }
    size = read_rest(bits, size, read, width);
    const bool begins_with_zero = size >> (width - 1) == 0;
    if (has_cleanup && size != 0 && may_be_high_throughput && (!is_mixed || (size > 1 && begins_with_zero))) {
        require_cleanup_size(size);
        block.coder = BlockCoder::high_throughput;
        add_share(block, size, up_to_cleanup, starts, false, is_needed);
        return up_to_cleanup;
    }
    size = read_rest(bits, size, std::max(width, read), block.length_bits + floor_log2(passes));
    if (size != 0) {
        if (!is_mixed) fail(ErrorCode::malformed, offset(), "a code-block's placeholder passes hold %u bytes", size);
        if ((style_ & (style_bypass | style_terminate_all)) != 0)
            fail(ErrorCode::malformed, offset(), "a code-block's length does not say how the block is coded");
        block.coder = BlockCoder::arithmetic;
        block.segment_left = static_cast<std::uint16_t>(0xFFFF - passes);
    }
    add_share(block, size, passes, starts, false, is_needed);
    return passes;
}

// Empty passes that came in earlier packets are segments of their own where passes are terminated.
void PacketReader::require_no_placeholders(const BlockState& block) const {
    if (block.passes == 0) return;
    fail(ErrorCode::unsupported, offset(),
         "a code-block that is not of HTJ2K begins with %u empty passes, and its passes are terminated",
         unsigned{block.passes});
}

void PacketReader::require_cleanup_size(std::uint32_t size) const {
    if (size == 1) fail(ErrorCode::malformed, offset(), "a code-block's cleanup pass of 1 byte; it has 2 at least");
}

std::uint32_t PacketReader::read_length(ZeroBitReader& bits, unsigned width) const {
    return read_rest(bits, 0, 0, width);
}

// A length of `width` bits, of which `begin` holds the first `read`.
std::uint32_t PacketReader::read_rest(ZeroBitReader& bits, std::uint32_t begin, unsigned read, unsigned width) const {
    if (width > 32) fail(ErrorCode::malformed, offset(), "a code-block's length of %u bits", width);
    if (width <= read) return begin;
    return static_cast<std::uint32_t>(std::uint64_t{begin} << (width - read)) | bits.bits(width - read);
}

void PacketReader::add_share(BlockState& block, std::uint32_t size, unsigned passes, bool starts, bool is_raw,
                             bool is_needed) {
    Share share{&block, nullptr, size, is_raw};
    if (is_needed) {
        if (free_count_ == 0) {
            free_count_ = 512;
            free_ = arena_.allocate_array<Contribution>(free_count_);
        }
        share.contribution = new (free_++) Contribution;
        --free_count_;
        share.contribution->size = share.size;
        share.contribution->passes = static_cast<std::uint16_t>(passes);
        share.contribution->starts_segment = starts;
    }
    shares_.push_back(share);
    block.passes = static_cast<std::uint16_t>(block.passes + passes);
}

void PacketReader::take_body() {
    if (shares_.empty()) return;
    if (has_packed_headers_) find_part();
    Bytes& body = parts_.front();
    for (const Share& share : shares_) {
        if (share.size > body.size()) {
            fail(ErrorCode::truncated, offset() + body.size(),
                 "a packet has %u bytes for a code-block, but only %zu are left in the tile-part", share.size,
                 body.size());
        }
        if (share.contribution != nullptr) {
            share.contribution->data = reinterpret_cast<const std::uint8_t*>(body.data());
            if (share.block->last == nullptr) share.block->first = share.contribution;
            else share.block->last->next = share.contribution;
            share.block->last = share.contribution;
        }
        body = body.subspan(share.size);
        if (body.data() > zeroes_) count_zeroes(share);
    }
}

// In arithmetic coding, 2 % of all segments end in a zero byte, 0.07 % in two, none of 50,000 in three. Raw passes may
// be zeroes from end to end.
void PacketReader::count_zeroes(const Share& share) {
    if (share.is_raw) return;
    zero_bytes_ += std::min<std::uint64_t>(share.size, static_cast<std::uint64_t>(parts_.front().data() - zeroes_));
    if (zero_bytes_ > 2) fail_at_zeroes();
}

void PacketReader::require_no_zeroes() const {
    // As long as the packets are: they were empty. Two bytes more may be what an EOC was that the length counts.
    if (zero_packets_ > 0 && !parts_.empty() && parts_.front().size() > 2) fail_at_zeroes();
}

void PacketReader::fail_at_zeroes() const {
    fail(ErrorCode::truncated, static_cast<std::uint64_t>(zeroes_ - base_), "zeros instead of packets");
}

}  // namespace dcmturbo::jpeg2000
