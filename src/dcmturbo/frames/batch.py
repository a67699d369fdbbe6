"""Many frames of one object or several, decoded in one call of the core."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dcmturbo import _core
from dcmturbo.dataset.file_objects import raise_why
from dcmturbo.dataset.sources import OpenedSource
from dcmturbo.errors import DecodeError, make_error
from dcmturbo.frames.status import Failure, write_status

__all__ = ["FrameSet", "decode_batch", "encoded_frame"]


@dataclass(slots=True)
class FrameSet:
    """The frames of one object, and what they are to become.

    Attributes
    ----------
    opened : OpenedSource
        Where they are, and what the dataset says of them.
    format : Format
        Shape and type of each, once dataset and codestream agree.
    raw, keep_unused_bits : bool
        As `dcmturbo.decode` takes ``raw`` and ``unused_bits``.
    tell : callable
        Takes the notes of decoded frames.
    """

    opened: OpenedSource
    format: _core.Format
    raw: bool
    keep_unused_bits: bool
    tell: Callable[[list[str]], None]


def encoded_frame(opened: OpenedSource, position: int) -> memoryview:
    """Return the bytes of a frame, without a copy where they are in memory in one piece."""
    if opened.buffer is not None:
        ranges = opened.index.ranges(position)
        if len(ranges) == 1:
            offset, size = ranges[0]
            return opened.buffer[offset : offset + size]
    try:
        return memoryview(opened.index.read_frame(position))
    except DecodeError as error:
        raise_why(opened.source, error)


def decode_batch(
    sets: Sequence[FrameSet],
    set_of: np.ndarray | None,
    frames: np.ndarray,
    out: np.ndarray,
    *,
    threads: int,
    salvage: bool,
    fill_value: float,
    status: np.ndarray | None,
) -> list[Failure]:
    """Decode ``frames[k]`` of ``sets[set_of[k]]`` into ``out[k]``.

    Returns
    -------
    list of (k, status, error)
        What is not OK, in the order of k. Without salvage at most the first.
    """
    if len(frames) == 0:
        return []
    streams = [
        _core.Stream(
            one.opened.index,
            one.opened.syntax.uid,
            one.opened.attributes,
            one.format,
            raw=one.raw,
            keep_unused_bits=one.keep_unused_bits,
        )
        for one in sets
    ]
    told = _core.decode_frames(
        streams,
        np.empty(0, np.uint32) if set_of is None else set_of,
        frames,
        out,
        threads=threads,
        salvage=salvage,
        fill_value=fill_value,
        status=status if status is not None and status.flags.c_contiguous else None,
    )
    failures = []
    for k, frame_status, code, offset, message in told:
        error = make_error(code, message, frame=int(frames[k]), offset=offset)
        failure = sets[0 if set_of is None else int(set_of[k])].opened.source.take_failure()
        if failure is not None:
            error.message += f": {failure}"
            error.__cause__ = failure
        failures.append((k, frame_status, error))
    if status is not None and not status.flags.c_contiguous:
        write_status(status, failures)
    for one, stream in zip(sets, streams, strict=True):
        one.tell(stream.notes)
    return failures
