#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/team.h"
#include "codecs/formats.h"
#include "codecs/jpeg2000/codec.h"
#include "codecs/jpeg2000/codestream/packet_lengths.h"
#include "codecs/jpeg2000/codestream/tile_part.h"
#include "codecs/jpeg2000/recode.h"
#include "codecs/jpeg2000/sample_rows.h"
#include "codecs/jpeg2000/tiles/needed_packets.h"
#include "codecs/jpeg2000/tiles/packet.h"
#include "codecs/jpeg2000/tiles/tile_decoder.h"
#include "codecs/jpeg2000/tiles/window.h"
#include "image/row_sink.h"

namespace dcmturbo::jpeg2000 {

namespace {

class FrameDecoder {
  public:
    FrameDecoder(const Fragments& frame, const Header& header, const Options& options, Context& context)
        : options_(options), context_(context) {
        if (header.format != Format::jpeg2000 && header.format != Format::htj2k)
            fail(ErrorCode::other_codec, 0, "the frame is not JPEG 2000 (ISO/IEC 15444-1, 15444-15)");
        codestream_.read(codestream_of(frame.contiguous(context.arena), header));
        if (codestream_.components.size() != header.components.size())
            fail(ErrorCode::argument, no_offset, "the header belongs to another frame");
        const ComponentSize& one = codestream_.components[0];
        for (const ComponentSize& component : codestream_.components) {
            is_subsampled_ = is_subsampled_ || component.horizontal_step != 1 || component.vertical_step != 1;
            are_alike_ = are_alike_ && component.horizontal_step == one.horizontal_step &&
                         component.vertical_step == one.vertical_step;
        }
        require_bounded_work();
    }

    void decode_pixels(const FrameOut& out) {
        if (out.format.samples_per_pixel != codestream_.components.size())
            fail(ErrorCode::argument, no_offset, "the header belongs to another frame");
        const Rectangle image = component_area(0);
        if (!are_alike_ || image.width() != out.format.columns || image.height() != out.format.rows) {
            require_plain_origin(out);
            if (is_subsampled_) return decode_subsampled(out);
            fail(ErrorCode::argument, no_offset, "the output has another size than the image");
        }
        windows_.assign(codestream_.components.size(), window_of(out.region, image));
        is_part_ = !out.region.is_whole();
        std::vector<std::unique_ptr<RowSink>> sinks;
        for (std::size_t part = 0; part < most_parts(); ++part)
            sinks.push_back(std::make_unique<PixelSink>(out, context_.isa, context_.arena));
        if (options_.recoding != nullptr && options_.reduce == 0 && !options_.salvage && !is_part_)
            recoder_ = Recoder::make(codestream_, *options_.recoding, context_);
        decode(sinks, codestream_.components.size());
        if (recoder_ != nullptr) recoder_->finish();
    }

    void decode_planes(std::span<const ComponentOut> planes) {
        for (std::size_t i = 0; i < planes.size(); ++i) {
            const Rectangle area = component_area(i);
            if (area.width() != planes[i].width || area.height() != planes[i].height)
                fail(ErrorCode::argument, no_offset, "the output for component %zu has another size than the component",
                     i);
            windows_.push_back(window_of(planes[i].region, area));
            is_part_ = is_part_ || !planes[i].region.is_whole();
        }
        std::vector<std::unique_ptr<RowSink>> sinks;
        for (std::size_t part = 0; part < most_parts(); ++part)
            sinks.push_back(std::make_unique<PlaneSink>(planes, context_.isa, context_.arena));
        decode(sinks, 1);
    }

    // What is wrong where the salvaged image is not all there is.
    [[nodiscard]] const std::optional<DecodeError>& damage() const { return damage_; }
    [[nodiscard]] bool has_excess_data() const { return excess_ != 0 || codestream_.stray > 1; }
    [[nodiscard]] Whole whole() const {
        if (!is_whole_known_ || !damage_) return {};
        const unsigned resolutions = most_levels_ + 1 - std::min(most_levels_ + 1, whole_reduce_);
        const std::uint16_t layers = std::min(whole_layers_, codestream_.main.layers);
        return {true, static_cast<std::uint16_t>(resolutions), whole_reduce_ > max_levels ? std::uint16_t{0} : layers};
    }
    // DecodeNote. If data are damaged, more is reported than a missing EOC.
    [[nodiscard]] std::uint32_t notes() const {
        const bool lacks_end = !codestream_.has_end && !damage_ && !options_.is_prefix;
        return (lacks_end ? note_missing_end : 0U) | (ignores_transform_ ? note_transform_ignored : 0U) |
               (contradicts_capabilities_ ? note_capabilities : 0U);
    }

  private:
    // One for each part of a tile that may be restored at the same time.
    using Sinks = std::span<const std::unique_ptr<RowSink>>;

    [[nodiscard]] std::size_t most_parts() const { return context_.has_team() ? TileDecoder::most_parts : 1; }

    [[nodiscard]] Rectangle component_area(std::size_t component) const {
        const Size& size = codestream_.size;
        const ComponentSize& of = codestream_.components[component];
        return halve(
            divide({size.x_origin, size.y_origin, size.x_end, size.y_end}, of.horizontal_step, of.vertical_step),
            options_.reduce);
    }

    // What is wanted of a component, on its own grid.
    static Rectangle window_of(const Region& region, const Rectangle& area) {
        if (region.is_whole()) return area;
        return {area.x0 + region.left, area.y0 + region.top, area.x0 + region.left + region.width,
                area.y0 + region.top + region.height};
    }

    // The part of a tile's component that is wanted, at the resolution that is left. It may be empty.
    [[nodiscard]] Rectangle wanted_of(const Tile& tile, std::size_t component) const {
        const ComponentSize& of = codestream_.components[component];
        const Rectangle area = halve(divide(tile.area, of.horizontal_step, of.vertical_step), options_.reduce);
        return intersection(area, windows_[component]);
    }

    [[nodiscard]] bool is_wanted(const Tile& tile) const {
        for (std::size_t i = 0; i < windows_.size(); ++i) {
            if (!wanted_of(tile, i).is_empty()) return true;
        }
        return false;
    }

    // Corners are divided, not sizes (B-14): an image that does not begin at the origin may come out one larger or
    // smaller than DICOM's rows and columns do.
    void require_plain_origin(const FrameOut& out) const {
        const Size& size = codestream_.size;
        const Rectangle grid = halve({size.x_origin, size.y_origin, size.x_end, size.y_end}, options_.reduce);
        if (options_.reduce == 0 || (grid.width() == out.format.columns && grid.height() == out.format.rows)) return;
        fail(ErrorCode::unsupported, no_offset,
             "the image begins at (%u, %u); without its %u highest resolution levels it has %u x %u "
             "pixels: use decode_components",
             size.x_origin, size.y_origin, unsigned{options_.reduce}, grid.height(), grid.width());
    }

    // Tiles times components may be many more than there are samples or bytes: nothing but their number makes work.
    void require_bounded_work() {
        std::uint64_t samples = 0;
        for (std::size_t i = 0; i < codestream_.components.size(); ++i) {
            const Rectangle area = component_area(i);
            samples += std::uint64_t{area.width()} * area.height();
        }
        const std::uint64_t tile_components = codestream_.size.tiles() * codestream_.components.size();
        if (tile_components > (1U << 20) + 4 * (samples + codestream_.bytes.size())) {
            fail(ErrorCode::limit, no_offset, "%llu tiles of %zu components are too many for %llu samples",
                 static_cast<unsigned long long>(codestream_.size.tiles()), codestream_.components.size(),
                 static_cast<unsigned long long>(samples));
        }
        spare_resolutions_ = (1U << 22) + 4 * (samples + codestream_.bytes.size());
        // A tile with a header of its own takes them over, one by one.
        const std::uint64_t inherited = codestream_.main.changes.size() + codestream_.main.packed.size();
        if (codestream_.size.tiles() * inherited > spare_looks_ + 64 * codestream_.bytes.size()) {
            fail(ErrorCode::limit, no_offset,
                 "%zu progression changes and %zu PPM segments are too many for %llu tiles",
                 codestream_.main.changes.size(), codestream_.main.packed.size(),
                 static_cast<unsigned long long>(codestream_.size.tiles()));
        }
    }

    // Thrown, or kept for the outcome. What names no byte is at the tile's first.
    void report(DecodeError error) {
        if (error.offset == no_offset) error.offset = tile_offset_;
        const bool is_damage = error.code == ErrorCode::truncated || error.code == ErrorCode::malformed;
        if (!options_.salvage || !is_damage) throw error;
        if (!damage_) damage_ = error;
        if (tile_ == last_damaged_) return;
        last_damaged_ = tile_;
        ++damaged_tiles_;
    }

    void decode(Sinks sinks, std::size_t together) {
        const std::uint64_t tiles = codestream_.size.tiles();
        if (codestream_.parts.empty() && codestream_.damage) throw *codestream_.damage;
        for (std::size_t i = 0; i < tiles; ++i) {
            if (is_part_ && !is_wanted({.area = tile_area(codestream_.size, i)})) continue;
            const Arena::Mark mark = context_.arena.mark();
            decode_tile(i, sinks, together);
            context_.arena.rewind(mark);
        }
        if (packets_ == 0 && damage_) throw *damage_;
        if (damaged_tiles_ > 1) {
            damage_->message +=
                "; " + std::to_string(damaged_tiles_) + " of " + std::to_string(tiles) + " tiles are not complete";
        }
    }

    void decode_tile(std::size_t index, Sinks sinks, std::size_t together) {
        const std::span<const TilePartData> parts = codestream_.parts_of(index);
        tile_ = index;
        tile_offset_ = parts.empty() ? codestream_.bytes.size() : parts.front().header;
        Parameters own;
        Tile tile;
        tile.area = tile_area(codestream_.size, index);
        std::optional<bool> transforms;
        try {
            tile.parameters = &read_tile_headers(codestream_, parts, own);
            contradicts_capabilities_ = contradicts_capabilities_ || !codestream_.announces(*tile.parameters);
            transforms = build(tile);
            read_packets(index, tile, parts);
        } catch (const DecodeError& error) {
            const bool is_cut = transforms && codestream_.damage && error.code == ErrorCode::truncated;
            report(is_cut ? what_ended(*codestream_.damage) : error);
            if (error.code == ErrorCode::truncated) note_whole(tile);
            else is_whole_known_ = false;
        }
        if (!transforms) {  // its header is damaged: a tile without packets, as the main header has it
            tile.parameters = &codestream_.main;
            transforms = build(tile);
        }
        for (std::size_t first = 0; first < tile.components.size();) {
            std::size_t count = *transforms && first == 0 ? 3 : 1;
            if (together > count) count = together;
            const Arena::Mark mark = context_.arena.mark();
            decode_components(tile, first, count, *transforms && first == 0, sinks);
            context_.arena.rewind(mark);
            first += count;
        }
    }

    // The copy that left zeroes explains more than what the walk found there.
    [[nodiscard]] DecodeError what_ended(const DecodeError& damage) const {
        const auto offset = static_cast<std::uint64_t>(codestream_.zeroes - codestream_.bytes.data());
        if (offset + 4 > codestream_.bytes.size()) return damage;
        return {ErrorCode::truncated, offset,
                "all bytes from here to the end are zeros: the codestream was cut short and filled with zeros"};
    }

    // Returns whether the first three components are transformed.
    bool build(Tile& tile) {
        try {
            require_few_resolutions(tile);
            build_tile(tile, codestream_.components, context_.arena);
            require_levels(tile);
            const bool transforms = unify_transformed(tile);
            if (is_part_) restrict_to_windows(tile, transforms);
            return transforms;
        } catch (DecodeError& error) {
            if (error.offset == no_offset) error.offset = tile_offset_;
            throw;
        }
    }

    void restrict_to_windows(const Tile& tile, bool transforms) const {
        for (std::size_t i = 0; i < tile.components.size(); ++i)
            restrict_to(tile.components[i], options_.reduce, wanted_of(tile, transforms && i < 3 ? 0 : i));
    }

    // The component transform asks that the first three are alike (G.2, G.3).
    bool unify_transformed(Tile& tile) {
        if (!tile.parameters->component_transform) return false;
        // As other decoders do: writers set the flag for images of one component.
        if (!can_transform(tile.components)) {
            ignores_transform_ = true;
            return false;
        }
        const TileComponent* widest = &tile.components[0];
        for (std::size_t i = 0; i < 3; ++i) {
            const TileComponent& component = tile.components[i];
            if (component.parameters->coding.reversible != tile.components[0].parameters->coding.reversible)
                fail(ErrorCode::malformed, no_offset,
                     "the codestream has a component transform, but its components have different wavelets");
            if (is_wide(component.arithmetic)) widest = &component;
        }
        for (std::size_t i = 0; i < 3; ++i) tile.components[i].arithmetic = widest->arithmetic;
        return true;
    }

    static bool can_transform(std::span<const TileComponent> components) {
        if (components.size() < 3) return false;
        const Rectangle& first = components[0].area;
        return std::all_of(components.begin() + 1, components.begin() + 3, [&](const TileComponent& component) {
            const Rectangle& area = component.area;
            return area.width() == first.width() && area.height() == first.height() && area.x0 == first.x0 &&
                   area.y0 == first.y0;
        });
    }

    // Of all tiles, most may have neither samples nor bytes; and a tile's resolutions take memory before its bytes are
    // read.
    void require_few_resolutions(const Tile& tile) {
        std::uint64_t count = 0;
        for (const ComponentParameters& component : tile.parameters->components) count += component.coding.levels + 1U;
        if (count > std::min(spare_resolutions_, (1U << 18) + 4 * std::uint64_t{codestream_.bytes.size()})) {
            fail(ErrorCode::limit, no_offset,
                 "%zu components of %llu resolutions in total, in each of %llu tiles, are too many",
                 codestream_.components.size(), static_cast<unsigned long long>(count),
                 static_cast<unsigned long long>(codestream_.size.tiles()));
        }
        spare_resolutions_ -= count;
    }

    void require_levels(const Tile& tile) const {
        for (const TileComponent& component : tile.components) {
            if (options_.reduce <= component.levels()) continue;
            fail(ErrorCode::unsupported, no_offset, "reduce is %u, but the codestream has only %u decomposition levels",
                 unsigned{options_.reduce}, component.levels());
        }
    }

    void read_packets(std::size_t index, Tile& tile, std::span<const TilePartData> parts) {
        bool is_empty = true;
        for (const TileComponent& component : tile.components) {
            for (const Resolution& resolution : component.resolutions)
                is_empty = is_empty && resolution.precinct_count() == 0;
        }
        if (is_empty) return;
        if (parts.empty()) fail(ErrorCode::truncated, codestream_.bytes.size(), "tile %zu has no tile-part", index);
        if ((is_part_ || options_.reduce > 0) && !options_.salvage &&
            read_needed_packets(tile, codestream_, parts, options_.reduce, spare_looks_, context_.arena)) {
            ++packets_;
            return;
        }
        std::vector<Bytes> bodies;
        const std::optional<std::vector<std::byte>> packed = packed_headers(codestream_, parts, *tile.parameters);
        const Bytes headers = packed ? Bytes(*packed) : Bytes();
        std::uint64_t bytes = headers.size();
        for (const TilePartData& part : parts) {
            bodies.push_back(part.body);
            bytes += part.body.size();
        }
        PacketSequence sequence(tile, codestream_.components, bytes, spare_looks_, context_.arena);
        allocate_precincts(tile, context_.arena);
        PacketReader reader(tile, codestream_, bodies, headers, packed.has_value(), options_.reduce, context_.arena);
        try {
            const unsigned last = options_.is_prefix ? last_needed(tile) : max_levels;
            const std::vector<std::uint64_t> lengths = stated_lengths(parts);
            std::size_t next = 0;
            sequence.run([&](const PacketSequence::Place& place) {
                if (place.resolution > last || !reader.read(place)) return false;
                if (next < lengths.size() && lengths[next++] != reader.packet_size())
                    fail(ErrorCode::malformed, reader.offset(), "a packet has another length than PLT states");
                return true;
            });
        } catch (const DecodeError&) {
            packets_ += reader.packets();
            throw;
        }
        packets_ += reader.packets();
        if (!options_.is_prefix || (codestream_.has_end && sequence.first_missing(0) == nullptr))
            look_at_rest(parts, reader);
        if (const PacketSequence::Place* missing = sequence.first_missing(options_.is_prefix ? options_.reduce : 0)) {
            fail(ErrorCode::truncated, reader.offset(),
                 "the data of tile %zu end before its packets (component %u, resolution %u)", index,
                 unsigned{missing->component}, unsigned{missing->resolution});
        }
    }

    // Where PLT decided which bytes were read, what it states of the packets of a tile. It has to be right then.
    [[nodiscard]] std::vector<std::uint64_t> stated_lengths(std::span<const TilePartData> parts) const {
        std::vector<std::uint64_t> all;
        if (!options_.is_prefix) return all;
        for (const TilePartData& part : parts) {
            if (part.body.data() == nullptr) continue;
            const std::vector<std::uint64_t> lengths = packet_lengths(codestream_.bytes, part);
            if (lengths.empty()) break;  // those of later parts are of later packets
            all.insert(all.end(), lengths.begin(), lengths.end());
        }
        return all;
    }

    // The highest resolution that is needed of any component, where no packet of a lower one follows it.
    [[nodiscard]] unsigned last_needed(const Tile& tile) const {
        const Parameters& parameters = *tile.parameters;
        constexpr std::uint8_t lrcp = 0;
        constexpr std::uint8_t rpcl = 2;
        if (parameters.order > rpcl || (parameters.order == lrcp && parameters.layers > 1) ||
            !parameters.changes.empty())
            return max_levels;
        unsigned last = 0;
        for (const TileComponent& component : tile.components)
            last = std::max(last, component.levels() - std::min<unsigned>(component.levels(), options_.reduce));
        return last;
    }

    // What a tile has in full whose data end early.
    void note_whole(const Tile& tile) {
        for (const TileComponent& component : tile.components) {
            if (component.area.is_empty()) continue;
            const unsigned levels = component.levels();
            unsigned whole = 0;  // resolutions
            for (; whole <= levels; ++whole) {
                const std::uint16_t layers = whole_layers(component.resolutions[whole]);
                if (whole + options_.reduce <= levels) whole_layers_ = std::min(whole_layers_, layers);
                if (layers < tile.parameters->layers) break;
            }
            for (unsigned r = whole; r + options_.reduce <= levels; ++r)
                whole_layers_ = std::min(whole_layers_, whole_layers(component.resolutions[r]));
            whole_reduce_ = std::max(whole_reduce_, whole == 0 ? max_levels + 1 : levels + 1 - whole);
            most_levels_ = std::max(most_levels_, levels);
        }
        if (tile.components.empty()) whole_reduce_ = max_levels + 1;
    }

    // That all of its precincts have.
    static std::uint16_t whole_layers(const Resolution& resolution) {
        std::uint16_t layers = 0xFFFF;
        for (std::size_t p = 0; p < resolution.precinct_count(); ++p)
            layers = std::min(
                layers, resolution.precincts == nullptr ? std::uint16_t{0} : resolution.precincts[p].whole_layers);
        return layers;
    }

    // What follows the last packet.
    void look_at_rest(std::span<const TilePartData> parts, const PacketReader& reader) {
        const std::span<const Bytes> rest = reader.rest();
        if (rest.empty()) return;
        const bool is_end =
            rest.front().size() >= 2 && rest.front()[0] == std::byte{0xFF} && rest.front()[1] == std::byte{EOC};
        // Where a length counts EOC in, or none is stated.
        if (is_end && rest.size() == 1) codestream_.has_end = true;
        if (!codestream_.has_end) reader.require_no_zeroes();
        std::uint64_t excess = 0;
        for (std::size_t i = 0; i < rest.size(); ++i) {
            if (!(i == 0 && is_end) && parts[parts.size() - rest.size() + i].states_length) excess += rest[i].size();
        }
        if (excess > 1) excess_ += excess;  // one pads to an even length
    }

    void decode_components(Tile& tile, std::size_t first, std::size_t count, bool transforms, Sinks sinks) {
        const std::span<TileComponent> components = tile.components.subspan(first, count);
        // Those of a group are of one size: more than one only where they make pixels or are transformed.
        if (components[0].area.is_empty()) return;
        const Rectangle area = wanted_of(tile, first);
        if (area.is_empty()) return;
        const auto* end = reinterpret_cast<const std::uint8_t*>(codestream_.bytes.data() + codestream_.bytes.size());
        TileDecoder decoder(components, options_.reduce, end, context_);
        if (recoder_ != nullptr) decoder.keep_coefficients();
        decoder.decode_blocks();
        if (recoder_ != nullptr && !decoder.is_damaged()) recoder_->add(tile_, components, transforms);

        const std::vector<TileDecoder::Part>& parts = decoder.parts();
        std::vector<std::unique_ptr<RowSource>> sources;
        std::vector<Arithmetic> arithmetic;
        for (const TileComponent& component : components) arithmetic.push_back(component.arithmetic);
        for (std::size_t part = 0; part < parts.size(); ++part) {
            for (std::size_t i = 0; i < count; ++i) sources.push_back(decoder.rows(i, part));
        }
        std::vector<void*> rows(parts.size() * count);
        const Rectangle image = component_area(first);
        const std::uint32_t x = area.x0 - image.x0;
        const std::uint32_t y = area.y0 - image.y0;
        run_on_team(context_, parts.size(), [&](std::size_t part) {
            const auto [begin, stop] = parts[part];
            const std::span<void*> now = std::span(rows).subspan(part * count, count);
            for (std::size_t i = 0; i < count; ++i) sources[part * count + i]->start(begin, stop);
            for (std::uint32_t row = begin; row < stop; ++row) {
                if (row % 16 == 0 && context_.is_due_to_end()) return;  // run_on_team() throws then
                for (std::size_t i = 0; i < count; ++i) now[i] = sources[part * count + i]->next();
                if (transforms)
                    inverse_component_transform(arithmetic[0], now, area.width(), wavelet_kernels(context_.isa));
                for (std::size_t i = 0; i < count; ++i) {
                    const ComponentSize& component = codestream_.components[first + i];
                    sinks[part]->put(first + i, x, y + row, sample_row(arithmetic[i], now[i], area.width(), component));
                }
            }
        });
        if (decoder.is_damaged()) {
            is_whole_known_ = false;
            report(DecodeError(ErrorCode::malformed, no_offset,
                               "the data of a code-block are damaged: its segmentation symbol is wrong, they hold a "
                               "marker, or they end before its coefficients do"));
        }
    }

    // Through planes in scratch memory: each sample as often as its steps on the reference grid say.
    void decode_subsampled(const FrameOut& out) {
        const std::size_t count = codestream_.components.size();
        const std::size_t cell = sample_size(out.format.type);
        std::vector<ComponentOut> planes(count);
        const bool is_whole = out.region.is_whole();
        const Region region = is_whole ? Region{0, 0, out.format.rows, out.format.columns} : out.region;
        for (std::size_t i = 0; i < count; ++i) {
            const Rectangle area = component_area(i);
            if (area.is_empty()) fail(ErrorCode::malformed, no_offset, "component %zu has no samples", i);
            ComponentOut& plane = planes[i];
            plane.width = area.width();
            plane.height = area.height();
            plane.type = out.format.type;
            const ComponentSize& of = codestream_.components[i];
            if (!is_whole) {
                plane.region.top = row_of_line(of, area, region.top);
                plane.region.left = column_of(of, area, region.left);
                plane.region.height = row_of_line(of, area, out.end_row() - 1) + 1 - plane.region.top;
                plane.region.width = column_of(of, area, region.left + region.width - 1) + 1 - plane.region.left;
            }
            const ComponentOut part = plane.part();
            plane.sample_stride = static_cast<std::ptrdiff_t>(cell);
            plane.row_stride = static_cast<std::ptrdiff_t>(part.width * cell);
            plane.base = reinterpret_cast<std::byte*>(
                context_.arena.allocate_array<std::uint8_t>(std::size_t{part.width} * cell * part.height));
        }
        decode_planes(planes);
        const PixelWriter writer(out, context_.isa);
        std::vector<std::byte*> rows(count);
        for (std::byte*& row : rows) row = context_.arena.allocate(std::size_t{region.width} * cell);
        for (std::uint32_t y = region.top; y < out.end_row(); ++y) {
            for (std::size_t i = 0; i < count; ++i) {
                expand_row(planes[i], i, y, region, rows[i]);
                if (writer.corrects()) writer.correct(rows[i], rows[i], region.width);
            }
            writer.write(std::uint64_t{y} * out.format.columns + region.left, region.width, rows.data());
        }
    }

    // B.2: sample (x, y) lies at (x XRsiz, y YRsiz) and holds until the next.
    static std::uint32_t sample_at(std::uint64_t at, std::uint64_t step, std::uint32_t begin, std::uint32_t end) {
        return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(at / step, begin, end - 1) - begin);
    }
    // The sample of a component that stands at a column or row of the image, both counted from its first.
    [[nodiscard]] std::uint32_t column_of(const ComponentSize& of, const Rectangle& area, std::uint32_t x) const {
        return sample_at((std::uint64_t{x} << options_.reduce) + codestream_.size.x_origin,
                         std::uint64_t{of.horizontal_step} << options_.reduce, area.x0, area.x1);
    }
    [[nodiscard]] std::uint32_t row_of_line(const ComponentSize& of, const Rectangle& area, std::uint32_t y) const {
        return sample_at((std::uint64_t{y} << options_.reduce) + codestream_.size.y_origin,
                         std::uint64_t{of.vertical_step} << options_.reduce, area.y0, area.y1);
    }

    void expand_row(const ComponentOut& plane, std::size_t component, std::uint32_t y, const Region& region,
                    std::byte* to) const {
        const ComponentSize& of = codestream_.components[component];
        const Rectangle area = component_area(component);
        const std::size_t cell = sample_size(plane.type);
        const std::byte* row =
            plane.base + static_cast<std::ptrdiff_t>(row_of_line(of, area, y) - plane.region.top) * plane.row_stride;
        for (std::uint32_t x = region.left; x < region.left + region.width; ++x, to += cell)
            std::copy_n(row + (column_of(of, area, x) - plane.region.left) * cell, cell, to);
    }

    const Options& options_;
    Context& context_;
    Codestream codestream_;
    std::vector<Rectangle> windows_;    // what is wanted of each component, on its own grid
    std::unique_ptr<Recoder> recoder_;  // where another codestream is asked for
    bool is_part_ = false;              // some of them are not whole
    bool is_subsampled_ = false;
    bool are_alike_ = true;  // all components have the same steps
    std::uint64_t packets_ = 0;
    std::uint64_t spare_looks_ = 1U << 24;
    std::uint64_t spare_resolutions_ = 0;
    std::size_t tile_ = 0;
    std::uint64_t tile_offset_ = no_offset;
    std::size_t last_damaged_ = ~std::size_t{0};
    std::size_t damaged_tiles_ = 0;
    std::optional<DecodeError> damage_;  // the first
    std::uint64_t excess_ = 0;           // bytes that no packet takes
    bool is_whole_known_ = true;
    unsigned whole_reduce_ = 0;            // so many levels have to be left out for what is left to be whole
    unsigned most_levels_ = 0;             // of a component
    std::uint16_t whole_layers_ = 0xFFFF;  // of the resolutions that are decoded
    bool ignores_transform_ = false;
    bool contradicts_capabilities_ = false;
};

Outcome outcome_of(const FrameDecoder& decoder, std::uint64_t pixels) {
    Outcome outcome{.valid_pixels = pixels, .has_excess_data = decoder.has_excess_data(), .notes = decoder.notes()};
    if (decoder.damage()) {  // every sample has its best approximation: what is missing is detail
        outcome.complete = false;
        outcome.code = decoder.damage()->code;
        outcome.offset = decoder.damage()->offset;
        outcome.message = decoder.damage()->message;
        outcome.whole = decoder.whole();
    }
    return outcome;
}

}  // namespace

Outcome decode(const Fragments& frame, const PixelAttributes&, const Header& header, const FrameOut& out,
               const Options& options, Context& context) {
    FrameDecoder decoder(frame, header, options, context);
    decoder.decode_pixels(out);
    return outcome_of(decoder, out.format.pixels());
}

Outcome decode_components(const Fragments& frame, const Header& header, std::span<const ComponentOut> out,
                          const Options& options, Context& context) {
    FrameDecoder decoder(frame, header, options, context);
    decoder.decode_planes(out);
    return outcome_of(decoder, std::uint64_t{header.width} * header.height);
}

}  // namespace dcmturbo::jpeg2000
