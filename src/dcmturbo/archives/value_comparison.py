"""Compare two elements of the same tag: their values, in the byte order of each, and their headers.

This module has its own rules of VRs and byte orders. It does not use those of transcoding, so that it finds mistakes in
them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dcmturbo.archives.stored_object import Bytes, Place
from dcmturbo.dataset.elements import LONG_VRS, VRS
from dcmturbo.dataset.vr import settle_vr, vr_of
from dcmturbo.wording import counted

__all__ = ["header_difference", "is_sequence", "same_range", "same_value", "value_difference", "vr_difference"]

_AT_ONCE = 1 << 20  # bytes to compare at a time; a multiple of the size of each number
_LONGEST_SHOWN = 40
_PIXEL_REPRESENTATION = 0x00280103
# PS3.5, 7.3: VRs whose values are numbers, with the size of one number.
_SIZES = {2: ("AT", "OW", "SS", "US"), 4: ("FL", "OF", "OL", "SL", "UL"), 8: ("FD", "OD", "OV", "SV", "UV")}
_SIZE_OF = {vr: size for size, vrs in _SIZES.items() for vr in vrs}
_TEXTS = VRS - _SIZE_OF.keys() - {"OB", "SQ", "UN"}
_CODES = {"US": "u2", "SS": "i2", "UL": "u4", "SL": "i4", "FL": "f4", "FD": "f8", "UV": "u8", "SV": "i8"}

Number = Callable[[int], int | None]


def same_range(one: Bytes, first: tuple[int, int], other: Bytes, second: tuple[int, int]) -> bool:
    """Whether two ranges have the same bytes; they are compared in blocks."""
    if first[1] - first[0] != second[1] - second[0]:
        return False
    for done in range(0, first[1] - first[0], _AT_ONCE):
        ours = one(first[0] + done, min(first[0] + done + _AT_ONCE, first[1]))
        theirs = other(second[0] + done, min(second[0] + done + _AT_ONCE, second[1]))
        if ours != theirs:
            return False
    return True


def _stated(place: Place, number: Number) -> str:
    """Return the VR of an element, or that of the data dictionary."""
    return place.vr if place.vr in VRS else settle_vr(place.tag, place.end - place.value, number)


def is_sequence(place: Place) -> bool:
    """Whether an element's value consists of items, by its VR, its length, or the data dictionary."""
    if place.vr in VRS:
        return place.vr == "SQ" or place.is_undefined
    return place.is_undefined or vr_of(place.tag) == "SQ"


def same_value(one: Bytes, first: Place, other: Bytes, second: Place, number: Number) -> bool:
    """Whether two values of defined length are the same, whatever the byte order of each."""
    if first.encoding.big_endian == second.encoding.big_endian:
        return same_range(one, (first.value, first.end), other, (second.value, second.end))
    if first.end - first.value != second.end - second.value:
        return False
    size = _SIZE_OF.get(_stated(first if first.encoding.big_endian else second, number), 1)
    for done in range(0, first.end - first.value, _AT_ONCE):
        ours = one(first.value + done, min(first.value + done + _AT_ONCE, first.end))
        theirs = other(second.value + done, min(second.value + done + _AT_ONCE, second.end))
        whole = len(ours) // size * size
        turned = np.frombuffer(ours[:whole], f">u{size}").byteswap().tobytes()
        if turned != theirs[:whole] or ours[whole:] != theirs[whole:]:
            return False
    return True


def vr_difference(first: Place, second: Place, number: Number, *, settled: bool = True) -> tuple[str, bool]:
    """Return how the VRs of two elements differ (or empty), and whether transcoding causes it.

    Parameters
    ----------
    first, second : Place
    number : callable
        Returns the first number of another element near the first one, or None.
    settled : bool
        Whether all elements that `number` can find are known; otherwise elements with a choice may have any of their
        VRs.
    """
    ours, theirs = first.vr, second.vr
    if ours == theirs:
        return "", True
    if not second.encoding.explicit_vr and not theirs:
        return "", True  # implicit VR has none
    what = f"VR {ours or 'none'} against {theirs or 'none'}"
    if ours in VRS:
        # Private elements were in implicit VR in between. For values too long for 16 bits see PS3.5, 6.2.2, note 1.
        return what, theirs == "UN" and bool(first.tag >> 16 & 1) and second.value - second.begin == 12
    if ours and first.encoding == second.encoding:
        return what, False  # not a VR of the standard, and nothing was rewritten
    allowed = {settle_vr(first.tag, first.end - first.value, number)}
    if not settled and "US or SS" in vr_of(first.tag):
        allowed = {"US", "SS"}
    if first.is_undefined:
        allowed = {"SQ", "UN"} if allowed == {"UN"} else {"SQ"}
    elif first.end - first.value > 0xFFFF:
        allowed.add("UN")
    if theirs in allowed:
        return "", True
    return f"{what}: the data dictionary has {' or '.join(sorted(allowed))}", False


def header_difference(first: Place, second: Place) -> str:
    """Return what is wrong with the second header, unless the first has the same fault."""
    size = second.value - second.begin
    if second.vr in VRS and size != (12 if second.vr in LONG_VRS else 8) and size != first.value - first.begin:
        return f"a header of {size} bytes, which VR {second.vr} cannot have"
    if second.reserved and second.reserved != first.reserved:
        return f"the reserved bytes of its header are {second.reserved:04X}"
    if not second.is_undefined and not first.is_undefined:
        wrong = second.end >= 0 and second.length != second.end - second.value
        if wrong and second.length != first.length:
            return f"its header says {second.length} bytes, but {second.end - second.value} are there"
    return ""


def value_difference(one: Bytes, first: Place, other: Bytes, second: Place, number: Number) -> str:
    """Return how two values differ, for people: both values, or the first difference if they would look the same."""
    texts = _shown(one, first, number), _shown(other, second, number)
    sizes = first.end - first.value, second.end - second.value
    if texts[0] != texts[1]:
        return f"{texts[0]} against {texts[1]}"
    where, ours, theirs = _first_difference(one, first, other, second, number)
    rests = ours.rstrip(b" \0"), theirs.rstrip(b" \0")
    if _stated(first, number) in _TEXTS and max(sizes) - where <= _AT_ONCE and rests == (b"", b""):
        lengths = f"{counted(sizes[0], 'byte')} against {sizes[1]}" if sizes[0] != sizes[1] else f"from byte {where}"
        return f"{texts[0]}: only the padding differs ({lengths})"
    if not ours or not theirs:
        return (
            f"{texts[0]}: {counted(sizes[0], 'byte')} against {sizes[1]}; the shorter value is the "
            "beginning of the longer one"
        )
    return f"{texts[0]} each, first different at byte {where}: {ours[0]:02x} against {theirs[0]:02x}"


def _first_difference(
    one: Bytes, first: Place, other: Bytes, second: Place, number: Number
) -> tuple[int, bytes, bytes]:
    """Return where two values first differ, in the second's byte order, and some bytes of both from there."""
    turned = first.encoding.big_endian != second.encoding.big_endian
    size = _SIZE_OF.get(_stated(first if first.encoding.big_endian else second, number), 1) if turned else 1
    for done in range(0, max(first.end - first.value, second.end - second.value), _AT_ONCE):
        begins = min(first.value + done, first.end), min(second.value + done, second.end)
        ours = bytes(one(begins[0], min(begins[0] + _AT_ONCE, first.end)))
        theirs = bytes(other(begins[1], min(begins[1] + _AT_ONCE, second.end)))
        if turned:
            whole = len(ours) // size * size
            ours = np.frombuffer(ours[:whole], f">u{size}").byteswap().tobytes() + ours[whole:]
        if ours != theirs:
            shorter = min(len(ours), len(theirs))
            unequal = np.frombuffer(ours[:shorter], "u1") != np.frombuffer(theirs[:shorter], "u1")
            at = int(unequal.argmax()) if unequal.any() else shorter
            return done + at, ours[at:], theirs[at:]
    return 0, b"", b""


def _shown(read: Bytes, place: Place, number: Number) -> str:
    """Return a value for people."""
    size = place.end - place.value
    vr = _stated(place, number)
    data = bytes(read(place.value, min(place.end, place.value + 4 * _LONGEST_SHOWN)))
    if vr in _TEXTS:
        text = data.decode("latin-1").rstrip(" \0")
    elif vr == "AT" and size == 4:
        order = "big" if place.encoding.big_endian else "little"
        text = f"({int.from_bytes(data[:2], order):04X},{int.from_bytes(data[2:], order):04X})"  # type: ignore[arg-type]
    elif vr in _CODES and size and size % _SIZE_OF[vr] == 0:
        order = ">" if place.encoding.big_endian else "<"
        numbers = np.frombuffer(data, order + _CODES[vr])
        text = "\\".join(f"{value:g}" if vr[0] == "F" else str(value) for value in numbers)
    elif 0 < size <= 8:
        text = data.hex(" ")
    else:
        return counted(size, "byte")
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."
