"""Iterate over the elements within a sequence, at any depth of nesting (PS3.5, 7.5).

Nothing here recurses, and only the open levels are kept in memory, because a file can have any depth and length.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum

from dcmturbo.archives.stored_object import Bytes, Place
from dcmturbo.dataset.elements import (
    ITEM,
    ITEM_DELIMITER,
    LONG_VRS,
    SEQUENCE_DELIMITER,
    UNDEFINED_LENGTH,
    VRS,
    Encoding,
    tag_name,
)
from dcmturbo.errors import DecodeError

__all__ = ["ElementWalk", "Kind", "Token"]

_PIXEL_DATA = 0x7FE00010
_IMPLICIT = Encoding(explicit_vr=False)


class Kind(Enum):
    """The kinds of things in a sequence."""

    ITEM = "item"
    ELEMENT = "element"
    FRAGMENT = "fragment"
    END_OF_ITEM = "end of item"
    END_OF_SEQUENCE = "end of sequence"


@dataclass(frozen=True)
class Token:
    """One thing in a sequence. `place` is the position of items, elements and fragments."""

    kind: Kind
    place: Place | None = None


@dataclass
class _Level:
    is_item: bool
    is_fragments: bool
    end: int | None  # None if a delimiter ends it
    bound: int  # the limit for everything within
    encoding: Encoding


class ElementWalk:
    """Iterates over the value of a sequence.

    Parameters
    ----------
    read : Bytes
        The data that contain the sequence.
    place : Place
        The sequence, a UN value that contains items, or encapsulated pixel data.
    bound : int
        The end of what contains the sequence.

    Attributes
    ----------
    position : int
        What is read next.
    missing_delimiters : int
        The number of missing delimiters so far.
    odd_delimiters : list of int
        Lengths of delimiters that are not 0, as they should be.
    """

    def __init__(self, read: Bytes, place: Place, bound: int) -> None:
        self._read = read
        self._levels: list[_Level] = []
        self.position = place.value
        self.missing_delimiters = 0
        self.odd_delimiters: list[int] = []
        self._bound = bound
        self.enter(place)

    @property
    def depth(self) -> int:
        """The number of open sequences and items."""
        return len(self._levels)

    def enter(self, place: Place) -> None:
        """Enter the element that `next` has just returned."""
        around = self._levels[-1].bound if self._levels else self._bound
        end = None if place.is_undefined else place.value + place.length
        # PS3.5, 6.2.2, note 2: the content of UN is encoded in implicit VR little endian.
        encoding = _IMPLICIT if place.vr == "UN" else place.encoding
        fragments = place.is_undefined and place.tag == _PIXEL_DATA
        self._levels.append(_Level(False, fragments, end, around if end is None else min(end, around), encoding))
        self.position = place.value

    def leave(self, place: Place) -> int:
        """Skip the element that `next` has just returned, with its content; return where it ends."""
        if not place.is_undefined:
            self.position = place.end
            return self.position
        depth = self.depth
        self.enter(place)
        while self.depth > depth:
            token = self.next()
            if token.kind is Kind.ELEMENT and token.place is not None and token.place.is_undefined:
                self.enter(token.place)
        return self.position

    def leave_item(self) -> None:
        """Skip the rest of the item that `next` has just returned."""
        depth = self.depth
        while self.depth >= depth:
            token = self.next()
            if token.kind is Kind.ELEMENT and token.place is not None and token.place.is_undefined:
                self.enter(token.place)

    def next(self) -> Token:
        """Return the next thing, and move to its end, or to the end of its header if it is an item.

        Raises
        ------
        DecodeError
            If something that is not allowed is at this position.
        """
        level = self._levels[-1]
        end_kind = Kind.END_OF_ITEM if level.is_item else Kind.END_OF_SEQUENCE
        if level.end is not None and self.position >= level.end:
            return self._close(end_kind)
        header = self._read(self.position, min(self.position + 12, level.bound))
        if len(header) < 8:
            if level.end is None and not len(header):
                self.missing_delimiters += 1
                return self._close(end_kind)
            raise self._broken("the data end inside the header of an element", "truncated")
        order = ">" if level.encoding.big_endian else "<"
        group, number = struct.unpack_from(order + "HH", header)
        tag = group << 16 | number
        if group == 0xFFFE:
            return self._item_or_delimiter(level, tag, struct.unpack_from(order + "I", header, 4)[0], end_kind)
        if level.is_item:
            place = self._element(level, tag, header, order)
            self.position = place.value if place.is_undefined else place.end
            return Token(Kind.ELEMENT, place)
        if level.end is None:
            self.missing_delimiters += 1  # the element belongs to the enclosing level
            return self._close(Kind.END_OF_SEQUENCE)
        raise self._broken(f"expected an item, found {tag_name(tag)}")

    def _item_or_delimiter(self, level: _Level, tag: int, length: int, end_kind: Kind) -> Token:
        if level.is_item:
            if tag != ITEM_DELIMITER:
                if level.end is not None:
                    raise self._broken(f"an item contains {tag_name(tag)}, which is not allowed there")
                self.missing_delimiters += 1
                return self._close(end_kind)
            return self._behind_delimiter(level, length, end_kind)
        if tag == SEQUENCE_DELIMITER:
            return self._behind_delimiter(level, length, end_kind)
        if tag != ITEM:
            raise self._broken(f"expected an item, found {tag_name(tag)}")
        value = self.position + 8
        undefined = length == UNDEFINED_LENGTH
        end = None if undefined else value + length
        if end is not None and end > level.bound:
            raise self._broken("an item extends past the end of its sequence", "truncated")
        place = Place(ITEM, "", self.position, value, -1 if end is None else end, length, 0, level.encoding)
        if level.is_fragments:
            if end is None:
                raise self._broken("a fragment has undefined length, but fragments need a length")
            self.position = end
            return Token(Kind.FRAGMENT, place)
        bound = level.bound if end is None else end
        self._levels.append(_Level(True, False, end, bound, self._encoding_of_item(level, value, bound)))
        self.position = value
        return Token(Kind.ITEM, place)

    def _behind_delimiter(self, level: _Level, length: int, end_kind: Kind) -> Token:
        if level.end is not None:
            raise self._broken("found a delimiter, although the length is given")
        if length:
            self.odd_delimiters.append(length)
        self.position += 8
        return self._close(end_kind)

    def _close(self, kind: Kind) -> Token:
        self._levels.pop()
        return Token(kind)

    def _encoding_of_item(self, level: _Level, position: int, bound: int) -> Encoding:
        """Return how the elements of an item are encoded; writers put both kinds of items into both kinds."""
        header = self._read(position, min(position + 8, bound))
        if level.encoding.big_endian or len(header) < 8 or bytes(header[:2]) == b"\xfe\xff":
            return level.encoding
        has_vr = bytes(header[4:6]).decode("latin-1") in VRS
        if has_vr and not level.encoding.explicit_vr:
            # If the two letters cannot be a length, they are a VR.
            length = struct.unpack_from("<I", header, 4)[0]
            has_vr = position + 8 + length > bound
        elif level.encoding.explicit_vr and not has_vr:
            length = struct.unpack_from("<I", header, 4)[0]
            if length != UNDEFINED_LENGTH and position + 8 + length > bound:
                return level.encoding
        return Encoding(has_vr)

    def _element(self, level: _Level, tag: int, header: memoryview, order: str) -> Place:
        reserved, size = 0, 8
        if not level.encoding.explicit_vr:
            vr, length = "", struct.unpack_from(order + "I", header, 4)[0]
        else:
            vr = bytes(header[4:6]).decode("latin-1")
            if vr not in VRS:
                raise self._broken(f"element {tag_name(tag)} has a VR that the standard does not define")
            if vr in LONG_VRS:
                if len(header) < 12:
                    raise self._broken("the data end inside the header of an element", "truncated")
                reserved, length = struct.unpack_from(order + "HI", header, 6)
                size = 12
            else:
                length = struct.unpack_from(order + "H", header, 6)[0]
        value = self.position + size
        end = -1 if length == UNDEFINED_LENGTH else value + length
        if end > level.bound:
            raise self._broken(f"element {tag_name(tag)} extends past the end of the data", "truncated")
        return Place(tag, vr, self.position, value, end, length, reserved, level.encoding)

    def _broken(self, message: str, code: str = "malformed") -> DecodeError:
        return DecodeError(message, code=code, offset=self.position)
