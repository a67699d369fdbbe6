"""A small writer of DICOM files, right ones and broken ones: nothing here checks anything.

It is built on struct, not on pydicom, so that a test can say exactly which bytes a file has.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

UNDEFINED = 0xFFFFFFFF
LONG_VRS = ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
UIDS = {
    "implicit": "1.2.840.10008.1.2",
    "explicit": "1.2.840.10008.1.2.1",
    "encapsulated_uncompressed": "1.2.840.10008.1.2.1.98",
    "deflated": "1.2.840.10008.1.2.1.99",
    "big_endian": "1.2.840.10008.1.2.2",
    "rle": "1.2.840.10008.1.2.5",
    "jpeg": "1.2.840.10008.1.2.4.50",
    "jpegls": "1.2.840.10008.1.2.4.80",
    "jpeg2000": "1.2.840.10008.1.2.4.90",
}


@dataclass(frozen=True)
class Encoding:
    explicit: bool = True
    big_endian: bool = False

    @property
    def order(self) -> str:
        return ">" if self.big_endian else "<"

    def value(self, vr: str, value: object) -> bytes:
        """The bytes of a value, padded to even length; bytes are taken as they are."""
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value)
        if isinstance(value, str):
            encoded = value.encode()
            return encoded + (b"\0" if vr == "UI" else b" ") * (len(encoded) % 2)
        code = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "OV": "Q"}[vr]
        values = value if isinstance(value, (list, tuple)) else [value]
        return struct.pack(f"{self.order}{len(values)}{code}", *values)

    def header(self, tag: int, vr: str, length: int) -> bytes:
        start = struct.pack(f"{self.order}HH", tag >> 16, tag & 0xFFFF)
        if not self.explicit or tag >> 16 == 0xFFFE:
            return start + struct.pack(f"{self.order}I", length)
        if vr in LONG_VRS:
            return start + vr.encode() + struct.pack(f"{self.order}HI", 0, length)
        return start + vr.encode() + struct.pack(f"{self.order}H", length)

    def element(self, tag: int, vr: str, value: object, *, length: int | None = None) -> bytes:
        content = self.value(vr, value)
        return self.header(tag, vr, len(content) if length is None else length) + content

    def item(self, content: bytes, *, undefined: bool = False, delimiter: bool = True) -> bytes:
        if not undefined:
            return self.header(0xFFFEE000, "", len(content)) + content
        return self.header(0xFFFEE000, "", UNDEFINED) + content + (self.header(0xFFFEE00D, "", 0) if delimiter else b"")

    def sequence(
        self, tag: int, items: Sequence[bytes], *, undefined: bool = False, vr: str = "SQ", delimiter: bool = True
    ) -> bytes:
        content = b"".join(items)
        if not undefined:
            return self.header(tag, vr, len(content)) + content
        end = self.header(0xFFFEE0DD, "", 0) if delimiter else b""
        return self.header(tag, vr, UNDEFINED) + content + end


EXPLICIT = Encoding()
IMPLICIT = Encoding(explicit=False)
BIG = Encoding(big_endian=True)


def encoding_of(syntax: str) -> Encoding:
    return {"implicit": IMPLICIT, "big_endian": BIG}.get(syntax, EXPLICIT)


def pixel_module(
    encoding: Encoding = EXPLICIT,
    *,
    rows: int | None = 4,
    columns: int | None = 4,
    samples: int | None = 1,
    bits_allocated: int | None = 8,
    bits_stored: int | None = None,
    signed: int | None = 0,
    photometric: str | None = None,
    planar: int | None = None,
    frames: int | str | None = None,
    more: bytes = b"",
) -> bytes:
    """The Image Pixel module up to, but without, the pixel data; `more` stands before it."""
    photometric = photometric or ("MONOCHROME2" if samples in (1, None) else "RGB")
    stored = bits_stored if bits_stored is not None else bits_allocated
    parts = [more]

    def add(tag: int, vr: str, value: object) -> None:
        if value is not None:
            parts.append(encoding.element(tag, vr, value))

    add(0x00280002, "US", samples)
    add(0x00280004, "CS", photometric)
    add(0x00280006, "US", planar)
    add(0x00280008, "IS", None if frames is None else str(frames))
    add(0x00280010, "US", rows)
    add(0x00280011, "US", columns)
    add(0x00280100, "US", bits_allocated)
    add(0x00280101, "US", stored)
    add(0x00280102, "US", None if stored is None else max(stored - 1, 0))
    add(0x00280103, "US", signed)
    return b"".join(parts)


def file_meta(transfer_syntax: str | None, *, group_length: bool = True) -> bytes:
    content = EXPLICIT.element(0x00020001, "OB", b"\0\1")
    content += EXPLICIT.element(0x00020002, "UI", "1.2.840.10008.5.1.4.1.1.7")
    content += EXPLICIT.element(0x00020003, "UI", "1.2.3.4")
    if transfer_syntax is not None:
        content += EXPLICIT.element(0x00020010, "UI", transfer_syntax)
    return (EXPLICIT.element(0x00020000, "UL", len(content)) if group_length else b"") + content


def dicom_file(
    body: bytes, syntax: str | None = "explicit", *, preamble: bool = True, meta: bool = True, group_length: bool = True
) -> bytes:
    """A file: `syntax` is a name of UIDS, a UID, or None for file meta without one."""
    uid = UIDS.get(syntax, syntax)
    if syntax == "deflated":
        deflater = zlib.compressobj(wbits=-15)
        body = deflater.compress(body) + deflater.flush()
        body += b"\0" * (len(body) % 2)
    start = b"\0" * 128 + b"DICM" if preamble else b""
    return start + (file_meta(uid, group_length=group_length) if meta else b"") + body


def native_file(
    pixels: bytes,
    syntax: str = "explicit",
    *,
    encoding: Encoding | None = None,
    vr: str | None = None,
    tag: int = 0x7FE00010,
    length: int | None = None,
    before: bytes = b"",
    after: bytes = b"",
    file: dict | None = None,
    **module: object,
) -> bytes:
    """A file with uncompressed pixel data."""
    encoding = encoding or encoding_of(syntax)
    vr = vr or ("OW" if (module.get("bits_allocated", 8) or 8) > 8 else "OB")
    if length is None:
        pixels = pixels + b"\0" * (len(pixels) % 2)
    body = before + pixel_module(encoding, **module) + encoding.element(tag, vr, pixels, length=length) + after
    return dicom_file(body, syntax, **(file or {}))


def basic_table(frames: Sequence[Sequence[bytes]]) -> list[int]:
    """The right Basic Offset Table of frames that are lists of fragments."""
    offsets, position = [], 0
    for fragments in frames:
        offsets.append(position)
        position += sum(8 + len(fragment) + len(fragment) % 2 for fragment in fragments)
    return offsets


def encapsulate(
    frames: Sequence[Sequence[bytes] | bytes],
    *,
    table: Sequence[int] | bool | bytes | None = True,
    delimiter: bool = True,
    delimiter_length: int = 0,
    pad: bool = True,
) -> bytes:
    """The value of encapsulated pixel data: `table` True for a right one, False for an empty one, None for no item."""
    split = [[frame] if isinstance(frame, (bytes, bytearray, memoryview)) else list(frame) for frame in frames]
    parts = []
    if table is True:
        table = basic_table(split)
    if table is False:
        table = []
    if table is not None:
        content = table if isinstance(table, bytes) else struct.pack(f"<{len(table)}I", *table)
        parts.append(EXPLICIT.item(content))
    for fragments in split:
        for fragment in fragments:
            content = bytes(fragment)
            parts.append(EXPLICIT.item(content + (b"\0" * (len(content) % 2) if pad else b"")))
    if delimiter:
        parts.append(EXPLICIT.header(0xFFFEE0DD, "", delimiter_length))
    return b"".join(parts)


def extended_tables(
    frames: Sequence[Sequence[bytes] | bytes],
    *,
    offsets: Sequence[int] | None = None,
    lengths: Sequence[int] | None = None,
) -> bytes:
    """Extended Offset Table and Lengths: (7FE0,0001) and (7FE0,0002)."""
    split = [[frame] if isinstance(frame, (bytes, bytearray)) else list(frame) for frame in frames]
    offsets = basic_table(split) if offsets is None else offsets
    lengths = [sum(map(len, fragments)) for fragments in split] if lengths is None else lengths
    return EXPLICIT.element(0x7FE00001, "OV", list(offsets)) + EXPLICIT.element(0x7FE00002, "OV", list(lengths))


def encapsulated_file(
    encoded: Sequence[Sequence[bytes] | bytes],
    syntax: str = "rle",
    *,
    value: bytes | None = None,
    extended: bytes = b"",
    length: int = UNDEFINED,
    before: bytes = b"",
    after: bytes = b"",
    file: dict | None = None,
    table: Sequence[int] | bool | bytes | None = True,
    delimiter: bool = True,
    delimiter_length: int = 0,
    pad: bool = True,
    **module: object,
) -> bytes:
    """A file with encapsulated pixel data; `value` replaces what `encoded` and the table give."""
    module.setdefault("frames", len(encoded))
    if value is None:
        value = encapsulate(encoded, table=table, delimiter=delimiter, delimiter_length=delimiter_length, pad=pad)
    body = before + pixel_module(EXPLICIT, **module) + extended
    body += EXPLICIT.element(0x7FE00010, "OB", value, length=length) + after
    return dicom_file(body, syntax, **(file or {}))
