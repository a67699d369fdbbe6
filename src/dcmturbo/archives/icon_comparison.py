"""Icons and other pixel data in sequences, decoded by the transfer syntax of their own object (PS3.5, A.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dcmturbo import _core
from dcmturbo.archives.stored_object import Bytes, Place
from dcmturbo.decoding import decode_frame
from dcmturbo.errors import DecodeError, Error
from dcmturbo.formats.syntaxes import TransferSyntax, find_transfer_syntax, syntax_of_frame
from dcmturbo.wording import counted

__all__ = ["ATTRIBUTES", "IconSide", "is_readable", "same_icon"]

_LARGEST = 64 << 20  # maximum size in bytes: icons are small
_PHOTOMETRIC, _PLANAR, _FRAMES = 0x00280004, 0x00280006, 0x00280008
ATTRIBUTES = {
    0x00280002: "samples_per_pixel",
    _PHOTOMETRIC: "photometric_interpretation",
    _PLANAR: "planar_configuration",
    0x00280010: "rows",
    0x00280011: "columns",
    0x00280100: "bits_allocated",
    0x00280101: "bits_stored",
    0x00280103: "pixel_representation",
}


@dataclass
class IconSide:
    """An icon of one of two objects."""

    read: Bytes
    place: Place  # of the pixel data
    attributes: dict[int, Place]
    syntax: str

    def number(self, tag: int, default: int) -> int:
        """Return a number of the item that the icon is in."""
        place = self.attributes.get(tag)
        value = b"" if place is None else bytes(self.read(place.value, min(place.end, place.value + 2)))
        if place is None or len(value) < 2:
            return default
        return int.from_bytes(value, "big" if place.encoding.big_endian else "little")

    def cells(self, *, strict: bool) -> np.ndarray:
        """Return the stored cells: (rows, columns), or (rows, columns, samples).

        Parameters
        ----------
        strict : bool
            Whether the icon must have the transfer syntax of its object; otherwise its codestream shows what it is.

        Raises
        ------
        Error
            If it cannot be decoded.
        """
        samples, allocated = self.number(0x00280002, 1), self.number(0x00280100, 8)
        stated = ""
        if _PHOTOMETRIC in self.attributes:
            place = self.attributes[_PHOTOMETRIC]
            stated = bytes(self.read(place.value, min(place.end, place.value + 16))).decode("latin-1").strip(" \0")
        attributes: dict[str, Any] = {
            "rows": self.number(0x00280010, 0),
            "columns": self.number(0x00280011, 0),
            "samples_per_pixel": samples,
            "bits_allocated": allocated,
            "bits_stored": self.number(0x00280101, allocated),
            "pixel_representation": self.number(0x00280103, 0),
            "photometric_interpretation": stated or ("MONOCHROME2" if samples == 1 else "RGB"),
        }
        if self.place.is_undefined:
            labelled = find_transfer_syntax(self.syntax)
            data = bytearray(self.read(self.place.value, min(self.place.end, self.place.value + _LARGEST)))
            source = _core.Source.buffer(data)
            index = _core.Index(
                source,
                encapsulated=True,
                offset=0,
                length=source.size,
                undefined_length=True,
                number_of_frames=1,
                grouping=labelled.grouping,
            )
            frame = index.read_frame(0)
            syntax = _own_syntax(frame, labelled)
            if strict and syntax.family != labelled.family:
                raise DecodeError(f"it is {syntax.name}, but its object is {labelled.name}", code="mismatch")
            cells = decode_frame(frame, syntax.uid, **attributes, raw=True, unused_bits="keep", threads=1)
            return np.asarray(cells)
        return self._native(attributes)

    def _native(self, attributes: dict[str, Any]) -> np.ndarray:
        rows, columns, samples = (int(attributes[name]) for name in ("rows", "columns", "samples_per_pixel"))
        allocated = int(attributes["bits_allocated"])
        data = bytes(self.read(self.place.value, min(self.place.end, self.place.value + _LARGEST)))
        order = ">" if self.place.encoding.big_endian else "<"
        count = rows * columns * samples
        if allocated == 1:
            cells = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[:count]
        else:
            kind = "i" if attributes["pixel_representation"] else "u"
            dtype = np.dtype(f"{order}{kind}{allocated // 8}")
            cells = np.frombuffer(data, dtype, len(data) // dtype.itemsize)[:count].astype(dtype.newbyteorder("="))
        if samples == 1:
            return cells.reshape(rows, columns)
        if self.number(_PLANAR, 0):
            return np.moveaxis(cells.reshape(samples, rows, columns), 0, -1)
        return cells.reshape(rows, columns, samples)


def _own_syntax(frame: bytes, stated: TransferSyntax) -> TransferSyntax:
    """Return the transfer syntax that a frame shows; that of its object if the frame shows none."""
    found = syntax_of_frame(frame)
    return stated if found is None or found.family == stated.family else found


def is_readable(icon: IconSide) -> bool:
    """Whether an icon is in the transfer syntax of its object."""
    try:
        icon.cells(strict=True)
    except (Error, ValueError, TypeError, IndexError):
        return False
    return True


def same_icon(one: IconSide, other: IconSide) -> str:
    """Return how two icons differ; empty if their cells are the same.

    The first may have another transfer syntax than its object, the second must not.
    """
    arrays: list[np.ndarray] = []
    for side, where in ((one, "first"), (other, "second")):
        try:
            arrays.append(side.cells(strict=side is other))
        except (Error, ValueError, TypeError, IndexError) as error:
            return f"the icon of the {where} cannot be decoded: {error}"
    if arrays[0].shape != arrays[1].shape:
        return f"an icon of shape {arrays[0].shape} against {arrays[1].shape}"
    if not np.array_equal(arrays[0], arrays[1]):
        differing = int(np.count_nonzero(arrays[0] != arrays[1]))
        return counted(differing, "sample of the icon differs", "samples of the icon differ")
    return ""
