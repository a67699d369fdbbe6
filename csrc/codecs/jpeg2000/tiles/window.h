// What a window of a tile-component needs of its resolutions and sub-bands.
#pragma once

#include "codecs/jpeg2000/tiles/tile.h"

namespace dcmturbo::jpeg2000 {

// Restricts a component without `reduce` of its resolution levels to `window`, on the grid of the highest that is left.
// The window is not empty and lies within that resolution's area. A component that was not restricted is needed whole.
void restrict_to(TileComponent& component, unsigned reduce, const Rectangle& window);

Rectangle intersection(const Rectangle& a, const Rectangle& b);

}  // namespace dcmturbo::jpeg2000
