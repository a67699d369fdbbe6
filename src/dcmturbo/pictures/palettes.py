"""Palettes: the colours of PALETTE COLOR pixels (PS3.3, C.7.6.3.1.5, C.7.6.3.1.6 and C.7.9)."""

from __future__ import annotations

from typing import Any

import numpy as np

from dcmturbo.errors import DecodeError
from dcmturbo.pictures.header import Header, bytes_of, numbers_of

__all__ = ["apply_palette", "palette_table"]

_CHANNELS = ("Red", "Green", "Blue")
_DISCRETE, _LINEAR, _INDIRECT = 0, 1, 2


def apply_palette(indices: np.ndarray, header: Header) -> np.ndarray:
    """Return the colours of PALETTE COLOR pixels: shape (..., 3), uint8 or uint16, as the palette has it.

    Raises
    ------
    DecodeError
        If the object has no usable palette.
    """
    channels = [_channel(header, name, signed=indices.dtype.kind == "i") for name in _CHANNELS]
    deep = any(entries.dtype.itemsize > 1 for _, entries in channels)
    colours = np.empty((*indices.shape, 3), np.uint16 if deep else np.uint8)
    for place, (first, entries) in enumerate(channels):
        # Values below the first have its colour, values above the last have that of the last.
        positions = np.clip(indices.astype(np.int64) - first, 0, len(entries) - 1)
        colours[..., place] = entries[positions].astype(colours.dtype) << (8 * (colours.itemsize - entries.itemsize))
    return colours


def palette_table(header: Header, dtype: np.dtype[Any]) -> np.ndarray:
    """Return the colour of every value of PALETTE COLOR pixels: shape (values, 3), uint8."""
    every = np.arange(1 << 8 * dtype.itemsize, dtype=np.uint32).astype(f"u{dtype.itemsize}").view(dtype)
    colours = apply_palette(every, header)
    if colours.dtype.itemsize > 1:
        # Some palettes state 16 bits, but their entries have 8.
        colours = colours >> (8 if colours.max(initial=0) > 255 else 0)
    return np.ascontiguousarray(colours.astype(np.uint8))


def _unusable(why: str) -> DecodeError:
    return DecodeError(f"the palette of the object cannot be used: {why}", code="malformed")


def _channel(header: Header, name: str, *, signed: bool) -> tuple[int, np.ndarray]:
    """Return the value that the first entry stands for, and the entries: uint8 or uint16."""
    descriptor = [int(value) for value in numbers_of(header.dataset, f"{name}PaletteColorLookupTableDescriptor")]
    if len(descriptor) != 3:
        raise _unusable(f"it has no {name} Palette Color Lookup Table Descriptor of three numbers")
    count, first, bits = descriptor
    count, first = (count & 0xFFFF) or 1 << 16, first & 0xFFFF
    if signed:  # whatever the VR of the descriptor says
        first = (first ^ 0x8000) - 0x8000
    data = bytes_of(header, f"{name}PaletteColorLookupTableData")
    if data:
        has_bytes = len(data) < 2 * count or (bits == 8 and len(data) <= count + count % 2)
        entries = _numbers(data, 1 if has_bytes else 2)[:count]
    else:
        data = bytes_of(header, f"Segmented{name}PaletteColorLookupTableData")
        if not data:
            raise _unusable(f"it has no {name} Palette Color Lookup Table Data")
        entries = _expanded(_numbers(data, 1 if bits == 8 else 2), count)
    if not entries.size:
        raise _unusable(f"its {name} Palette Color Lookup Table Data are empty")
    if entries.itemsize > 1 and bits < 16:
        top = int(entries.max())
        if bits == 8:  # PS3.3, C.7.6.3.1.5: some implementations use cells of 16 bits for entries of 8
            entries = (entries >> (8 if top > 255 else 0)).astype(np.uint8)
        elif bits > 8 and top < 1 << bits:
            entries = entries << (16 - bits)
    return first, entries


def _numbers(data: bytes, size: int) -> np.ndarray:
    return np.frombuffer(data[: len(data) // size * size], f"<u{size}").astype(f"u{size}")


def _expanded(words: np.ndarray, count: int) -> np.ndarray:
    """Return the entries of segmented data (PS3.3, C.7.9.2), at most `count`.

    Parameters
    ----------
    words : numpy.ndarray
        The segments, as uint8 or uint16: each begins with its type and its length.
    count : int
        Number of entries that the descriptor states.
    """
    found: list[int] = []
    begins: set[int] = set()  # of discrete and linear segments that are not empty, so that copies come to an end
    position = 0
    while position + 1 < len(words) and len(found) < count:
        if int(words[position]) != _INDIRECT:
            if words[position + 1] > 0:
                begins.add(position)
            position = _append(found, words, position)
            continue
        # An offset in bytes of four bytes, the less significant half first. Some writers count words instead.
        offset_size = 4 // words.itemsize
        parts = words[position + 2 : position + 2 + offset_size]
        offset = sum(int(part) << (8 * words.itemsize * k) for k, part in enumerate(parts))
        at = offset // words.itemsize if offset % words.itemsize == 0 else offset
        at = at if at in begins else offset
        for _ in range(int(words[position + 1])):
            if at not in begins:
                raise _unusable(f"a segment copies what is at offset {offset}, where no segment begins")
            at = _append(found, words, at)
        position += 2 + offset_size
    return np.array(found[:count], words.dtype)


def _append(found: list[int], words: np.ndarray, position: int) -> int:
    """Append the entries of a discrete or linear segment, and return where it ends."""
    kind, length = int(words[position]), int(words[position + 1])
    position += 2
    if kind == _DISCRETE:
        found += words[position : position + length].tolist()
        return position + length
    if kind != _LINEAR:
        raise _unusable(f"there is no type {kind} of segments")
    if not found:
        raise _unusable("its first segment is linear, but there is no entry before it")
    if position >= len(words):
        raise _unusable("its last segment is cut off")
    steps = np.arange(1, length + 1)
    begin, end = found[-1], int(words[position])
    found += np.floor(begin + (end - begin) * steps / max(length, 1) + 0.5).astype(int).tolist()
    return position + 1
