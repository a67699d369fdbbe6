"""Check encapsulated pixel data against PS3.5, A.4 (items, offsets, delimiter) and RLE headers against G.5."""

from __future__ import annotations

import struct
from array import array
from itertools import pairwise

from dcmturbo.archives.stored_object import Bytes, Place

__all__ = ["encapsulation_faults"]

_ITEM, _DELIMITER = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
_RLE_HEADER = 64


def encapsulation_faults(read: Bytes, place: Place, frames: int, *, rle: bool) -> list[str]:
    """Return what is wrong with the items of pixel data of undefined length.

    Readers tolerate most of these faults and decode the right pixels, but another reader may not.
    """
    begins, table = array("Q"), b""
    faults: list[str] = []
    position, first, headers_are_right = place.value, 0, True
    while position < place.end:
        header = bytes(read(position, min(position + 8, place.end)))
        if len(header) < 8 or header[:4] not in (_ITEM, _DELIMITER):
            return [*faults, "an element other than an item is between the fragments"]
        (length,) = struct.unpack_from("<I", header, 4)
        if header[:4] == _DELIMITER:
            if length:
                faults.append(f"the sequence delimiter has the length {length}, expected 0")
            if position + 8 != place.end:
                faults.append("there is data after the sequence delimiter")
            break
        if position + 8 + length > place.end:
            return [*faults, f"a fragment of {length} bytes extends past the end of the data"]
        if length & 1:
            faults.append(f"a fragment has an odd length: {length} bytes")
        if position == place.value:
            if length not in (0, 4 * frames):
                faults.append(f"the Basic Offset Table has {length} bytes, expected {4 * frames} for {frames} frames")
            else:
                table = bytes(read(position + 8, position + 8 + length))
            first = position + 8 + length
        else:
            begins.append(position - first)
            if rle and headers_are_right:
                start = position + 8
                headers_are_right = _is_rle_header(bytes(read(start, start + min(length, _RLE_HEADER))))
        position += 8 + length
    else:
        faults.append("there is no sequence delimiter")
    if not headers_are_right and len(begins) == frames:  # otherwise some fragments have no frame
        faults.append("an RLE header has more offsets than segments, or does not begin with offset 64")
    if table:
        faults += _table_faults(table, begins, frames)
    return list(dict.fromkeys(faults))


def _table_faults(table: bytes, begins: array[int], frames: int) -> list[str]:
    starts = set(begins)
    offsets = struct.unpack(f"<{frames}I", table)
    rising = all(one < other for one, other in pairwise(offsets))
    if offsets[0] != 0 or not rising or not starts.issuperset(offsets):
        return ["the Basic Offset Table has an offset where no frame begins"]
    return []


def _is_rle_header(header: bytes) -> bool:
    """Whether a fragment begins with an RLE header: a count, increasing offsets from 64, and zeros after them."""
    if len(header) < _RLE_HEADER:
        return False
    count, *offsets = struct.unpack("<16I", header)
    used = offsets[:count]
    return (
        1 <= count <= 15
        and used[0] == _RLE_HEADER
        and all(one < other for one, other in pairwise(used))
        and not any(offsets[count:])
    )
