"""Return frames as a view of a private memory map of their file."""

from __future__ import annotations

import math
import mmap
import os
from typing import Any

import numpy as np

from dcmturbo import system
from dcmturbo.dataset.opened import OpenedSource

__all__ = ["map_frames"]


def map_frames(
    opened: OpenedSource, selected: np.ndarray, frame_shape: tuple[int, ...], dtype: np.dtype[Any], found: int
) -> np.ndarray | None:
    """Return frames whose decoded samples are the file's own bytes, with a frame axis.

    Parameters
    ----------
    opened : OpenedSource
        Native pixel data of a regular file.
    selected : numpy.ndarray
        Positions of the frames.
    frame_shape, dtype
        Of one frame.
    found : int
        Number of frames in the data.

    Returns
    -------
    numpy.ndarray or None
        None if the frames are not contiguous, not all there, or the file has changed since it was opened.
    """
    assert opened.path is not None
    first = int(selected[0])
    if len(selected) > 1 and (np.diff(selected) != 1).any():
        return None
    if first + len(selected) > found:
        return None
    frame_bytes = math.prod(frame_shape) * dtype.itemsize
    # The bytes after the pixel data do not belong to it, even if the last frame is cut short.
    if opened.index.ranges(first + len(selected) - 1)[-1][1] < frame_bytes:
        return None
    offset = opened.pixel_data_offset + first * frame_bytes
    size = frame_bytes * len(selected)
    start = offset - offset % mmap.ALLOCATIONGRANULARITY
    try:
        descriptor = system.open_file(opened.path, os.O_RDONLY)
        try:
            now = os.fstat(descriptor)
            if now.st_size < offset + size or (now.st_dev, now.st_ino) != opened.file_identity:
                return None  # shortened since it was opened, or another file: read the open one instead
            # Copy-on-write: the array is writeable, and the file does not change. The array owns the map.
            mapped = mmap.mmap(descriptor, offset - start + size, access=mmap.ACCESS_COPY, offset=start)
        finally:
            os.close(descriptor)
    except OSError:
        return None
    return np.ndarray((len(selected), *frame_shape), dtype, buffer=mapped, offset=offset - start)
