"""The frames of one open object: their number, their decoded form, and how to read them."""

from __future__ import annotations

import bisect
import math
import operator
import warnings
from collections.abc import Sequence
from typing import Any, Literal, NoReturn

import numpy as np

from dcmturbo import _core
from dcmturbo.configuration import config, resolve_threads
from dcmturbo.dataset.file_objects import raise_why
from dcmturbo.dataset.opened import OpenedSource
from dcmturbo.errors import DecodeError, DecodeWarning, LimitExceeded
from dcmturbo.formats.library import header_of_colours
from dcmturbo.frames.arguments import check_apart, check_fill_value, check_out, new_array
from dcmturbo.frames.batch import CoreStep, decode_batch
from dcmturbo.frames.memory_map import map_frames
from dcmturbo.frames.read_options import ReadOptions
from dcmturbo.frames.region import Window, check_reduce, window_of
from dcmturbo.frames.status import FrameStatus, check_on_error, check_status, conclude
from dcmturbo.frames.zero_tail import breaks_off
from dcmturbo.notes import NOTES, stack_level
from dcmturbo.wording import plural

__all__ = ["FrameSet", "Frames", "QuietFrameSet", "UnusedBits", "check_unused_bits"]

Frames = int | slice | Sequence[int] | np.ndarray | None
UnusedBits = Literal["correct", "keep"]

# Bytes that are kept per frame while a batch is decoded, and the number of frames from which this is checked.
_BYTES_A_FRAME = 64
_FEW_FRAMES = 1 << 20
_ALL_AS_USUAL = ReadOptions()
_FEW_PIXELS = 1 << 16  # larger results are checked against the available memory


def check_unused_bits(unused_bits: str) -> bool:
    """Return whether unused bits are kept; raise an error for other words."""
    if unused_bits == "correct":
        return False
    if unused_bits == "keep":
        return True
    raise ValueError(f"unused_bits is {unused_bits!r}; expected 'correct' or 'keep'")


def _part_of(frames: np.ndarray, window: Window, has_axis: bool) -> np.ndarray:
    top, left, height, width = window
    part = (slice(top, top + height), slice(left, left + width))
    return frames[(slice(None), *part)] if has_axis else frames[part]


class FrameSet:
    """The frames of one object, and their decoded form.

    Attributes
    ----------
    opened : OpenedSource
        Their source, and the attributes of the dataset. The caller closes it.
    raw, keep_unused_bits : bool
        As `dcmturbo.decode` takes ``raw`` and ``unused_bits``.
    format : Format
        Shape and type of each frame according to the dataset alone. Shape and type are right for every transfer syntax.
        The colour is right unless the codestream states another one.
    frame_shape : tuple of int
        (rows, columns) or (rows, columns, samples).
    dtype : numpy.dtype
        Type of a decoded sample, in native byte order.
    warned : set of str
        The warnings that have been issued; each is issued once.
    """

    def __init__(self, opened: OpenedSource, *, raw: bool = False, unused_bits: str = "correct") -> None:
        self.opened = opened
        self.raw = bool(raw)
        self.keep_unused_bits = check_unused_bits(unused_bits)
        self.warned: set[str] = set()
        form = self.format = self.settle(None)
        rows, columns, samples = form.rows, form.columns, form.samples_per_pixel
        self.frame_shape: tuple[int, ...] = (rows, columns) if samples == 1 else (rows, columns, samples)
        self.dtype: np.dtype[Any] = form.dtype
        self._formats = {0: form}
        self._format_of_first: _core.Format | None = None
        for text in opened.warnings:
            self.warn(text)
        self.warn_of_notes(form.notes)

    # ---- what they are ----------------------------------------------------------------------------

    @property
    def promised(self) -> int:
        """NumberOfFrames, or 1 if the dataset does not have it."""
        return self.opened.promised_frames or 1

    @property
    def found(self) -> int:
        """The number of frames in the data."""
        opened = self.opened
        try:
            return opened.index.frame_count
        except DecodeError as error:
            raise_why(opened.source, error)

    def __len__(self) -> int:
        """Return the number of frames: NumberOfFrames, or that of the data if it is larger; at least 1."""
        found, promised = self.found, self.promised
        return found if found > promised else promised

    def settle(self, header: _core.Header | None, reduce: int = 0) -> _core.Format:
        """Return the decoded form of a frame whose codestream has this header."""
        opened = self.opened
        return _core.frame_format(
            opened.syntax.uid,
            opened.attributes,
            header,
            raw=self.raw,
            keep_unused_bits=self.keep_unused_bits,
            reduce=reduce,
        )

    def stream(self, *, reduce: int = 0, window: Window | None = None, step: CoreStep | None = None) -> _core.Stream:
        """Return the frames for the core: their index, and how each is decoded (by default as a whole)."""
        opened = self.opened
        return _core.Stream(
            opened.index,
            opened.syntax.uid,
            opened.attributes,
            self.format_at(reduce),
            raw=self.raw,
            keep_unused_bits=self.keep_unused_bits,
            reduce=reduce,
            region=window,
            step=step,
        )

    def format_at(self, reduce: int) -> _core.Format:
        """Return `format` without `reduce` resolution levels."""
        if reduce not in self._formats:
            self._formats[reduce] = self.settle(None, reduce)
        return self._formats[reduce]

    @property
    def format_of_first_frame(self) -> _core.Format:
        """The decoded form of the first frame, including its codestream's header."""
        if self._format_of_first is None:
            self._format_of_first = self.settle(header_of_colours(self.encoded_frame(0)))
        return self._format_of_first

    @property
    def photometric_interpretation(self) -> str:
        """PhotometricInterpretation of the decoded frames."""
        form = self.format
        if self.opened.syntax.has_codestream_header and form.samples_per_pixel == 3:
            form = self.format_of_first_frame
        return str(form.photometric_interpretation) or self.opened.photometric_interpretation

    @property
    def is_plain(self) -> bool:
        """Whether decoded frames are the same bytes as those of the object."""
        opened = self.opened
        form = self.format
        return (
            opened.syntax.is_native
            and not opened.encapsulated
            and not opened.big_endian
            and opened.bits_allocated >= 8
            and form.significant_bits == 0
            and not form.converts_colour
            and (form.samples_per_pixel == 1 or opened.planar_configuration == 0)
            and opened.attributes.native_frame_bits == 8 * math.prod(self.frame_shape) * self.dtype.itemsize
        )

    # ---- reading ----------------------------------------------------------------------------------

    def read(
        self,
        frames: Frames = None,
        options: ReadOptions = _ALL_AS_USUAL,
    ) -> np.ndarray:
        """Decode frames; the parameters, the result and the errors are those of `dcmturbo.decode`."""
        out, status = options.out, options.status
        salvage = check_on_error(options.on_error)
        fill_value = check_fill_value(options.fill_value)
        reduce = check_reduce(options.reduce) if options.reduce else 0
        form = self.format_at(reduce)
        window = window_of(options.region, form.rows, form.columns)
        frame_shape = self.frame_shape
        if reduce or window is not None:
            rows, columns = (form.rows, form.columns) if window is None else window[2:]
            form = form.with_size(rows, columns)
            frame_shape = (rows, columns, *frame_shape[2:])
        selected, has_axis = self.select(frames, salvage=salvage)
        count = len(selected)
        shape = (count, *frame_shape)
        check_status(status, count)
        if out is not None:
            check_out(out, shape if has_axis else frame_shape, self.dtype)
            check_apart(out, self.opened.buffer)
        self.warn_of_excess()
        if out is not None:
            target = out if has_axis else out[np.newaxis]
        else:
            view = self._view(selected, has_axis) if not reduce else None
            if view is not None:
                if status is not None:
                    status[...] = FrameStatus.OK
                return view if window is None else _part_of(view, window, has_axis)
            self.check_room(count, form)
            target = new_array(shape, self.dtype)
        if not math.prod(frame_shape):  # an empty region
            if status is not None:
                status[...] = FrameStatus.OK
            return target if has_axis else target[0]
        failures = decode_batch(
            [self],
            None,
            selected,
            target,
            threads=resolve_threads(options.threads),
            salvage=salvage,
            fill_value=fill_value,
            status=status,
            reduce=reduce,
            windows=None if window is None else [window],
        )
        if failures:
            conclude(failures, salvage=salvage, count=count)
        if out is not None:
            return out
        return target if has_axis else target[0]

    def check_bytes(self) -> None:
        """Raise an error if a decoded sample is no byte."""
        if self.dtype != np.uint8:
            raise DecodeError(f"the frames have cells of {self.dtype}, expected 1 or 8 bits", code="mismatch")

    def _view(self, selected: np.ndarray, has_axis: bool) -> np.ndarray | None:
        """Return the frames as a view of a map of the file, if decoding would give the same bytes."""
        path = self.opened.path
        if path is None or not config.memory_map or not len(selected) or not self.is_plain:
            return None
        view = map_frames(self.opened, selected, self.frame_shape, self.dtype, self.found)
        if view is None:
            return None
        if breaks_off(view.__getitem__, len(view)):
            self.warn_of_notes(["zero_tail"])
        return view if has_axis else view[0]

    def encoded_frame(self, position: int) -> memoryview:
        """Return the bytes of a frame, without a copy if they are in memory in one piece."""
        opened = self.opened
        if opened.buffer is not None:
            ranges = opened.index.ranges(position)
            if len(ranges) == 1:
                offset, size = ranges[0]
                return opened.buffer[offset : offset + size]
        try:
            return memoryview(opened.index.read_frame(position))
        except DecodeError as error:
            raise_why(opened.source, error)

    def probe(self, position: int = 0) -> _core.Header:
        """Return the codestream header of a frame."""
        return _core.probe(self.encoded_frame(position))

    # ---- which of them ----------------------------------------------------------------------------

    def position(self, frame: Any) -> int:
        """Return the position of a frame, whose number may count from the end."""
        if isinstance(frame, (bool, np.bool_)):  # a mask is not a list of numbers
            raise TypeError("a frame number must be an int, not a bool")
        position = operator.index(frame)
        if 0 <= position < self.promised:
            return position
        count = len(self)
        if not -count <= position < count:
            raise IndexError(f"there is no frame {position}: the object has {plural(count, 'frame')}")
        return position + count if position < 0 else position

    def select(self, frames: Frames, *, salvage: bool) -> tuple[np.ndarray, bool]:
        """Return the frames' positions, and whether the result has a frame axis."""
        if frames is None or isinstance(frames, slice):
            found, promised = self.found, self.promised
            if frames is None and found == promised == 1:
                return np.zeros(1, np.uint64), False
            count = found if found > promised else promised
            span = range(count) if frames is None else range(count)[frames]
            self.check_span(span, salvage=salvage, found=found)
            # Signed, because a slice with a negative step can end at -1.
            selected = np.arange(span.start, span.stop, span.step, dtype=np.int64).astype(np.uint64)
            return selected, frames is not None or count != 1
        try:
            positions, has_axis = [self.position(frames)], False
        except TypeError:
            positions, has_axis = self._positions(frames), True
        # If not all frames are known, a missing one is reported when it is read.
        if not salvage and self.opened.index.is_settled:
            found = self.found
            for position in positions:
                if position >= found:
                    self._refuse_missing(position)
        return np.array(positions, dtype=np.uint64), has_axis

    def _positions(self, frames: Any) -> list[int]:
        try:
            if not isinstance(frames, (str, bytes)):
                return [self.position(frame) for frame in frames]
        except TypeError:
            pass
        raise TypeError("frames must be None, an int, a slice or a sequence of ints")

    def check_span(self, span: range, *, salvage: bool, found: int | None = None) -> None:
        """Raise an error for missing frames before memory for all of NumberOfFrames is allocated."""
        found = self.found if found is None else found
        if span and not salvage and max(span[0], span[-1]) >= found:
            self._refuse_missing(span[0] if span.step < 0 else span[bisect.bisect_left(span, found)])
        if len(span) > _FEW_FRAMES and len(span) * _BYTES_A_FRAME > config.limits.max_output:
            raise LimitExceeded(f"the slice selects {len(span)} frames, more than dt.config.limits.max_output allows")

    def check_room(self, count: int, form: _core.Format | None = None) -> None:
        """Raise an error before allocating more than the limits allow, or more than such an object can contain.

        `form` is what each result is: a whole frame by default.
        """
        form = self.format if form is None else form
        if count * form.rows * form.columns > _FEW_PIXELS:
            opened = self.opened
            distinct = min(count, opened.promised_frames or count)
            _core.check_limits(form, count)
            _core.check_held(opened.syntax.uid, form, distinct, opened.source.size)

    def _refuse_missing(self, frame: int) -> NoReturn:
        promised, found = self.opened.promised_frames, self.found
        message = (
            "the pixel data have no frame"
            if promised is None
            else f"NumberOfFrames is {promised}, but the pixel data have {found} frames"
        )
        raise DecodeError(message, code="missing_frame", frame=frame, source=self.opened.name)

    # ---- warnings ---------------------------------------------------------------------------------

    def warn(self, text: str) -> None:
        """Issue a warning the first time that it is given."""
        if text not in self.warned:
            self.warned.add(text)
            warnings.warn(DecodeWarning(text, source=self.opened.name), stacklevel=stack_level())

    def warn_of_notes(self, notes: list[str]) -> None:
        """Warn if codestreams contradict their dataset."""
        for note in notes:
            if note in NOTES and (note != "zero_tail" or self._breaks_off()):
                self.warn(NOTES[note])

    def warn_of_excess(self) -> None:
        """Warn if the data have other frames than the dataset says."""
        for text in self.opened.index.warnings:
            self.warn(text)

    def _breaks_off(self) -> bool:
        if self.opened.encapsulated or len(self) < 2:
            return True  # one frame shows it
        try:
            return breaks_off(self.encoded_frame, len(self))
        except DecodeError:  # the last frame is missing, which is reported elsewhere
            return False


class QuietFrameSet(FrameSet):
    """Frames whose warnings are kept in `messages` instead of being issued."""

    def __init__(self, opened: OpenedSource, *, raw: bool = False, unused_bits: str = "correct") -> None:
        self.messages: list[str] = []
        super().__init__(opened, raw=raw, unused_bits=unused_bits)

    def warn(self, text: str) -> None:
        """Keep a warning the first time that it is given."""
        if text not in self.messages:
            self.messages.append(text)
