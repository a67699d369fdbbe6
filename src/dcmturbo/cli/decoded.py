"""One input of ``dcmturbo decode``: the frames that are selected, and the files that they become."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

import dcmturbo as dt
from dcmturbo.cli.inputs import source_of
from dcmturbo.cli.writing import write, write_bytes
from dcmturbo.pictures.files import encode_picture, milliseconds_of
from dcmturbo.pictures.palettes import apply_palette
from dcmturbo.pictures.rendering import Renderer
from dcmturbo.pictures.windows import Choice
from dcmturbo.wording import plural

__all__ = ["PICTURES", "Decoded", "Options", "Selection", "resolve"]

Selection = int | list[int | slice] | None

PICTURES = ("png", "jpeg", "tiff", "gif", "mp4")
_BATCH_BYTES = 64 << 20  # of decoded frames that are in memory at a time, for pictures


@dataclass(frozen=True)
class Options:
    """What the command line asks for; the names are those of its options."""

    form: str
    frames: Selection
    is_picture: bool
    choice: Choice | None
    size: int | None
    overlays: bool
    aspect: bool
    quality: int | None
    palette: bool
    raw_colour: bool
    unused_bits: Any
    salvage: bool
    fill_value: float
    threads: int | None
    force: bool
    region: dt.Region | None
    reduce: int

    def renderer(self, image: dt.Image) -> Renderer:
        """Return what turns frames of an image into pictures."""
        return Renderer(
            image.frame_set,
            window=self.choice or "file",
            size=self.size,
            overlays=self.overlays,
            aspect=self.aspect and self.is_picture,
        )


def resolve(frames: Selection, count: int) -> tuple[Any, list[int], bool]:
    """Return the argument for `Image.read`, the numbers of the frames, and whether the result has a frame axis."""
    if frames is None:
        return None, list(range(count)), count != 1
    everything = range(count)
    numbers: list[int] = []
    for part in [frames] if isinstance(frames, int) else frames:
        if isinstance(part, slice):
            numbers += everything[part]
        elif -count <= part < count:
            numbers.append(everything[part])
        else:
            raise IndexError(f"there is no frame {part}: the object has {plural(count, 'frame')}, counted from 0")
    if not numbers:
        raise IndexError(f"--frames selects none of the {count} frames, which are counted from 0")
    return (numbers[0], numbers, False) if isinstance(frames, int) else (numbers, numbers, True)


class Decoded:
    """The selected frames of an object.

    Parameters
    ----------
    path : str
        A path or URL.
    options : Options
        What the command line asks for.

    Attributes
    ----------
    numbers : list of int
        The numbers of the frames.
    has_axis : bool
        Whether the array has a frame axis.
    count : int
        How many frames the object has.
    """

    def __init__(self, path: str, options: Options) -> None:
        self._path, self._options = path, options
        pictures = options.is_picture
        self.image = dt.open(
            source_of(path),
            raw=options.raw_colour and not pictures,
            unused_bits="correct" if pictures else options.unused_bits,
        )
        try:
            self.count = len(self.image)
            self._selection, self.numbers, self.has_axis = resolve(options.frames, self.count)
        except BaseException:
            self.image.close()
            raise
        self._status = np.zeros(len(self.numbers), np.uint8)
        self._frame_shape: tuple[int, ...] = ()  # of the frames that were decoded last

    def __enter__(self) -> Decoded:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.image.close()

    def keep(self, numbers: list[int]) -> None:
        """Select only these frames."""
        self._selection, self.numbers, self.has_axis = numbers, numbers, True
        self._status = np.zeros(len(numbers), np.uint8)

    def keep_first(self) -> None:
        """Select only the first of the selected frames."""
        self.keep(self.numbers[:1])
        self._selection, self.has_axis = self.numbers[0], False

    @property
    def status(self) -> list[int]:
        """The status of each selected frame that has been decoded."""
        status: list[int] = self._status.tolist()
        return status

    # ---- decoding ---------------------------------------------------------------------------------

    def read(self) -> np.ndarray:
        """Decode the selected frames."""
        return self._read(self._selection, self._status)

    def _read(self, selection: Any, status: np.ndarray) -> np.ndarray:
        options = self._options
        array = self.image.read(
            selection,
            threads=options.threads,
            on_error="salvage" if options.salvage else "raise",
            fill_value=options.fill_value,
            status=status,
            region=options.region,
            reduce=options.reduce,
        )
        self._frame_shape = array.shape[self.has_axis :]
        return array

    def pictures(self, renderer: Renderer) -> Iterator[np.ndarray]:
        """Decode the selected frames, a batch at a time, and iterate over their pictures."""
        options = self._options
        is_whole = options.region is None and not options.reduce
        if options.size and is_whole and not options.salvage and not renderer.needs_extremes:
            for number in self.numbers:
                yield renderer.render(number, threads=options.threads)
            return
        if not self.has_axis:
            array = self.read()
            yield renderer.picture(array, self.numbers[0])
            return
        if renderer.needs_extremes and renderer.limits is None:
            self.extend(renderer)
        for frames, numbers in self._batches():
            for frame, number in zip(frames, numbers, strict=True):
                yield renderer.picture(frame, number)

    def extend(self, renderer: Renderer) -> None:
        """Take the values of the selected frames into the extremes that all pictures share."""
        for frames, numbers in self._batches():
            for frame, number in zip(frames, numbers, strict=True):
                renderer.extend(frame, number)

    def _batches(self) -> Iterator[tuple[np.ndarray, list[int]]]:
        """Decode the selected frames, some at a time, and iterate over them and their numbers."""
        if not self.has_axis:
            yield self.read()[np.newaxis], self.numbers
            return
        frame_bytes = int(np.prod(self.image.frame_shape)) * self.image.dtype.itemsize
        step = max(1, _BATCH_BYTES // max(frame_bytes, 1))
        for first in range(0, len(self.numbers), step):
            numbers = self.numbers[first : first + step]
            yield self._read(numbers, self._status[first : first + step]), numbers

    # ---- writing ----------------------------------------------------------------------------------

    def write(self, places: Sequence[Path]) -> tuple[list[Path], dict[str, Any]]:
        """Write the frames; return the files, and what the JSON document says about them."""
        return self._write_pictures(places) if self._options.is_picture else self._write_values(places)

    def _document(
        self, shape: Sequence[int], dtype: str, colour: str, note: str, decoded: tuple[Sequence[int], str]
    ) -> dict[str, Any]:
        return {
            "path": self._path,
            "shape": list(shape),
            "dtype": dtype,
            "decoded": {"shape": list(decoded[0]), "dtype": decoded[1]},
            "photometric_interpretation": colour,
            "frames": self.numbers,
            "note": note,
            "status": self._status.tolist() if self._options.salvage else None,
        }

    def _write_pictures(self, places: Sequence[Path]) -> tuple[list[Path], dict[str, Any]]:
        options = self._options
        renderer = options.renderer(self.image)
        profile = renderer.icc_profile
        shapes: list[tuple[int, ...]] = []

        def pages() -> Iterator[np.ndarray]:
            for picture in self.pictures(renderer):
                shapes.append(picture.shape)
                yield picture

        if options.form in ("png", "jpeg"):
            place_of = dict(zip(dict.fromkeys(self.numbers), places, strict=True))
            for number, page in zip(self.numbers, pages(), strict=True):
                place = place_of.pop(number, None)
                if place is not None:  # a frame that is selected twice is written once
                    encoded = encode_picture([page], options.form, quality=options.quality, icc=profile)
                    write_bytes(place, encoded, self._path)
        else:
            encoded = encode_picture(pages(), options.form, icc=profile, milliseconds=milliseconds_of(renderer.header))
            write_bytes(places[0], encoded, self._path)
        shape = (len(shapes), *shapes[0]) if self.has_axis else shapes[0]
        frame_shape = self._frame_shape or self.image.frame_shape
        decoded = (
            (len(self.numbers), *frame_shape) if self.has_axis else frame_shape,
            self.image.dtype.name,
        )
        colour = "RGB" if renderer.is_colour else "MONOCHROME2"
        return list(places), self._document(shape, "uint8", colour, renderer.note, decoded)

    def _write_values(self, places: Sequence[Path]) -> tuple[list[Path], dict[str, Any]]:
        array = self.read()
        decoded = array.shape, array.dtype.name
        array, colour, note = self.values(array)
        if self._options.form == "png":
            array, note = _for_png(array, note)
        document = self._document(array.shape, array.dtype.name, colour, note, decoded)
        return write(array, places, self._options.form, self.has_axis, document, self._path), document

    def values(self, array: np.ndarray) -> tuple[np.ndarray, str, str]:
        """Apply the palette, the window or the range: return the array to write, its colour space and a note."""
        options, image = self._options, self.image
        source_colour = image.source_photometric_interpretation
        colour = source_colour if options.raw_colour else image.photometric_interpretation
        is_palette = source_colour == "PALETTE COLOR"
        if options.choice is None and not (options.palette and is_palette):
            return array, colour, ""
        renderer = options.renderer(image)
        if is_palette and options.palette:
            return apply_palette(array, renderer.header), "RGB", "palette applied"
        if is_palette:
            return renderer.table_colours(array), "RGB", renderer.note
        frames = array if self.has_axis else array[np.newaxis]
        if renderer.needs_extremes:
            for frame, number in zip(frames, self.numbers, strict=True):
                renderer.extend(frame, number)
        levels = np.stack([renderer.levels(frame, number) for frame, number in zip(frames, self.numbers, strict=True)])
        shown = colour if array.ndim - self.has_axis == 3 else "MONOCHROME2"
        return (levels if self.has_axis else levels[0]), shown, renderer.note


def _for_png(array: np.ndarray, note: str) -> tuple[np.ndarray, str]:
    """Return stored values as PNG can hold them, and a note about it."""
    if array.dtype.kind == "f" or array.dtype.itemsize > 2:
        raise ValueError(f"PNG can store up to 16 bits, not {array.dtype.name}: leave out --raw, or use tiff or npy")
    if array.dtype.kind == "i":
        # Two's complement with an inverted sign bit is the value plus half the range.
        half = 1 << (8 * array.dtype.itemsize - 1)
        unsigned = array.view(f"u{array.dtype.itemsize}") ^ np.array(half, f"u{array.dtype.itemsize}")
        return unsigned, f"{half} added to signed values"
    return array, note
