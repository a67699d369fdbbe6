// Blanks boxes of a reversible JPEG 2000 or HTJ2K codestream. The reversible transforms map integers to integers, one
// to one: a tile is restored, its boxes are blanked, and it is transformed again. Every coefficient that no sample of a
// box takes part in comes out as it was, so only code-blocks with another coefficient are coded again. All others keep
// their bytes, and all samples outside of the boxes stay, also if the codestream was cut to a size.
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "base/error.h"
#include "codecs/jpeg2000/codec.h"
#include "codecs/jpeg2000/codestream/clean.h"
#include "codecs/jpeg2000/codestream/header_writer.h"
#include "codecs/jpeg2000/codestream/tile_part.h"
#include "codecs/jpeg2000/sample_rows.h"
#include "codecs/jpeg2000/tiles/packet.h"
#include "codecs/jpeg2000/tiles/tile_decoder.h"
#include "codecs/jpeg2000/tiles/tile_encoder.h"
#include "codecs/jpeg2000/tiles/window.h"
#include "codecs/jpeg2000/wavelet/coefficients.h"

namespace dcmturbo::jpeg2000 {

namespace {

constexpr std::uint64_t most_layer_notes = 1ULL << 26;  // code-blocks times layers

[[noreturn]] void refuse(const char* why) {
    fail(ErrorCode::unsupported, no_offset, "boxes cannot be blanked in this codestream: %s", why);
}

// A tile as it is read, and how many passes of each code-block its layers have.
struct ReadTile {
    Tile tile;
    std::vector<std::size_t> first_precinct;            // of each component's resolutions, in order
    std::vector<std::vector<std::uint16_t>> passes_to;  // [precinct][block * layers + layer]; empty: one layer

    [[nodiscard]] std::size_t precinct_number(std::size_t component, std::size_t resolution,
                                              std::size_t precinct) const {
        std::size_t at = resolution;
        for (std::size_t c = 0; c < component; ++c) at += tile.components[c].resolutions.size();
        return first_precinct[at] + precinct;
    }
};

class FrameBlanker {
  public:
    FrameBlanker(const Fragments& frame, const Header& header, const Blanking& blanking, Context& context)
        : blanking_(blanking), context_(context) {
        codestream_.read(codestream_of(frame.contiguous(context.arena), header));
        if (codestream_.damage) throw *codestream_.damage;
        const std::vector<ComponentSize>& components = codestream_.components;
        if (components.size() != blanking.values.size() || components.size() > most_components)
            refuse("it has too many components");
        for (const ComponentSize& component : components) {
            if (component.horizontal_step != 1 || component.vertical_step != 1) refuse("a component is subsampled");
        }
        if (!codestream_.main.packed.empty()) refuse("its packet headers are packed");
        const Size& size = codestream_.size;
        for (const Region& box : blanking.boxes) {
            boxes_.push_back({size.x_origin + box.left, size.y_origin + box.top, size.x_origin + box.left + box.width,
                              size.y_origin + box.top + box.height});
        }
    }

    std::vector<std::uint8_t> run(std::vector<Region>& changed) {
        copy_main_header(codestream_, count_parts(), false, writer_);
        for (std::uint64_t i = 0; i < codestream_.size.tiles(); ++i) {
            context_.check_interruption();
            const auto index = static_cast<std::size_t>(i);
            const std::span<const TilePartData> parts = codestream_.parts_of(index);
            if (parts.empty()) fail(ErrorCode::truncated, codestream_.bytes.size(), "tile %zu has no tile-part", index);
            const Arena::Mark mark = context_.arena.mark();
            if (is_touched(index)) blank_tile(index, parts);
            else
                for (const TilePartData& part : parts) copy_tile_part(codestream_, part, writer_);
            context_.arena.rewind(mark);
        }
        writer_.end();
        changed.insert(changed.end(), blanking_.boxes.begin(), blanking_.boxes.end());
        return std::move(to_);
    }

  private:
    static constexpr std::size_t most_components = 4;

    // ---- the codestream ----

    [[nodiscard]] bool is_touched(std::size_t tile) const {
        const Rectangle area = tile_area(codestream_.size, tile);
        return std::any_of(boxes_.begin(), boxes_.end(),
                           [&](const Rectangle& box) { return !intersection(area, box).is_empty(); });
    }

    // The tile-parts of the result: one for a tile that is coded again.
    [[nodiscard]] std::uint64_t count_parts() const {
        std::uint64_t parts = 0;
        for (std::uint64_t i = 0; i < codestream_.size.tiles(); ++i) {
            const auto tile = static_cast<std::size_t>(i);
            parts += is_touched(tile) ? 1 : codestream_.parts_of(tile).size();
        }
        return parts;
    }

    // ---- a tile ----

    void blank_tile(std::size_t index, std::span<const TilePartData> parts) {
        Parameters own;
        ReadTile read;
        Tile& tile = read.tile;
        tile.area = tile_area(codestream_.size, index);
        tile.parameters = &read_tile_headers(codestream_, parts, own);
        build_tile(tile, codestream_.components, context_.arena);
        require_reversible(tile);
        read_packets(index, read, parts);
        std::vector<std::int32_t*> planes = decode(tile);
        blank(tile.area, planes);

        CodestreamPlan plan;
        plan.size = codestream_.size;
        plan.components = codestream_.components;
        plan.parameters = *tile.parameters;
        plan.is_high_throughput = is_high_throughput(tile);
        plan.has_eph = tile.parameters->end_of_header_markers;
        TileEncoder encoder(plan, index, context_);
        const FrameIn samples = frame_of(tile.area, planes);
        encoder.analyse(PixelReader(samples));
        encoder.code_blocks_at(changed_blocks(read, encoder.blocks(), plan.is_high_throughput));
        CodestreamPieces body;
        std::vector<std::uint32_t> lengths;
        encoder.write_packets(body, lengths);
        // One tile-part, with what the header of the first says of coding.
        writer_.begin_tile_part(static_cast<std::uint16_t>(index), 0, 1);
        copy_tile_part_header(codestream_, parts.front(), false, writer_);
        writer_.end_tile_header(body.size());
        body.append_to(to_, context_);
    }

    static bool is_high_throughput(const Tile& tile) {
        return (tile.components[0].parameters->coding.block_style & style_high_throughput) != 0;
    }

    static void require_reversible(const Tile& tile) {
        const Parameters& parameters = *tile.parameters;
        if (!parameters.changes.empty() || !parameters.packed.empty())
            refuse("its progression changes, or its packet headers are packed");
        if (parameters.component_transform && tile.components.size() < 3) refuse("it has no three components");
        for (const TileComponent& component : tile.components) {
            const CodingStyle& coding = component.parameters->coding;
            if (!coding.reversible) refuse("its wavelet is not reversible");
            if (component.arithmetic != Arithmetic::integer) refuse("its samples have too many bits");
            if (component.parameters->roi_shift != 0) refuse("it has a region of interest");
            if ((coding.block_style & style_mixed) != 0) refuse("it mixes two block coders");
            if (coding.levels == 0 || coding.levels != tile.components[0].levels())
                refuse("its components have different decomposition levels, or none");
            if ((coding.block_style ^ tile.components[0].parameters->coding.block_style) & style_high_throughput)
                refuse("its components have different block coders");
        }
    }

    void read_packets(std::size_t index, ReadTile& read, std::span<const TilePartData> parts) {
        Tile& tile = read.tile;
        std::vector<Bytes> bodies;
        std::uint64_t bytes = 0;
        for (const TilePartData& part : parts) {
            bodies.push_back(part.body);
            bytes += part.body.size();
        }
        std::size_t precincts = 0;
        for (const TileComponent& component : tile.components) {
            for (const Resolution& resolution : component.resolutions) {
                read.first_precinct.push_back(precincts);
                precincts += static_cast<std::size_t>(resolution.precinct_count());
            }
        }
        PacketSequence sequence(tile, codestream_.components, bytes, spare_looks_, context_.arena);
        allocate_precincts(tile, context_.arena);
        read.passes_to.resize(precincts);
        PacketReader reader(tile, codestream_, bodies, {}, false, 0, context_.arena);
        sequence.run([&](const PacketSequence::Place& place) {
            if (!reader.read(place)) return false;
            if (tile.parameters->layers > 1) note_passes(read, place);
            return true;
        });
        if (sequence.first_missing(0) != nullptr)
            fail(ErrorCode::truncated, reader.offset(), "the data of tile %zu end before its packets", index);
    }

    // After a packet: how many passes the blocks of its precinct have.
    void note_passes(ReadTile& read, const PacketSequence::Place& place) {
        const Resolution& resolution = read.tile.components[place.component].resolutions[place.resolution];
        const Precinct& precinct = resolution.precincts[place.precinct];
        if (precinct.bands == nullptr) return;
        const std::size_t layers = read.tile.parameters->layers;
        auto& notes = read.passes_to[read.precinct_number(place.component, place.resolution, place.precinct)];
        if (notes.empty()) {
            std::size_t blocks = 0;
            for (std::size_t b = 0; b < resolution.band_count; ++b) blocks += blocks_of(precinct.bands[b]);
            layer_notes_ += std::uint64_t{blocks} * layers;
            if (layer_notes_ > most_layer_notes) refuse("it has too many layers");
            notes.assign(blocks * layers, 0);
        }
        const std::size_t layer = precinct.layers - 1U;
        std::size_t at = 0;
        for (std::size_t b = 0; b < resolution.band_count; ++b) {
            for (std::size_t i = 0; i < blocks_of(precinct.bands[b]); ++i, at += layers)
                notes[at + layer] = precinct.bands[b].blocks[i].passes;
        }
    }

    static std::size_t blocks_of(const PrecinctBand& band) {
        return std::size_t{band.grid.width()} * band.grid.height();
    }

    // The samples, as the transforms have them: not shifted to the range of values, and not clamped to it.
    std::vector<std::int32_t*> decode(Tile& tile) {
        const std::span<TileComponent> components = tile.components;
        const auto* end = reinterpret_cast<const std::uint8_t*>(codestream_.bytes.data() + codestream_.bytes.size());
        TileDecoder decoder(components, 0, end, context_);
        decoder.keep_coefficients();
        decoder.decode_blocks();
        if (decoder.is_damaged()) fail(ErrorCode::malformed, no_offset, "the data of a code-block are damaged");
        const std::uint32_t width = tile.area.width();
        const std::size_t samples = std::size_t{width} * tile.area.height();
        std::vector<std::int32_t*> planes(components.size());
        planes[0] = context_.arena.allocate_array<std::int32_t>(samples * components.size());
        for (std::size_t c = 1; c < components.size(); ++c) planes[c] = planes[0] + c * samples;
        for (std::size_t part = 0; part < decoder.parts().size(); ++part) {
            const auto [first, stop] = decoder.parts()[part];
            std::vector<std::unique_ptr<RowSource>> sources;
            for (std::size_t c = 0; c < components.size(); ++c) {
                sources.push_back(decoder.rows(c, part));
                sources.back()->start(first, stop);
            }
            std::vector<void*> rows(components.size());
            for (std::uint32_t y = first; y < stop; ++y) {
                if (y % 64 == 0) context_.check_interruption();
                for (std::size_t c = 0; c < components.size(); ++c) rows[c] = sources[c]->next();
                if (tile.parameters->component_transform)
                    inverse_component_transform(Arithmetic::integer, rows, width, wavelet_kernels(context_.isa));
                for (std::size_t c = 0; c < components.size(); ++c)
                    std::memcpy(planes[c] + std::size_t{y} * width, rows[c], width * sizeof(std::int32_t));
            }
        }
        return planes;
    }

    void blank(const Rectangle& area, std::span<std::int32_t* const> planes) const {
        for (std::size_t c = 0; c < planes.size(); ++c) {
            const ComponentSize& component = codestream_.components[c];
            const std::int64_t half = std::int64_t{1} << (component.precision - 1);
            const std::int64_t value = blanking_.values[c] & (2 * half - 1);
            const auto sample = static_cast<std::int32_t>(!component.is_signed ? value - half
                                                          : value >= half      ? value - 2 * half
                                                                               : value);
            for (const Rectangle& box : boxes_) {
                const Rectangle inside = intersection(area, box);
                for (std::uint32_t y = inside.y0; y < inside.y1 && !inside.is_empty(); ++y) {
                    std::int32_t* const row = planes[c] + std::size_t{y - area.y0} * area.width();
                    std::fill(row + (inside.x0 - area.x0), row + (inside.x1 - area.x0), sample);
                }
            }
        }
    }

    // Planes of a tile as an image in which the tile is where it was.
    FrameIn frame_of(const Rectangle& area, std::span<std::int32_t* const> planes) const {
        constexpr std::ptrdiff_t cell = sizeof(std::int32_t);
        FrameIn frame;
        frame.pixel_stride = cell;
        frame.row_stride = cell * static_cast<std::ptrdiff_t>(area.width());
        frame.sample_stride = frame.row_stride * static_cast<std::ptrdiff_t>(area.height());
        const std::ptrdiff_t corner = static_cast<std::ptrdiff_t>(area.y0) * frame.row_stride + area.x0 * cell;
        frame.base = reinterpret_cast<const std::byte*>(reinterpret_cast<std::uintptr_t>(planes[0]) -
                                                        static_cast<std::uintptr_t>(corner));
        frame.attributes.rows = codestream_.size.y_end;
        frame.attributes.columns = codestream_.size.x_end;
        frame.attributes.samples_per_pixel = static_cast<std::uint16_t>(planes.size());
        frame.attributes.bits_allocated = frame.attributes.bits_stored = 32;
        frame.attributes.pixel_representation = 1;
        return frame;
    }

    // ---- code-blocks ----

    // Gives all code-blocks whose coefficients are the same their old bytes. Returns the others.
    std::vector<std::size_t> changed_blocks(const ReadTile& read, std::span<CodedBlock> blocks, bool high_throughput) {
        std::vector<std::size_t> changed;
        std::vector<std::int32_t> scratch;
        std::size_t number = 0;
        for (std::size_t c = 0; c < read.tile.components.size(); ++c) {
            const TileComponent& component = read.tile.components[c];
            for (std::size_t r = 0; r < component.resolutions.size(); ++r) {
                const Resolution& resolution = component.resolutions[r];
                for (std::size_t p = 0; p < resolution.precinct_count(); ++p) {
                    const Precinct& precinct = resolution.precincts[p];
                    const auto& notes = read.passes_to[read.precinct_number(c, r, p)];
                    std::size_t in_precinct = 0;
                    for (std::size_t b = 0; b < resolution.band_count; ++b) {
                        const Band& band = resolution.bands[b];
                        const Rectangle grid = block_grid(component, resolution, precinct_area(resolution, band, p));
                        const std::size_t count = std::size_t{grid.width()} * grid.height();
                        scratch.resize(padded(band.area.width()));
                        for (std::size_t i = 0; i < count; ++i, ++number, ++in_precinct) {
                            CodedBlock& block = blocks[number];
                            if (!is_same(band, block, scratch)) {
                                changed.push_back(number);
                                continue;
                            }
                            const BlockState* const state =
                                precinct.bands == nullptr ? nullptr : &precinct.bands[b].blocks[i];
                            const std::size_t layers = read.tile.parameters->layers;
                            keep(block, state,
                                 notes.empty() ? std::span<const std::uint16_t>()
                                               : std::span(notes).subspan(in_precinct * layers, layers),
                                 high_throughput);
                        }
                    }
                }
            }
        }
        return changed;
    }

    static bool is_same(const Band& before, const CodedBlock& block, std::span<std::int32_t> scratch) {
        const Band& after = *block.band;
        const Plane<std::int32_t> plane{reinterpret_cast<std::int32_t*>(before.coefficients), before.stride,
                                        before.sparse};
        const std::size_t x = block.area.x0 - after.area.x0;
        for (std::uint32_t y = block.area.y0 - after.area.y0; y < block.area.y1 - after.area.y0; ++y) {
            const std::int32_t* const old_row = plane.row(y, scratch.data());
            const std::int32_t* const row =
                reinterpret_cast<const std::int32_t*>(after.coefficients) + std::size_t{y} * after.stride;
            if (!std::equal(row + x, row + x + block.area.width(), old_row + x)) return false;
        }
        return true;
    }

    void keep(CodedBlock& block, const BlockState* state, std::span<const std::uint16_t> passes_to,
              bool high_throughput) {
        block.missing_planes = static_cast<std::uint8_t>(block.band->bit_planes - (high_throughput ? 1 : 0));
        block.passes = {};
        block.first_layer = 0xFFFF;
        block.passes_up_to = nullptr;
        if (state == nullptr || !state->is_included || state->passes == 0) return;
        std::size_t size = 0;
        for (const Contribution* one = state->first; one != nullptr; one = one->next) size += one->size;
        auto* const data = context_.arena.allocate_array<std::uint8_t>(size);
        auto* const passes = context_.arena.allocate_array<CodedPass>(state->passes);
        std::size_t count = 0;
        std::uint32_t end = 0;
        for (const Contribution* one = state->first; one != nullptr; one = one->next) {
            if (count + one->passes > state->passes) refuse("the passes of a code-block contradict each other");
            if (one->size > 0) std::memcpy(data + end, one->data, one->size);
            end += one->size;
            // What lies between two passes of a codeword segment is not known, and packets do not need it.
            for (std::size_t i = 0; i < one->passes; ++i, ++count) passes[count] = {.end = end};
            if (count > 0) passes[count - 1].terminates = one->next == nullptr || one->next->starts_segment;
        }
        if (count != state->passes) refuse("a code-block has passes without data");
        block.missing_planes = state->missing_planes;
        block.data = data;
        block.passes = {passes, count};
        block.first_layer = 0;
        if (passes_to.empty()) return;
        auto* const up_to = context_.arena.allocate_array<std::uint16_t>(passes_to.size());
        std::uint16_t before = 0;
        for (std::size_t i = 0; i < passes_to.size(); ++i) up_to[i] = before = std::max(before, passes_to[i]);
        while (block.first_layer + 1U < passes_to.size() && up_to[block.first_layer] == 0) ++block.first_layer;
        block.passes_up_to = up_to;
    }

    const Blanking& blanking_;
    Context& context_;
    Codestream codestream_;
    std::vector<Rectangle> boxes_;  // on the reference grid
    std::vector<std::uint8_t> to_;
    HeaderWriter writer_{to_};
    std::uint64_t spare_looks_ = 1U << 24;
    std::uint64_t layer_notes_ = 0;
};

}  // namespace

std::vector<std::uint8_t> blank(const Fragments& frame, const Header& header, const Blanking& blanking,
                                std::vector<Region>& changed, Context& context) {
    return FrameBlanker(frame, header, blanking, context).run(changed);
}

}  // namespace dcmturbo::jpeg2000
