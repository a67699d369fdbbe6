#include "codecs/jpeg2000/tiles/window.h"

#include <algorithm>

namespace dcmturbo::jpeg2000 {

namespace {

// At a false edge, each of the four lifting steps of the 9/7 wavelet spreads what is wrong by one sample (F.3); 5/3 has
// two steps. So samples that are farther from the edge are the same as without it.
constexpr std::uint32_t margin = 4;

Rectangle grow(const Rectangle& area, const Rectangle& within) {
    const auto before = [](std::uint32_t at, std::uint32_t least) { return at - std::min(at - least, margin); };
    const auto behind = [](std::uint32_t at, std::uint32_t most) { return at + std::min(most - at, margin); };
    return {before(area.x0, within.x0), before(area.y0, within.y0), behind(area.x1, within.x1),
            behind(area.y1, within.y1)};
}

// (B-15) for one level: even coordinates are low-pass samples, odd ones high-pass samples.
std::uint32_t half(std::uint32_t at, bool is_high) { return at / 2 + (is_high ? 0 : at % 2); }

Rectangle band_area(const Rectangle& area, Orientation orientation) {
    const bool horizontal = orientation == Orientation::hl || orientation == Orientation::hh;
    const bool vertical = orientation == Orientation::lh || orientation == Orientation::hh;
    return {half(area.x0, horizontal), half(area.y0, vertical), half(area.x1, horizontal), half(area.y1, vertical)};
}

// The area of all code-blocks that touch `wanted`.
Rectangle whole_blocks(const TileComponent& component, const Resolution& resolution, const Band& band) {
    if (band.wanted.is_empty()) return {};
    const Rectangle grid = block_grid(component, resolution, band.wanted);
    const Rectangle& area = band.area;
    const auto behind = [](std::uint32_t number, unsigned exponent, std::uint32_t most) {
        return static_cast<std::uint32_t>(std::min<std::uint64_t>(most, std::uint64_t{number} << exponent));
    };
    const unsigned w = component.block_width_exponent(resolution);
    const unsigned h = component.block_height_exponent(resolution);
    return {std::max(area.x0, grid.x0 << w), std::max(area.y0, grid.y0 << h), behind(grid.x1, w, area.x1),
            behind(grid.y1, h, area.y1)};
}

}  // namespace

Rectangle at_resolution(const Rectangle& area, const ComponentSize& component, unsigned reduce) {
    return halve(divide(area, component.horizontal_step, component.vertical_step), reduce);
}

Rectangle intersection(const Rectangle& a, const Rectangle& b) {
    return {std::max(a.x0, b.x0), std::max(a.y0, b.y0), std::min(a.x1, b.x1), std::min(a.y1, b.y1)};
}

void restrict_to(TileComponent& component, unsigned reduce, const Rectangle& window) {
    if (component.resolutions.empty()) return;  // the tile holds none of its samples
    Rectangle wanted = window;
    for (std::size_t r = component.levels() - reduce + 1; r-- > 0;) {
        Resolution& resolution = component.resolutions[r];
        resolution.wanted = wanted;
        resolution.reach = r == 0 || wanted.is_empty() ? wanted : grow(wanted, resolution.area);
        for (std::size_t b = 0; b < resolution.band_count; ++b) {
            Band& band = resolution.bands[b];
            band.wanted = r == 0 ? wanted : band_area(resolution.reach, band.orientation);
            band.held = whole_blocks(component, resolution, band);
        }
        wanted = band_area(resolution.reach, Orientation::ll);
    }
}

bool needs_packets(const TileComponent& component, unsigned reduce, std::size_t resolution, std::size_t precinct) {
    if (resolution + reduce > component.levels()) return false;
    const Resolution& of = component.resolutions[resolution];
    for (std::size_t b = 0; b < of.band_count; ++b) {
        const Band& band = of.bands[b];
        if (!intersection(precinct_area(of, band, precinct), band.wanted).is_empty()) return true;
    }
    return false;
}

}  // namespace dcmturbo::jpeg2000
