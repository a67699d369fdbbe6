"""Overlay planes (PS3.3, C.9.2): graphics that lie over the pixels of an object."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from dcmturbo.pictures.header import Header, number_of, numbers_of

__all__ = ["draw_overlays", "overlay_planes"]


def overlay_planes(
    header: Header, frame: int, cells: Callable[[], np.ndarray]
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Iterate over top row, left column and bits of the planes of a frame."""
    dataset: Any = header.whole()
    for group in range(0x6000, 0x6020, 2):
        if (group, 0x0010) not in dataset:
            continue

        def number(element: int, default: float, group: int = group) -> int:
            found = number_of(_Element(dataset, group, element), "value")
            return int(default if found is None else found)

        first, count = number(0x0051, 1), number(0x0015, 1)
        which = frame - (first - 1)
        if (group, 0x0015) in dataset and not 0 <= which < count:
            continue
        origin = numbers_of(_Element(dataset, group, 0x0050), "value")
        top, left = (int(origin[0]) - 1, int(origin[1]) - 1) if len(origin) == 2 else (0, 0)
        if (group, 0x3000) in dataset:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    plane = dataset.overlay_array(group)
                except Exception:  # pydicom raises errors of many types for damaged overlays
                    continue
            if plane.ndim == 3:
                plane = plane[which if 0 <= which < len(plane) else 0]
        else:
            # Retired: the overlay is one of the unused bits of the pixels' cells.
            position = number(0x0102, 0)
            kept = cells()
            if not 0 < position < 8 * kept.dtype.itemsize or kept.ndim != 2:
                continue
            plane = (kept.view(f"u{kept.dtype.itemsize}") >> position) & 1
        yield top, left, plane != 0


class _Element:
    """A holder of one element's value, for the forgiving readers of numbers."""

    def __init__(self, dataset: Any, group: int, element: int) -> None:
        self._dataset, self._tag = dataset, (group, element)

    def get(self, _keyword: str) -> Any:
        return self._dataset[self._tag].value if self._tag in self._dataset else None


def draw_overlays(picture: np.ndarray, header: Header, frame: int, cells: Callable[[], np.ndarray]) -> np.ndarray:
    """Return a picture with the overlays of a frame in white.

    Parameters
    ----------
    picture : numpy.ndarray of uint8
        The frame, one pixel for each of its pixels: (rows, columns) or (rows, columns, 3).
    header : Header
        The object's attributes.
    frame : int
        Its number in the object.
    cells : callable
        Returns the frame with its unused bits, in which retired objects keep overlays.
    """
    drawn = picture
    rows, columns = picture.shape[:2]
    for top, left, plane in overlay_planes(header, frame, cells):
        row, column = max(top, 0), max(left, 0)
        end_row, end_column = min(top + plane.shape[0], rows), min(left + plane.shape[1], columns)
        if row >= end_row or column >= end_column:
            continue
        if drawn is picture:
            drawn = picture.copy()
        part = plane[row - top : end_row - top, column - left : end_column - left]
        drawn[row:end_row, column:end_column][part] = 255
    return drawn
