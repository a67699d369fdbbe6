"""Smaller copies of a level, averaged over areas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from dcmturbo.frames.region import Window

__all__ = ["averaged"]

_MOST_PIXELS = 1 << 24  # that are read at a time


class Matrix(Protocol):
    """What is needed of a level."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def read(self) -> Callable[..., np.ndarray]: ...


def averaged(level: Matrix, size: tuple[int, int], window: Window | None = None, **options: Any) -> np.ndarray:
    """Return a window of a level that is averaged to `size` rows and columns, which are not more than it has.

    Pixel i of n along an axis is the mean of the pixels i * whole // n up to (i + 1) * whole // n of the level. So
    windows of the same size fit together. The options are those of the level's ``read``.
    """
    whole = level.shape[:2]
    top, left, height, width = window or (0, 0, *size)
    if whole == size:
        return level.read(region=(top, left, height, width), **options)
    rows, columns = (
        np.arange(begin, begin + count + 1, dtype=np.int64) * most // part
        for begin, count, most, part in zip((top, left), (height, width), whole, size, strict=True)
    )
    result = np.empty((height, width, *level.shape[2:]), level.dtype)
    at_a_time = max(1, _MOST_PIXELS // max(1, int(columns[-1] - columns[0])))
    first = 0
    while first < height:
        end = max(first + 1, int(np.searchsorted(rows, rows[first] + at_a_time, "right")) - 1)
        begin = int(rows[first])
        strip = level.read(
            region=(begin, int(columns[0]), int(rows[end]) - begin, int(columns[-1] - columns[0])), **options
        )
        sums = np.add.reduceat(strip, rows[first:end] - begin, axis=0, dtype=np.float64)
        sums = np.add.reduceat(sums, columns[:-1] - columns[0], axis=1)
        areas = np.multiply.outer(np.diff(rows[first : end + 1]), np.diff(columns))
        means = sums / (areas if sums.ndim == 2 else areas[..., None])
        result[first:end] = np.rint(means) if result.dtype.kind in "iu" else means
        first = end
    return result
