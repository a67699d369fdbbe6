"""Decode many frames of one or several objects in one call of the core."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np

from dcmturbo import _core
from dcmturbo.dataset.opened import OpenedSource
from dcmturbo.errors import make_error
from dcmturbo.frames.region import Window
from dcmturbo.frames.status import Failure, write_status

__all__ = ["CoreStep", "decode_batch", "draw_labels"]

# What the core does to decoded frames: "normalise", or a gain, an offset, and whether results are limited to 0 ... 1.
# Or "function", its address, and the name of the result's type. Or "label", the label, the smallest sample that is
# inside, and whether it replaces other labels.
CoreStep = (
    Literal["normalise"]
    | tuple[float, float, bool]
    | tuple[Literal["function"], int, str]
    | tuple[Literal["label"], int, int, bool]
)


class Frames(Protocol):
    """What a batch needs of a `FrameSet`."""

    @property
    def opened(self) -> OpenedSource: ...
    def stream(self, *, reduce: int, window: Window | None, step: CoreStep | None) -> _core.Stream: ...
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
    reduce: int = 0,
    windows: Sequence[Window | None] | None = None,
    places: np.ndarray | None = None,
    steps: Sequence[CoreStep] | None = None,
) -> list[Failure]:
    """Decode ``frames[k]`` of ``sets[set_of[k]]`` into ``out[k]``.

    Parameters
    ----------
    sets, set_of, frames, out
        The objects, which of them and which of its frames each result is, and where the results go.
    threads, salvage, fill_value, status
        As `dcmturbo.decode` takes them.
    reduce : int
        Resolution levels to leave out.
    windows : sequence of (top, left, height, width), optional
        The part of the frames that is wanted, for each of `sets`; None stands for all of it. It has at least one pixel.
    places : numpy.ndarray of int, optional
        Where each frame goes instead: its first row and column in `out`, which then is one image.
    steps : sequence, optional
        What is done to the frames of each of `sets`. `out` then has the type of its results.

    Returns
    -------
    list of (k, status, error)
        The frames that are not OK, in the order of k. Without salvage, at most the first.
    """
    if len(frames) == 0:
        return []
    streams = [
        one.stream(
            reduce=reduce,
            window=None if windows is None else windows[i],
            step=None if steps is None else steps[i],
        )
        for i, one in enumerate(sets)
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
        places=places,
    )
    failures = _failures(reports, sets, set_of, frames)
    if status is not None and not status.flags.c_contiguous:
        write_status(status, failures)
    for one, stream in zip(sets, streams, strict=True):
        one.warn_of_notes(stream.notes)
    return failures


def draw_labels(
    one: Frames,
    frames: np.ndarray,
    labels: np.ndarray,
    places: np.ndarray,
    out: np.ndarray,
    *,
    threshold: int,
    replaces: bool,
    threads: int,
) -> int:
    """Draw frames with samples of one byte into label images.

    Parameters
    ----------
    one, frames, labels
        The object, which of its frames are drawn, and the label of each.
    places : numpy.ndarray of int
        Which image of `out` each frame is drawn into. It must not decrease. The first frame of an image replaces what
        it holds; images without frames stay as they are.
    out : numpy.ndarray
        (images, rows, columns) of uint8, uint16 or uint32, C-contiguous.
    threshold : int
        Samples from here on are inside.
    replaces : bool
        Which label counts where two frames overlap: the later one, or the earlier one.

    Returns
    -------
    int
        In how many pixels another label was already.

    Raises
    ------
    DecodeError, OSError
        Of the first frame that cannot be decoded.
    """
    if len(frames) == 0:
        return 0
    numbers, stream_of = np.unique(labels, return_inverse=True)
    streams = [
        one.stream(reduce=0, window=None, step=("label", number, threshold, replaces)) for number in numbers.tolist()
    ]
    rows, columns = out.shape[1:]
    reports = _core.decode_frames(
        streams,
        stream_of.reshape(-1).astype(np.uint32),
        frames,
        out.reshape(-1, columns),
        threads=threads,
        salvage=False,
        fill_value=0.0,
        status=None,
        places=np.column_stack([places * rows, np.zeros(len(frames), np.int64)]),
    )
    for stream in streams:
        one.warn_of_notes(stream.notes)
    for _, _, error in _failures(reports, [one], None, frames):
        raise error
    return sum(stream.overlaps for stream in streams)


def _failures(
    reports: list[Any], sets: Sequence[Frames], set_of: np.ndarray | None, frames: np.ndarray
) -> list[Failure]:
    failures = []
    for k, frame_status, code, offset, message, whole in reports:
        opened = sets[0 if set_of is None else int(set_of[k])].opened
        error = make_error(code, message, frame=int(frames[k]), offset=offset, whole=whole, source=opened.name)
        failure = opened.source.take_failure()
        if failure is not None:
            error.message += f": {failure}"
            error.__cause__ = failure
        failures.append((k, frame_status, error))
    return failures
