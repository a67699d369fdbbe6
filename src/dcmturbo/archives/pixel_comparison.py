"""Compare the pixels of two objects: as users read them, and as they are stored."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dcmturbo.dataset.opened import OpenedSource
from dcmturbo.dataset.sources import open_source
from dcmturbo.errors import Error, LimitExceeded
from dcmturbo.formats.table import FORMATS, Format
from dcmturbo.frames.frame_set import FrameSet, QuietFrameSet
from dcmturbo.frames.read_options import ReadOptions
from dcmturbo.wording import counted

__all__ = ["PixelComparison", "compare_pixels"]

_AT_ONCE = 16 << 20  # bytes of pixels that are compared at a time


@dataclass
class PixelComparison:
    """How the pixels of two objects differ.

    Attributes
    ----------
    difference : str
        Empty if they are equal; otherwise a sentence.
    maximum_error : float or None
        The largest difference of two samples, or None.
    masked : bool
        Whether the stored cells differ only in bits above BitsStored, all of which are cleared in the second object.
    bits : int
        The bits that the samples of the first object need if the two have different BitsStored; otherwise 0.
    syntaxes : tuple of str
        UIDs of the transfer syntaxes of the pixel data.
    formats : tuple of Format
        Of those.
    lossless : tuple of bool
        Whether the codestreams are lossless; True if there are none.
    colours : tuple of str
        Colour transforms of the codestreams.
    table : str
        The offset table of the second object that is in use.
    frames : int
        Of the second.
    frame_bytes : tuple of int
        Size of all frames of each object if they are native. They differ if one of them has subsampled chroma.
    warnings : list of str
        Warnings of reading the second object that reading the first one does not give.
    """

    difference: str = ""
    maximum_error: float | None = None
    masked: bool = False
    bits: int = 0
    syntaxes: tuple[str, str] = ("", "")
    formats: tuple[Format, Format] = (FORMATS["unknown"], FORMATS["unknown"])
    lossless: tuple[bool, bool] = (True, True)
    colours: tuple[str, str] = ("", "")
    table: str = ""
    frames: int = 0
    frame_bytes: tuple[int, int] = (0, 0)
    warnings: list[str] = field(default_factory=list)


def compare_pixels(first: str, second: str, *, threads: int = 1) -> PixelComparison:
    """Compare all frames of two files, by path or URL; `threads` decode the frames of each.

    They are compared as `decode` returns them by default, and as they are stored (``raw=True, unused_bits="keep"``). If
    the stored samples have different colour spaces, only the first comparison counts.

    Raises
    ------
    NotDicom, NoPixelData, UnsupportedTransferSyntax, DecodeError, LimitExceeded, OSError
        If one of them cannot be decoded.
    """
    opened = open_source(first)
    try:
        other = open_source(second)
        try:
            return _Pair(opened, other, threads).compare()
        finally:
            other.close()
    finally:
        opened.close()


class _Pair:
    def __init__(self, one: OpenedSource, other: OpenedSource, threads: int) -> None:
        self.threads = threads
        self.opened = (one, other)
        self.read = tuple(QuietFrameSet(opened) for opened in self.opened)
        self.stored = tuple(QuietFrameSet(opened, raw=True, unused_bits="keep") for opened in self.opened)
        self.result = PixelComparison(
            syntaxes=(one.syntax.uid, other.syntax.uid), formats=(one.syntax.format, other.syntax.format)
        )

    def compare(self) -> PixelComparison:
        result = self.result
        headers = [_header(image) for image in self.stored]
        result.lossless = tuple(header is None or header.lossless for header in headers)  # type: ignore[assignment]
        result.colours = tuple("" if header is None else header.colour for header in headers)  # type: ignore[assignment]
        result.table = str(self.opened[1].index.table)
        result.frames = len(self.read[1])
        result.frame_bytes = tuple(  # type: ignore[assignment]
            (len(image) * opened.attributes.native_frame_bits + 7) // 8
            for image, opened in zip(self.read, self.opened, strict=True)
        )
        result.difference = self._shapes(*self.read) or self._same_colours()
        if not result.difference:
            self._compare_frames()
        known = {_plain(text) for image in (self.read[0], self.stored[0]) for text in image.messages}
        heard = dict.fromkeys(text for image in (self.read[1], self.stored[1]) for text in image.messages)
        result.warnings = [text for text in heard if _plain(text) not in known]
        return result

    def _shapes(self, one: FrameSet, other: FrameSet) -> str:
        if len(one) != len(other):
            return f"{counted(len(one), 'frame')} in the first file, {len(other)} in the second"
        if one.frame_shape != other.frame_shape:
            return f"frames of shape {one.frame_shape} in the first file, {other.frame_shape} in the second"
        if one.dtype != other.dtype:
            return f"{one.dtype.name} against {other.dtype.name}"
        return ""

    def _same_colours(self) -> str:
        """Return why equal numbers would have different meanings."""
        colours = [_colours(image) for image in self.stored]
        if colours[0] != colours[1] and len(self.stored[0].frame_shape) < 3:
            return f"{colours[0] or 'no colours'} against {colours[1] or 'no colours'}"
        return ""

    def _compare_frames(self) -> None:
        one, other = self.read
        result = self.result
        bits = self.opened[0].bits_stored != self.opened[1].bits_stored
        stored = _colours(self.stored[0]) == _colours(self.stored[1]) and not self._shapes(*self.stored)
        found = _Difference("sample")
        cells = _Difference("stored cell")
        step = max(1, _AT_ONCE // max(1, one.dtype.itemsize * int(np.prod(one.frame_shape))))
        masked = _Masked(self.opened)
        for begin in range(0, len(one), step):
            frames = slice(begin, min(begin + step, len(one)))
            ours = one.read(frames, ReadOptions(threads=self.threads))
            found.add(ours, other.read(frames, ReadOptions(threads=self.threads)), begin)
            if bits:
                result.bits = max(result.bits, _bits_of(ours))
            if stored and self._differ():
                ours, theirs = (image.read(frames, ReadOptions(threads=self.threads)) for image in self.stored)
                before = cells.count
                cells.add(ours, theirs, begin)
                if cells.count > before:
                    masked.look(ours, theirs, frames)
        result.masked = bool(cells.count) and not found.count and masked.holds
        if found.count or (cells.count and not result.masked):
            worst = found if found.count else cells
            result.maximum_error = worst.largest
            result.difference = worst.describe()

    def _differ(self) -> bool:
        """Whether what users read of one of the objects can differ from what is stored."""
        return any(
            form.converts_colour or form.significant_bits or opened.syntax.has_codestream_header
            for form, opened in zip((image.format for image in self.read), self.opened, strict=True)
        )


@dataclass
class _Difference:
    what: str
    count: int = 0
    alike: int = 0  # number of samples with equal values, or not a number on both sides, but other bits
    largest: float | None = None  # None if no difference is a finite number
    first: int = -1

    def add(self, ours: np.ndarray, theirs: np.ndarray, begin: int) -> None:
        if np.array_equal(ours, theirs) and ours.dtype.kind != "f":
            return
        if ours.dtype.kind == "f":
            # Compare their bits, because a value that is not a number does not even equal itself.
            bits = f"u{ours.itemsize}"
            unequal = np.ascontiguousarray(ours).view(bits) != np.ascontiguousarray(theirs).view(bits)
        else:
            unequal = ours != theirs
        count = int(np.count_nonzero(unequal))
        if not count:
            return
        self.count += count
        if self.first < 0:
            self.first = begin + int(np.flatnonzero(unequal.reshape(len(unequal), -1).any(1))[0])
        one, other = ours[unequal], theirs[unequal]
        alike = (one == other) | ((one != one) & (other != other))
        self.alike += int(np.count_nonzero(alike))
        with np.errstate(all="ignore"):
            error = np.abs(one.astype(np.float64) - other.astype(np.float64))
        error = np.where(alike, 0.0, error)
        error = error[np.isfinite(error)]
        if error.size:
            self.largest = max(self.largest or 0.0, float(error.max()))

    def describe(self) -> str:
        what = counted(self.count, f"{self.what} differs", f"{self.what}s differ")
        if self.alike == self.count:
            what += " in the bits only; the values compare equal (NaN, or zeros of both signs)"
        elif self.largest:
            what += f", by up to {self.largest:g}"
        else:
            what += "; one of the two is NaN or infinite, so the difference has no size"
        return f"{what}, first in frame {self.first}"


class _Masked:
    """Whether stored cells differ only in bits above BitsStored, and the second object uses none of these."""

    def __init__(self, opened: tuple[OpenedSource, OpenedSource]) -> None:
        self._images = tuple(QuietFrameSet(one, raw=True) for one in opened)
        self.holds = True

    def look(self, ours: np.ndarray, theirs: np.ndarray, frames: slice) -> None:
        if self.holds:
            first, second = (image.read(frames, ReadOptions(threads=1)) for image in self._images)
            self.holds = np.array_equal(first, second) and np.array_equal(second, theirs)


def _header(image: FrameSet) -> Any:
    """Return the header of the first codestream; None if there is none or it is damaged."""
    try:
        return image.probe(0) if image.opened.syntax.has_codestream_header else None
    except LimitExceeded:
        raise
    except Error:
        return None


def _colours(image: FrameSet) -> str:
    """Return the photometric interpretation of stored samples, without the suffix for subsampling."""
    return image.photometric_interpretation.replace("YBR_FULL_422", "YBR_FULL")


def _bits_of(array: np.ndarray) -> int:
    """Return the number of bits that the samples need."""
    if array.dtype.kind == "f" or not array.size:
        return 0
    low, high = int(array.min()), int(array.max())
    return max((-low - 1).bit_length() + 1 if low < 0 else 0, high.bit_length() + (array.dtype.kind == "i"))


def _plain(text: str) -> str:
    """Return a message without its numbers, because frames and bytes have other positions in another encoding."""
    if text.startswith("NumberOfFrames is"):
        return "NumberOfFrames"  # one is about the offset table, the other about the length
    return re.sub(r"\d+", "#", text)
