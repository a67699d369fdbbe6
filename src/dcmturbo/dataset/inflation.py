"""Inflate deflated datasets (PS3.5, A.5) in steps: memory depends on the output, up to the limit."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from dcmturbo.configuration import config
from dcmturbo.errors import DecodeError, LimitExceeded

__all__ = ["inflate_dataset", "is_whole_frame", "trailer_of"]

_STEP = 1 << 20
TRAILER = 8  # bytes of the trailer of gzip


def inflate_dataset(read: Callable[[int, int], memoryview], begin: int, end: int) -> tuple[bytearray, bool, str]:
    """Inflate the raw deflate stream (RFC 1951) between two positions of a source.

    Parameters
    ----------
    read : callable
        ``read(begin, end)`` returns bytes of the source.
    begin, end : int
        Where the stream lies.

    Returns
    -------
    (bytearray, bool, str)
        The dataset, whether the stream is complete, and what there is to say of bytes that follow it.

    Raises
    ------
    LimitExceeded
        If the output exceeds ``dt.config.limits.max_inflated``, or there is not enough memory.
    DecodeError
        The stream is damaged.
    """
    limit = config.limits.max_inflated
    inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    inflated = bytearray()
    pending: bytes | memoryview = b""
    try:
        while not inflater.eof:
            if not pending:
                pending = read(begin, min(begin + _STEP, end))
                if not pending:
                    break
                begin += len(pending)
            inflated += inflater.decompress(pending, min(_STEP, limit + 1 - len(inflated)))
            pending = inflater.unconsumed_tail
            if len(inflated) > limit:
                raise LimitExceeded(
                    f"the inflated dataset would be larger than {limit} bytes (dt.config.limits.max_inflated)"
                )
        while not inflater.eof and (part := inflater.decompress(b"", min(_STEP, limit + 1 - len(inflated)))):
            inflated += part
    except zlib.error as error:
        raise DecodeError(f"the deflated dataset is damaged: {error}", code="malformed") from None
    except MemoryError:
        size = len(inflated)
        del inflated
        raise LimitExceeded(
            f"there is not enough memory for the deflated dataset; {size} bytes have been inflated so far",
            code="out_of_memory",
        ) from None
    if len(inflated) > limit:
        raise LimitExceeded(f"the inflated dataset would be larger than {limit} bytes (dt.config.limits.max_inflated)")
    note = ""
    if inflater.eof:
        start = end - begin + len(inflater.unused_data)
        rest = inflater.unused_data + bytes(read(begin, min(begin + TRAILER, end)))
        trailer, is_right = trailer_of(rest, inflated)
        if not is_right:
            note = "the deflated dataset does not have the checksum that follows it: it is damaged"
        elif _is_more_than_zeros(read, end - start + trailer, end):
            note = f"{start - trailer} bytes after the deflated dataset belong to no element, and are not read"
    return inflated, inflater.eof, note


def trailer_of(behind: bytes, inflated: bytes | bytearray) -> tuple[int, bool]:
    """Return how many bytes after a stream are a checksum, and whether it is right.

    Writers that use gzip or zlib leave the trailers of their formats there (RFC 1952, 2.3.1; RFC 1950, 2.2).
    """
    size = len(inflated).to_bytes(8, "little")[:4]
    if len(behind) >= TRAILER and behind[4:TRAILER] == size:
        return TRAILER, behind[:4] == zlib.crc32(inflated).to_bytes(4, "little")
    if len(behind) >= 4 and behind[:4].strip(b"\0") and behind[:4] == zlib.adler32(inflated).to_bytes(4, "big"):
        return 4, True
    return 0, True


def _is_more_than_zeros(read: Callable[[int, int], memoryview], begin: int, end: int) -> bool:
    while begin < end:
        part = bytes(read(begin, min(begin + _STEP, end)))
        if part.strip(b"\0"):
            return True
        begin += len(part)
    return False


def is_whole_frame(stream: bytes | bytearray, size: int) -> bool:
    """Whether a raw deflate stream is complete and gives a frame of `size` bytes (PS3.5, A.4.13)."""
    inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    try:
        content = inflater.decompress(stream, size + 2)
    except zlib.error:
        return False
    return inflater.eof and len(content) in (size, size + (size & 1))
