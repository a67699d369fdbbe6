"""Rewriting a dataset in another encoding (PS3.5, annex A): implicit to explicit VR and back, big to little endian.

Values keep their bytes; only the order of the bytes of numbers changes where the source is big endian.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dcmturbo.errors import DecodeError
from dcmturbo.transcoding.dataset_bytes import (
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
    header_bytes,
    read_header,
    tag_name,
    walk,
)
from dcmturbo.transcoding.vr import settle_vr

__all__ = ["Rewriter"]

# PS3.5, 7.3: bytes of one number, by VR.
_NUMBER_BYTES = {"AT": 2, "OW": 2, "SS": 2, "US": 2, "FL": 4, "OF": 4, "OL": 4, "SL": 4, "UL": 4} | dict.fromkeys(
    ("FD", "OD", "OV", "SV", "UV"), 8
)
_LONG_VALUE = 1 << 20  # from here on a value that does not change is copied as a range
_IMPLICIT = Encoding(explicit_vr=False)

Number = Callable[[int], int | None]


class Rewriter:
    """Turns elements of one encoding into another.

    Parameters
    ----------
    read : callable
        ``read(begin, end)`` returns bytes of the source.
    encoding : Encoding
        Of the source.
    explicit_vr : bool
        Of the result, which is little endian.
    """

    def __init__(self, read: Callable[[int, int], memoryview], encoding: Encoding, *, explicit_vr: bool) -> None:
        self._read = read
        self._encoding = encoding
        self._explicit = explicit_vr

    def splice(self, elements: list[Element], changes: Changes) -> list[Piece]:
        """Return the pieces of a dataset of these elements, with some changed: `dataset_bytes.splice`, rewriting.

        Retired group lengths are left out: they would be wrong (PS3.5, 7.2).
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
        if size > _LONG_VALUE and vr != "SQ" and not element.undefined_length and not self._swaps(vr):
            return [self._header(element.tag, vr, size), (element.value, element.end)]
        data = self._read(element.begin, element.end)
        moved = element._replace(value=element.value - element.begin, begin=0, end=len(data))
        try:
            return [self._element(data, moved, self._encoding, number)]
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
        # PS3.5, 6.2.2, note 2: a sequence of which nothing else is known is UN, and stays in implicit VR.
        return vr if not element.undefined_length or vr in ("SQ", "UN") else "SQ"

    def _header(self, tag: int, vr: str, length: int) -> bytes:
        if self._explicit and vr not in LONG_VRS and length > 0xFFFF:
            vr = "UN"  # PS3.5, 6.2.2, note 1
        return header_bytes(tag, vr, length, explicit_vr=self._explicit)

    def _element(self, data: memoryview, element: Element, encoding: Encoding, number: Number) -> bytes:
        vr = self._vr(element, number)
        value = data[element.value : element.end]
        if vr == "SQ":
            items = self._items(data, element, encoding, number)
            length = UNDEFINED_LENGTH if element.undefined_length else len(items)
            end = header_bytes(SEQUENCE_DELIMITER, "", 0) if element.undefined_length else b""
            return self._header(element.tag, vr, length) + items + end
        if element.undefined_length:
            # UN, of which the content is implicit VR little endian whatever is around it; or fragments.
            return self._header(element.tag, vr, UNDEFINED_LENGTH) + bytes(value)
        return self._header(element.tag, vr, len(value)) + self._value(value, vr, encoding)

    def _items(self, data: memoryview, element: Element, encoding: Encoding, number: Number) -> bytes:
        parts: list[bytes] = []
        position = element.value
        inner = _IMPLICIT if element.vr == "UN" else encoding
        while position < element.end:
            tag, _, value, length = read_header(data, position, inner)
            if tag == SEQUENCE_DELIMITER:
                break
            if tag != ITEM:
                raise DecodeError(f"expected an item, found {tag_name(tag)}", code="malformed", offset=position)
            end = element.end if length == UNDEFINED_LENGTH else value + length
            found = list(walk(data, value, end, inner))
            content = self._dataset(data, found, inner, number)
            if length == UNDEFINED_LENGTH:
                behind = found[-1].end if found else value
                parts += [header_bytes(ITEM, "", length), content, header_bytes(ITEM_DELIMITER, "", 0)]
                _, _, position, _ = read_header(data, behind, inner)
            else:
                parts += [header_bytes(ITEM, "", len(content)), content]
                position = end
        return b"".join(parts)

    def _dataset(self, data: memoryview, elements: list[Element], encoding: Encoding, outer: Number) -> bytes:
        places = {element.tag: element for element in elements}

        def number(tag: int) -> int | None:
            found = places.get(tag)
            if found is None or found.undefined_length:
                return outer(tag)
            return _first_number(data[found.value : found.end], encoding)

        return b"".join(self._element(data, e, encoding, number) for e in elements if e.tag & 0xFFFF)

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
