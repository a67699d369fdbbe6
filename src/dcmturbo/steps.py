"""Work on each frame while it is in the cache, on the worker that has decoded it: ``apply=`` of `dcmturbo.decode`."""

from __future__ import annotations

import inspect
import math
import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from dcmturbo.configuration import resolve_threads
from dcmturbo.errors import Error, add_note_once
from dcmturbo.frames.arguments import check_apart, check_fill_value, check_out, new_array
from dcmturbo.frames.batch import CoreStep, decode_batch
from dcmturbo.frames.compiled_function import FrameFunction, frame_function
from dcmturbo.frames.frame_set import FrameSet
from dcmturbo.frames.read_options import ReadOptions
from dcmturbo.frames.status import check_on_error, check_status, conclude, note_sources
from dcmturbo.frames.workers import map_on_workers
from dcmturbo.pictures.grey import Grey, Modality, plain_modality
from dcmturbo.pictures.header import Header
from dcmturbo.pictures.windows import Choice, Range, Window

__all__ = ["Apply", "Step", "decode_and_apply"]

Apply = str | FrameFunction | Callable[[np.ndarray, np.ndarray], Any]

_NAMES = ("rescale", "window", "normalise")
_FRACTIONS = (np.dtype(np.float32), np.dtype(np.float64))
_SPELLINGS = {"normalize": "normalise"}
_PIECE = 1 << 18  # samples that are worked on at a time: they stay in the second cache, and numpy is called rarely


class Step:
    """What is done to each frame of an object.

    Parameters
    ----------
    frames : FrameSet
        The object's frames.
    apply : str, callable or None
        "rescale", "window", "normalise", or a function of a decoded frame and of the array for its result, which may be
        compiled (`FrameFunction`). None converts the values to `dtype`.
    dtype : dtype-like, optional
        Of the result, which has native byte order; float32 by default.
    """

    def __init__(self, frames: FrameSet, apply: Apply | None, dtype: Any = None) -> None:
        if isinstance(apply, str):
            apply = _SPELLINGS.get(apply, apply)
        self.compiled = None if apply is None else frame_function(apply)
        if apply is not None and not callable(apply) and apply not in _NAMES:
            wrapped = (
                ": give a compiled function as dcmturbo.nogil.FrameFunction(function, samples, result)"
                if type(apply).__name__ == "PyCapsule" or isinstance(apply, int)
                else ""
            )
            raise ValueError(f"apply is {apply!r}; expected {', '.join(map(repr, _NAMES))} or a function{wrapped}")
        default = np.dtype(np.float32) if self.compiled is None else self.compiled.result
        self.dtype: np.dtype[Any] = default if dtype is None else np.dtype(dtype).newbyteorder("=")
        if apply is None:
            if self.dtype not in _FRACTIONS and not np.can_cast(frames.dtype, self.dtype):
                raise ValueError(f"dtype is {self.dtype}, which does not have all values of {frames.dtype} frames")
        elif not callable(apply) and self.dtype not in _FRACTIONS:
            raise ValueError(f"dtype is {self.dtype}, but {apply!r} gives fractions: expected float32 or float64")
        if callable(apply) and self.compiled is None:
            _check_arguments(apply)
        if self.compiled is not None:
            if self.dtype != self.compiled.result:
                raise ValueError(f"dtype is {self.dtype}, but the function gives {self.compiled.result}")
            if frames.dtype != self.compiled.samples:
                raise ValueError(f"the function takes {self.compiled.samples}, but the frames have {frames.dtype}")
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
        if self.compiled is not None:
            self.compiled(frame, out)
        elif callable(self._apply):
            self._apply(frame, out)
        elif self._apply is None:
            out[...] = frame
        elif self._grey is None:
            _normalise(frame, out)
        elif self._apply == "rescale":
            modality = self._modality(self._grey, number)
            if modality.table is not None:
                out[...] = modality.table.look_up(frame)
            else:
                _linear(frame, out, modality.slope, modality.intercept, clip=False)
        else:
            modality, voi, _ = self._grey.stages(number, frame)
            line = self._window(modality, voi)
            if line is None:
                levels = voi.levels(modality.apply(frame))
                out[...] = 1.0 - levels if self._grey.inverted else levels
            else:
                _linear(frame, out, *line, clip=True)

    @cached_property
    def _plain_modality(self) -> Modality | None:
        # A window needs the whole header anyhow.
        return plain_modality(self._frames.opened) if self._apply == "rescale" else None

    def _modality(self, grey: Grey, number: int) -> Modality:
        return self._plain_modality or grey.modality(number)

    def in_core(self, number: int) -> CoreStep | None:
        """Return what the core has to do to the frame with this number; None if it cannot."""
        if self.compiled is not None:
            return "function", self.compiled.address, self.dtype.str[1:]
        if callable(self._apply):
            return None
        if self._apply is None:
            return (1.0, 0.0, False) if self.dtype in _FRACTIONS else None
        if self._grey is None:
            return "normalise"
        modality = self._modality(self._grey, number)
        if modality.table is not None:
            return None
        if self._apply == "rescale":
            return modality.slope, modality.intercept, False
        line = self._window(modality, self._grey.voi(number, modality)[0])
        return None if line is None else (*line, True)

    def _window(self, modality: Modality, voi: Any) -> tuple[float, float] | None:
        """Return the gain and the offset of stored values; None if the window is no linear function of them."""
        gain, offset = 0.0, 0.0
        if isinstance(voi, Range) and voi.high > voi.low:
            gain, offset = 1.0 / (voi.high - voi.low), -voi.low / (voi.high - voi.low)
        elif isinstance(voi, Window) and voi.function == "LINEAR" and voi.width > 1:
            gain, offset = 1.0 / (voi.width - 1.0), 0.5 - (voi.center - 0.5) / (voi.width - 1.0)
        elif isinstance(voi, Window) and voi.function == "LINEAR_EXACT":
            gain, offset = 1.0 / voi.width, 0.5 - voi.center / voi.width
        if modality.table is not None or not gain:
            return None
        gain, offset = gain * modality.slope, gain * modality.intercept + offset
        if self._grey is not None and self._grey.inverted:
            gain, offset = -gain, 1.0 - offset
        return gain, offset


def _check_arguments(function: Callable[..., Any]) -> None:
    """Raise a TypeError if a function does not take a frame and the array for its result."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a function of C says nothing of its arguments
        return
    try:
        signature.bind(None, None)
    except TypeError:
        raise TypeError(
            f"apply is called with a decoded frame and the array for its result, but it takes {signature}"
        ) from None


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
    apply: Apply | None,
    dtype: Any,
    notes: Sequence[str] | None = None,
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
    notes : sequence of str, optional
        What errors call the objects.
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
    batch = _core_batch(series, steps, jobs, results)
    if batch is not None:
        salvage = check_on_error(options.on_error)
        sets, kinds, set_of, numbers = batch
        failures = decode_batch(
            [series[which] for which in sets],
            set_of,
            numbers,
            results,
            threads=resolve_threads(options.threads),
            salvage=salvage,
            fill_value=check_fill_value(options.fill_value),
            status=status,
            steps=kinds,
        )
        if notes is not None:
            note_sources(failures, lambda k: notes[jobs[k][0]])
        conclude(failures, salvage=salvage, count=len(jobs))
        return target
    local = threading.local()

    def work(position: int) -> None:
        which, number = jobs[position]
        scratch = getattr(local, "scratch", None)
        if scratch is None:
            scratch = local.scratch = np.empty(shape, frame_type)
        one = None if status is None else status[position : position + 1]
        try:
            series[which].read(number, ReadOptions(scratch, 1, options.on_error, options.fill_value, one))
        except (Error, OSError) as error:
            if notes is not None and getattr(error, "source", None) is None:
                add_note_once(error, notes[which])
            raise
        steps[which](scratch, results[position], number)

    map_on_workers(work, range(len(jobs)), resolve_threads(options.threads))
    return target


def _core_batch(
    series: Sequence[FrameSet], steps: Sequence[Step], jobs: Sequence[tuple[int, int]], results: np.ndarray
) -> tuple[list[int], list[CoreStep], np.ndarray, np.ndarray] | None:
    """Return the batch that decodes and does all of the work in the core; None if the core cannot.

    Its sets are objects and what is done to some of their frames: the object of each set, and its step. Then come the
    set and the frame of each job.
    """
    frame_type = series[0].dtype
    is_compiled = steps[0].compiled is not None
    if not jobs or (not is_compiled and (frame_type.kind not in "iu" or frame_type.itemsize > 4)):
        return None
    if is_compiled and not results[0].flags.c_contiguous:
        raise ValueError("out has gaps between its samples, but a compiled function needs contiguous frames")
    samples = results.shape[3] if results.ndim == 4 else 1
    cell = results.itemsize
    has_plain_rows = results.strides[2] == cell * samples and results.strides[-1] == cell
    if not has_plain_rows or not math.prod(results.shape):
        return None
    sets: dict[tuple[int, CoreStep], int] = {}
    set_of = np.empty(len(jobs), np.uint32)
    for position, (which, number) in enumerate(jobs):
        step = steps[which].in_core(number)
        if step is None:
            return None
        set_of[position] = sets.setdefault((which, step), len(sets))
    numbers = np.array([number for _, number in jobs], np.uint64)
    return [which for which, _ in sets], [step for _, step in sets], set_of, numbers
