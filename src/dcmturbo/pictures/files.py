"""Pictures as PNG, JPEG, TIFF and GIF files, which Pillow writes, and as MP4 files, which PyAV writes."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from dcmturbo.errors import EncodeError
from dcmturbo.pictures.header import Header, number_of
from dcmturbo.pictures.video import encode_video

__all__ = ["FORMATS", "encode_picture", "milliseconds_of"]

# By format: Pillow's name, and whether a file can have several pages.
FORMATS = {
    "png": ("PNG", False),
    "jpeg": ("JPEG", False),
    "tiff": ("TIFF", True),
    "gif": ("GIF", True),
    "mp4": ("MP4", True),
}

_JPEG_QUALITY = 92
# The most rows and columns. JPEG and GIF have 16 bits for them; the library that writes JPEG takes a little less.
_MOST_SIDE = {"jpeg": 65_500, "gif": 65_535}
_MILLISECONDS = 100


def encode_picture(
    pages: Iterator[np.ndarray] | Sequence[np.ndarray],
    form: str,
    *,
    quality: int | None = None,
    icc: bytes | None = None,
    milliseconds: float = _MILLISECONDS,
) -> bytes:
    """Return a picture file.

    Parameters
    ----------
    pages : iterable of numpy.ndarray of uint8
        The pictures: one, or several for TIFF, GIF and MP4; shape (rows, columns) or (rows, columns, 3).
    form : str
        A key of `FORMATS`.
    quality : int, optional
        Of JPEG, 1 to 100 (default: 92, without chroma subsampling).
    icc : bytes, optional
        The ICC profile of the colours.
    milliseconds : float
        How long a GIF or MP4 shows each page.

    Raises
    ------
    EncodeError
        If the format cannot hold the pictures.
    ImportError
        If the package that writes the format is not installed.
    """
    if form == "mp4":
        return encode_video(pages, milliseconds)
    from PIL import Image

    images = (Image.fromarray(np.ascontiguousarray(page)) for page in pages)
    first = next(images)
    name, several = FORMATS[form]
    options: dict[str, Any] = {"icc_profile": icc} if icc and form != "gif" else {}
    if max(first.size) > _MOST_SIDE.get(form, max(first.size)):
        raise EncodeError(f"a {name} file has at most {_MOST_SIDE[form]} rows and columns: use PNG or TIFF, or --size")
    if form == "jpeg":
        options |= {"quality": quality or _JPEG_QUALITY, "subsampling": 0}
    elif form == "tiff":
        options |= {"compression": "tiff_adobe_deflate"}
    elif form == "gif":
        options |= {"duration": max(20, round(milliseconds)), "loop": 0}
    if several:
        options |= {"save_all": True, "append_images": images}
    to = io.BytesIO()
    first.save(to, name, **options)
    return to.getvalue()


def milliseconds_of(header: Header) -> float:
    """Return how long a frame of a cine is shown (PS3.3, C.7.6.5): FrameTime, or one of the rates."""
    time = number_of(header.dataset, "FrameTime")
    if time is not None and 1 <= time <= 10_000:  # less is not milliseconds
        return time
    for keyword in ("RecommendedDisplayFrameRate", "CineRate"):
        rate = number_of(header.dataset, keyword)
        if rate is not None and 0.1 <= rate <= 1000:
            return 1000.0 / rate
    return float(_MILLISECONDS)
