// What a window needs of the resolutions below it.
#include "codecs/jpeg2000/tiles/window.h"

#include <doctest/doctest.h>

using namespace dcmturbo;
using namespace dcmturbo::jpeg2000;

namespace {

struct Built {
    Arena arena;
    Parameters parameters;
    std::vector<ComponentSize> sizes{{8, false, 1, 1}};
    Tile tile;

    explicit Built(const Rectangle& area, std::uint8_t levels = 3) {
        parameters.components.resize(1);
        CodingStyle& coding = parameters.components[0].coding;
        coding.levels = levels;
        coding.block_width_exponent = 4;
        coding.block_height_exponent = 3;
        coding.precincts.fill(0xFF);
        Quantisation& quantisation = parameters.components[0].quantisation;
        quantisation.guard_bits = 2;
        quantisation.count = static_cast<std::uint8_t>(3 * levels + 1);
        quantisation.steps.fill(8 << 11);
        tile.area = area;
        tile.parameters = &parameters;
        build_tile(tile, sizes, arena);
    }
};

bool contains(const Rectangle& outer, const Rectangle& inner) {
    return inner.is_empty() ||
           (outer.x0 <= inner.x0 && outer.y0 <= inner.y0 && outer.x1 >= inner.x1 && outer.y1 >= inner.y1);
}

bool same(const Rectangle& a, const Rectangle& b) {
    return a.x0 == b.x0 && a.y0 == b.y0 && a.x1 == b.x1 && a.y1 == b.y1;
}

}  // namespace

TEST_CASE("without a window, all of each resolution and sub-band is wanted") {
    Built built({13, 7, 300, 211});
    for (const Resolution& resolution : built.tile.components[0].resolutions) {
        CHECK(same(resolution.wanted, resolution.area));
        CHECK(same(resolution.reach, resolution.area));
        for (std::size_t b = 0; b < resolution.band_count; ++b) {
            CHECK(same(resolution.bands[b].wanted, resolution.bands[b].area));
            CHECK(same(resolution.bands[b].held, resolution.bands[b].area));
        }
    }
}

TEST_CASE("a window of everything is as without one") {
    Built built({13, 7, 300, 211});
    TileComponent& component = built.tile.components[0];
    restrict_to(component, 0, component.area);
    for (const Resolution& resolution : component.resolutions) {
        CHECK(same(resolution.wanted, resolution.area));
        CHECK(same(resolution.reach, resolution.area));
        for (std::size_t b = 0; b < resolution.band_count; ++b) {
            CHECK(same(resolution.bands[b].wanted, resolution.bands[b].area));
            CHECK(same(resolution.bands[b].held, resolution.bands[b].area));
        }
    }
}

TEST_CASE("each wavelet reaches four samples farther, and takes what is below from the resolution below") {
    for (const Rectangle& window : {Rectangle{100, 90, 140, 131}, Rectangle{13, 7, 14, 8},
                                    Rectangle{299, 210, 300, 211}, Rectangle{13, 100, 300, 101}}) {
        Built built({13, 7, 300, 211});
        TileComponent& component = built.tile.components[0];
        restrict_to(component, 0, window);
        for (std::size_t r = 3; r > 0; --r) {
            const Resolution& resolution = component.resolutions[r];
            if (r == 3) CHECK(same(resolution.wanted, window));
            const Rectangle& reach = resolution.reach;
            CHECK(contains(resolution.area, reach));
            CHECK(contains(reach, resolution.wanted));
            CHECK((reach.x0 == resolution.area.x0 || reach.x0 + 4 == resolution.wanted.x0));
            CHECK((reach.y1 == resolution.area.y1 || reach.y1 == resolution.wanted.y1 + 4));
            const Rectangle low{(reach.x0 + 1) / 2, (reach.y0 + 1) / 2, (reach.x1 + 1) / 2, (reach.y1 + 1) / 2};
            CHECK(same(component.resolutions[r - 1].wanted, low));
            for (std::size_t b = 0; b < 3; ++b) {
                const Band& band = resolution.bands[b];
                CHECK(contains(band.area, band.held));
                CHECK(contains(band.held, band.wanted));
                CHECK((band.held.x0 % 16 == 0 || band.held.x0 == band.area.x0));
                CHECK((band.held.y1 % 8 == 0 || band.held.y1 == band.area.y1));
                CHECK(band.held.x0 + 16 > band.wanted.x0);
            }
        }
        CHECK(same(component.resolutions[0].bands[0].wanted, component.resolutions[0].wanted));
    }
}

TEST_CASE("without resolution levels, the window is one of the highest that is left") {
    Built built({0, 0, 256, 256});
    TileComponent& component = built.tile.components[0];
    restrict_to(component, 2, {10, 11, 20, 21});
    CHECK(same(component.resolutions[1].wanted, {10, 11, 20, 21}));
    CHECK(same(component.resolutions[1].reach, {6, 7, 24, 25}));
    CHECK(same(component.resolutions[0].wanted, {3, 4, 12, 13}));
}
