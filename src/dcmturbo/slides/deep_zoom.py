"""A slide as DeepZoom tiles: each level has half the rows and columns of the next, down to one pixel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from dcmturbo.slides.slide import Slide
from dcmturbo.slides.thumbnails import averaged

__all__ = ["DeepZoom", "Place"]


class Place(NamedTuple):
    """Which tile: level 0 has one pixel."""

    level: int
    column: int
    row: int


class DeepZoom:
    """The tiles of a slide.

    Parameters
    ----------
    slide : Slide
        It stays the caller's.
    tile_size : int
        Rows and columns of a tile without its overlap.
    overlap : int
        How many pixels of its neighbours a tile has at each side.
    **options
        Of `Level.read`: which optical path and focal plane.

    Attributes
    ----------
    sizes : list of (int, int)
        Rows and columns of each level.
    """

    def __init__(self, slide: Slide, *, tile_size: int = 254, overlap: int = 1, **options: Any) -> None:
        if tile_size < 1 or overlap < 0:
            raise ValueError(f"tiles of {tile_size} pixels with an overlap of {overlap}; expected at least 1 and 0")
        self._slide, self.tile_size, self.overlap, self._options = slide, tile_size, overlap, options
        rows, columns = slide.shape[:2]
        count = (max(rows, columns) - 1).bit_length() + 1
        self.sizes = [(-(-rows >> count - 1 - level), -(-columns >> count - 1 - level)) for level in range(count)]

    @property
    def count(self) -> int:
        """How many tiles there are."""
        return sum(-(-rows // self.tile_size) * -(-columns // self.tile_size) for rows, columns in self.sizes)

    def places(self) -> Iterator[Place]:
        """Iterate over all tiles."""
        for level, (rows, columns) in enumerate(self.sizes):
            for row in range(-(-rows // self.tile_size)):
                for column in range(-(-columns // self.tile_size)):
                    yield Place(level, column, row)

    def tile(self, place: Place, *, threads: int | None = None) -> np.ndarray:
        """Return the pixels of a tile."""
        size = self.sizes[place.level]
        spans = []
        for number, most in zip((place.row, place.column), size, strict=True):
            begin = number * self.tile_size
            if number < 0 or begin >= most:
                raise IndexError(f"there is no such tile: {place}")
            spans.append((max(0, begin - self.overlap), min(most, begin + self.tile_size + self.overlap)))
        (top, bottom), (left, right) = spans
        level, options = self._slide.level_for(size, **self._options)
        return averaged(level, size, (top, left, bottom - top, right - left), threads=threads, **options)

    def descriptor(self, form: str) -> str:
        """Return the content of the .dzi file, for tiles of a format such as "jpeg"."""
        rows, columns = self.sizes[-1]
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<Image xmlns="http://schemas.microsoft.com/deepzoom/2008" Format="{form}" Overlap="{self.overlap}" '
            f'TileSize="{self.tile_size}"><Size Height="{rows}" Width="{columns}"/></Image>\n'
        )
