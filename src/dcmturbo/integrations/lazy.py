"""Images and levels as arrays of which slices are decoded when they are read."""

from __future__ import annotations

import numpy as np

from dcmturbo.image import Image
from dcmturbo.slides import Level

__all__ = ["LazyFrames", "LazyMatrix"]


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
    """The pixels of a level. The key is a slice of step 1 for each axis."""

    def __init__(self, level: Level, threads: int | None) -> None:
        self.level, self.threads = level, threads
        self.shape, self.dtype, self.ndim = level.shape, level.dtype, len(level.shape)

    def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
        rows, columns, *samples = key
        found = self.level.read(region=(rows, columns), threads=self.threads)
        return found[..., samples[0]] if samples else found
