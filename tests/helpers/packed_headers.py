"""Moves the packet headers of a codestream into PPM or PPT segments (ISO/IEC 15444-1, A.7.4 and A.7.5)."""

from __future__ import annotations

import struct

COD, TLM, PPM, PPT, SOT, SOD = 0xFF52, 0xFF55, 0xFF60, 0xFF61, 0xFF90, 0xFF93
SOP, EPH = b"\xff\x91\x00\x04", b"\xff\x92"


def _segments(data: bytes, at: int, last: int) -> tuple[list[tuple[int, bytes]], int]:
    """The segments from `at` to the marker `last`, and where that is."""
    found = []
    while (code := int.from_bytes(data[at : at + 2], "big")) != last:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        found.append((code, data[at:end]))
        at = end
    return found, at


def _split(content: bytes, code: int, size: int) -> bytes:
    runs = [content[at : at + size] for at in range(0, len(content), size)]
    return b"".join(struct.pack(">HHB", code, 3 + len(run), i) + run for i, run in enumerate(runs))


def packed(
    data: bytes, where: str, *, sop: bool = False, eph: bool = False, lengths: bool = False, size: int = 60_000
) -> bytes:
    """Return a codestream, whose packets all have SOP and EPH, with its packet headers in PPM or PPT segments.

    No code-block or packet header has two bytes like SOP or EPH.

    Parameters
    ----------
    where : "PPM" or "PPT"
    sop, eph : bool
        Whether these markers stay.
    lengths : bool
        Whether to write TLM.
    size : int
        Bytes in a segment.
    """
    main, at = _segments(data, 2, SOT)
    parts = []
    shares = b""
    while data[at : at + 2] == b"\xff\x90":
        tile, length, numbers = struct.unpack(">HIH", data[at + 4 : at + 12])
        own, body_at = _segments(data, at, SOD)
        packets = data[body_at + 2 : at + length].split(SOP)
        assert packets[0] == b""
        headers, body = b"", b""
        for packet in packets[1:]:
            end = packet.index(EPH)
            headers += packet[2:end] + (EPH if eph else b"")
            body += (SOP + packet[:2] if sop else b"") + packet[end + 2 :]
        shares += struct.pack(">I", len(headers)) + headers
        header = b"".join(segment for _, segment in own[1:])
        if where == "PPT":
            header += _split(headers, PPT, size)
        content = header + b"\xff\x93" + body
        parts.append((tile, struct.pack(">HHHIH", SOT, 10, tile, 12 + len(content), numbers) + content))
        at += length
    found = b"\xff\x4f"
    for code, segment in main:
        if code == COD:
            segment = segment[:4] + bytes([segment[4] & ~6 | 2 * sop | 4 * eph]) + segment[5:]
        found += segment if code != TLM else b""
    if lengths:
        table = b"".join(struct.pack(">HI", tile, len(part)) for tile, part in parts)
        found += struct.pack(">HHBB", TLM, 4 + len(table), 0, 0x60) + table
    if where == "PPM":
        found += _split(shares, PPM, size)
    return found + b"".join(part for _, part in parts) + b"\xff\xd9"
