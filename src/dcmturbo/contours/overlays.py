"""Overlay planes (PS3.3, C.9.2) as masks: from their own element, or from unused bits of the pixels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from dcmturbo.dataset.sources import naming, open_source
from dcmturbo.frames.frame_set import FrameSet
from dcmturbo.pictures.header import Header
from dcmturbo.pictures.overlays import overlay_planes

__all__ = ["Overlay", "read_overlays"]


class Overlay(NamedTuple):
    """A plane of graphics over a frame.

    Attributes
    ----------
    top, left : int
        The row and column of the frame at which the plane begins, counted from 0; they may be negative.
    mask : numpy.ndarray of uint8
        (rows, columns), 1 where the overlay is drawn.
    """

    top: int
    left: int
    mask: np.ndarray


def read_overlays(source: Any, frame: int = 0) -> list[Overlay]:
    """Return the overlays of a frame, in the order of their groups (6000 to 601E).

    Parameters
    ----------
    source : path, bytes-like, binary file object, fsspec URL or pydicom Dataset
        The image.
    frame : int
        The frame, counted from 0.

    Raises
    ------
    NotDicom, NoPixelData, DecodeError, OSError
        As `dcmturbo.decode`.
    """
    opened = open_source(source)
    try:
        with naming(source):
            frames = FrameSet(opened, raw=True, unused_bits="keep")
            planes = overlay_planes(Header(opened), frames.position(frame), lambda: frames.read(frame))
            return [Overlay(top, left, plane.astype(np.uint8)) for top, left, plane in planes]
    finally:
        opened.close()
