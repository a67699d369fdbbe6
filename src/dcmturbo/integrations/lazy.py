"""Images and levels as arrays of which slices are decoded when they are read."""

from __future__ import annotations

from typing import Any

import numpy as np

from dcmturbo.image import Image
from dcmturbo.slides import Level

__all__ = ["LazyFrames", "LazyMatrix", "refuse_planes"]


def refuse_planes(optical_path: int | str, focal_plane: int | float) -> None:
    """Raise an error if an image, which is no level of a slide, is asked for one of them."""
    if (optical_path, focal_plane) != (0, 0):
        raise TypeError("optical_path and focal_plane are for slides and their levels: open it with dt.slide")


class LazyFrames:
    """The frames of an image. The key is a slice of step 1 for each axis."""

    def __init__(self, image: Image, threads: int | None) -> None:
        self.image, self.threads = image, threads
        self.shape, self.dtype, self.ndim = image.shape, image.dtype, len(image.shape)

    def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
        if self.ndim > len(self.image.frame_shape):
            frames, rows, columns, *samples = key
        else:
            frames = slice(0, 1)
            rows, columns, *samples = key
        found = self.image.read(frames, region=(rows, columns), threads=self.threads)
        if self.ndim == len(self.image.frame_shape):
            found = found[0]
        return found[..., samples[0]] if samples else found


class LazyMatrix:
    """The pixels of a level. The key is a slice of step 1 for each axis. `plane` holds options of `Level.read`."""

    def __init__(self, level: Level, threads: int | None, plane: dict[str, Any] | None = None) -> None:
        self.level, self.threads, self.plane = level, threads, plane or {}
        self.shape, self.dtype, self.ndim = level.shape, level.dtype, len(level.shape)

    def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
        rows, columns, *samples = key
        found = self.level.read(region=(rows, columns), threads=self.threads, **self.plane)
        return found[..., samples[0]] if samples else found
