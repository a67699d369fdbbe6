"""Convert decoded values to pictures: palettes, windows and ranges."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from dcmturbo.dataset.sources import import_fsspec

__all__ = ["Rendering", "apply_palette", "read_header"]

Rescale = tuple[float, float]  # slope, intercept


@lru_cache(maxsize=1)
def read_header(path: str) -> Any:
    """Return a pydicom Dataset with everything before the pixel data."""
    import pydicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings of pydicom about other elements do not matter here
        if "://" not in path:
            return pydicom.dcmread(path, stop_before_pixels=True, force=True)
        with import_fsspec().open(path, mode="rb") as file:
            return pydicom.dcmread(file, stop_before_pixels=True, force=True)


def apply_palette(indices: np.ndarray, path: str) -> np.ndarray:
    """Return the colours of PALETTE COLOR indices (PS3.3, C.7.6.3.1.5): shape (..., 3), uint8 or uint16."""
    from pydicom.pixels import apply_color_lut

    colours: np.ndarray = apply_color_lut(indices, read_header(path))
    return colours


def _rescale_of(functional_groups: Any) -> Rescale | None:
    for group in functional_groups or ():
        for item in group.get("PixelValueTransformationSequence") or ():
            return _slope_and_intercept(item)
    return None


def _slope_and_intercept(item: Any) -> Rescale | None:
    slope, intercept = item.get("RescaleSlope"), item.get("RescaleIntercept")
    if slope is None and intercept is None:
        return None
    return (1.0 if slope is None else float(slope)), (0.0 if intercept is None else float(intercept))


def _rescales(path: str, numbers: Sequence[int]) -> list[Rescale]:
    """Return slope and intercept of each frame (PS3.3, C.11.1.1.2; C.7.6.16.2.9 in functional groups)."""
    header = read_header(path)
    if header.get("ModalityLUTSequence"):
        raise ValueError("the object has a Modality LUT, which dcmturbo does not apply: use --range with stored values")
    everywhere = _slope_and_intercept(header) or _rescale_of(header.get("SharedFunctionalGroupsSequence")) or (1.0, 0.0)
    each = header.get("PerFrameFunctionalGroupsSequence") or ()
    return [_rescale_of(each[number : number + 1]) or everywhere for number in numbers]


def _levels(values: np.ndarray, low: float, high: float, inverted: bool) -> np.ndarray:
    """Return 8-bit levels: `low` and less is black, `high` and more is white, and NaN is black."""
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = (values.astype(np.float64) - low) * 255.0 / (high - low) if high > low else np.zeros(values.shape)
        levels = np.rint(np.clip(np.nan_to_num(scaled, nan=0.0), 0.0, 255.0)).astype(np.uint8)
    return 255 - levels if inverted else levels


@dataclass
class Rendering:
    """How decoded values are converted to 8-bit levels.

    Attributes
    ----------
    path : str
        The file: a window needs its rescale attributes.
    window : (float, float), optional
        Center and width, in rescaled values.
    limits : (float, float), optional
        Values that become black and white. Without these and without a window, the extreme values.
    inverted : bool
        Whether low values are white.
    note : str
        A description of what `apply` did, for people.
    """

    path: str
    window: tuple[float, float] | None = None
    limits: tuple[float, float] | None = None
    inverted: bool = False
    note: str = field(default="", init=False)

    @classmethod
    def chosen(cls, arguments: argparse.Namespace, path: str, *, inverted: bool) -> Rendering | None:
        """Return the conversion that the options ask for; None if there is none."""
        if arguments.window:
            return cls(path, window=tuple(arguments.window), inverted=inverted)
        if arguments.range:
            return cls(path, limits=tuple(arguments.range), inverted=inverted)
        return cls(path, inverted=inverted) if arguments.auto_range else None

    def apply(self, array: np.ndarray, numbers: Sequence[int], has_axis: bool) -> np.ndarray:
        """Return 8-bit levels in the shape of `array`, whose frames have the given numbers."""
        if self.window is None:
            low, high = self.limits or _extremes(array)
            self.note = f"values from {low:g} to {high:g}" + (", inverted" if self.inverted else "")
            return self._table_or_values(array, low, high)
        center, width = self.window
        # PS3.3, C.11.2.1.2.1: the line from ymin to ymax is width - 1 wide, around center - 0.5. At width 1 it is a
        # step, which a line of a millionth of a value approximates well enough.
        half = max(width - 1, 1e-6) / 2
        self.note = f"window {center:g} {width:g}" + (", inverted" if self.inverted else "")
        frames = array if has_axis else array[np.newaxis]
        levels = np.empty(frames.shape, np.uint8)
        for frame, to, (slope, intercept) in zip(frames, levels, _rescales(self.path, numbers), strict=True):
            if slope == 0:
                raise ValueError("RescaleSlope is 0, so there are no rescaled values: use --range with stored values")
            ends = sorted((center - 0.5 + side * half - intercept) / slope for side in (-1, 1))
            inverted = self.inverted != (slope < 0)
            to[...] = self._table_or_values(frame, ends[0], ends[1], inverted)
        return levels if has_axis else levels[0]

    def _table_or_values(self, array: np.ndarray, low: float, high: float, inverted: bool | None = None) -> np.ndarray:
        turned = self.inverted if inverted is None else inverted
        if array.dtype.kind not in "iu" or array.dtype.itemsize > 2 or array.size < 1 << 16:
            return _levels(array, low, high, turned)
        cells = array.view(f"u{array.dtype.itemsize}")
        every = np.arange(1 << 8 * array.dtype.itemsize).astype(cells.dtype).view(array.dtype)
        return np.take(_levels(every, low, high, turned), cells)


def _extremes(array: np.ndarray) -> tuple[float, float]:
    values = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
