"""`open` and `Image`: a DICOM object of which only headers and the frame index are in memory."""

from __future__ import annotations

import bisect
import math
import mmap
import operator
import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, NoReturn

import numpy as np

from dcmturbo import _core
from dcmturbo.configuration import config, resolve_threads
from dcmturbo.dataset.file_objects import raise_why
from dcmturbo.dataset.sources import OpenedSource, Origin, open_source
from dcmturbo.errors import DecodeError, DecodeWarning, LimitExceeded
from dcmturbo.formats.library import header_of_colours
from dcmturbo.frames.arguments import check_apart, check_fill_value, check_out, new_array
from dcmturbo.frames.batch import FrameSet, decode_batch, encoded_frame
from dcmturbo.frames.status import FrameStatus, OnError, check_on_error, check_status, conclude
from dcmturbo.frames.zero_tail import breaks_off
from dcmturbo.notes import NOTES, stack_level

__all__ = ["Image", "open"]

Frames = int | slice | Sequence[int] | np.ndarray | None
UnusedBits = Literal["correct", "keep"]

# What is kept for a frame while a batch is decoded, in bytes, and from how many frames on it is worth a check.
_BYTES_A_FRAME = 64
_FEW_FRAMES = 1 << 20
_FEW_PIXELS = 1 << 16  # from here on it is worth a check whether there is room for the result


def open(source: Any, *, raw: bool = False, unused_bits: UnusedBits = "correct") -> Image:
    """Open a DICOM object: headers and frame index only (PS3.5, A.4; PS3.3, C.7.6.3.1.8), whatever its size.

    Parameters
    ----------
    source : path, bytes-like, binary file object, fsspec URL or OpenFile, pydicom Dataset
        Where the object is.
    raw : bool
        As in `dcmturbo.decode`.
    unused_bits : {"correct", "keep"}
        As in `dcmturbo.decode`.

    Returns
    -------
    Image
        A context manager.

    Raises
    ------
    NotDicom, NoPixelData, UnsupportedTransferSyntax, DecodeError, OSError
        As their names say.

    Examples
    --------
    >>> with dt.open("ct.dcm") as image:                                # doctest: +SKIP
    ...     first = image[0]
    """
    opened = open_source(source)
    try:
        return Image(opened, raw=raw, unused_bits=unused_bits)
    except BaseException:
        opened.close()
        raise


class Image:
    """A DICOM object whose frames can be decoded. Made by `open`; not by its constructor.

    Frames are independent: any can be read first, from any thread, and reading one never reads the others.
    """

    def __init__(self, opened: OpenedSource, *, raw: bool, unused_bits: str) -> None:
        if unused_bits not in ("correct", "keep"):
            raise ValueError(f"unused_bits is {unused_bits!r}; it is 'correct' or 'keep'")
        self._opened: OpenedSource | None = opened
        self._raw = bool(raw)
        self._keep = unused_bits == "keep"
        # By the dataset alone: right for the shape and the type of every syntax, and for the colour of
        # those whose codestream says nothing of it.
        self._format = _core.frame_format(
            opened.syntax.uid,
            opened.attributes,
            None,
            raw=self._raw,
            keep_unused_bits=self._keep,
        )
        self._pixels = self._format.rows * self._format.columns
        self._first_header_format: _core.Format | None = None
        self._warned: set[str] = set()
        for text in opened.warnings:
            self._warn(text)
        self._warn_of_notes(self._format.notes)

    # ---- what it is -------------------------------------------------------------------------------

    @property
    def _open(self) -> OpenedSource:
        if self._opened is None:
            raise ValueError("the image is closed")
        return self._opened

    @property
    def frame_set(self) -> FrameSet:
        """What batches of frames, transcoding and the command line need of this image; may change without notice."""
        return FrameSet(self._open, self._format, self._raw, self._keep, self._warn_of_notes)

    def __len__(self) -> int:
        """Return the number of frames: NumberOfFrames, or what the data hold if that is more; at least 1.

        Of a remote object without an offset table, the first call reads the headers of all frames.
        """
        found, promised = self._found(), self._open.promised_frames or 1
        return found if found > promised else promised

    def _found(self) -> int:
        """Return the number of frames that the data hold."""
        opened = self._open
        try:
            return opened.index.frame_count
        except DecodeError as error:
            raise_why(opened.source, error)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all frames decoded: (rows, columns) or (rows, columns, samples), after the number of frames
        unless that is 1.
        """  # noqa: D205
        count = len(self)
        return self.frame_shape if count == 1 else (count, *self.frame_shape)

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Shape of one frame: (rows, columns) or (rows, columns, samples)."""
        form = self._format
        return (
            (form.rows, form.columns)
            if form.samples_per_pixel == 1
            else (form.rows, form.columns, form.samples_per_pixel)
        )

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a decoded sample, in native byte order."""
        dtype: np.dtype[Any] = self._format.dtype
        return dtype

    @property
    def photometric_interpretation(self) -> str:
        """PhotometricInterpretation of what decoding returns."""
        opened = self._open
        form = self._format
        if opened.syntax.has_codestream_header and form.samples_per_pixel == 3:
            form = self._format_of_first_frame()
        return str(form.photometric_interpretation) or opened.photometric_interpretation

    @property
    def source_photometric_interpretation(self) -> str:
        """PhotometricInterpretation as the object states it."""
        return self._open.photometric_interpretation

    @property
    def transfer_syntax(self) -> str:
        """UID of the transfer syntax of the pixel data."""
        return self._open.syntax.uid

    def __repr__(self) -> str:
        if self._opened is None:
            return "<dcmturbo.Image closed>"
        return f"<dcmturbo.Image shape={self.shape} dtype={self.dtype} {self._open.syntax.keyword}>"

    # ---- reading ----------------------------------------------------------------------------------

    def __getitem__(self, frames: int | slice | Sequence[int]) -> np.ndarray:
        """Decode one frame (an int) or several (a slice or a sequence), as `read` does."""
        return self.read(frames)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Iterate over the frames, decoding ahead on other threads."""
        return self.frames()

    def read(
        self,
        frames: Frames = None,
        *,
        out: np.ndarray | None = None,
        threads: int | None = None,
        on_error: OnError = "raise",
        fill_value: float = 0,
        status: np.ndarray | None = None,
    ) -> np.ndarray:
        """Decode frames; the parameters, the result and the errors are those of `dcmturbo.decode`."""
        salvage = check_on_error(on_error)
        fill_value = check_fill_value(fill_value)
        selected, has_axis = self._select(frames, salvage=salvage)
        shape = (len(selected), *self.frame_shape)
        check_status(status, len(selected))
        target = None
        if out is not None:
            check_out(out, shape if has_axis else self.frame_shape, self.dtype)
            check_apart(out, self._open.buffer)
            target = out if has_axis else out[np.newaxis]
        self._warn_of_excess()
        if target is None:
            view = self._memory_map(selected, has_axis)
            if view is not None:
                if status is not None:
                    status[...] = FrameStatus.OK
                if breaks_off(view.__getitem__ if has_axis else lambda _: view, len(selected)):
                    self._warn_of_notes(["zero_tail"])
                return view
            self._check_room(len(selected))
            target = new_array(shape, self.dtype)
        failures = decode_batch(
            [self.frame_set],
            None,
            selected,
            target,
            threads=resolve_threads(threads),
            salvage=salvage,
            fill_value=fill_value,
            status=status,
        )
        conclude(failures, salvage=salvage, count=len(selected))
        if out is not None:
            return out
        return target if has_axis else target[0]

    def frames(self, prefetch: int = 4, *, threads: int | None = None) -> Iterator[np.ndarray]:
        """Iterate over all frames, decoding up to `prefetch` of them ahead.

        Parameters
        ----------
        prefetch : int
            Frames decoded before they are asked for: what bounds the memory. 0 decodes each when it is asked for.
        threads : int, optional
            Workers; by default as `dcmturbo.config` says.

        Yields
        ------
        numpy.ndarray
            Each frame, an array of its own, in order.

        Raises
        ------
        DecodeError
            At the frame that cannot be decoded.
        """
        ahead = operator.index(prefetch)
        if ahead < 0:
            raise ValueError(f"prefetch is {ahead}; it is at least 0")
        return self._iterate(ahead, resolve_threads(threads))

    def _iterate(self, ahead: int, workers: int) -> Iterator[np.ndarray]:
        count = len(self)
        if ahead == 0:
            for i in range(count):
                yield self.read(i, threads=workers)
            return
        # Threads of its own: waiting for the consumer must not occupy the decoding pools.
        with ThreadPoolExecutor(min(workers, ahead), thread_name_prefix="dcmturbo-prefetch") as pool:
            pending = [pool.submit(self.read, i, threads=1) for i in range(min(ahead, count))]
            try:
                for i in range(count):
                    frame = pending.pop(0).result()
                    if i + ahead < count:
                        pending.append(pool.submit(self.read, i + ahead, threads=1))
                    yield frame
            finally:
                for future in pending:
                    future.cancel()

    def encoded_frame(self, frame: int) -> memoryview:
        """Return the bytes of one frame as they stand in the object.

        Parameters
        ----------
        frame : int
            Negative counts from the end.

        Returns
        -------
        memoryview
            The codestream, its fragments (PS3.5, A.4) joined. No copy where it is one fragment and the object is in
            memory. Native frames that do not begin at a byte are returned with the bits of their neighbours.

        Raises
        ------
        IndexError
            If there is no such frame.
        DecodeError
            If the data do not hold it.
        """
        opened = self._open
        return encoded_frame(opened, self._position(frame))

    def probe(self, frame: int = 0) -> _core.Header:
        """Return the codestream header of a frame, as `dcmturbo.probe` does.

        Parameters
        ----------
        frame : int
            Negative counts from the end.

        Returns
        -------
        Header

        Raises
        ------
        DecodeError
            If the frame has no header of its own (native, RLE, deflated) or a damaged one.
        """
        return _core.probe(self.encoded_frame(frame))

    # ---- the end ----------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the source. Arrays that were read stay valid."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def __enter__(self) -> Image:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- in another process ------------------------------------------------------------------------

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what opens the object again: its path or URL, or its bytes where they are in memory."""
        origin = self._open.origin
        if origin is None:
            raise TypeError(
                "an image that was opened from a file object without a path, or from a pydicom Dataset, cannot be "
                "pickled: open a path, a URL or bytes, or open the object in the process that reads it"
            )
        if isinstance(origin.source, memoryview):
            origin = Origin(bytes(origin.source), origin.identity)
        return _reopen, (origin, self._raw, self._keep, frozenset(self._warned))

    # ---- inside -----------------------------------------------------------------------------------

    def _warn(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            warnings.warn(text, DecodeWarning, stacklevel=stack_level())

    def _warn_of_notes(self, notes: list[str]) -> None:
        """Say, once an object, where its codestreams contradict it."""
        for note in notes:
            if note in NOTES and (note != "zero_tail" or self._breaks_off()):
                self._warn(NOTES[note])

    def _breaks_off(self) -> bool:
        opened = self._open
        if opened.encapsulated or len(self) < 2:
            return True  # the frame speaks for itself
        try:
            return breaks_off(self.encoded_frame, len(self))
        except DecodeError:  # the last one is not there: that is told
            return False

    def _position(self, frame: Any) -> int:
        if isinstance(frame, (bool, np.bool_)):  # of a mask, which is no list of numbers
            raise TypeError("a frame is an int, not a bool")
        position = operator.index(frame)
        if 0 <= position < (self._open.promised_frames or 1):
            return position
        count = len(self)
        if not -count <= position < count:
            raise IndexError(f"frame {position} of {count}")
        return position + count if position < 0 else position

    def _select(self, frames: Frames, *, salvage: bool) -> tuple[np.ndarray, bool]:
        """Return the frames' positions, and whether the result has a frame axis."""
        if frames is None or isinstance(frames, slice):
            found, promised = self._found(), self._open.promised_frames or 1
            count = found if found > promised else promised
            span = range(count) if frames is None else range(count)[frames]
            self._check_span(span, salvage=salvage, found=found)
            # Signed, for a slice that goes backwards may end at -1.
            selected = np.arange(span.start, span.stop, span.step, dtype=np.int64).astype(np.uint64)
            return selected, frames is not None or count != 1
        try:
            positions, has_axis = [self._position(frames)], False
        except TypeError:
            positions, has_axis = self._positions(frames), True
        # Where the frames are not all known, each that is missing is told when it is read.
        if not salvage and self._open.index.is_settled:
            found = self._found()
            for position in positions:
                if position >= found:
                    self._refuse_missing(position)
        return np.array(positions, dtype=np.uint64), has_axis

    def _positions(self, frames: Any) -> list[int]:
        try:
            if not isinstance(frames, (str, bytes)):
                return [self._position(frame) for frame in frames]
        except TypeError:
            pass
        raise TypeError("frames is None, an int, a slice or a sequence of ints")

    def _check_span(self, span: range, *, salvage: bool, found: int | None = None) -> None:
        """Refuse frames that are not there, before there is memory for as many as NumberOfFrames promises."""
        found = self._found() if found is None else found
        if span and not salvage and max(span[0], span[-1]) >= found:
            self._refuse_missing(span[0] if span.step < 0 else span[bisect.bisect_left(span, found)])
        if len(span) > _FEW_FRAMES and len(span) * _BYTES_A_FRAME > config.limits.max_output:
            raise LimitExceeded(f"{len(span)} frames are more than dt.config.limits.max_output allows")

    def _check_room(self, count: int) -> None:
        """Refuse more than the limits allow, or than such an object can hold, before there is memory for it."""
        opened = self._open
        if count * self._pixels > _FEW_PIXELS:
            distinct = min(count, opened.promised_frames or count)
            _core.check_limits(self._format, count)
            _core.check_held(opened.syntax.uid, self._format, distinct, opened.source.size)

    def _refuse_missing(self, frame: int) -> NoReturn:
        promised, found = self._open.promised_frames, self._found()
        message = (
            "the data hold no frame"
            if promised is None
            else f"NumberOfFrames is {promised}, the data hold {found} frames"
        )
        raise DecodeError(message, code="missing_frame", frame=frame)

    def _warn_of_excess(self) -> None:
        for text in self._open.index.warnings:
            self._warn(text)

    def _format_of_first_frame(self) -> _core.Format:
        if self._first_header_format is None:
            self._first_header_format = self._settle(header_of_colours(self.encoded_frame(0)))
        return self._first_header_format

    def _settle(self, header: _core.Header | None) -> _core.Format:
        opened = self._open
        return _core.frame_format(
            opened.syntax.uid, opened.attributes, header, raw=self._raw, keep_unused_bits=self._keep
        )

    def _is_plain(self) -> bool:
        """Whether decoded frames are the object's own bytes."""
        opened = self._open
        form = self._format
        return (
            opened.syntax.family == "native"
            and not opened.encapsulated
            and not opened.big_endian
            and opened.bits_allocated >= 8
            and form.significant_bits == 0
            and not form.converts_colour
            and (form.samples_per_pixel == 1 or opened.planar_configuration == 0)
            and opened.attributes.native_frame_bits == 8 * math.prod(self.frame_shape) * self.dtype.itemsize
        )

    def _memory_map(self, selected: np.ndarray, has_axis: bool) -> np.ndarray | None:
        """Return the frames as a view of a private map of the file, if that is what decoding would give."""
        opened = self._open
        if opened.path is None or not config.memory_map or not len(selected) or not self._is_plain():
            return None
        first = int(selected[0])
        if len(selected) > 1 and (np.diff(selected) != 1).any():
            return None
        if first + len(selected) > self._found():
            return None
        frame_bytes = math.prod(self.frame_shape) * self.dtype.itemsize
        # What follows the pixel data is not part of them, even where the last frame is cut short.
        if opened.index.ranges(first + len(selected) - 1)[-1][1] < frame_bytes:
            return None
        offset = opened.pixel_data_offset + first * frame_bytes
        size = frame_bytes * len(selected)
        start = offset - offset % mmap.ALLOCATIONGRANULARITY
        try:
            with io_open(opened.path) as descriptor:
                found = os.fstat(descriptor)
                if found.st_size < offset + size or (found.st_dev, found.st_ino) != opened.file_identity:
                    return None  # cut short since it was opened, or another file: what is open is read instead
                # Copy-on-write: the array is writeable and the file stays as it is. The array owns the map.
                mapped = mmap.mmap(descriptor, offset - start + size, access=mmap.ACCESS_COPY, offset=start)
        except OSError:
            return None
        shape = (len(selected), *self.frame_shape) if has_axis else self.frame_shape
        return np.ndarray(shape, self.dtype, buffer=mapped, offset=offset - start)


def _reopen(origin: Origin, raw: bool, keep_unused_bits: bool, warned: frozenset[str]) -> Image:
    opened = origin.reopen()
    told, opened.warnings = opened.warnings, [text for text in opened.warnings if text not in warned]
    try:
        image = Image(opened, raw=raw, unused_bits="keep" if keep_unused_bits else "correct")
    except BaseException:
        opened.close()
        raise
    opened.warnings = told
    image._warned |= warned
    return image


class io_open:  # noqa: N801 (reads as a function)
    """A file descriptor for the length of a ``with`` block."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> int:
        self._descriptor = os.open(self._path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        return self._descriptor

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
