"""Work on each frame while it is in the cache, on the worker that has decoded it: ``apply=`` of `dcmturbo.decode`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from dcmturbo.configuration import resolve_threads
from dcmturbo.frames.arguments import check_apart, check_out, new_array
from dcmturbo.frames.frame_set import FrameSet
from dcmturbo.frames.read_options import ReadOptions
from dcmturbo.frames.status import check_status
from dcmturbo.frames.workers import map_on_workers
from dcmturbo.pictures.grey import Grey, Modality, plain_modality
from dcmturbo.pictures.header import Header
from dcmturbo.pictures.windows import Choice, Range, Window

__all__ = ["Apply", "Step", "decode_and_apply"]

Apply = str | Callable[[np.ndarray, np.ndarray], Any]

_NAMES = ("rescale", "window", "normalise")
_PIECE = 1 << 18  # samples that are worked on at a time: they stay in the second cache, and numpy is called rarely


class Step:
    """What is done to each frame of an object.

    Parameters
    ----------
    frames : FrameSet
        The object's frames.
    apply : str or callable
        "rescale", "window", "normalise", or a function of a decoded frame and of the array for its result.
    dtype : dtype-like, optional
        Of the result; float32 by default.
    """

    def __init__(self, frames: FrameSet, apply: Apply, dtype: Any = None) -> None:
        if not callable(apply) and apply not in _NAMES:
            raise ValueError(f"apply is {apply!r}; expected {', '.join(map(repr, _NAMES))} or a function")
        self.dtype: np.dtype[Any] = np.dtype(np.float32 if dtype is None else dtype)
        if not callable(apply) and self.dtype.kind != "f":
            raise ValueError(f"dtype is {self.dtype}, but {apply!r} gives fractions: expected float32 or float64")
        self._apply = apply
        self._grey: Grey | None = None
        self._frames = frames
        if apply in ("rescale", "window"):
            if len(frames.frame_shape) == 3:
                raise ValueError(f"{apply!r} is for grey levels, but the frames have {frames.frame_shape[2]} samples")
            opened = frames.opened
            self._grey = Grey(Header(opened), opened.bits_stored, frames.dtype, Choice())

    def __call__(self, frame: np.ndarray, out: np.ndarray, number: int) -> None:
        """Write the result of a decoded frame with this number."""
        if callable(self._apply):
            self._apply(frame, out)
        elif self._grey is None:
            _normalise(frame, out)
        elif self._apply == "rescale":
            modality = self._modality or self._grey.modality(number)
            if modality.table is not None:
                out[...] = modality.table.look_up(frame)
            else:
                _linear(frame, out, modality.slope, modality.intercept, clip=False)
        else:
            self._window(frame, out, number, self._grey)

    @cached_property
    def _modality(self) -> Modality | None:
        return plain_modality(self._frames.opened)

    @staticmethod
    def _window(frame: np.ndarray, out: np.ndarray, number: int, grey: Grey) -> None:
        modality, voi, _ = grey.stages(number, frame)
        gain, offset = 0.0, 0.0
        if isinstance(voi, Range) and voi.high > voi.low:
            gain, offset = 1.0 / (voi.high - voi.low), -voi.low / (voi.high - voi.low)
        elif isinstance(voi, Window) and voi.function == "LINEAR" and voi.width > 1:
            gain, offset = 1.0 / (voi.width - 1.0), 0.5 - (voi.center - 0.5) / (voi.width - 1.0)
        elif isinstance(voi, Window) and voi.function == "LINEAR_EXACT":
            gain, offset = 1.0 / voi.width, 0.5 - voi.center / voi.width
        if modality.table is not None or not gain:
            levels = voi.levels(modality.apply(frame))
            out[...] = 1.0 - levels if grey.inverted else levels
            return
        gain, offset = gain * modality.slope, gain * modality.intercept + offset
        if grey.inverted:
            gain, offset = -gain, 1.0 - offset
        _linear(frame, out, gain, offset, clip=True)


def _linear(frame: np.ndarray, out: np.ndarray, gain: float, offset: float, *, clip: bool) -> None:
    """Write ``frame * gain + offset`` in pieces that stay in the cache."""
    rows = max(1, _PIECE // max(1, frame[:1].size))
    for first in range(0, len(frame), rows):
        piece = out[first : first + rows]
        piece[...] = frame[first : first + rows]  # quicker than a multiplication that converts
        if gain != 1.0:
            piece *= out.dtype.type(gain)
        piece += out.dtype.type(offset)
        if clip:
            np.clip(piece, 0.0, 1.0, out=piece)


def _normalise(frame: np.ndarray, out: np.ndarray) -> None:
    mean, deviation = float(frame.mean(dtype=np.float64)), float(frame.std(dtype=np.float64))
    gain = 1.0 / deviation if deviation > 0 else 0.0
    _linear(frame.reshape(len(frame), -1), out.reshape(len(out), -1), gain, -mean * gain, clip=False)


def decode_and_apply(
    series: Sequence[FrameSet],
    jobs: Sequence[tuple[int, int]],
    options: ReadOptions,
    *,
    has_axis: bool,
    apply: Apply,
    dtype: Any,
) -> np.ndarray:
    """Decode frames and work on each of them while it is in the cache, on several workers.

    Parameters
    ----------
    series : sequence of FrameSet
        Objects whose frames have one shape and type.
    jobs : sequence of (int, int)
        Object and frame number of each frame of the result.
    options : ReadOptions
        Without a region, and without `reduce`.
    has_axis : bool
        Whether the result has a frame axis.
    apply, dtype
        As in `dcmturbo.decode`.
    """
    out, status = options.out, options.status
    steps = [Step(one, apply, dtype) for one in series]
    shape, frame_type = series[0].frame_shape, series[0].dtype
    whole = (len(jobs), *shape) if has_axis else shape
    check_status(status, len(jobs))
    if out is not None:
        check_out(out, whole, steps[0].dtype)
        for one in series:
            check_apart(out, one.opened.buffer)
    for one in series:
        one.check_room(1)
        one.warn_of_excess()
    target = new_array(whole, steps[0].dtype) if out is None else out
    results = target if has_axis else target[np.newaxis]
    local = threading.local()

    def work(position: int) -> None:
        which, number = jobs[position]
        scratch = getattr(local, "scratch", None)
        if scratch is None:
            scratch = local.scratch = np.empty(shape, frame_type)
        one = None if status is None else status[position : position + 1]
        series[which].read(
            number,
            ReadOptions(scratch, 1, options.on_error, options.fill_value, one),
        )
        steps[which](scratch, results[position], number)

    map_on_workers(work, range(len(jobs)), resolve_threads(options.threads))
    return target
