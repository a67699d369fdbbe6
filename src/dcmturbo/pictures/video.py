"""Cine frames as an MP4 file: PyAV writes it (the extra ``video``)."""

from __future__ import annotations

import io
from collections.abc import Iterable
from fractions import Fraction

import numpy as np

from dcmturbo.errors import EncodeError

__all__ = ["encode_video"]

# The encoders of FFmpeg, best first, with their options. H.264 is what browsers and telephones play.
_ENCODERS: tuple[tuple[str, dict[str, str]], ...] = (
    ("libx264", {"crf": "16", "preset": "medium"}),
    ("libopenh264", {}),
    ("mpeg4", {"qscale": "2"}),
)
_MOST_SIDE = 16_384


def encode_video(pages: Iterable[np.ndarray], milliseconds: float) -> bytes:
    """Return pictures as an MP4 file.

    Parameters
    ----------
    pages : iterable of numpy.ndarray of uint8
        Shape (rows, columns) or (rows, columns, 3), the same for all. Where a side is odd, its last row or column is
        repeated, because H.264 halves the resolution of colours.
    milliseconds : float
        How long each page is shown.

    Raises
    ------
    EncodeError
        If the pictures differ in shape or are too large, or no encoder takes them.
    ImportError
        If PyAV is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise ImportError("MP4 files need PyAV: pip install 'dcmturbo[video]', or write a gif file") from error
    rate = Fraction(1000 / milliseconds).limit_denominator(1000)
    to = io.BytesIO()
    stream = None
    shape: tuple[int, ...] = ()
    with av.open(to, "w", format="mp4") as container:
        for page in pages:
            if stream is None:
                shape = page.shape
                if max(shape[:2]) > _MOST_SIDE:
                    raise EncodeError(f"a video has at most {_MOST_SIDE} rows and columns: use --size")
                name, options = _encoder(av)
                stream = container.add_stream(name, rate=rate, options=dict(options))
                stream.height, stream.width = shape[0] + shape[0] % 2, shape[1] + shape[1] % 2
                stream.pix_fmt = "yuv420p"
                stream.bit_rate = 8 * stream.height * stream.width  # for encoders without a constant quality
            if page.shape != shape:
                raise EncodeError(f"all pictures of a video have the same shape; found {page.shape} after {shape}")
            even = np.pad(page, [(0, shape[0] % 2), (0, shape[1] % 2), *[(0, 0)] * (page.ndim - 2)], mode="edge")
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), "gray" if page.ndim == 2 else "rgb24")
            container.mux(stream.encode(frame))
        if stream is not None:
            container.mux(stream.encode())
    return to.getvalue()


def _encoder(av: object) -> tuple[str, dict[str, str]]:
    for name, options in _ENCODERS:
        try:
            av.codec.Codec(name, "w")  # type: ignore[attr-defined]
        except Exception:  # PyAV's class of this error has changed its name
            continue
        return name, options
    raise EncodeError("this build of PyAV has no encoder for H.264 or MPEG-4: write a gif file")
