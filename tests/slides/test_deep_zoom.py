"""DeepZoom tiles: they fit together, and have the pixels of the slide."""

import numpy as np
import pytest
from helpers.slides import instance, tissue

import dcmturbo as dt
from dcmturbo.slides.deep_zoom import DeepZoom, Place


def assembled(tiles: DeepZoom, level: int) -> np.ndarray:
    """A level from its tiles without what overlaps."""
    rows, columns = tiles.sizes[level]
    first = tiles.tile(Place(level, 0, 0))
    whole = np.zeros((rows, columns, *first.shape[2:]), first.dtype)
    for place in tiles.places():
        if place.level != level:
            continue
        pixels = tiles.tile(place)
        top, left = (number * tiles.tile_size for number in (place.row, place.column))
        above, before = min(top, tiles.overlap), min(left, tiles.overlap)
        part = whole[top : top + tiles.tile_size, left : left + tiles.tile_size]
        part[...] = pixels[above : above + part.shape[0], before : before + part.shape[1]]
    return whole


@pytest.mark.parametrize(("size", "overlap"), [(254, 1), (50, 3), (33, 0), (7, 2)])
def test_tiles_fit_together(size, overlap):
    matrix = tissue(131, 203)
    with dt.slide([instance(matrix, (32, 24)), instance(matrix[::2, ::2], (32, 24))]) as slide:
        tiles = DeepZoom(slide, tile_size=size, overlap=overlap)
        assert tiles.sizes[-1] == (131, 203)
        assert tiles.sizes[0] == (1, 1)
        assert len(tiles.sizes) == 9
        np.testing.assert_array_equal(assembled(tiles, 8), matrix)
        np.testing.assert_array_equal(assembled(tiles, 7), matrix[::2, ::2])
        assert assembled(tiles, 5).shape == (17, 26, 3)
        np.testing.assert_array_equal(assembled(tiles, 5), assembled(DeepZoom(slide, tile_size=999), 5))


def test_a_tile_is_the_mean_of_its_pixels():
    matrix = np.arange(64, dtype=np.uint8).reshape(8, 8) * 3
    with dt.slide(instance(matrix, (3, 5), "RLELossless")) as slide:
        tiles = DeepZoom(slide, tile_size=2, overlap=0)
        expected = np.rint(matrix.reshape(4, 2, 4, 2).mean((1, 3)))
        np.testing.assert_array_equal(assembled(tiles, 2), expected)
        for place in (Place(3, 4, 0), Place(3, 0, -1)):
            with pytest.raises(IndexError, match="no such tile"):
                tiles.tile(place)
        with pytest.raises(ValueError, match="at least 1"):
            DeepZoom(slide, tile_size=0)
