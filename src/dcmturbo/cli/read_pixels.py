"""The pixels that ``dcmturbo encode`` reads: of pictures, with all of their bits, and of arrays."""

from __future__ import annotations

import contextlib
import functools
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import dcmturbo as dt

__all__ = ["Pixels", "colour_of", "read_pixels"]

Colour = tuple[int, int, int]

# Who compresses with loss, by the format of a picture: PS3.3, C.7.6.1.1.5.1. The last two are no terms of the standard.
_LOSSY_METHODS = {
    "JPEG": "ISO_10918_1",
    "MPO": "ISO_10918_1",
    "JPEG2000": "ISO_15444_1",
    "WEBP": "WEBP",
    "AVIF": "AVIF",
}
_ORIENTATION = 0x0112  # of EXIF and TIFF
_BITS, _COMPRESSION, _PHOTOMETRIC, _PLANAR, _EXTRA, _FORMAT = 258, 259, 262, 284, 338, 339  # of TIFF
_OLD_JPEG, _JPEG = 6, 7


@dataclass(frozen=True)
class Pixels:
    """Pixels of an input.

    Attributes
    ----------
    array : numpy.ndarray
        Shape ([frames,] rows, columns[, 3]).
    has_axis : bool
        Whether it has a frame axis.
    samples : int
        1 or 3.
    lossy_method : str
        How a picture was compressed with loss, as Lossy Image Compression Method has it; empty if it was not.
    compressed : int
        Its size in bytes, then.
    icc_profile : bytes
        That of a picture in colour; empty if it has none.
    turned : bool
        Whether a picture was turned as its EXIF orientation says.
    notes : tuple of str
        What a user should know.
    """

    array: np.ndarray
    has_axis: bool
    samples: int
    lossy_method: str = ""
    compressed: int = 0
    icc_profile: bytes = b""
    turned: bool = False
    notes: tuple[str, ...] = ()

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Shape of one frame."""
        return self.array.shape[1:] if self.has_axis else self.array.shape


def colour_of(text: str) -> Colour:
    """Return a colour by its name or as ``#RRGGBB``.

    Raises
    ------
    ValueError
        If it is none.
    """
    from PIL import ImageColor

    red, green, blue, *_ = ImageColor.getrgb(text)
    return red, green, blue


def read_pixels(path: Path, background: Colour | None = None) -> Pixels:
    """Read a picture or an array.

    Parameters
    ----------
    path : Path
        A file.
    background : tuple of int, optional
        The colour behind transparent pixels. By default the colours that they have themselves are taken, and a note
        says so.

    Raises
    ------
    OSError, ValueError
        If it cannot be read, or is none that DICOM can hold.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name the files in it, in the order of the frames")
    if path.suffix.lower() == ".npy":
        return _of_array(_load(path))
    with path.open("rb") as file:
        start = file.read(132)
    if start[128:] == b"DICM":  # some are TIFF files too
        raise ValueError("it is a DICOM file already: to convert it, use dcmturbo transcode")
    if path.suffix.lower() == ".npz" or start[:2] == b"PK":
        raise ValueError("it is an archive of several files: save the array that you want with numpy.save, as .npy")
    picture = _File(path)
    with _opened(path) as image:
        pages = _pages(picture, image, background)
        methods = {method for page in range(len(pages)) if (method := _lossy_method(picture, image, page))}
        profile = image.info.get("icc_profile") or b""
    first = pages[0]
    for number, page in enumerate(pages):
        if (page.array.shape, page.array.dtype) != (first.array.shape, first.array.dtype):
            raise ValueError(
                f"page {number + 1} is {_extent(page.array)} and page 1 is {_extent(first.array)}, but frames of one "
                "object have one size and type: save each page as a file, and make an object of each"
            )
    samples = 1 if first.array.ndim == 2 else 3
    return Pixels(
        np.stack([page.array for page in pages]) if len(pages) > 1 else first.array,
        has_axis=len(pages) > 1,
        samples=samples,
        lossy_method=next(iter(methods), ""),
        compressed=path.stat().st_size,
        icc_profile=profile if samples == 3 and profile[16:20] == b"RGB " else b"",
        turned=any(page.turned for page in pages),
        notes=_notes(pages),
    )


class _File:
    """A picture's file, of which all bytes are read at most once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @functools.cached_property
    def content(self) -> bytes:
        return self.path.read_bytes()


@dataclass(frozen=True)
class _Page:
    array: np.ndarray
    turned: bool
    transparent: int  # pixels whose transparency is left out


def _notes(pages: list[_Page]) -> tuple[str, ...]:
    transparent = sum(page.transparent for page in pages)
    if not transparent:
        return ()
    share = transparent / sum(page.array.shape[0] * page.array.shape[1] for page in pages)
    return (
        f"{share:.1%} of the pixels are transparent, which DICOM has no place for: they get the colours below their "
        "transparency. To put them on a colour, use --background white",
    )


def _extent(array: np.ndarray) -> str:
    return f"{' x '.join(map(str, array.shape))} {array.dtype.name}"


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a picture with Pillow. Whatever goes wrong is an OSError or a ValueError."""
    from PIL import Image, UnidentifiedImageError

    limit = Image.MAX_IMAGE_PIXELS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about metadata that are not used here
            # The user has named the file, and Pillow's limit is smaller than a slide: that of dcmturbo is checked.
            Image.MAX_IMAGE_PIXELS = None
            with Image.open(path) as image:
                yield image
    except UnidentifiedImageError:
        raise ValueError("it is no picture that Pillow can read, and no .npy file") from None
    except (SyntaxError, EOFError, struct.error, OverflowError, IndexError, KeyError, TypeError) as error:
        raise ValueError(f"the picture is damaged: {error}") from None
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _pages(file: _File, image: Any, background: Colour | None) -> list[_Page]:
    from PIL import ImageSequence

    pages = []
    for page in ImageSequence.Iterator(image):
        if page.width * page.height > dt.config.limits.max_pixels:
            raise ValueError(
                f"the picture has {page.height} x {page.width} pixels, more than dt.config.limits.max_pixels "
                f"({dt.config.limits.max_pixels})"
            )
        if max(page.size) > 0xFFFF:
            raise ValueError(f"the picture has {page.height} x {page.width} pixels, but DICOM has at most 65535 a side")
        pages.append(_of_page(file, page, background))
        if image.format == "MPO":
            break  # what follows the picture of a camera are previews of it
    return pages


def _of_page(file: _File, page: Any, background: Colour | None) -> _Page:
    """Return a page of a picture: grey levels of 8, 16 or 32 bits, or RGB of 8 or 16 bits."""
    samples = _read_all_bits(file, page)
    if samples is None:
        page.load()
        samples = _by_pillow(page)
        orientation = page.getexif().get(_ORIENTATION, 1)
    elif page.format == "TIFF":  # Pillow turns what it loads itself
        orientation = page.tag_v2.get(_ORIENTATION, 1)
    else:
        orientation = page.getexif().get(_ORIENTATION, 1)
    colours, alpha = samples
    transparent = 0
    if alpha is not None and background is not None:
        colours = _on_colour(colours, alpha, background)
    elif alpha is not None:
        transparent = int(np.count_nonzero(alpha != np.iinfo(alpha.dtype).max))
    return _Page(np.ascontiguousarray(_turned(colours, orientation)), orientation in range(2, 9), transparent)


def _turned(array: np.ndarray, orientation: int) -> np.ndarray:
    """Return a picture as its orientation (EXIF, 4.6.5) says that it is to be seen."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array


def _on_colour(colours: np.ndarray, alpha: np.ndarray, background: Colour) -> np.ndarray:
    most = int(np.iinfo(alpha.dtype).max)
    behind = np.array(background, np.float64) * (most // 255)
    if colours.ndim == 2:
        if len(set(background)) == 1:
            behind = behind[:1]
        colours = colours[..., np.newaxis]
    share = alpha[..., np.newaxis] / most
    mixed = np.rint(colours * share + behind * (1 - share)).astype(colours.dtype)
    return mixed[..., 0] if mixed.shape[-1] == 1 else mixed


def _by_pillow(page: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the samples of a page that Pillow reads with all of their bits, and their opacity if they have any."""
    mode, key = page.mode, page.info.get("transparency")
    if mode in ("CMYK", "LAB", "HSV"):
        raise ValueError(
            f"its colours are {mode}: convert it to RGB first, with the ICC profile that they are meant in"
        )
    if mode in ("I;16", "I;16L", "I;16B", "I;16N"):
        grey = np.asarray(page).astype(np.uint16)
        return grey, np.where(grey == key, 0, 0xFFFF).astype(np.uint16) if isinstance(key, int) else None
    if mode == "I":
        values = np.asarray(page)
        fits = values.size and values.min() >= 0 and values.max() < 1 << 16 and page.format != "TIFF"
        return values.astype(np.uint16) if fits else values, None
    if mode == "F":
        return np.asarray(page), None
    is_grey = mode in ("1", "L", "LA", "La")
    if mode in ("LA", "La", "PA", "RGBA", "RGBa") or key is not None:
        with_alpha = np.asarray(page.convert("RGBA"))
        return with_alpha[..., 0] if is_grey else with_alpha[..., :3], with_alpha[..., 3]
    return np.asarray(page.convert("L" if is_grey else "RGB")), None


def _read_all_bits(file: _File, page: Any) -> tuple[np.ndarray, np.ndarray | None] | None:
    """Return the samples, and their opacity, of a page of which Pillow would read less; None for others."""
    import imagecodecs

    reader: Any
    if page.format == "TIFF":
        samples = _tiff_values(file, page)
        if samples is None:
            return None
    else:
        arguments = page.tile[0][3] if page.tile else ""
        texts = (arguments,) if isinstance(arguments, str) else arguments or ()
        if page.format == "JPEG2000":
            is_deep = page.mode in ("LA", "RGB", "RGBA") and _header(file).precision > 8
            reader = imagecodecs.jpeg2k_decode
        else:
            # Pillow has 16 bits for grey levels only.
            is_deep = page.mode != "I;16" and any(isinstance(text, str) and ";16" in text for text in texts)
            is_deep = is_deep or (page.format == "PPM" and page.mode == "RGB" and max(texts[1:2], default=0) > 255)
            reader = imagecodecs.png_decode if page.format == "PNG" else None
        if not is_deep:
            return None
        if reader is None:
            raise ValueError(
                f"its colours have 16 bits, of which only 8 can be read from {page.format}: save it as PNG"
            )
        samples = reader(file.content)
    if samples.ndim == 2:
        return samples, None
    count = samples.shape[-1]
    if count not in (1, 2, 3, 4) or (count in (2, 4) and samples.dtype.kind != "u"):
        raise ValueError(f"it has {count} samples a pixel: save it as grey levels or as RGB")
    colours = samples[..., :3] if count >= 3 else samples[..., 0]
    return colours, samples[..., -1] if count in (2, 4) else None


def _tiff_values(file: _File, page: Any) -> np.ndarray | None:
    """Return what a page of TIFF has if it is more than Pillow reads: signs, or more than 8 bits of colours."""
    import imagecodecs

    tags = page.tag_v2
    bits, kinds = tags.get(_BITS, (1,)), tags.get(_FORMAT, (1,))
    inverted = tags.get(_PHOTOMETRIC) == 0 and bits[0] > 8
    if set(kinds) == {1} and not inverted and (bits[0] <= 8 or (len(bits) == 1 and bits[0] < 32)):
        return None
    if set(kinds) == {3} and bits == (32,):
        return None
    try:
        samples: np.ndarray = imagecodecs.tiff_decode(file.content, page.tell())
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"its samples of {bits[0]} bits cannot be read ({error}): save it as .npy") from None
    if tags.get(_EXTRA, (0,))[0] == 1:
        raise ValueError("its colours are multiplied by their opacity: save it without transparency")
    if inverted and samples.dtype.kind == "u":
        samples = ~samples
    if tags.get(_PLANAR) == 2 and samples.ndim == 3:
        samples = np.moveaxis(samples, 0, -1)
    return samples


def _header(file: _File) -> Any:
    return dt.probe(file.content)


def _lossy_method(file: _File, image: Any, page: int) -> str:
    """Return how a page was compressed with loss; empty if it was not."""
    if image.format == "TIFF":
        image.seek(page)
        return "ISO_10918_1" if image.tag_v2.get(_COMPRESSION) in (_OLD_JPEG, _JPEG) else ""
    if image.format in ("JPEG2000", "WEBP") and page == 0:
        try:
            lossless = _header(file).lossless if image.format == "JPEG2000" else b"VP8 " not in file.content
        except dt.Error:
            lossless = False
        if lossless:
            return ""
    return _LOSSY_METHODS.get(image.format, "")


def _load(path: Path) -> np.ndarray:
    try:
        array: np.ndarray = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        if "allow_pickle" in str(error):
            raise ValueError(
                "it holds Python objects or is no .npy file: dcmturbo loads no objects, because loading them runs code"
            ) from None
        raise ValueError(f"the array cannot be read: {error}") from None
    return array


def _of_array(array: np.ndarray) -> Pixels:
    kind = f"{array.dtype.kind}{array.dtype.itemsize}"
    if kind == "b1":
        array, kind = array.astype(np.uint8), "u1"
    if kind not in ("u1", "u2", "u4", "i1", "i2", "i4", "f4", "f8"):
        raise ValueError(f"DICOM has no pixels of type {array.dtype}: use integers of 8 to 32 bits, float32 or float64")
    if array.ndim >= 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim >= 3 and array.shape[-1] in (2, 4):
        raise ValueError(
            f"the array has shape {array.shape}: if the last axis is that of samples, leave out the opacity; "
            "images of 2 or 4 columns are not taken"
        )
    samples = 3 if array.ndim >= 3 and array.shape[-1] == 3 else 1
    if samples == 3 and kind[0] != "u":
        raise ValueError(f"the array has shape {array.shape} and type {array.dtype}: colours are unsigned integers")
    axes = array.ndim - (samples == 3)
    if axes not in (2, 3) or 0 in array.shape:
        raise ValueError(
            f"the array has shape {array.shape}; expected (rows, columns) or (frames, rows, columns), "
            "with three samples behind for colours"
        )
    if max(array.shape[axes - 2 : axes]) > 0xFFFF:
        raise ValueError(f"the array has shape {array.shape}, but DICOM has at most 65535 rows and columns")
    return Pixels(np.ascontiguousarray(array), has_axis=axes == 3, samples=samples)
