#include "codecs/jpeg2000/tiles/tile.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace dcmturbo::jpeg2000 {

namespace {

// Samples of more bits are computed in double precision. Up to here, floats add an error below 0.1.
constexpr unsigned max_real_precision = 16;

std::uint32_t ceil_shift(std::uint32_t value, unsigned shift) {
    return static_cast<std::uint32_t>((std::uint64_t{value} + (std::uint64_t{1} << shift) - 1) >> shift);
}

// (B-15). Numerators below 0 are above -2^shift, so that their quotient is 0.
std::uint32_t band_coordinate(std::uint32_t value, unsigned level, bool is_high) {
    const std::uint64_t offset = is_high ? std::uint64_t{1} << (level - 1) : 0;
    if (value <= offset) return 0;
    return static_cast<std::uint32_t>((value - offset + (std::uint64_t{1} << level) - 1) >> level);
}

Band make_band(const TileComponent& component, Orientation orientation, unsigned resolution, unsigned precision,
               std::size_t index) {
    const Quantisation& quantisation = component.parameters->quantisation;
    const unsigned level = component.levels() - resolution + (resolution > 0 ? 1 : 0);
    const bool horizontal_high = orientation == Orientation::hl || orientation == Orientation::hh;
    const bool vertical_high = orientation == Orientation::lh || orientation == Orientation::hh;
    Band band;
    band.orientation = orientation;
    band.area = {band_coordinate(component.area.x0, level, horizontal_high),
                 band_coordinate(component.area.y0, level, vertical_high),
                 band_coordinate(component.area.x1, level, horizontal_high),
                 band_coordinate(component.area.y1, level, vertical_high)};
    band.wanted = band.held = band.area;
    const bool is_derived = quantisation.style == Quantisation::derived;
    const std::size_t step = is_derived ? 0 : index;
    if (step >= quantisation.count) {
        fail(ErrorCode::malformed, no_offset, "sub-band %zu has no quantisation step: there are only %u", index,
             quantisation.count);
    }
    int exponent = quantisation.steps[step] >> 11;
    // (E-5): eps_b = eps_0 - N_L + n_b.
    if (is_derived && resolution > 0) exponent = std::max(0, exponent - static_cast<int>(resolution - 1));
    const int planes = quantisation.guard_bits + exponent - 1;  // (E-2)
    const unsigned coded = static_cast<unsigned>(std::max(0, planes)) + component.parameters->roi_shift;
    if (coded > max_bit_planes && !band.area.is_empty())
        fail(ErrorCode::unsupported, no_offset, "a sub-band has %u bit-planes; at most %u are supported", coded,
             max_bit_planes);
    band.bit_planes = static_cast<std::uint8_t>(std::min(coded, max_bit_planes));
    if (!component.parameters->coding.reversible) {
        // (E-3), with R_b of (E-4) and the gains of Table E.1. Without quantisation the step is 1.
        const int range = static_cast<int>(precision) + (horizontal_high ? 1 : 0) + (vertical_high ? 1 : 0);
        const double mantissa = 1.0 + (quantisation.steps[step] & 0x7FF) / 2048.0;
        band.step = quantisation.style == Quantisation::none
                        ? 1.0F
                        : static_cast<float>(std::ldexp(mantissa, range - exponent));
    }
    return band;
}

void build_resolution(const TileComponent& component, unsigned r, unsigned precision, Resolution& resolution) {
    resolution = Resolution{};
    resolution.area = halve(component.area, component.levels() - r);
    resolution.wanted = resolution.reach = resolution.area;
    const std::uint8_t exponents = component.parameters->coding.precincts[r];
    resolution.precinct_width_exponent = exponents & 15;
    resolution.precinct_height_exponent = exponents >> 4;
    if (!resolution.area.is_empty()) {  // (B-16)
        const unsigned w = resolution.precinct_width_exponent;
        const unsigned h = resolution.precinct_height_exponent;
        resolution.precincts_wide = ceil_shift(resolution.area.x1, w) - (resolution.area.x0 >> w);
        resolution.precincts_high = ceil_shift(resolution.area.y1, h) - (resolution.area.y0 >> h);
    }
    if (r == 0) {
        resolution.band_count = 1;
        resolution.bands[0] = make_band(component, Orientation::ll, 0, precision, 0);
        return;
    }
    resolution.band_count = 3;
    constexpr Orientation orientations[3] = {Orientation::hl, Orientation::lh, Orientation::hh};
    for (unsigned b = 0; b < 3; ++b)
        resolution.bands[b] = make_band(component, orientations[b], r, precision, 3 * (r - 1) + 1 + b);
}

}  // namespace

std::uint8_t TileComponent::block_width_exponent(const Resolution& resolution) const {
    const unsigned halved = &resolution == resolutions.data() ? 0 : 1;  // (B-17), (B-18)
    return static_cast<std::uint8_t>(
        std::min<unsigned>(parameters->coding.block_width_exponent, resolution.precinct_width_exponent - halved));
}

std::uint8_t TileComponent::block_height_exponent(const Resolution& resolution) const {
    const unsigned halved = &resolution == resolutions.data() ? 0 : 1;
    return static_cast<std::uint8_t>(
        std::min<unsigned>(parameters->coding.block_height_exponent, resolution.precinct_height_exponent - halved));
}

Rectangle tile_area(const Size& size, std::size_t index) {
    const std::uint32_t across = ceil_divide(size.x_end - size.tile_x, size.tile_width);
    const std::uint64_t p = index % across;
    const std::uint64_t q = index / across;
    const std::uint64_t x = size.tile_x + p * size.tile_width;
    const std::uint64_t y = size.tile_y + q * size.tile_height;
    const auto clamp = [](std::uint64_t value, std::uint32_t low, std::uint32_t high) {
        return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(value, low, high));
    };
    return {clamp(x, size.x_origin, size.x_end), clamp(y, size.y_origin, size.y_end),
            clamp(x + size.tile_width, size.x_origin, size.x_end),
            clamp(y + size.tile_height, size.y_origin, size.y_end)};
}

Rectangle divide(const Rectangle& area, std::uint32_t horizontal_step, std::uint32_t vertical_step) {
    return {ceil_divide(area.x0, horizontal_step), ceil_divide(area.y0, vertical_step),
            ceil_divide(area.x1, horizontal_step), ceil_divide(area.y1, vertical_step)};
}

Rectangle halve(const Rectangle& area, unsigned shift) {
    return {ceil_shift(area.x0, shift), ceil_shift(area.y0, shift), ceil_shift(area.x1, shift),
            ceil_shift(area.y1, shift)};
}

void build_tile(Tile& tile, std::span<const ComponentSize> components, Arena& arena) {
    auto* built = arena.allocate_array<TileComponent>(components.size());
    tile.components = {built, components.size()};
    for (std::size_t i = 0; i < components.size(); ++i) {
        const ComponentSize& of = components[i];
        TileComponent& component = *new (built + i) TileComponent;
        component.parameters = &tile.parameters->components[i];
        component.area = divide(tile.area, of.horizontal_step, of.vertical_step);
        if (component.area.is_empty()) continue;  // it has no packets
        const std::size_t count = component.levels() + 1;
        component.resolutions = {arena.allocate_array<Resolution>(count), count};
        unsigned most_planes = 0;
        for (unsigned r = 0; r < count; ++r) {
            Resolution& resolution = component.resolutions[r];
            build_resolution(component, r, of.precision, resolution);
            for (const Band& band : std::span(resolution.bands).first(resolution.band_count))
                if (!band.area.is_empty()) most_planes = std::max<unsigned>(most_planes, band.bit_planes);
        }
        // Low-pass filtering widens by at most a bit or two what 5/3 and RCT add.
        const bool is_wide = of.precision > 25 || most_planes - component.parameters->roi_shift > max_narrow_bit_planes;
        if (component.parameters->coding.reversible)
            component.arithmetic = is_wide ? Arithmetic::wide : Arithmetic::integer;
        else component.arithmetic = of.precision > max_real_precision ? Arithmetic::wide_real : Arithmetic::real;
    }
}

void requantise(Tile& tile, std::span<const ComponentSize> components) {
    for (std::size_t i = 0; i < tile.components.size(); ++i) {
        TileComponent& component = tile.components[i];
        for (unsigned r = 0; r < component.resolutions.size(); ++r) {
            Resolution fresh;
            build_resolution(component, r, components[i].precision, fresh);
            Resolution& resolution = component.resolutions[r];
            for (std::size_t b = 0; b < resolution.band_count; ++b) {
                resolution.bands[b].bit_planes = fresh.bands[b].bit_planes;
                resolution.bands[b].step = fresh.bands[b].step;
            }
        }
    }
}

void allocate_precincts(Tile& tile, Arena& arena) {
    for (TileComponent& component : tile.components) {
        for (Resolution& resolution : component.resolutions) {
            const std::uint64_t count = resolution.precinct_count();
            if (count == 0) continue;
            resolution.precincts = arena.allocate_array<Precinct>(count);
            for (std::uint64_t i = 0; i < count; ++i) resolution.precincts[i] = Precinct{};
        }
    }
}

Rectangle precinct_area(const Resolution& resolution, const Band& band, std::size_t precinct) {
    const unsigned halved = band.orientation == Orientation::ll ? 0 : 1;
    const unsigned w = resolution.precinct_width_exponent - halved;
    const unsigned h = resolution.precinct_height_exponent - halved;
    const std::uint64_t column =
        (resolution.area.x0 >> resolution.precinct_width_exponent) + precinct % resolution.precincts_wide;
    const std::uint64_t row =
        (resolution.area.y0 >> resolution.precinct_height_exponent) + precinct / resolution.precincts_wide;
    const auto clamp = [](std::uint64_t value, std::uint32_t low, std::uint32_t high) {
        return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(value, low, std::max(low, high)));
    };
    return {clamp(column << w, band.area.x0, band.area.x1), clamp(row << h, band.area.y0, band.area.y1),
            clamp((column + 1) << w, band.area.x0, band.area.x1), clamp((row + 1) << h, band.area.y0, band.area.y1)};
}

Rectangle block_grid(const TileComponent& component, const Resolution& resolution, const Rectangle& area) {
    if (area.is_empty()) return {};
    const unsigned w = component.block_width_exponent(resolution);
    const unsigned h = component.block_height_exponent(resolution);
    return {area.x0 >> w, area.y0 >> h, ceil_shift(area.x1, w), ceil_shift(area.y1, h)};
}

Rectangle block_area(const TileComponent& component, const Resolution& resolution, const Rectangle& precinct,
                     std::uint32_t x, std::uint32_t y) {
    const unsigned w = component.block_width_exponent(resolution);
    const unsigned h = component.block_height_exponent(resolution);
    const auto end = [](std::uint32_t number, unsigned exponent, std::uint32_t most) {
        return static_cast<std::uint32_t>(std::min<std::uint64_t>(most, (std::uint64_t{number} + 1) << exponent));
    };
    return {std::max(precinct.x0, x << w), std::max(precinct.y0, y << h), end(x, w, precinct.x1),
            end(y, h, precinct.y1)};
}

std::uint64_t block_count(const TileComponent& component, const Resolution& resolution, std::size_t precinct) {
    std::uint64_t count = 0;
    for (std::size_t b = 0; b < resolution.band_count; ++b) {
        const Rectangle grid =
            block_grid(component, resolution, precinct_area(resolution, resolution.bands[b], precinct));
        count += std::uint64_t{grid.width()} * grid.height();
    }
    return count;
}

void allocate_blocks(const TileComponent& component, const Resolution& resolution, std::size_t precinct, Arena& arena) {
    auto* bands = arena.allocate_array<PrecinctBand>(resolution.band_count);
    for (std::size_t b = 0; b < resolution.band_count; ++b) {
        PrecinctBand& band = *new (bands + b) PrecinctBand;
        band.grid = block_grid(component, resolution, precinct_area(resolution, resolution.bands[b], precinct));
        if (band.grid.is_empty()) continue;
        const std::size_t count = std::size_t{band.grid.width()} * band.grid.height();
        band.blocks = arena.allocate_array<BlockState>(count);
        for (std::size_t i = 0; i < count; ++i) band.blocks[i] = BlockState{};
        band.inclusion.allocate(arena, band.grid.width(), band.grid.height());
        band.missing_planes.allocate(arena, band.grid.width(), band.grid.height());
    }
    resolution.precincts[precinct].bands = bands;
}

}  // namespace dcmturbo::jpeg2000
