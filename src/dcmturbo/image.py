"""`open` and `Image`: a DICOM object of which only the headers and the frame index are in memory."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from dcmturbo import _core
from dcmturbo.configuration import resolve_threads
from dcmturbo.dataset.frame_offsets import FrameOffsets, load_offsets, offsets_of, use_offsets
from dcmturbo.dataset.opened import OpenedSource, Origin
from dcmturbo.dataset.sources import name_source, naming, open_source, reopen
from dcmturbo.errors import Error
from dcmturbo.frames.arguments import decoded_array
from dcmturbo.frames.frame_set import Frames, FrameSet, UnusedBits, check_unused_bits
from dcmturbo.frames.read_options import ReadOptions
from dcmturbo.frames.region import RegionLike, read_index
from dcmturbo.frames.status import OnError
from dcmturbo.pictures.notebook import html_of, show
from dcmturbo.pictures.rendering import Renderer
from dcmturbo.steps import Apply, Step

__all__ = ["Image", "open"]

_PREVIEW = 320  # rows and columns of the picture that notebooks show


def open(
    source: Any,
    *,
    raw: bool = False,
    unused_bits: UnusedBits = "correct",
    index: FrameOffsets | str | os.PathLike[str] | None = None,
) -> Image:
    """Open a DICOM object of any size: read its headers and find its frames (PS3.5, A.4; PS3.3, C.7.6.3.1.8).

    Parameters
    ----------
    source : path, bytes-like, binary file object, fsspec URL or OpenFile, pydicom Dataset
        Where the object is.
    raw : bool
        As in `dcmturbo.decode`.
    unused_bits : {"correct", "keep"}
        As in `dcmturbo.decode`.
    index : FrameOffsets, path or URL, optional
        What `Image.index` returned for this object, or the file that it was saved to. Frames are then found without
        searching, and each offset is checked against an item.

    Returns
    -------
    Image
        A context manager.

    Raises
    ------
    NotDicom
        If the source is no DICOM object.
    NoPixelData
        If it has no pixel data.
    UnsupportedTransferSyntax
        If no codec is there for its transfer syntax.
    DecodeError
        If the file is damaged so that its frames cannot be found.
    OSError
        If the file cannot be opened or read.

    Examples
    --------
    >>> with dt.open("ct.dcm") as image:                                # doctest: +SKIP
    ...     first = image[0]
    """
    check_unused_bits(unused_bits)
    opened = open_source(source)
    try:
        with naming(source):
            kept = load_offsets(index, opened) if isinstance(index, (str, os.PathLike)) else index
            if kept is not None:
                use_offsets(opened, kept)
            return Image(opened, raw=raw, unused_bits=unused_bits, kept=kept)
    except BaseException:
        opened.close()
        raise


class Image:
    """A DICOM object whose frames can be decoded. Use `open` to make one.

    Frames are independent: you can read any of them first, from any thread, and reading one never reads the others.
    """

    def __init__(self, opened: OpenedSource, *, raw: bool, unused_bits: str, kept: FrameOffsets | None = None) -> None:
        self._kept = kept
        self._open: FrameSet | None = FrameSet(opened, raw=raw, unused_bits=unused_bits)
        self._frame_shape, self._dtype = self._open.frame_shape, self._open.dtype

    # ---- what it is -------------------------------------------------------------------------------

    @property
    def frame_set(self) -> FrameSet:
        """Internal access for batches of frames, transcoding and the command line; it may change without notice."""
        if self._open is None:
            raise ValueError("the image is closed")
        return self._open

    def __len__(self) -> int:
        """Return the number of frames: NumberOfFrames, or that of the data if it is larger; at least 1.

        For a remote object without an offset table, the first call reads the headers of all frames.
        """
        return len(self.frame_set)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all frames decoded: (rows, columns) or (rows, columns, samples), after the number of frames
        unless that is 1.
        """  # noqa: D205
        count = len(self)
        return self.frame_shape if count == 1 else (count, *self.frame_shape)

    @property
    def ndim(self) -> int:
        """Length of `shape`."""
        return len(self.shape)

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Shape of one frame: (rows, columns) or (rows, columns, samples)."""
        return self._frame_shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a decoded sample, in native byte order."""
        return self._dtype

    @property
    def photometric_interpretation(self) -> str:
        """PhotometricInterpretation of the decoded frames."""
        return self.frame_set.photometric_interpretation

    @property
    def source_photometric_interpretation(self) -> str:
        """PhotometricInterpretation of the object."""
        return self.frame_set.opened.photometric_interpretation

    @property
    def transfer_syntax(self) -> str:
        """UID of the transfer syntax of the pixel data."""
        return self.frame_set.opened.syntax.uid

    def __repr__(self) -> str:
        if self._open is None:
            return "<dcmturbo.Image closed>"
        return f"<dcmturbo.Image shape={self.shape} dtype={self.dtype} {self.frame_set.opened.syntax.keyword}>"

    # ---- reading ----------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> np.ndarray:
        """Decode one frame (an int) or several (a slice or a sequence), as `read` does.

        ``image[frames, rows, columns, samples]`` decodes a region of them, as numpy takes integers, slices and ``...``
        behind the frames. ``image[3, 100:356, 200:456]`` is ``image.read(3, region=(100, 200, 256, 256))``. Integers
        alone are frames: ``image[3, 5]`` is two of them.
        """
        parts = key if isinstance(key, tuple) else (key,)
        dots = sum(part is Ellipsis for part in parts)
        if not dots and not any(isinstance(part, slice) for part in parts[1:]):
            return self.read(key)
        if dots > 1:
            raise IndexError("an index can have one ... only")
        frame_shape = self.frame_set.frame_shape
        if parts[0] is Ellipsis:
            parts = (slice(None),) * (2 + len(frame_shape) - len(parts)) + parts[1:]
        frames = parts[0]
        return read_index(lambda region: self.read(frames, region=region), parts[1:], frame_shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Decode all frames, into an array of `shape`."""
        return decoded_array(self.read, dtype, copy)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Iterate over the frames, decoding in advance on other threads."""
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
        region: RegionLike = None,
        reduce: int = 0,
    ) -> np.ndarray:
        """Decode frames; the parameters, the result and the errors are those of `dcmturbo.decode`."""
        frame_set = self.frame_set
        try:  # `naming` would take some percent of the time of a small frame
            return frame_set.read(frames, ReadOptions(out, threads, on_error, fill_value, status, region, reduce))
        except Error as error:
            name_source(error, frame_set.opened.name)
            raise

    def frames(
        self, prefetch: int = 4, *, threads: int | None = None, apply: Apply | None = None, dtype: Any = None
    ) -> Iterator[np.ndarray]:
        """Iterate over all frames, decoding up to `prefetch` of them in advance.

        Parameters
        ----------
        prefetch : int
            Number of frames that are decoded in advance, which limits the memory. 0 decodes each frame when it is asked
            for.
        threads : int, optional
            Number of workers; by default as `dcmturbo.config` says.
        apply, dtype
            As in `dcmturbo.decode`: work on each frame right after it is decoded.

        Yields
        ------
        numpy.ndarray
            Each frame in order, as a new array.

        Raises
        ------
        DecodeError
            If a frame cannot be decoded; raised at that frame.
        """
        ahead = operator.index(prefetch)
        if ahead < 0:
            raise ValueError(f"prefetch is {ahead}; expected at least 0")
        step = None if apply is None and dtype is None else Step(self.frame_set, apply, dtype)
        return self._iterate(ahead, resolve_threads(threads), step)

    def _read_one(self, number: int, step: Step | None, threads: int) -> np.ndarray:
        frame = self.read(number, threads=threads)
        if step is None:
            return frame
        result = np.empty(frame.shape, step.dtype)
        step(frame, result, number)
        return result

    def _iterate(self, ahead: int, workers: int, step: Step | None) -> Iterator[np.ndarray]:
        count = len(self)
        if ahead == 0:
            for i in range(count):
                yield self._read_one(i, step, workers)
            return
        # It has its own threads: waiting for the consumer must not occupy the decoding pools.
        with ThreadPoolExecutor(min(workers, ahead), thread_name_prefix="dcmturbo-prefetch") as pool:
            pending = [pool.submit(self._read_one, i, step, 1) for i in range(min(ahead, count))]
            try:
                for i in range(count):
                    frame = pending.pop(0).result()
                    if i + ahead < count:
                        pending.append(pool.submit(self._read_one, i + ahead, step, 1))
                    yield frame
            finally:
                for future in pending:
                    future.cancel()

    # ---- pictures ---------------------------------------------------------------------------------

    def render(
        self,
        frame: int = 0,
        *,
        window: Any = "file",
        size: int | None = None,
        overlays: bool = False,
        aspect: bool = True,
        threads: int | None = None,
    ) -> np.ndarray:
        """Return a frame as a picture; the parameters, the result and the errors are those of `dcmturbo.render`."""
        return self._renderer(window, size, overlays, aspect).render(frame, threads=threads)

    def _renderer(self, window: Any, size: int | None, overlays: bool, aspect: bool) -> Renderer:
        frames = self.frame_set
        # Pictures are RGB, and masked bits are no part of them, whatever this image returns.
        plain = frames if not (frames.raw or frames.keep_unused_bits) else FrameSet(frames.opened)
        return Renderer(plain, window=window, size=size, overlays=overlays, aspect=aspect)

    def show(self, frame: int = 0, **options: Any) -> None:
        """Show the picture of a frame: in the output of a notebook, or else in the desktop's viewer of pictures.

        Parameters
        ----------
        frame : int
            Number of the frame.
        **options
            As in `render`.

        Raises
        ------
        Error
            As `render`, and if there is no viewer, for instance on a server.
        """
        show(self.render(frame, **options))

    def _repr_html_(self) -> str:
        if self._open is None:
            return "<p>a closed dcmturbo.Image</p>"
        opened = self._open.opened
        shape = " × ".join(map(str, self.shape))
        facts = [
            ("shape", f"{shape} {self.dtype}"),
            ("colour", self.source_photometric_interpretation),
            ("bits", f"{opened.bits_stored} stored of {opened.bits_allocated}"),
            ("transfer syntax", f"{opened.syntax.name} ({opened.syntax.uid})"),
        ]
        count = len(self)
        middle = count // 2
        try:
            picture, caption = self.render(middle, size=_PREVIEW), f"frame {middle} of {count}"
        except (Error, OSError) as error:
            reason = error.reason if isinstance(error, Error) else str(error)
            picture, caption = None, f"frame {middle} cannot be shown: {reason}"
        return html_of(facts, picture, caption)

    def encoded_frame(self, frame: int) -> memoryview:
        """Return the bytes of one frame as they are in the object.

        Parameters
        ----------
        frame : int
            Negative counts from the end.

        Returns
        -------
        memoryview
            The codestream, with its fragments joined (PS3.5, A.4). It is not copied if it is one fragment and the
            object is in memory. Native frames that do not begin at a byte boundary include bits of their neighbours.

        Raises
        ------
        IndexError
            If there is no such frame.
        DecodeError
            If the data do not contain it.
        """
        frames = self.frame_set
        with naming(frames.opened.name):
            return frames.encoded_frame(frames.position(frame))

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
            If the frame has no header (native, RLE, deflated) or a damaged one.
        """
        with naming(self.frame_set.opened.name):
            return _core.probe(self.encoded_frame(frame))

    def byte_range(self, frame: int) -> tuple[int, int]:
        """Return where the bytes of an encoded frame lie: their offset in the object, and how many they are.

        Arrays of zarr can refer to them: see `dcmturbo.zarr_store`.

        Raises
        ------
        ValueError
            If the frame has several fragments, or single bits that do not begin with a byte.
        IndexError, DecodeError
            If there is no such frame.
        """
        number = self.frame_set.position(frame)
        index = self.frame_set.opened.index
        ranges = index.ranges(number)
        if len(ranges) != 1 or index.first_bit(number):
            raise ValueError(f"frame {number} has {len(ranges)} fragments, or begins within a byte")
        return ranges[0]

    def index(self) -> FrameOffsets:
        """Return where all frames lie, to save beside the object: see `open`.

        Raises
        ------
        ValueError
            If the frames are not encapsulated, or have several fragments.
        DecodeError
            If frames are missing.
        """
        return self._kept or offsets_of(self.frame_set.opened, len(self))

    # ---- the end ----------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the source. Arrays that were read remain valid."""
        frames, self._open = self._open, None
        if frames is not None:
            frames.opened.close()

    def __enter__(self) -> Image:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- in another process ------------------------------------------------------------------------

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what opens the object again: its path or URL, or its bytes if they are in memory."""
        frames = self.frame_set
        origin = frames.opened.origin
        if origin is None:
            raise TypeError(
                "an image that was opened from a file object without a path, or from a pydicom Dataset, "
                "cannot be pickled: open a path, a URL or bytes, or open it in the process that reads it"
            )
        if isinstance(origin.source, memoryview):
            origin = Origin(bytes(origin.source), origin.identity)
        return _reopen, (origin, frames.raw, frames.keep_unused_bits, frozenset(frames.warned), self._kept)


def _reopen(
    origin: Origin, raw: bool, keep_unused_bits: bool, warned: frozenset[str], kept: FrameOffsets | None = None
) -> Image:
    opened = reopen(origin)
    all_warnings, opened.warnings = opened.warnings, [text for text in opened.warnings if text not in warned]
    try:
        if kept is not None:
            use_offsets(opened, kept)
        image = Image(opened, raw=raw, unused_bits="keep" if keep_unused_bits else "correct", kept=kept)
    except BaseException:
        opened.close()
        raise
    opened.warnings = all_warnings
    image.frame_set.warned |= warned
    return image
