"""Rewrite a dataset in another encoding (PS3.5, annex A): implicit to explicit VR and back, big to little endian.

Values keep their bytes, except that the byte order of numbers changes if the source is big endian.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dcmturbo.dataset.elements import (
    ITEM,
    ITEM_DELIMITER,
    LONG_VRS,
    SEQUENCE_DELIMITER,
    UNDEFINED_LENGTH,
    VRS,
    Changes,
    Element,
    Encoding,
    Piece,
    element_bytes,
    end_of_undefined,
    end_of_unknown,
    header_bytes,
    is_sequence,
    read_header,
    tag_name,
)
from dcmturbo.dataset.vr import settle_vr, vr_of
from dcmturbo.errors import DecodeError

__all__ = ["Rewriter"]

# PS3.5, 7.3: size of one number in bytes, by VR.
_NUMBER_BYTES = {"AT": 2, "OW": 2, "SS": 2, "US": 2, "FL": 4, "OF": 4, "OL": 4, "SL": 4, "UL": 4} | dict.fromkeys(
    ("FD", "OD", "OV", "SV", "UV"), 8
)
_MOST_UNKNOWN = 8  # depth of nested elements of VR UN whose items are examined
_LONG_VALUE = 1 << 20  # longer values that do not change are copied as ranges
_IMPLICIT = Encoding(explicit_vr=False)

_ITEM_TAGS = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")
# The elements on which VRs can depend (settle_vr): Pixel Representation, and Waveform Bits Allocated.
_DECIDING = (0x00280103, 0x54001004)

Number = Callable[[int], int | None]


class _Event(NamedTuple):
    """A part of a sequence: "sequence" or "item" (a beginning), "end", or "element" (any other element)."""

    kind: str
    tag: int = 0
    vr: str = ""
    begin: int = 0  # of its value
    end: int = 0
    undefined: bool = False
    encoding: Encoding = _IMPLICIT
    numbers: dict[int, int] | None = None  # of an item: the numbers on which VRs depend


class _Open(NamedTuple):
    """A sequence or item that has begun and not ended yet."""

    is_item: bool
    end: int
    undefined: bool
    encoding: Encoding  # of its content
    numbers: dict[int, int]
    unknown: int = 0  # number of elements of VR UN around it, including itself


class Rewriter:
    """Converts elements from one encoding to another.

    Parameters
    ----------
    read : callable
        ``read(begin, end)`` returns bytes of the source.
    encoding : Encoding
        Of the source.
    explicit_vr : bool
        The encoding of the result, which is little endian.

    Attributes
    ----------
    rewritten : list of int
        Tags of top-level elements of VR UN whose items were converted from explicit VR.
    """

    def __init__(self, read: Callable[[int, int], memoryview], encoding: Encoding, *, explicit_vr: bool) -> None:
        self._read = read
        self._encoding = encoding
        self._explicit = explicit_vr
        self.rewritten: list[int] = []

    def splice(self, elements: list[Element], changes: Changes) -> list[Piece]:
        """Return a dataset of these elements, with some changed, as pieces, as `dataset_bytes.splice` does.

        Retired group lengths are removed, because they would be wrong (PS3.5, 7.2).
        """
        places = {element.tag: element for element in elements}

        def number(tag: int) -> int | None:
            found = places.get(tag)
            if found is None or found.undefined_length:
                return None
            return _first_number(self._read(found.value, min(found.end, found.value + 2)), self._encoding)

        last = {element.tag: i for i, element in enumerate(elements) if element.tag in changes}
        missing = sorted(tag for tag, change in changes.items() if change is not None and tag not in last)
        pieces: list[Piece] = []

        def put(tag: int) -> None:
            change = changes[tag]
            if change is not None:
                pieces.append(element_bytes(tag, change[0], change[1], explicit_vr=self._explicit))

        for i, element in enumerate(elements):
            while missing and missing[0] < element.tag:
                put(missing.pop(0))
            if element.tag in changes:
                if last[element.tag] == i:
                    put(element.tag)
            elif element.tag & 0xFFFF:
                pieces += self._top_level(element, number)
        for tag in missing:
            put(tag)
        return pieces

    def _top_level(self, element: Element, number: Number) -> list[Piece]:
        size = element.end - element.value
        vr = self._vr(element, number)
        may_be_items = vr == "SQ" or element.undefined_length
        if vr == "UN" and not may_be_items:
            may_be_items = bytes(self._read(element.value, min(element.end, element.value + 4))) in _ITEM_TAGS
        if size > _LONG_VALUE and not may_be_items and not self._swaps(vr):
            return [self._header(element.tag, vr, size), (element.value, element.end)]
        data = self._read(element.begin, element.end)
        moved = element._replace(value=element.value - element.begin, begin=0, end=len(data))
        try:
            return [self._element(data, moved, vr, number)]
        except DecodeError as error:
            raise DecodeError(
                f"the value of element {tag_name(element.tag)} cannot be rewritten: {error.message}",
                code=error.code,
                offset=element.begin + (error.offset or 0),
            ) from None

    def _swaps(self, vr: str) -> bool:
        return self._encoding.big_endian and vr in _NUMBER_BYTES

    def _vr(self, element: Element, number: Number) -> str:
        if element.vr in VRS:
            return element.vr
        vr = settle_vr(element.tag, element.end - element.value, number)
        # PS3.5, 6.2.2, note 2: a sequence of unknown structure is UN, and stays in implicit VR.
        return vr if not element.undefined_length or vr in ("SQ", "UN") else "SQ"

    def _header(self, tag: int, vr: str, length: int, *, explicit: bool | None = None) -> bytes:
        explicit = self._explicit if explicit is None else explicit
        if explicit and vr not in LONG_VRS and length > 0xFFFF:
            vr = "UN"  # PS3.5, 6.2.2, note 1
        return header_bytes(tag, vr, length, explicit_vr=explicit)

    def _element(self, data: memoryview, element: Element, vr: str, number: Number) -> bytes:
        value = data[element.value : element.end]
        if vr == "SQ":
            return self._sequence(data, element, vr, self._encoding, number)
        if vr == "UN":
            inner = self._encoding_of_unknown(data, element.value, element.end, undefined=element.undefined_length)
            if inner is not None:
                self.rewritten.append(element.tag)
                return self._sequence(data, element, vr, inner, number)
        if element.undefined_length:
            # UN, whose content is always implicit VR little endian; or fragments.
            return self._header(element.tag, vr, UNDEFINED_LENGTH) + bytes(value)
        return self._header(element.tag, vr, len(value)) + self._value(value, vr, self._encoding)

    def _encoding_of_unknown(self, data: memoryview, begin: int, end: int, *, undefined: bool) -> Encoding | None:
        """Return how the items in an element of VR UN are encoded; None if they are right, or there are none.

        PS3.5, 6.2.2: they must be in implicit VR little endian. Some writers leave them in explicit VR. If the elements
        around them have no VR either, nobody can read them.
        """
        if not self._encoding.explicit_vr or end - begin < 8:
            return None
        if bytes(data[begin : begin + 4]) not in _ITEM_TAGS:
            return None
        for encoding in (_IMPLICIT, Encoding(), self._encoding):
            if is_sequence(data, begin, end, undefined_length=undefined, encoding=encoding):
                return None if encoding == _IMPLICIT else encoding
        return None

    def _sequence(self, data: memoryview, element: Element, vr: str, encoding: Encoding, number: Number) -> bytes:
        """Return a whole sequence in the encoding of the result; one of VR UN stays UN, in implicit VR."""
        numbers = {tag: found for tag in _DECIDING if (found := number(tag)) is not None}
        events = self._events(data, element, vr, encoding)
        return self._written(data, events, numbers)

    def _events(self, data: memoryview, element: Element, vr: str, encoding: Encoding) -> list[_Event]:
        """Return what begins and ends within a sequence, in order."""
        events = [_Event("sequence", element.tag, vr, undefined=element.undefined_length)]
        opened = [_Open(False, element.end, element.undefined_length, encoding, {}, int(vr == "UN"))]
        position = element.value
        while opened:
            level = opened[-1]
            if position >= level.end:
                if level.undefined and len(opened) > 1:
                    raise DecodeError(
                        "a value of undefined length has no delimiter at its end", code="truncated", offset=position
                    )
                events.append(_Event("end"))
                opened.pop()
                continue
            tag, stated, value, length = read_header(data, position, level.encoding)
            if tag == (ITEM_DELIMITER if level.is_item else SEQUENCE_DELIMITER):
                events.append(_Event("end"))
                opened.pop()
                position = value if level.undefined else level.end
                continue
            if level.is_item and tag >> 16 == 0xFFFE:
                raise DecodeError(f"expected an element, found {tag_name(tag)}", code="malformed", offset=position)
            if not level.is_item and tag != ITEM:
                raise DecodeError(f"expected an item, found {tag_name(tag)}", code="malformed", offset=position)
            undefined = length == UNDEFINED_LENGTH
            stop = level.end if undefined else value + length
            if stop > level.end:
                raise DecodeError(
                    f"element {tag_name(tag)} extends past the end of its dataset", code="truncated", offset=position
                )
            if tag == ITEM:
                numbers: dict[int, int] = {}
                events.append(_Event("item", undefined=undefined, numbers=numbers))
                opened.append(_Open(True, stop, undefined, level.encoding, numbers, level.unknown))
                position = value
                continue
            known = stated if stated in VRS else vr_of(tag)
            inner: Encoding | None = None
            if known == "SQ" or (undefined and stated not in VRS and known != "UN"):
                known, inner = "SQ", level.encoding
            elif known == "UN":
                stop = end_of_unknown(data, value, stop) if undefined else stop
                # Each is examined as a whole, so the depth must be limited: a file could demand any amount of work.
                if level.unknown < _MOST_UNKNOWN:
                    inner = self._encoding_of_unknown(data, value, stop, undefined=undefined)
            elif undefined:
                stop = end_of_undefined(data, value, stop, level.encoding)
            if inner is not None:
                events.append(_Event("sequence", tag, known, undefined=undefined))
                opened.append(_Open(False, stop, undefined, inner, {}, level.unknown + (known == "UN")))
                position = value
                if known == "UN":
                    self.rewritten.append(element.tag)
                continue
            if tag in _DECIDING and not undefined:
                found = _first_number(data[value:stop], level.encoding)
                if found is not None:
                    level.numbers[tag] = found
            if tag & 0xFFFF:
                events.append(_Event("element", tag, stated, value, stop, undefined, level.encoding))
            position = stop
        return events

    def _written(self, data: memoryview, events: list[_Event], numbers: dict[int, int]) -> bytes:
        """Return the bytes of such a list; lengths are filled in at each end."""
        parts: list[bytes] = []
        size = 0
        # For each open level: position of its header, the size before it, the event, whether it is in explicit VR, and
        # the numbers on which VRs in it depend.
        opened: list[tuple[int, int, _Event, bool, dict[int, int]]] = []
        explicit = self._explicit
        for event in events:
            if event.kind == "element":
                value = data[event.begin : event.end]
                element = Element(event.tag, event.vr, 0, event.begin, event.end, event.undefined)
                vr = self._vr(element, numbers.get)
                length = UNDEFINED_LENGTH if event.undefined else len(value)
                content = bytes(value) if event.undefined else self._value(value, vr, event.encoding)
                part = self._header(event.tag, vr, length, explicit=explicit) + content
                parts.append(part)
                size += len(part)
            elif event.kind == "end":
                place, before, begun, outer_explicit, outer_numbers = opened.pop()
                is_item = begun.kind == "item"
                length = UNDEFINED_LENGTH if begun.undefined else size - before
                explicit, numbers = outer_explicit, outer_numbers
                parts[place] = (
                    header_bytes(ITEM, "", length)
                    if is_item
                    else self._header(begun.tag, begun.vr, length, explicit=explicit)
                )
                size += len(parts[place])
                if begun.undefined:
                    parts.append(header_bytes(ITEM_DELIMITER if is_item else SEQUENCE_DELIMITER, "", 0))
                    size += 8
            else:
                opened.append((len(parts), size, event, explicit, numbers))
                parts.append(b"")
                if event.kind == "sequence":
                    explicit = explicit and event.vr != "UN"
                elif event.numbers:
                    numbers = {**numbers, **event.numbers}
        return b"".join(parts)

    def _value(self, value: memoryview, vr: str, encoding: Encoding) -> bytes:
        size = _NUMBER_BYTES.get(vr, 1)
        if not encoding.big_endian or size == 1:
            return bytes(value)
        whole = len(value) // size * size
        return np.frombuffer(value[:whole], f">u{size}").byteswap().tobytes() + bytes(value[whole:])


def _first_number(value: memoryview, encoding: Encoding) -> int | None:
    """Return the first number of a value of VR US."""
    if len(value) < 2:
        return None
    return int.from_bytes(value[:2], "big" if encoding.big_endian else "little")
