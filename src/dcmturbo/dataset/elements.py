"""Data elements as bytes (PS3.5, clause 7): write one, iterate over several, and splice changes into a dataset."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from dcmturbo.errors import DecodeError

__all__ = [
    "ITEM",
    "ITEM_DELIMITER",
    "LONG_VRS",
    "PIXEL_DATA_TAGS",
    "SEQUENCE_DELIMITER",
    "SHORT_VRS",
    "UNDEFINED_LENGTH",
    "Changes",
    "Element",
    "Encoding",
    "Piece",
    "element_bytes",
    "end_of_undefined",
    "end_of_unknown",
    "header_bytes",
    "is_sequence",
    "padded",
    "read_header",
    "splice",
    "tag_name",
    "walk",
]

UNDEFINED_LENGTH = 0xFFFFFFFF
ITEM, ITEM_DELIMITER, SEQUENCE_DELIMITER = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PIXEL_DATA_TAGS = (0x7FE00008, 0x7FE00009, 0x7FE00010)

# PS3.5, table 7.1-1: VRs with two reserved bytes and a length of 32 bits.
LONG_VRS = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"))
SHORT_VRS = frozenset(
    [
        "AE",
        "AS",
        "AT",
        "CS",
        "DA",
        "DS",
        "DT",
        "FD",
        "FL",
        "IS",
        "LO",
        "LT",
        "PN",
        "SH",
        "SL",
        "SS",
        "ST",
        "TM",
        "UI",
        "UL",
        "US",
    ]
)
VRS = LONG_VRS | SHORT_VRS


class Encoding(NamedTuple):
    """How a dataset is encoded (PS3.5, annex A)."""

    explicit_vr: bool = True
    big_endian: bool = False


class Element(NamedTuple):
    """Where an element lies."""

    tag: int
    vr: str  # empty for implicit VR
    begin: int  # of the header
    value: int
    end: int  # after the value, and after the delimiter if the length is undefined
    undefined_length: bool


_IMPLICIT = Encoding(explicit_vr=False)

# A part of the result: bytes, or a range of the source.
Piece = bytes | tuple[int, int]
# By tag: the new VR and value of an element, or None to remove it.
Changes = Mapping[int, tuple[str, bytes] | None]


def tag_name(tag: int) -> str:
    """Return a tag in the usual notation."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def padded(value: bytes, vr: str) -> bytes:
    """Return a value of even length (PS3.5, 6.2)."""
    return value + (b"\0" if vr in ("UI", "OB", "UN") else b" ") * (len(value) & 1)


def header_bytes(tag: int, vr: str, length: int, *, explicit_vr: bool = True) -> bytes:
    """Return an element's header, little endian.

    Raises
    ------
    ValueError
        If the length does not fit into the 16 bits that the VR has for it.
    """
    if not explicit_vr or tag >> 16 == 0xFFFE:
        return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, length)
    if vr in LONG_VRS:
        return struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, vr.encode("latin-1"), 0, length)
    if length > 0xFFFF:
        raise ValueError(f"a value of VR {vr} can have at most 65535 bytes, this one has {length}")
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode("latin-1"), length)


def element_bytes(tag: int, vr: str, value: bytes, *, explicit_vr: bool = True) -> bytes:
    """Return a whole element, little endian, with its value padded to an even length."""
    value = padded(value, vr)
    return header_bytes(tag, vr, len(value), explicit_vr=explicit_vr) + value


def splice(elements: list[Element], begin: int, end: int, changes: Changes, *, explicit_vr: bool) -> list[Piece]:
    """Return a dataset with some of its elements changed, as a list of pieces.

    Parameters
    ----------
    elements : list of Element
        The elements between `begin` and `end`, in the order of the source.
    begin, end : int
        The part of the source to use.
    changes : mapping of int to (str, bytes) or None
        The changes, by tag. A new element is inserted before the first one with a higher tag. If a tag occurs twice,
        the last one counts (as in pydicom), and the others are removed.
    explicit_vr : bool
        The encoding of the dataset.

    Returns
    -------
    list of bytes or (int, int)
        The pieces in order. Everything that is not changed is a range, including gaps between elements.
    """
    last = {element.tag: i for i, element in enumerate(elements) if element.tag in changes}
    missing = sorted(tag for tag, change in changes.items() if change is not None and tag not in last)
    pieces: list[Piece] = []
    copied = begin

    def put(tag: int) -> None:
        change = changes[tag]
        if change is not None:
            pieces.append(element_bytes(tag, change[0], change[1], explicit_vr=explicit_vr))

    def copy_to(position: int) -> None:
        nonlocal copied
        if position > copied:
            pieces.append((copied, position))
        copied = position

    for i, element in enumerate(elements):
        while missing and missing[0] < element.tag:
            copy_to(element.begin)
            put(missing.pop(0))
        if element.tag in changes:
            copy_to(element.begin)
            if last[element.tag] == i:
                put(element.tag)
            copied = element.end
    copy_to(end)
    for tag in missing:
        put(tag)
    return pieces


def read_header(data: memoryview, position: int, encoding: Encoding) -> tuple[int, str, int, int]:
    """Return tag, VR (empty if there is none), position of the value, and length of the element at a position.

    Raises
    ------
    DecodeError
        If the data end within the header.
    """
    order = ">" if encoding.big_endian else "<"
    try:
        group, number = struct.unpack_from(order + "HH", data, position)
        tag = group << 16 | number
        if not encoding.explicit_vr or group == 0xFFFE:
            return tag, "", position + 8, struct.unpack_from(order + "I", data, position + 4)[0]
        vr = bytes(data[position + 4 : position + 6]).decode("latin-1")
        if vr in SHORT_VRS:
            return tag, vr, position + 8, struct.unpack_from(order + "H", data, position + 6)[0]
        if vr in LONG_VRS:
            return tag, vr, position + 12, struct.unpack_from(order + "I", data, position + 8)[0]
    except struct.error:
        raise DecodeError("the data end inside the header of an element", code="truncated", offset=position) from None
    raise DecodeError(
        f"element {tag_name(tag)} has a VR that the standard does not define", code="malformed", offset=position
    )


def walk(data: memoryview, begin: int, end: int, encoding: Encoding) -> Iterator[Element]:
    """Iterate over the elements of one level, including sequences of undefined length, until a delimiter.

    Raises
    ------
    DecodeError
        If there is no valid element at a position.
    """
    position = begin
    while position < end:
        tag, vr, value, length = read_header(data, position, encoding)
        if tag >> 16 == 0xFFFE and tag != ITEM:
            return
        undefined = length == UNDEFINED_LENGTH
        if not undefined:
            stop = value + length
        elif vr == "UN":
            stop = end_of_unknown(data, value, end)
        else:
            stop = end_of_undefined(data, value, end, encoding)
        if stop > end:
            raise DecodeError(
                f"element {tag_name(tag)} extends past the end of its dataset", code="truncated", offset=position
            )
        yield Element(tag, vr, position, value, stop, undefined)
        position = stop


def end_of_undefined(data: memoryview, position: int, end: int, encoding: Encoding) -> int:
    """Return where a value of undefined length ends, including its delimiter.

    Parameters
    ----------
    data : memoryview
        Bytes of the dataset.
    position, end : int
        The beginning of the value, and the end of the data that it may use.
    encoding : Encoding
        The encoding of the content of its items.

    Raises
    ------
    DecodeError
        If it has no end, or contains anything other than items.
    """
    # The open levels: whether each is an item, and how its content is encoded. A file can have any depth.
    opened = [(False, encoding)]
    while position < end:
        is_item, inner = opened[-1]
        tag, vr, value, length = read_header(data, position, inner)
        if tag == (ITEM_DELIMITER if is_item else SEQUENCE_DELIMITER):
            opened.pop()
            if not opened:
                return value
            position = value
            continue
        if is_item and tag >> 16 == 0xFFFE:
            raise DecodeError(f"expected the end of an item, found {tag_name(tag)}", code="malformed", offset=position)
        if not is_item and tag != ITEM:
            raise DecodeError(f"expected an item, found {tag_name(tag)}", code="malformed", offset=position)
        if length == UNDEFINED_LENGTH:
            # PS3.5, 6.2.2, note 2: the content of a UN of undefined length is implicit VR little endian.
            opened.append((not is_item, _IMPLICIT if vr == "UN" else inner))
            position = value
        else:
            position = value + length
    raise DecodeError("a value of undefined length has no delimiter at its end", code="truncated", offset=position)


def end_of_unknown(data: memoryview, begin: int, end: int) -> int:
    """Return where an element of VR UN and undefined length ends, whatever the encoding of its items."""
    try:
        return end_of_undefined(data, begin, end, _IMPLICIT)
    except DecodeError:
        for encoding in (Encoding(), Encoding(big_endian=True)):
            with contextlib.suppress(DecodeError):
                return end_of_undefined(data, begin, end, encoding)
        raise


def is_sequence(data: memoryview, begin: int, end: int, *, undefined_length: bool, encoding: Encoding) -> bool:
    """Whether a value consists of items whose whole content is elements in the given encoding.

    Parameters
    ----------
    data : memoryview
        Bytes of the dataset.
    begin, end : int
        The value, including its delimiter if its length is undefined.
    undefined_length : bool
        Whether its length is.
    encoding : Encoding
        The encoding to test. Content in another encoding hardly ever passes, because all lengths would have to fit by
        chance.
    """
    # As above, with the end of each level that has a length.
    opened: list[tuple[bool, int | None]] = [(False, None if undefined_length else end)]
    limits = [end]
    position = begin
    try:
        while opened:
            is_item, stop = opened[-1]
            if stop is not None and position >= stop:
                if position > stop:
                    return False
                opened.pop()
                limits.pop()
                continue
            tag, vr, value, length = read_header(data, position, encoding)
            if stop is None and tag == (ITEM_DELIMITER if is_item else SEQUENCE_DELIMITER):
                opened.pop()
                limits.pop()
                position = value
                continue
            if (tag == ITEM) == is_item or (tag != ITEM and tag >> 16 == 0xFFFE):
                return False
            undefined = length == UNDEFINED_LENGTH
            if value > limits[-1] or (not undefined and value + length > limits[-1]):
                return False
            if undefined or tag == ITEM or vr == "SQ":
                if undefined and vr == "UN":
                    position = end_of_unknown(data, value, limits[-1])
                    continue
                opened.append((not is_item, None if undefined else value + length))
                limits.append(limits[-1] if undefined else value + length)
                position = value
            else:
                position = value + length
    except DecodeError:
        return False
    return position == end
