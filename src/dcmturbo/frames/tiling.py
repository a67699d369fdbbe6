"""Frames that are tiles of a total pixel matrix (PS3.3, C.7.6.17.3)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dcmturbo.frames.region import Window

__all__ = ["FullTiling", "are_on_one_grid", "touching"]


class FullTiling(NamedTuple):
    """The order of the frames of a TILED_FULL object: columns vary fastest, then rows, then whole matrices.

    Attributes
    ----------
    high, wide : int
        How many tiles cover a matrix.
    tile : tuple of int
        Rows and columns of a tile.
    """

    high: int
    wide: int
    tile: tuple[int, int]

    @classmethod
    def of(cls, rows: int, columns: int, tile: tuple[int, int]) -> FullTiling:
        """Return the tiles that cover a matrix."""
        return cls(-(-rows // tile[0]), -(-columns // tile[1]), tile)

    @property
    def tiles(self) -> int:
        """How many tiles cover a matrix."""
        return self.high * self.wide

    def places(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return which matrix each frame is of, and the row and the column of its first pixel, counted from 0."""
        which, place = np.divmod(numbers, self.tiles)
        row, column = np.divmod(place, self.wide)
        return which, row * self.tile[0], column * self.tile[1]


def touching(rows: np.ndarray, columns: np.ndarray, tile: tuple[int, int], window: Window) -> np.ndarray:
    """Return which tiles have pixels in a window, by the row and the column of their first pixels."""
    top, left, height, width = window
    below, right = rows + tile[0] > top, columns + tile[1] > left
    return below & (rows < top + height) & right & (columns < left + width)


def are_on_one_grid(rows: np.ndarray, columns: np.ndarray, tile: tuple[int, int]) -> bool:
    """Whether two tiles are either in one place or share no pixels, because all are whole tiles away from another."""
    return all(
        bool((places % size == places[:1] % size).all()) for places, size in zip((rows, columns), tile, strict=True)
    )
