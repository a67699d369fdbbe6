"""The size of a picture: square pixels from pixel spacing, and thumbnails (PS3.3, C.7.6.3.1.7, 10.7.1)."""

from __future__ import annotations

from typing import Any

import numpy as np

from dcmturbo.errors import Error
from dcmturbo.pictures.header import Header, numbers_of

__all__ = ["picture_size", "pixel_ratio", "resized"]

_LARGEST_RATIO = 100.0  # of the sides of a pixel: beyond it, the attribute is wrong
_NEARLY_SQUARE = 1e-3
_MOST_PIXELS = 1 << 28


def pixel_ratio(header: Header, frame: int) -> float:
    """Return the height of a pixel divided by its width; 1 if the object does not say it."""
    for place in header.groups("PixelMeasuresSequence", frame):
        spacing = numbers_of(place, "PixelSpacing")
        if len(spacing) == 2 and min(spacing) > 0:
            return _sane(spacing[0] / spacing[1])
    for keyword in ("ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio"):
        spacing = numbers_of(header.dataset, keyword)
        if len(spacing) == 2 and min(spacing) > 0:
            return _sane(spacing[0] / spacing[1])
    return 1.0


def _sane(ratio: float) -> float:
    within = 1 / _LARGEST_RATIO <= ratio <= _LARGEST_RATIO
    return ratio if within and abs(ratio - 1) > _NEARLY_SQUARE else 1.0


def picture_size(rows: int, columns: int, ratio: float, size: int | None) -> tuple[int, int]:
    """Return rows and columns of a picture.

    Parameters
    ----------
    rows, columns : int
        Of the frame.
    ratio : float
        Height of a pixel divided by its width. The shorter side of a pixel is enlarged.
    size : int, optional
        The most rows and columns. Smaller pictures are not enlarged.
    """
    height, width = float(rows) * max(ratio, 1.0), float(columns) / min(ratio, 1.0)
    if size is not None and max(height, width) > size:
        factor = size / max(height, width)
        height, width = height * factor, width * factor
    return max(1, round(height)), max(1, round(width))


def resized(picture: np.ndarray, rows: int, columns: int, *, labels: bool = False) -> np.ndarray:
    """Return a picture in another size; it is averaged where it shrinks.

    Parameters
    ----------
    picture : numpy.ndarray of uint8
        Shape (rows, columns) or (rows, columns, 3).
    rows, columns : int
        Of the result.
    labels : bool
        Whether colours must not be mixed.
    """
    if picture.shape[:2] == (rows, columns):
        return picture
    if rows * columns > _MOST_PIXELS:
        raise Error(
            f"the picture would have {rows} x {columns} pixels, because the pixels are not square: "
            "use --no-aspect, or --size"
        )
    from PIL import Image

    way: Any = Image.Resampling.NEAREST if labels else Image.Resampling.BILINEAR
    scaled: np.ndarray = np.asarray(Image.fromarray(np.ascontiguousarray(picture)).resize((columns, rows), way))
    return scaled
