"""Pictures that show what will be blanked."""

from __future__ import annotations

import io
from collections.abc import Iterable

import numpy as np

from dcmturbo.deidentification.boxes import Box
from dcmturbo.pictures.files import encode_picture
from dcmturbo.pictures.rendering import render

__all__ = ["preview_of"]

_MARK = (255, 0, 0)


def preview(data: bytes, boxes: Iterable[Box]) -> np.ndarray:
    """Return the first frame of an object as a picture, with the boxes in red.

    Returns
    -------
    ndarray
        uint8, rows x columns x 3.
    """
    picture = np.asarray(render(io.BytesIO(data), aspect=False))
    if picture.ndim == 2:
        picture = np.repeat(picture[:, :, np.newaxis], 3, axis=2)
    picture = picture[:, :, :3].copy()
    for box in boxes:
        part = picture[box.top : box.top + box.height, box.left : box.left + box.width]
        # The image stays visible below the colour, so that one sees what goes.
        part[...] = (part.astype(np.uint16) + np.array(_MARK, np.uint16) * 2) // 3
    return picture


def preview_of(data: bytes, boxes: Iterable[Box]) -> bytes:
    """Return such a picture as a PNG file."""
    return encode_picture([preview(data, boxes)], "png")
