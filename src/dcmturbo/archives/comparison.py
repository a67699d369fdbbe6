"""Two DICOM objects, compared: their pixels, and every element of their datasets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dcmturbo.archives.places import open_binary
from dcmturbo.archives.walk import is_url
from dcmturbo.decoding import decode
from dcmturbo.errors import Error, NoPixelData, NotDicom
from dcmturbo.image import Image
from dcmturbo.image import open as open_image

__all__ = ["Comparison", "compare_bytes", "compare_objects", "pairs_of"]

_AT_ONCE = 64 << 20  # bytes of pixels that are compared at a time
_DEFERRED = 1 << 20  # bytes: longer values are read when they are compared

# What transcoding changes (PS3.5, 8.2; PS3.3, C.7.6.1.1.5 and C.7.6.3), and what says who wrote a file.
_EXPECTED = frozenset(
    {
        0x00020000,  # File Meta Information Group Length
        0x00020010,  # Transfer Syntax UID
        0x00020012,  # Implementation Class UID
        0x00020013,  # Implementation Version Name
        0x00080001,  # Length to End (retired)
        0x00280004,  # Photometric Interpretation
        0x00280006,  # Planar Configuration
        0x00282110,  # Lossy Image Compression
        0x00282112,  # Lossy Image Compression Ratio
        0x00282114,  # Lossy Image Compression Method
        0x7FE00001,  # Extended Offset Table
        0x7FE00002,  # Extended Offset Table Lengths
        0x7FE00003,  # Encapsulated Pixel Data Value Total Length
    }
)
_LOSSY, _LOSSES = 0x00282110, (0x00282112, 0x00282114)
# Lossy results may be new instances.
_EXPECTED_OF_NEW_INSTANCES = frozenset({0x00020003, 0x00080018})
_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})


@dataclass
class Comparison:
    """How two files differ.

    Attributes
    ----------
    pixels : str
        Empty if they are equal, or neither has any; else a sentence.
    elements : list of str
        The elements that differ, each with how.
    expected : list of str
        Those that differ as transcoding makes them.
    maximum_error : float or None
        The largest difference of two samples, where there is one.
    problem : str
        Why the files could not be compared, empty if they could.
    kind : str
        ``"image"``, ``"dataset"`` (without pixels) or ``"bytes"``.
    """

    pixels: str = ""
    elements: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    maximum_error: float | None = None
    problem: str = ""
    kind: str = "image"

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs but what transcoding changes."""
        return not (self.pixels or self.elements or self.problem)


def compare_bytes(first: str, second: str) -> bool:
    """Whether two files have the same bytes."""
    with open_binary(first) as one, open_binary(second) as other:
        while True:
            ours, theirs = one.read(1 << 20), other.read(1 << 20)
            if ours != theirs:
                return False
            if not ours:
                return True


def compare_objects(first: str, second: str) -> Comparison:
    """Compare two files, by path or URL.

    Pixels are compared as they are stored (``raw=True, unused_bits="keep"``); elements by their bytes, and by their
    values where the encodings of the datasets differ.
    """
    result = Comparison()
    try:
        _compare_pixels(first, second, result)
    except (NotDicom, NoPixelData):
        result.kind = "bytes"
        if compare_bytes(first, second):
            return result
        result.kind = "dataset"
    except (Error, OSError) as error:
        if not _same_bytes(first, second):
            result.problem = str(error)
        else:
            result.kind = "bytes"
            return result
    try:
        _compare_datasets(first, second, result)
    except Exception as error:  # whatever pydicom says of a damaged file
        if result.kind == "dataset":
            result.kind, result.pixels = "bytes", "the bytes differ"
        else:
            result.problem = result.problem or f"the dataset cannot be read: {error}"
    return result


def _same_bytes(first: str, second: str) -> bool:
    try:
        return compare_bytes(first, second)
    except OSError:
        return False


# ---- pixels -----------------------------------------------------------------------------------------


def _compare_pixels(first: str, second: str, result: Comparison) -> None:
    raw = True
    with _open(first) as one, _open(second) as other:
        colours = _colours(one), _colours(other)
        if colours[0] != colours[1]:
            # Stored samples that are equal mean something else; those of colour can be compared as RGB.
            raw = False
            if len(one.frame_shape) < 3 or len(other.frame_shape) < 3:
                result.pixels = f"{colours[0] or 'no colours'} against {colours[1] or 'no colours'}"
                return
    with _open(first, raw=raw) as one, _open(second, raw=raw) as other:
        if len(one) != len(other):
            result.pixels = f"{len(one)} frames against {len(other)}"
        elif one.frame_shape != other.frame_shape:
            result.pixels = f"frames of shape {one.frame_shape} against {other.frame_shape}"
        elif one.dtype != other.dtype:
            result.pixels = f"{one.dtype.name} against {other.dtype.name}"
        if result.pixels:
            return
        step = max(1, _AT_ONCE // max(1, one.dtype.itemsize * int(np.prod(one.frame_shape))))
        differing, where = 0, -1
        for begin in range(0, len(one), step):
            frames = slice(begin, min(begin + step, len(one)))
            ours, theirs = one.read(frames, threads=1), other.read(frames, threads=1)
            if ours.tobytes() == theirs.tobytes():
                continue
            unequal = ours != theirs
            if ours.dtype.kind == "f":
                unequal &= ~(np.isnan(ours) & np.isnan(theirs))
            count = int(np.count_nonzero(unequal))
            if not count:
                continue
            differing += count
            if where < 0:
                where = begin + int(np.flatnonzero(unequal.reshape(len(unequal), -1).any(1))[0])
            error = float(np.abs(ours[unequal].astype(np.float64) - theirs[unequal]).max())
            result.maximum_error = max(result.maximum_error or 0.0, error)
        if differing:
            result.pixels = f"{differing} samples differ, by up to {result.maximum_error:g}, first in frame {where}"


def _open(path: str, *, raw: bool = True) -> Image:
    return open_image(path, raw=raw, unused_bits="keep")


def _colours(image: Image) -> str:
    """Return the photometric interpretation of stored samples, without what says only how they were subsampled."""
    return image.photometric_interpretation.replace("YBR_FULL_422", "YBR_FULL")


# ---- datasets ---------------------------------------------------------------------------------------


def _compare_datasets(first: str, second: str, result: Comparison) -> None:
    one, other = _read(first), _read(second)
    expected = _EXPECTED
    if _is_lossy(other) and not _is_lossy(one):
        expected |= _EXPECTED_OF_NEW_INSTANCES
    if (one.preamble or b"") != (other.preamble or b""):
        result.elements.append("the preamble")
    pairs = ((getattr(one, "file_meta", None), getattr(other, "file_meta", None)), (one, other))
    for ours, theirs in pairs:
        for tag, name, how in _differences(_empty() if ours is None else ours, _empty() if theirs is None else theirs):
            # Of retired group lengths also those within items; all else at the top level only.
            is_expected = tag & 0xFFFF == 0 or (
                tag in expected and name == _name(tag) and _is_history_kept(tag, one, other)
            )
            (result.expected if is_expected else result.elements).append(f"{name}: {how}")


def _is_history_kept(tag: int, one: Any, other: Any) -> bool:
    """Whether a second dataset says at least what a first says of its loss: PS3.3, C.7.6.1.1.5."""
    if tag == _LOSSY:
        return _is_lossy(other)
    if tag in _LOSSES:
        before, after = ([str(value) for value in _values(dataset.get(tag))] for dataset in (one, other))
        return after[: len(before)] == before
    return True


def _values(element: Any) -> list[Any]:
    if element is None or element.value is None or element.value == "":
        return []
    return [element.value] if element.VM == 1 else list(element.value)


def _empty() -> Any:
    from pydicom.dataset import Dataset

    return Dataset()


def _read(path: str) -> Any:
    import pydicom

    if is_url(path):
        with open_binary(path) as file:
            return pydicom.dcmread(file, force=True)
    return pydicom.dcmread(path, force=True, defer_size=_DEFERRED)


def _is_lossy(dataset: Any) -> bool:
    return str(dataset.get("LossyImageCompression", "")) == "01"


def _name(tag: Any) -> str:
    from pydicom.datadict import keyword_for_tag

    number = int(tag)
    name = keyword_for_tag(number) or ("private" if number >> 16 & 1 else "unknown")
    return f"{name} ({number >> 16:04X},{number & 0xFFFF:04X})"


def _differences(one: Any, other: Any, prefix: str = "") -> Iterator[tuple[int, str, str]]:
    """Yield tag, name and kind of what differs, sequences by their items."""
    for tag in sorted(set(one.keys()) | set(other.keys())):
        name = prefix + _name(tag)
        if tag not in other or tag not in one:
            if int(tag) not in _PIXELS or prefix:
                yield int(tag), name, "only in the first" if tag in one else "only in the second"
            continue
        if int(tag) in _PIXELS and not prefix:
            continue
        ours, theirs = one.get_item(tag), other.get_item(tag)
        if _is_same_raw(ours, theirs):
            continue
        ours, theirs = one[tag], other[tag]
        if ours.VR == "SQ" and theirs.VR == "SQ":
            if len(ours.value) != len(theirs.value):
                yield int(tag), name, f"{len(ours.value)} items against {len(theirs.value)}"
            for number, (first, second) in enumerate(zip(ours.value, theirs.value, strict=False)):
                if "PixelData" in first and "PixelData" in second:
                    yield from _icon_differences(one, other, first, second, f"{name}[{number}].")
                else:
                    yield from _differences(first, second, f"{name}[{number}].")
        elif not _is_same_value(ours, theirs):
            yield int(tag), name, f"{_shown(ours.value)} against {_shown(theirs.value)}"


def _is_same_raw(ours: Any, theirs: Any) -> bool:
    """Whether two elements have the same bytes, VR and byte order."""
    if not (hasattr(ours, "value_tell") and hasattr(theirs, "value_tell")):
        return False
    if ours.value is None or theirs.value is None or ours.VR == "SQ":
        return False
    same_order = ours.is_little_endian == theirs.is_little_endian
    same_vr = ours.VR == theirs.VR or ours.VR is None or theirs.VR is None or "UN" in (ours.VR, theirs.VR)
    return bool(same_order and same_vr and ours.value == theirs.value)


def _is_same_value(ours: Any, theirs: Any) -> bool:
    if ours.VR != theirs.VR and "UN" not in (ours.VR, theirs.VR):
        return False
    try:
        if bool(ours.value == theirs.value):
            return True
    except Exception:
        return False
    if isinstance(ours.value, float) and isinstance(theirs.value, float):
        return ours.value != ours.value and theirs.value != theirs.value
    return False


def _shown(value: Any) -> str:
    text = f"{len(value)} bytes" if isinstance(value, (bytes, bytearray)) else str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _icon_differences(one: Any, other: Any, first: Any, second: Any, prefix: str) -> Iterator[tuple[int, str, str]]:
    """Compare an icon by its pixels: encapsulated ones become native with a native target (PS3.5, A.4)."""
    for tag, name, how in _differences(first, second, prefix):
        if tag not in _PIXELS and tag not in _EXPECTED:
            yield tag, name, how
        elif tag in _PIXELS:
            pixels = [_icon_pixels(*pair) for pair in ((one, first), (other, second))]
            if pixels[0] is None or pixels[1] is None or not np.array_equal(pixels[0], pixels[1]):
                yield tag, name, how


def _icon_pixels(dataset: Any, icon: Any) -> np.ndarray | None:
    import copy

    item = copy.copy(icon)
    item.file_meta = getattr(dataset, "file_meta", None)
    try:
        return decode(item, raw=True, unused_bits="keep", threads=1)
    except (Error, ValueError):
        return None


def pairs_of(first: dict[str, str], second: dict[str, str]) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield names with their paths in both trees, in order."""
    for name in sorted(first.keys() | second.keys()):
        yield name, first.get(name), second.get(name)
