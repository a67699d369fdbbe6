#include "codecs/jpeg2000/tiles/progression.h"

#include <algorithm>
#include <tuple>

#include "base/error.h"

namespace dcmturbo::jpeg2000 {

namespace {

// B.12.1.3: where on the reference grid a precinct comes up. That is its own corner, or the tile's where it begins
// before the tile does.
std::uint32_t position(std::uint32_t index, std::uint32_t area_begin, unsigned precinct_exponent, unsigned level,
                       std::uint32_t step, std::uint32_t tile_begin) {
    const std::uint64_t number = (std::uint64_t{area_begin} >> precinct_exponent) + index;
    const std::uint64_t begin = (number << precinct_exponent << level) * step;
    return static_cast<std::uint32_t>(std::max<std::uint64_t>(begin, tile_begin));
}

}  // namespace

PacketSequence::PacketSequence(Tile& tile, std::span<const ComponentSize> sizes, std::uint64_t bytes,
                               std::uint64_t& spare_looks, Arena& arena)
    : tile_(tile), bytes_(bytes), spare_looks_(spare_looks) {
    std::uint64_t count = 0;
    unsigned most_resolutions = 0;
    for (const TileComponent& component : tile.components) {
        most_resolutions = std::max<unsigned>(most_resolutions, static_cast<unsigned>(component.resolutions.size()));
        for (const Resolution& resolution : component.resolutions) count += resolution.precinct_count();
    }
    // Before memory: a tile that lacks nearly all of its packets does not get a place for each.
    if (count > 4 * bytes + 65536) {
        fail(ErrorCode::truncated, no_offset,
             "a tile of %llu bytes has %llu precincts, each of which needs at least one packet",
             static_cast<unsigned long long>(bytes), static_cast<unsigned long long>(count));
    }
    auto* places = arena.allocate_array<Place>(count);
    chosen_ = arena.allocate_array<Place>(count);
    all_ = {places, static_cast<std::size_t>(count)};
    for (unsigned r = 0; r < most_resolutions; ++r) {
        for (std::size_t c = 0; c < tile.components.size(); ++c) {
            const TileComponent& component = tile.components[c];
            if (r >= component.resolutions.size()) continue;
            const Resolution& resolution = component.resolutions[r];
            const unsigned level = component.levels() - r;
            for (std::uint32_t p = 0; p < resolution.precinct_count(); ++p) {
                const std::uint32_t x =
                    position(p % resolution.precincts_wide, resolution.area.x0, resolution.precinct_width_exponent,
                             level, sizes[c].horizontal_step, tile.area.x0);
                const std::uint32_t y =
                    position(p / resolution.precincts_wide, resolution.area.y0, resolution.precinct_height_exponent,
                             level, sizes[c].vertical_step, tile.area.y0);
                *places++ = {static_cast<std::uint16_t>(c), static_cast<std::uint8_t>(r), p,
                             std::uint64_t{y} << 32 | x};
            }
        }
    }
}

std::span<const PacketSequence::Place> PacketSequence::places_of(const ProgressionChange& change) {
    // Without those that have all of its layers: a place that is sorted, and looked at for each layer, takes a byte.
    Place* end = std::copy_if(all_.begin(), all_.end(), chosen_, [&](const Place& place) {
        return place.resolution >= change.first_resolution && place.resolution < change.end_resolution &&
               place.component >= change.first_component && place.component < change.end_component &&
               precinct(place).layers < change.end_layer;
    });
    switch (change.order) {
        case rpcl:
            std::sort(chosen_, end, [](const Place& a, const Place& b) {
                return std::tie(a.resolution, a.position, a.component, a.precinct) <
                       std::tie(b.resolution, b.position, b.component, b.precinct);
            });
            break;
        case pcrl:
            std::sort(chosen_, end, [](const Place& a, const Place& b) {
                return std::tie(a.position, a.component, a.resolution, a.precinct) <
                       std::tie(b.position, b.component, b.resolution, b.precinct);
            });
            break;
        case cprl:
            std::sort(chosen_, end, [](const Place& a, const Place& b) {
                return std::tie(a.component, a.position, a.resolution, a.precinct) <
                       std::tie(b.component, b.position, b.resolution, b.precinct);
            });
            break;
        default: break;
    }
    return {chosen_, end};
}

// Each change looks at every precinct, though it may bring no packet.
void PacketSequence::require_few_changes() {
    const std::uint64_t looks = std::uint64_t{tile_.parameters->changes.size()} * all_.size();
    const std::uint64_t unpaid = looks - std::min(looks, 64 * bytes_);
    if (unpaid > spare_looks_) {
        fail(ErrorCode::limit, no_offset,
             "%zu progression changes over %zu precincts are too many for a tile of %llu bytes",
             tile_.parameters->changes.size(), all_.size(), static_cast<unsigned long long>(bytes_));
    }
    spare_looks_ -= unpaid;
}

const PacketSequence::Place* PacketSequence::first_missing(unsigned reduce) const {
    for (const Place& place : all_) {
        if (place.resolution + reduce > tile_.components[place.component].levels()) continue;
        if (precinct(place).layers < tile_.parameters->layers) return &place;
    }
    return nullptr;
}

}  // namespace dcmturbo::jpeg2000
