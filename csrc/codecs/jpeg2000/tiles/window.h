// What a window of a tile-component needs of its resolutions and sub-bands.
#pragma once

#include "codecs/jpeg2000/tiles/tile.h"

namespace dcmturbo::jpeg2000 {

// Restricts a component without `reduce` of its resolution levels to `window`, on the grid of the highest that is left.
// The window lies within that resolution's area; nothing is needed for an empty one. A component that was not
// restricted is needed whole.
void restrict_to(TileComponent& component, unsigned reduce, const Rectangle& window);

// Whether what restrict_to() left of a component needs the packets of a precinct. Packets are needed of all layers or
// of none.
bool needs_packets(const TileComponent& component, unsigned reduce, std::size_t resolution, std::size_t precinct);

// An area of the reference grid in the samples of a component, without `reduce` of its resolution levels.
Rectangle at_resolution(const Rectangle& area, const ComponentSize& component, unsigned reduce);

Rectangle intersection(const Rectangle& a, const Rectangle& b);

}  // namespace dcmturbo::jpeg2000
