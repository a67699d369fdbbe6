// The order of packets (ISO/IEC 15444-1, B.12).
#pragma once

#include <cstdint>
#include <span>

#include "codecs/jpeg2000/tiles/tile.h"

namespace dcmturbo::jpeg2000 {

// Names the packets of a tile one after another.
class PacketSequence {
  public:
    struct Place {
        std::uint16_t component;
        std::uint8_t resolution;
        std::uint32_t precinct;
        std::uint64_t position;  // on the reference grid: y in the upper half, x in the lower
    };

    // `bytes` are all that the tile has: each packet takes at least one. `spare_looks`: how many more precincts the
    // codestream's progression changes may look at than the bytes of its tiles account for.
    PacketSequence(Tile& tile, std::span<const ComponentSize> sizes, std::uint64_t bytes, std::uint64_t& spare_looks,
                   Arena& arena);

    // Calls packet(place) for each packet, in order; stops when it returns false.
    template <typename Packet>
    bool run(Packet&& packet) {
        const Parameters& parameters = *tile_.parameters;
        if (parameters.changes.empty()) {
            ProgressionChange whole;
            whole.end_layer = parameters.layers;
            whole.order = parameters.order;
            return run_volume(whole, packet);
        }
        require_few_changes();
        for (const ProgressionChange& change : parameters.changes) {
            if (!run_volume(change, packet)) return false;
        }
        return true;
    }

    // A packet that has not come, of those that are needed without `reduce` resolution levels: null when none is
    // missing.
    [[nodiscard]] const Place* first_missing(unsigned reduce) const;

  private:
    enum Order : std::uint8_t { lrcp, rlcp, rpcl, pcrl, cprl };

    Precinct& precinct(const Place& place) const {
        return tile_.components[place.component].resolutions[place.resolution].precincts[place.precinct];
    }

    // The places of a volume that lack some of its layers, in the order that its progression has apart from layers.
    std::span<const Place> places_of(const ProgressionChange& change);
    void require_few_changes();

    // Layers up to end_layer, each over all of the places.
    template <typename Packet>
    bool run_layers(std::span<const Place> places, std::uint16_t end_layer, Packet&& packet) {
        // What an earlier volume has brought is not brought again.
        std::uint32_t layer = end_layer;
        for (const Place& place : places) layer = std::min<std::uint32_t>(layer, precinct(place).layers);
        for (; layer < end_layer; ++layer) {
            for (const Place& place : places) {
                if (precinct(place).layers == layer && !packet(place)) return false;
            }
        }
        return true;
    }

    template <typename Packet>
    bool run_volume(const ProgressionChange& change, Packet&& packet) {
        const std::span<const Place> places = places_of(change);
        const std::uint16_t end_layer = std::min(change.end_layer, tile_.parameters->layers);
        if (change.order == lrcp) return run_layers(places, end_layer, packet);
        for (std::size_t begin = 0; begin < places.size();) {
            std::size_t end = begin + 1;
            if (change.order == rlcp) {
                while (end < places.size() && places[end].resolution == places[begin].resolution) ++end;
            }
            if (!run_layers(places.subspan(begin, end - begin), end_layer, packet)) return false;
            begin = end;
        }
        return true;
    }

    Tile& tile_;
    std::uint64_t bytes_;
    std::uint64_t& spare_looks_;
    std::span<Place> all_;  // resolution by resolution, then component by component
    Place* chosen_;
};

}  // namespace dcmturbo::jpeg2000
