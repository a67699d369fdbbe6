"""`render`: one frame as a picture, as a viewer shows it."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from dcmturbo.dataset.sources import name_source, open_source
from dcmturbo.errors import DecodeError, Error
from dcmturbo.frames.frame_set import FrameSet
from dcmturbo.frames.read_options import ReadOptions
from dcmturbo.pictures.colour import eight_bits, icc_profile, segment_table
from dcmturbo.pictures.grey import Grey, extremes
from dcmturbo.pictures.header import Header
from dcmturbo.pictures.overlays import draw_overlays
from dcmturbo.pictures.palettes import palette_table
from dcmturbo.pictures.proportions import picture_size, pixel_ratio, resized
from dcmturbo.pictures.windows import Choice, Range, choose

__all__ = ["Renderer", "render"]


def render(
    source: Any,
    frame: int = 0,
    *,
    window: Any = "file",
    size: int | None = None,
    overlays: bool = False,
    aspect: bool = True,
    threads: int | None = None,
) -> np.ndarray:
    """Decode one frame of a DICOM object, and return it as a picture, as a viewer shows it by default.

    Grey levels pass through the Modality LUT or rescale (PS3.3, C.11.1) and through the VOI window or VOI LUT (PS3.3,
    C.11.2); MONOCHROME1 is inverted. Palettes become colours, and pixels become square.

    Parameters
    ----------
    source : path, bytes-like, binary file object, fsspec URL or OpenFile, pydicom Dataset
        The object, as `decode` takes it.
    frame : int
        Number of the frame. Negative counts from the end.
    window : str or (float, float) or (float, float, str)
        What is black and white. ``"file"``: the first window of the object, or else its first VOI LUT; if it has
        neither, the full range of up to 8 stored bits, and the smallest to the largest value of more. ``"file:2"``: its
        second window. ``"lut"``, ``"lut:2"``: its VOI LUTs. ``"auto"``: the smallest to the largest value, without
        padding. ``"none"``: the full range of the stored bits (of floats, as ``"auto"``). Numbers: center and width, in
        units of the modality, and optionally the function LINEAR, LINEAR_EXACT or SIGMOID; or the same as a text,
        ``"40,400"``.
    size : int, optional
        The most rows and columns of the picture.
    overlays : bool
        Whether to draw the object's overlays, in white (PS3.3, C.9.2).
    aspect : bool
        Whether to enlarge pixels that are not square, as PixelSpacing, ImagerPixelSpacing, NominalScannedPixelSpacing
        or PixelAspectRatio says.
    threads : int, optional
        Number of workers; by default as `dcmturbo.config` says.

    Returns
    -------
    numpy.ndarray of uint8
        Shape (rows, columns) for grey levels, (rows, columns, 3) for RGB.

    Raises
    ------
    DecodeError, and the other errors of `decode`
        If the frame cannot be decoded, or the object has no usable palette.
    Error
        If the colour space cannot be shown, or the object lacks the window or VOI LUT that was asked for.
    IndexError
        If there is no such frame.

    Examples
    --------
    >>> picture = dt.render("ct.dcm")                                   # doctest: +SKIP
    >>> lung = dt.render("ct.dcm", window=(-600, 1500), size=256)       # doctest: +SKIP
    """
    opened = open_source(source)
    try:
        frames = FrameSet(opened)
        renderer = Renderer(frames, window=window, size=size, overlays=overlays, aspect=aspect)
        return renderer.render(frame, threads=threads)
    except Error as error:
        name_source(error, source)
        raise
    finally:
        opened.close()


class Renderer:
    """Turns decoded frames of one object into pictures. The parameters are those of `render`.

    Attributes
    ----------
    header : Header
        The attributes that it uses.
    note : str
        What it did with the last frame, for people.
    """

    def __init__(
        self,
        frames: FrameSet,
        *,
        window: Any = "file",
        size: int | None = None,
        overlays: bool = False,
        aspect: bool = True,
    ) -> None:
        self._frames, self._overlays, self._aspect = frames, overlays, aspect
        self._choice: Choice = choose(window)
        self._size = None if size is None else operator.index(size)
        if self._size is not None and self._size < 1:
            raise ValueError(f"size is {size}; expected at least 1")
        self.header = Header(frames.opened)
        self.note = ""
        self._table: np.ndarray | None = None
        self._source = frames.opened.photometric_interpretation.strip(" \0")
        self._is_palette = self._source == "PALETTE COLOR" and len(frames.frame_shape) == 2
        self._is_labels = (
            not self._is_palette
            and len(frames.frame_shape) == 2
            and frames.dtype.kind == "u"
            and frames.dtype.itemsize <= 2
            and self.header.text("SegmentationType") == "LABELMAP"
        )
        self._grey: Grey | None = None
        if not self.is_colour:
            self._grey = Grey(self.header, frames.opened.bits_stored, frames.dtype, self._choice)

    @property
    def is_colour(self) -> bool:
        """Whether the pictures are RGB."""
        return self._is_palette or self._is_labels or len(self._frames.frame_shape) == 3

    @property
    def icc_profile(self) -> bytes | None:
        """The ICC profile of the colours; None for grey levels, or if the object has none."""
        return icc_profile(self.header) if len(self._frames.frame_shape) == 3 else None

    def render(self, frame: int, *, threads: int | None = None) -> np.ndarray:
        """Decode a frame, and return its picture."""
        number = self._frames.position(frame)
        skipped = self._levels_to_skip(number)
        if skipped:
            try:
                reduced = self._frames.read(number, ReadOptions(threads=threads, reduce=skipped))
                return self._picture(reduced, number, self._picture_size(number))
            except DecodeError as error:
                if error.code != "unsupported":  # a tile has fewer levels than the header says
                    raise
        return self.picture(self._frames.read(number, ReadOptions(threads=threads)), number)

    def _levels_to_skip(self, number: int) -> int:
        """Return how many resolution levels of a JPEG 2000 frame a thumbnail does not need."""
        frames = self._frames
        mixes = self._is_palette or self._is_labels  # averages of indices mean nothing
        if self._size is None or self._overlays or mixes or self.needs_extremes:
            return 0
        rows, columns = self._picture_size(number)
        most = min(frames.frame_shape[0] // rows, frames.frame_shape[1] // columns).bit_length() - 1
        if most < 1 or not frames.opened.syntax.format.most_reduce:
            return 0
        parameters = frames.probe(number).parameters
        if parameters.get("image_offset_x", 0) or parameters.get("image_offset_y", 0):
            return 0  # its lower resolutions may have a row or column more
        return min(most, parameters.get("decomposition_levels", 0))

    def _picture_size(self, number: int, shape: tuple[int, ...] | None = None) -> tuple[int, int]:
        """Return rows and columns of a picture of an array, or of the whole frame."""
        ratio = pixel_ratio(self.header, number) if self._aspect else 1.0
        rows, columns = (shape or self._frames.frame_shape)[:2]
        return picture_size(rows, columns, ratio, self._size)

    @property
    def needs_extremes(self) -> bool:
        """Whether extreme values decide what is black and white. Frames that are shown together are then extended."""
        return self._grey is not None and self._grey.needs_extremes

    @property
    def limits(self) -> tuple[float, float] | None:
        """The extremes that all pictures share, in units of the modality; None if each frame stands for itself."""
        return None if self._grey is None else self._grey.limits

    @limits.setter
    def limits(self, limits: tuple[float, float] | None) -> None:
        if self._grey is not None:
            self._grey.limits = limits

    def extend(self, array: np.ndarray, number: int) -> None:
        """Take the values of a decoded frame with this number into the extremes that all pictures share."""
        if self._grey is not None:
            self._grey.extend(array, number)

    def picture(self, array: np.ndarray, number: int) -> np.ndarray:
        """Return the picture of a decoded frame.

        Parameters
        ----------
        array : numpy.ndarray
            The frame, a region of it or a lower resolution, as `FrameSet.read` returns it. It has the size of the
            picture if pixels are square and no `size` is given.
        number : int
            Its number, not negative.

        Raises
        ------
        Error
            As `render`, and if the frame has no pixels.
        """
        if not array.size:
            raise Error("there are no pixels to show: the region is empty")
        return self._picture(array, number, self._picture_size(number, array.shape))

    def _picture(self, array: np.ndarray, number: int, size: tuple[int, int]) -> np.ndarray:
        levels = self.levels(array, number)
        if self._overlays:
            levels = draw_overlays(levels, self.header, number, lambda: self._cells(number))
        return resized(levels, *size, labels=self._is_labels)

    def levels(self, array: np.ndarray, number: int) -> np.ndarray:
        """Return grey levels or colours for each pixel of a frame, without overlays, in its own size."""
        if self._grey is not None:
            levels = self._grey.apply(array, number)
            self.note = self._grey.note
            return levels
        if self._choice.kind in ("window", "lut"):
            raise Error(f"a window needs grey levels, but the pixels are {self._source}: leave out the window")
        return self.table_colours(array) if array.ndim == 2 else self._rgb(array)

    def _rgb(self, array: np.ndarray) -> np.ndarray:
        self.note = ""
        if self._choice.kind in ("range", "auto"):
            limits = self._choice.limits or Range(*extremes(array))
            self.note = f"values from {limits.low:g} to {limits.high:g}"
            return np.rint(limits.levels(array) * 255.0).astype(np.uint8)
        return eight_bits(array, self._frames.opened.bits_stored, self._frames.photometric_interpretation)

    def table_colours(self, array: np.ndarray) -> np.ndarray:
        """Return the colours of indices of a palette, or of the numbers of segments."""
        if self._choice.kind == "range":
            raise Error("indices are not grey levels, so they have no range: leave out --range and --auto-range")
        if self._table is None:
            make = palette_table if self._is_palette else segment_table
            self._table = make(self.header, array.dtype)
        self.note = "palette applied" if self._is_palette else "segments coloured"
        return np.take(self._table, np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}"), axis=0)

    def _cells(self, number: int) -> np.ndarray:
        return FrameSet(self._frames.opened, raw=True, unused_bits="keep").read(number)
