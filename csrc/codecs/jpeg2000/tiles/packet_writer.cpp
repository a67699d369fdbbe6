// Packets, written (ISO/IEC 15444-1, B.9 and B.10): their headers, and the bytes of code-blocks behind them.
#include "codecs/jpeg2000/tiles/packet_writer.h"

#include <bit>

namespace dcmturbo::jpeg2000 {

namespace {

// Table B.4
void put_pass_count(HeaderBitWriter& bits, unsigned passes) {
    if (passes == 1) bits.put(0, 1);
    else if (passes == 2) bits.put(0b10, 2);
    else if (passes <= 5) bits.put(0b1100 | (passes - 3), 4);
    else if (passes <= 36) bits.put(0b1111'00000 | (passes - 6), 9);
    else bits.put(0b111111111'0000000 | (passes - 37), 16);
}

unsigned floor_log2(unsigned value) { return static_cast<unsigned>(std::bit_width(value)) - 1; }

// Calls run(passes, bytes) for each run of passes of one codeword segment among passes [first, end) (B.10.7.2).
template <typename Run>
void for_each_run(const CodedBlock& block, unsigned first, unsigned end, Run&& run) {
    unsigned begin = first;
    std::uint32_t from = first == 0 ? 0 : block.passes[first - 1].end;
    for (unsigned i = first; i < end; ++i) {
        if (!block.passes[i].terminates && i + 1 != end) continue;
        run(i + 1 - begin, block.passes[i].end - from);
        begin = i + 1;
        from = block.passes[i].end;
    }
}

}  // namespace

PacketWriter::PacketWriter(Tile& tile, std::span<PrecinctBandOut> bands, bool has_sop, bool has_eph)
    : tile_(tile), bands_(bands), has_sop_(has_sop), has_eph_(has_eph) {
    std::size_t count = 0;
    for (const TileComponent& component : tile.components) {
        auto& first = first_band_.emplace_back();
        for (const Resolution& resolution : component.resolutions) {
            first.push_back(count);
            count += resolution.precinct_count() * resolution.band_count;
        }
    }
}

void PacketWriter::prepare(Arena& arena) {
    for (PrecinctBandOut& band : bands_) {
        if (band.grid.is_empty()) continue;
        const std::uint32_t width = band.grid.width();
        const std::uint32_t height = band.grid.height();
        band.inclusion.allocate(arena, width, height);
        band.missing_planes.allocate(arena, width, height);
        for (std::uint32_t y = 0; y < height; ++y) {
            for (std::uint32_t x = 0; x < width; ++x) {
                const CodedBlock& block = band.blocks[std::size_t{y} * width + x];
                band.inclusion.set(x, y, block.first_layer);
                band.missing_planes.set(x, y, block.missing_planes);
            }
        }
    }
}

void PacketWriter::write_block(HeaderBitWriter& bits, PrecinctBandOut& band, std::uint32_t x, std::uint32_t y,
                               CodedBlock& block, std::uint16_t layer) {
    const std::uint16_t end = layer < block.first_layer ? std::uint16_t{0} : block.passes_of_layer(layer);
    const unsigned passes = end > block.written ? end - block.written : 0U;
    if (layer <= block.first_layer) {
        band.inclusion.write(bits, x, y, static_cast<std::uint16_t>(layer + 1));
        if (layer < block.first_layer) return;
        // The tree is read with a threshold that grows until the value is known. A node says nothing before those above
        // it are known, so the bits are those of the last threshold.
        band.missing_planes.write(bits, x, y, static_cast<std::uint16_t>(block.missing_planes + 1));
    } else {
        bits.put(passes != 0 ? 1 : 0, 1);
        if (passes == 0) return;
    }
    put_pass_count(bits, passes);
    unsigned needed = block.length_bits;
    for_each_run(block, block.written, end, [&](unsigned count, std::uint32_t bytes) {
        const auto width = static_cast<unsigned>(std::bit_width(bytes));
        const unsigned free = floor_log2(count);
        needed = std::max(needed, width > free ? width - free : 0);
    });
    for (; block.length_bits < needed; ++block.length_bits) bits.put(1, 1);
    bits.put(0, 1);
    for_each_run(block, block.written, end,
                 [&](unsigned count, std::uint32_t bytes) { bits.put(bytes, block.length_bits + floor_log2(count)); });
}

void PacketWriter::write(const PacketSequence::Place& place, CodestreamPieces& to) {
    const Resolution& resolution = tile_.components[place.component].resolutions[place.resolution];
    Precinct& precinct = resolution.precincts[place.precinct];
    const std::uint16_t layer = precinct.layers++;
    const std::size_t first =
        first_band_[place.component][place.resolution] + std::size_t{place.precinct} * resolution.band_count;
    const std::span<PrecinctBandOut> bands = bands_.subspan(first, resolution.band_count);
    const std::size_t begin = to.size();
    if (has_sop_) {
        const std::size_t number = lengths_.size();
        for (const unsigned byte : {0xFFU, unsigned{SOP}, 0U, 4U, static_cast<unsigned>(number >> 8 & 0xFF),
                                    static_cast<unsigned>(number & 0xFF)})
            to.headers().push_back(static_cast<std::uint8_t>(byte));
    }
    const auto blocks_of = [](const PrecinctBandOut& band) {
        return std::size_t{band.grid.width()} * band.grid.height();
    };
    bool is_empty = true;
    for (const PrecinctBandOut& band : bands) {
        for (std::size_t i = 0; i < blocks_of(band); ++i) {
            const CodedBlock& block = band.blocks[i];
            is_empty = is_empty && (layer < block.first_layer || block.passes_of_layer(layer) <= block.written);
        }
    }
    HeaderBitWriter bits(to.headers());
    bits.put(is_empty ? 0 : 1, 1);
    if (!is_empty) {
        for (PrecinctBandOut& band : bands) {
            CodedBlock* block = band.blocks;
            for (std::uint32_t y = 0; y < band.grid.height(); ++y) {
                for (std::uint32_t x = 0; x < band.grid.width(); ++x, ++block)
                    write_block(bits, band, x, y, *block, layer);
            }
        }
    }
    bits.finish_with_zeros();
    if (has_eph_) {
        to.headers().push_back(0xFF);
        to.headers().push_back(EPH);
    }
    if (!is_empty) {
        for (PrecinctBandOut& band : bands) {
            for (std::size_t i = 0; i < blocks_of(band); ++i) {
                CodedBlock& block = band.blocks[i];
                if (layer < block.first_layer) continue;
                const std::uint16_t end = block.passes_of_layer(layer);
                if (end <= block.written) continue;
                const std::uint32_t from = block.written == 0 ? 0 : block.passes[block.written - 1].end;
                to.add(block.data + from, block.passes[end - 1].end - from);
                block.written = end;
            }
        }
    }
    lengths_.push_back(static_cast<std::uint32_t>(to.size() - begin));
}

}  // namespace dcmturbo::jpeg2000
