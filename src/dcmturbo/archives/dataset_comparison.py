"""Compare the elements of two objects, with our own reader, and list each difference with its place."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from dcmturbo.archives.element_walk import ElementWalk, Kind, Token
from dcmturbo.archives.icon_comparison import ATTRIBUTES, IconSide, is_readable, same_icon
from dcmturbo.archives.stored_object import Place, StoredObject
from dcmturbo.archives.value_comparison import (
    header_difference,
    is_sequence,
    same_range,
    same_value,
    value_difference,
    vr_difference,
)
from dcmturbo.dataset.elements import VRS, tag_name
from dcmturbo.errors import DecodeError
from dcmturbo.wording import counted

__all__ = ["Finding", "compare_elements", "name_of"]

_ICON_IMAGE_SEQUENCE = 0x00880200
_PIXEL_DATA = 0x7FE00010
_PHOTOMETRIC, _PLANAR = 0x00280004, 0x00280006
_PIXEL_REPRESENTATION, _WAVEFORM_BITS = 0x00280103, 0x54001004
_KNOWN_VRS = VRS - {"UN"}
_PHOTOMETRIC_TAGS = (_PHOTOMETRIC, _PLANAR)
_LEVELS_SHOWN = 16  # length of a list of items in a name: a file can have any number
# levels: deeper ones are compared element by element, because otherwise depth x size bytes would be read
_COMPARED_WHOLE = 8


@dataclass(frozen=True)
class Finding:
    """One element that differs.

    Attributes
    ----------
    tag : int
    name : str
        Including the sequences and items around it.
    how : str
    top : bool
        Whether the element is at the top level.
    one, other : Place or None
        Position in the object; None if it is missing there.
    expected : bool
        Whether transcoding may cause this difference anywhere.
    """

    tag: int
    name: str
    how: str
    top: bool = True
    one: Place | None = None
    other: Place | None = None
    expected: bool = False


# A difference, and which of the two sides continue after it.
_Moves = Generator[Finding, None, tuple[bool, bool]]


@lru_cache(maxsize=8192)
def name_of(tag: int) -> str:
    """Return a tag's keyword and number."""
    from pydicom.datadict import keyword_for_tag

    if tag & 0xFFFF == 0:
        return f"group length {tag_name(tag)}"
    name = keyword_for_tag(tag) or ("private" if tag >> 16 & 1 else "unknown")
    return f"{name} {tag_name(tag)}"


@dataclass
class _Side:
    """One of the two objects, with what is needed to decode its icons."""

    object: StoredObject
    syntax: str
    pixels: int  # where the value of the pixel data begins, or -1
    places: dict[int, list[Place]] = field(default_factory=lambda: defaultdict(list))
    order: list[int] = field(default_factory=list)
    gaps: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        position = self.object.dataset.dataset_offset
        for element in self.object.elements:
            if element.begin > position:
                self.gaps.append(bytes(self.object.read(position, min(element.begin, position + 64))))
            position = element.end
            if element.value != self.pixels:
                self.places[element.tag].append(self.object.place(element))
                self.order.append(element.tag)

    def number(self, tag: int) -> int | None:
        """Return the first number of an element of the top level."""
        places = self.places.get(tag)
        if not places or places[-1].is_undefined:
            return None
        return _first_number(self.object, places[-1])


def _first_number(stored: StoredObject, place: Place) -> int | None:
    value = stored.read(place.value, min(place.value + 2, place.end))
    return int.from_bytes(value, "big" if place.encoding.big_endian else "little") if len(value) == 2 else None


def compare_elements(
    one: StoredObject, other: StoredObject, *, syntaxes: tuple[str, str], pixels: tuple[int, int]
) -> Iterator[Finding]:
    """Compare all elements of two datasets except their pixel data.

    Parameters
    ----------
    one, other : StoredObject
    syntaxes : (str, str)
        UIDs of the transfer syntaxes of the pixel data and icons of each object.
    pixels : (int, int)
        Where the values of the pixel data begin, or -1.

    Yields
    ------
    Finding
    """
    sides = (_Side(one, syntaxes[0], pixels[0]), _Side(other, syntaxes[1], pixels[1]))
    ours, theirs = sides[0].places, sides[1].places
    for tag in sorted(ours.keys() | theirs.keys()):
        first, second = ours.get(tag, []), theirs.get(tag, [])
        # If an element is there twice, the last one counts. PS3.5, 7.1 allows one.
        extra = len(first) - len(second)
        for place in first[: max(extra, 0)]:
            yield Finding(tag, name_of(tag), "only in the first", one=place)
        for place in second[: max(-extra, 0)]:
            yield Finding(tag, name_of(tag), "only in the second", other=place)
        for pair in zip(first[max(extra, 0) :], second[max(-extra, 0) :], strict=True):
            yield from _Pair(sides, *pair).compare()
    common = Counter(sides[0].order) & Counter(sides[1].order)
    movable = {tag for tag in common if ours[tag] != theirs[tag] and tag in _MOVABLE}
    orders = [[tag for tag in side.order if tag in common and tag not in movable] for side in sides]
    if len(orders[0]) == len(orders[1]) and orders[0] != orders[1]:
        yield Finding(0, "the order of the elements", "another one")
    yield from _between_and_behind(sides)


# Elements that transcoding writes again, for which a dataset in disorder has no place.
_MOVABLE = frozenset({0x00080018, _PHOTOMETRIC, _PLANAR, 0x00280101, 0x00280102, 0x00282110, 0x00282112, 0x00282114})


def _between_and_behind(sides: tuple[_Side, _Side]) -> Iterator[Finding]:
    one, other = (side.object for side in sides)
    if sides[1].gaps and sides[0].gaps != sides[1].gaps:
        yield Finding(0, "between the elements", "other bytes")
    first, second = (one.end, one.read.size), (other.end, other.read.size)
    if not same_range(one.read, first, other.read, second):
        how = f"{counted(first[1] - first[0], 'byte')} against {second[1] - second[0]}"
        yield Finding(0, "after the elements", f"the bytes differ ({how})")
    if other.behind_stream not in (b"", b"\0", one.behind_stream):
        yield Finding(0, "after the deflated dataset", f"{counted(len(other.behind_stream), 'byte')} or more")
    elif one.behind_stream.strip(b"\0") and one.behind_stream != other.behind_stream:
        lost = counted(len(one.behind_stream), "byte")
        yield Finding(0, "after the deflated dataset", f"{lost} or more, in the first file only")


class _Item:
    """What is known of an open item on both sides."""

    def __init__(self) -> None:
        self.attributes: tuple[dict[int, Place], dict[int, Place]] = ({}, {})
        self.pending: list[Finding] = []  # differences of attributes that are expected if the icon became native
        self.converted = False


class _Pair:
    """Compare two elements of the same tag at the top level, including everything in them."""

    def __init__(self, sides: tuple[_Side, _Side], first: Place, second: Place) -> None:
        self.sides = sides
        self.pair = (first, second)
        self.readers = (sides[0].object.reader(), sides[1].object.reader())
        self.names = [name_of(first.tag)]
        self.counts: list[int] = []
        self.items: list[_Item] = []

    def compare(self) -> Iterator[Finding]:
        first, second = self.pair
        one, other = self.readers
        same = first.encoding == second.encoding and same_range(
            one, (first.begin, first.end), other, (second.begin, second.end)
        )
        # The same bytes of an icon can be different pixels in an object of another transfer syntax.
        if same and (first.tag != _ICON_IMAGE_SEQUENCE or self.sides[0].syntax == self.sides[1].syntax):
            return
        if self._are_sequences(first, second):
            yield from self._vr_and_header(first, second, top=True)
            yield from self._items_or_bytes(first, second)
        else:
            yield from self._leaf(first, second, top=True)

    # ---- one element ------------------------------------------------------------------------------

    def _number(self, tag: int) -> int | None:
        for item in reversed(self.items[-_LEVELS_SHOWN:]):
            place = item.attributes[0].get(tag)
            if place is not None:
                return _first_number(self.sides[0].object, place)
        return self.sides[0].number(tag)

    @property
    def _prefix(self) -> str:
        levels = list(zip(self.names[:_LEVELS_SHOWN], self.counts[:_LEVELS_SHOWN], strict=False))
        deeper = len(self.counts) - _LEVELS_SHOWN
        more = f"({deeper} deeper)." if deeper > 0 else ""
        return "".join(f"{name}[{count}]." for name, count in levels) + more

    def _name(self, tag: int) -> str:
        return self._prefix + name_of(tag) if self.counts else self.names[0]

    def _vr_and_header(self, first: Place, second: Place, *, top: bool) -> Iterator[Finding]:
        settled = top or first.tag > _PIXEL_REPRESENTATION
        how, expected = vr_difference(first, second, self._number, settled=settled)
        if how:
            yield Finding(first.tag, self._name(first.tag), how, top, first, second, expected)
        wrong = header_difference(first, second)
        if wrong:
            yield Finding(first.tag, self._name(first.tag), wrong, top, first, second)

    def _leaf(self, first: Place, second: Place, *, top: bool) -> Iterator[Finding]:
        yield from self._vr_and_header(first, second, top=top)
        one, other = self.readers
        if same_value(one, first, other, second, self._number):
            return
        how = value_difference(one, first, other, second, self._number)
        yield Finding(first.tag, self._name(first.tag), how, top, first, second)

    def _are_sequences(self, first: Place, second: Place) -> bool:
        if first.is_undefined or second.is_undefined:
            return True
        stated = {first.vr, second.vr} & _KNOWN_VRS
        if stated or not (first.vr or second.vr):
            # A VR in one of the datasets counts more than the dictionary, which is used only if neither has a VR.
            return "SQ" in stated or (not stated and is_sequence(first))
        # UN, or a private element that nothing is known of: compare items if both look like items and their bytes
        # differ.
        if not ({first.vr, second.vr} <= {"UN", ""}):
            return False
        one, other = self.readers
        places = ((one, first), (other, second))
        starts = [bytes(read(place.value, min(place.value + 4, place.end))) for read, place in places]
        return all(start == b"\xfe\xff\x00\xe0" for start in starts) and not same_range(
            one, (first.value, first.end), other, (second.value, second.end)
        )

    # ---- items ------------------------------------------------------------------------------------

    def _items_or_bytes(self, first: Place, second: Place) -> Iterator[Finding]:
        try:
            yield from self._sequence(first, second)
        except DecodeError as error:
            one, other = self.readers
            first, second = self.pair
            if first.end - first.value != second.end - second.value or not same_range(
                one, (first.value, first.end), other, (second.value, second.end)
            ):
                how = f"the bytes differ; the items cannot be compared: {error}"
                yield Finding(first.tag, name_of(first.tag), how, True, first, second)

    def _bounds(self) -> tuple[int, int]:
        # If the length is undefined, the list of elements has the end of the value.
        ours, theirs = (
            pair.end if pair.end >= 0 else read.size for pair, read in zip(self.pair, self.readers, strict=True)
        )
        return ours, theirs

    def _sequence(self, first: Place, second: Place) -> Iterator[Finding]:
        bounds = self._bounds()
        walks = (ElementWalk(self.readers[0], first, bounds[0]), ElementWalk(self.readers[1], second, bounds[1]))
        self.counts.append(-1)
        ours, theirs = walks[0].next(), walks[1].next()
        while self.counts:
            kinds = (ours.kind, theirs.kind)
            moved = (True, True)
            if kinds == (Kind.ELEMENT, Kind.ELEMENT):
                assert ours.place is not None
                assert theirs.place is not None
                moved = yield from self._elements(walks, ours.place, theirs.place)
            elif kinds == (Kind.ITEM, Kind.ITEM):
                self.counts[-1] += 1
                self.items.append(_Item())
            elif kinds == (Kind.END_OF_ITEM, Kind.END_OF_ITEM):
                yield from self._end_of_item()
            elif kinds == (Kind.END_OF_SEQUENCE, Kind.END_OF_SEQUENCE):
                self.counts.pop()
                self.names.pop()
                if not self.counts:
                    break
            elif kinds == (Kind.FRAGMENT, Kind.FRAGMENT):
                yield from self._fragments(ours, theirs)
            else:
                moved = yield from self._only_in_one(walks, ours, theirs)
            if moved[0]:
                ours = walks[0].next()
            if moved[1]:
                theirs = walks[1].next()
        yield from self._delimiters(walks)

    def _elements(self, walks: tuple[ElementWalk, ElementWalk], first: Place, second: Place) -> _Moves:
        if first.tag != second.tag:
            # The elements are in order, so the one with the lower tag is missing on the other side.
            side = 0 if first.tag < second.tag else 1
            yield self._only(side, (first, second)[side])
            walks[side].leave((first, second)[side])
            return side == 0, side == 1
        item = self.items[-1]
        if first.tag in ATTRIBUTES or first.tag == _WAVEFORM_BITS:
            item.attributes[0][first.tag], item.attributes[1][second.tag] = first, second
        if first.tag == _PIXEL_DATA and (first.is_undefined or second.is_undefined):
            yield from self._icon(walks, first, second)
            return True, True
        if not self._are_sequences(first, second):
            findings = self._leaf(first, second, top=False)
            if first.tag in _PHOTOMETRIC_TAGS:
                item.pending += findings
            else:
                yield from findings
            return True, True
        yield from self._vr_and_header(first, second, top=False)
        if (
            first.encoding == second.encoding
            and len(self.counts) < _COMPARED_WHOLE
            and not (first.is_undefined or second.is_undefined)
            and same_range(self.readers[0], (first.value, first.end), self.readers[1], (second.value, second.end))
        ):
            return True, True
        walks[0].enter(first)
        walks[1].enter(second)
        self.names.append(name_of(first.tag))
        self.counts.append(-1)
        return True, True

    def _only(self, side: int, place: Place) -> Finding:
        # If a header is rewritten, retired group lengths become wrong, so they are removed (PS3.5, 7.2).
        expected = side == 0 and place.tag & 0xFFFF == 0
        where = "only in the first" if side == 0 else "only in the second"
        one, other = (place, None) if side == 0 else (None, place)
        return Finding(place.tag, self._name(place.tag), where, False, one, other, expected)

    def _only_in_one(self, walks: tuple[ElementWalk, ElementWalk], ours: Token, theirs: Token) -> _Moves:
        """Report what only one side has, and skip it there."""
        ends = (Kind.END_OF_ITEM, Kind.END_OF_SEQUENCE)
        side = 1 if ours.kind in ends else 0
        token = (ours, theirs)[side]
        if token.kind in ends or (side == 0 and theirs.kind not in ends):
            raise DecodeError(f"{ours.kind.value} against {theirs.kind.value}", code="malformed")
        where = "only in the first" if side == 0 else "only in the second"
        if token.kind is Kind.ELEMENT:
            assert token.place is not None
            item = self.items[-1]
            found = self._only(side, token.place)
            if token.place.tag in _PHOTOMETRIC_TAGS and side == 1:
                item.pending.append(found)
            else:
                yield found
            walks[side].leave(token.place)
        else:
            self.counts[-1] += 1
            tag = token.place.tag if token.place is not None else 0
            what = "an item" if token.kind is Kind.ITEM else "a fragment"
            yield Finding(tag, f"{self._prefix[:-1]}", f"{what} {where}", False)
            if token.kind is Kind.ITEM:
                walks[side].leave_item()
        return side == 0, side == 1

    def _end_of_item(self) -> Iterator[Finding]:
        item = self.items.pop()
        for found in item.pending:
            if item.converted:
                yield Finding(found.tag, found.name, found.how, False, found.one, found.other, expected=True)
            else:
                yield found

    def _fragments(self, ours: Token, theirs: Token) -> Iterator[Finding]:
        self.counts[-1] += 1
        assert ours.place is not None
        assert theirs.place is not None
        one, other = self.readers
        if not same_range(one, (ours.place.value, ours.place.end), other, (theirs.place.value, theirs.place.end)):
            yield Finding(_PIXEL_DATA, self._prefix[:-1], "a fragment has other bytes", False)

    def _delimiters(self, walks: tuple[ElementWalk, ElementWalk]) -> Iterator[Finding]:
        one, other = walks
        if one.missing_delimiters != other.missing_delimiters:
            added = one.missing_delimiters > other.missing_delimiters
            how = (
                f"{counted(abs(one.missing_delimiters - other.missing_delimiters), 'delimiter')} "
                f"{'added' if added else 'missing'}"
            )
            yield Finding(self.pair[0].tag, name_of(self.pair[0].tag), how, expected=added)
        if other.odd_delimiters and other.odd_delimiters != one.odd_delimiters:
            how = f"a delimiter has the length {other.odd_delimiters[0]}, expected 0"
            yield Finding(self.pair[0].tag, name_of(self.pair[0].tag), how)

    # ---- icons ------------------------------------------------------------------------------------

    def _icon(self, walks: tuple[ElementWalk, ElementWalk], first: Place, second: Place) -> Iterator[Finding]:
        """Compare pixel data within an item by what they decode to, if at least one of them is encapsulated."""
        ends = [walk.leave(place) for walk, place in zip(walks, (first, second), strict=True)]
        item = self.items[-1]
        parts = [
            IconSide(read, place._replace(end=end), item.attributes[k], self.sides[k].syntax)
            for k, (read, place, end) in enumerate(zip(self.readers, (first, second), ends, strict=True))
        ]
        name = self._name(first.tag)
        same_bytes = first.is_undefined == second.is_undefined and same_range(
            self.readers[0], (first.value, ends[0]), self.readers[1], (second.value, ends[1])
        )
        if same_bytes and (parts[0].syntax == parts[1].syntax or self.pair[0].tag != _ICON_IMAGE_SEQUENCE):
            return  # only the object's own icons are converted; other pixel data keep their bytes
        if same_bytes and not is_readable(parts[0]):
            return  # nobody could read it before either
        why = same_icon(*parts)
        if why and same_bytes:
            why = f"{why}: it still has the transfer syntax of the first file"
        item.converted = not why
        if why:
            yield Finding(first.tag, name, why, False, first, second)
        elif not same_bytes:
            how = "made native" if first.is_undefined and not second.is_undefined else "encoded anew"
            yield Finding(first.tag, name, how, False, first, second, expected=True)


def limited(findings: Iterable[Finding], most: int) -> tuple[list[Finding], int]:
    """Return the first of many findings, and the number of the others."""
    kept: list[Finding] = []
    more = 0
    for finding in findings:
        if len(kept) < most:
            kept.append(finding)
        else:
            more += 1
    return kept, more
