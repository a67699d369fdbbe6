"""Compare the pixel data element's header with the actual data: encapsulated or not, and how long."""

from __future__ import annotations

from typing import Any

from dcmturbo import _core
from dcmturbo.errors import DecodeError
from dcmturbo.formats.syntaxes import known_transfer_syntax

__all__ = ["KEYWORDS", "is_native_after_all", "patched", "read_into", "settle_native_length", "starts_with_item"]

# BitsAllocated, if the keyword implies it.
KEYWORDS = {"PixelData": None, "FloatPixelData": 32, "DoubleFloatPixelData": 64}
_ITEM_TAG = b"\xfe\xff\x00\xe0"
_START = 64 << 10  # a codestream's header is within this many bytes


def read_into(source: _core.Source, buffer: memoryview | None, offset: int, to: bytearray) -> None:
    """Read bytes of a source into `to`; `buffer` is the whole source if it is in memory."""
    if buffer is not None:
        to[:] = buffer[offset : offset + len(to)]
    elif to:
        source.read_into(offset, to)


def starts_with_item(source: _core.Source, buffer: memoryview | None, offset: int = 0) -> bool:
    """Whether an item (PS3.5, 7.5) begins at a position."""
    start = bytearray(max(0, min(4, source.size - offset)))
    read_into(source, buffer, offset, start)
    return bytes(start) == _ITEM_TAG


def patched(
    source: _core.Source, buffer: memoryview | None, patches: list[tuple[int, bytes]]
) -> tuple[_core.Source, memoryview | None]:
    """Return the source with some bytes replaced."""
    if buffer is None:
        return _core.Source.patched(source, patches), None
    mended = bytearray(buffer)
    for offset, four in patches:
        mended[offset : offset + 4] = four
    buffer = memoryview(mended)
    return _core.Source.buffer(buffer), buffer


def _native_bytes(values: Any, keyword: str) -> int:
    """Return the size that uncompressed pixel data should have, without padding; 0 if the attributes do not say it."""
    bits = values.bits_allocated or KEYWORDS[keyword] or 0
    pixels = (values.rows or 0) * (values.columns or 0) * max(values.number_of_frames or 1, 1)
    samples = values.samples_per_pixel or 1
    if samples == 3 and values.photometric_interpretation.strip(" \0") == "YBR_FULL_422":
        samples = 2  # PS3.3, C.7.6.3.1.2
    return int(pixels * samples * bits + 7) // 8


def is_native_after_all(
    transfer_syntax: str,
    values: Any,
    source: _core.Source,
    buffer: memoryview | None,
    element: dict[str, Any],
) -> bool:
    """Whether pixel data under an encapsulated syntax are uncompressed: of exactly that size, and no codestream."""
    syntax = known_transfer_syntax(transfer_syntax)
    if syntax is None or not syntax.encapsulated or not syntax.decodable:
        return False
    size = _native_bytes(values, element["keyword"])
    if not size or element["length"] not in (size, size + (size & 1)):
        return False
    start = bytearray(min(element["length"], _START))
    read_into(source, buffer, element["offset"], start)
    try:
        header = _core.probe(start)
    except DecodeError:
        return True
    return (header.height, header.width) != (values.rows, values.columns)


def settle_native_length(
    source: _core.Source,
    buffer: memoryview | None,
    dataset: _core.Dataset,
    values: Any,
    element: dict[str, Any],
    warnings: list[str],
) -> tuple[_core.Source, memoryview | None, int | None]:
    """Correct the length of uncompressed pixel data that continue after their stated end.

    A length field has 32 bits. For more than 4 GiB, some writers store the length modulo 2**32.
    """
    size = _native_bytes(values, element["keyword"])
    size += size & 1
    declared, begin = element["declared_length"], element["offset"]
    end = begin + size
    wraps = size > declared and (size - declared) % (1 << 32) == 0
    if size <= declared or source.size < end:
        return source, buffer, None
    if not wraps and (
        _stands_behind(source, buffer, dataset, begin + declared)
        or (source.size > end and not _stands_behind(source, buffer, dataset, end))
    ):
        return source, buffer, None
    warnings.append(
        f"the length field of the pixel data says {declared} bytes; the image needs {size} bytes, and these are there"
    )
    element["length"] = size
    if size >= 0xFFFFFFFF:
        return source, buffer, end
    patch = (begin - 4, size.to_bytes(4, "big" if dataset.big_endian else "little"))
    source, buffer = patched(source, buffer, [patch])
    return source, buffer, None


def _stands_behind(source: _core.Source, buffer: memoryview | None, dataset: _core.Dataset, place: int) -> bool:
    """Whether an element that may follow pixel data (signatures, padding) begins at a position."""
    start = bytearray(max(0, min(6, source.size - place)))
    read_into(source, buffer, place, start)
    order = "big" if dataset.big_endian else "little"
    if len(start) < 6 or int.from_bytes(start[:2], order) < 0x7FE0:  # type: ignore[arg-type]
        return False
    return not dataset.explicit_vr or bytes(start[4:6]) in (b"OB", b"OW", b"SQ", b"UN", b"LO", b"UL", b"US")
