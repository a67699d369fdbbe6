"""Inflate deflated datasets (PS3.5, A.5) in steps: memory depends on the output, up to the limit."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from dcmturbo.configuration import config
from dcmturbo.errors import DecodeError, LimitExceeded

__all__ = ["inflate_dataset", "is_whole_frame"]

_STEP = 1 << 20


def inflate_dataset(read: Callable[[int, int], memoryview], begin: int, end: int) -> tuple[bytearray, bool, int]:
    """Inflate the raw deflate stream (RFC 1951) between two positions of a source.

    Parameters
    ----------
    read : callable
        ``read(begin, end)`` returns bytes of the source.
    begin, end : int
        Where the stream lies.

    Returns
    -------
    (bytearray, bool, int)
        The dataset, whether the stream is complete, and how many bytes follow it. Zeros alone are padding, and count
        as none.

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
    behind = 0
    if inflater.eof:
        behind = len(inflater.unused_data) + end - begin
        is_padding = not any(inflater.unused_data)
        while is_padding and begin < end:
            part = read(begin, min(begin + _STEP, end))
            begin += len(part)
            is_padding = not bytes(part).strip(b"\0")
        behind *= not is_padding
    return inflated, inflater.eof, behind


def is_whole_frame(stream: bytes | bytearray, size: int) -> bool:
    """Whether a raw deflate stream is complete and gives a frame of `size` bytes (PS3.5, A.4.13)."""
    inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    try:
        content = inflater.decompress(stream, size + 2)
    except zlib.error:
        return False
    return inflater.eof and len(content) in (size, size + (size & 1))
