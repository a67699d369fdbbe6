"""The status of each frame, and how it is reported."""

from __future__ import annotations

import enum
import warnings
from collections.abc import Callable
from typing import Literal

import numpy as np

from dcmturbo.errors import DecodeWarning, Error
from dcmturbo.notes import stack_level

__all__ = [
    "Failure",
    "FrameStatus",
    "OnError",
    "check_on_error",
    "check_status",
    "conclude",
    "note_sources",
    "write_status",
]

OnError = Literal["raise", "salvage"]


class FrameStatus(enum.IntEnum):
    """The result of a frame: the values of a ``status`` array."""

    OK = 0
    PARTIAL = 1
    MISSING = 2
    FAILED = 3


Failure = tuple[int, int, Error]  # position of the frame in the batch, its status, and the reason


def check_on_error(on_error: str) -> bool:
    """Return whether to salvage; raise an error for other words."""
    if on_error not in ("raise", "salvage"):
        raise ValueError(f"on_error is {on_error!r}; expected 'raise' or 'salvage'")
    return on_error == "salvage"


def check_status(status: np.ndarray | None, count: int) -> None:
    """Raise an error for a status array that cannot store a byte for each of `count` frames."""
    if status is None:
        return
    if not isinstance(status, np.ndarray) or status.dtype != np.uint8 or status.shape != (count,):
        raise ValueError(f"status must be an array of {count} uint8 values, one per frame")
    if not status.flags.writeable:
        raise ValueError("status is read-only")


def write_status(status: np.ndarray, failures: list[Failure]) -> None:
    """Copy the status of each frame into an array that is not contiguous."""
    status[...] = FrameStatus.OK
    for k, frame_status, _ in failures:
        status[k] = frame_status


def note_sources(failures: list[Failure], note_of: Callable[[int], str]) -> None:
    """Add a note that says where it is from to each failure that names no source; `note_of` has it by position."""
    for k, _, failure in failures:
        if failure.source is None:
            failure.add_note(note_of(k))


def conclude(failures: list[Failure], *, salvage: bool, count: int, of: str = "frames") -> None:
    """Raise the first failure, or warn of everything that salvage left out of `count` frames."""
    if not failures:
        return
    if not salvage:
        first = failures[0][2]
        failures.clear()  # an error that its own frames hold would keep them alive
        try:
            raise first
        finally:
            del first
    summary = np.zeros(count, np.uint8)
    for k, frame_status, _ in failures:
        summary[k] = frame_status
    errors = {k: error for k, _, error in failures}
    first = failures[0][2]
    is_one_source = all(error.source == first.source for error in errors.values())
    warnings.warn(
        DecodeWarning(
            f"{len(failures)} of {count} {of} are not complete; the first error is: "
            f"{first.reason if is_one_source else first}",
            status=summary,
            errors=errors,
            source=first.source if is_one_source else None,
        ),
        stacklevel=stack_level(),
    )
