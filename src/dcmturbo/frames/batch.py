"""Decode many frames of one or several objects in one call of the core."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from dcmturbo import _core
from dcmturbo.dataset.opened import OpenedSource
from dcmturbo.errors import make_error
from dcmturbo.frames.status import Failure, write_status

__all__ = ["decode_batch"]


class Frames(Protocol):
    """What a batch needs of a `FrameSet`."""

    @property
    def opened(self) -> OpenedSource: ...
    @property
    def format(self) -> _core.Format: ...
    @property
    def raw(self) -> bool: ...
    @property
    def keep_unused_bits(self) -> bool: ...
    def warn_of_notes(self, notes: list[str]) -> None: ...


_ONE_STREAM = np.empty(0, np.uint32)


def decode_batch(
    sets: Sequence[Frames],
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
        The frames that are not OK, in the order of k. Without salvage, at most the first.
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
    reports = _core.decode_frames(
        streams,
        _ONE_STREAM if set_of is None else set_of,
        frames,
        out,
        threads=threads,
        salvage=salvage,
        fill_value=fill_value,
        status=status if status is not None and status.flags.c_contiguous else None,
    )
    failures = []
    for k, frame_status, code, offset, message in reports:
        error = make_error(code, message, frame=int(frames[k]), offset=offset)
        failure = sets[0 if set_of is None else int(set_of[k])].opened.source.take_failure()
        if failure is not None:
            error.message += f": {failure}"
            error.__cause__ = failure
        failures.append((k, frame_status, error))
    if status is not None and not status.flags.c_contiguous:
        write_status(status, failures)
    for one, stream in zip(sets, streams, strict=True):
        one.warn_of_notes(stream.notes)
    return failures
