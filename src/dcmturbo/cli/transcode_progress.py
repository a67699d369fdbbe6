"""The progress of ``dcmturbo transcode``: a live bar on a terminal, otherwise a line from time to time."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dcmturbo.archives.result import Progress
from dcmturbo.wording import short

__all__ = ["describe", "follow", "remaining_seconds"]

_AFTER = 1.0  # seconds: shorter work needs no progress bar
_PLAIN_EVERY = 10.0


def remaining_seconds(progress: Progress) -> float | None:
    """Return how long the rest takes, estimated from the bytes done so far; None if unknown."""
    if not progress.bytes_total or not progress.bytes_done or progress.seconds < _AFTER:
        return None
    return progress.seconds * (progress.bytes_total - progress.bytes_done) / progress.bytes_done


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def describe(progress: Progress) -> str:
    """Return one line for people: files, frames, speed, ratio, remaining time, failures."""
    if progress.stopped is not None:
        return (
            f"{progress.stopped}: finishing the files in work ({progress.files} done); press Ctrl-C again to leave them"
        )
    total = "" if progress.files_total is None else f" of {progress.files_total}"
    parts = [f"{progress.files}{total} files", f"{progress.frames} frames"]
    if progress.seconds > 0:
        parts.append(f"{short(progress.bytes_done / 1e6 / progress.seconds)} MB/s")
    if progress.bytes_after:
        parts.append(f"ratio {short(progress.bytes_before / progress.bytes_after)}")
    left = remaining_seconds(progress)
    if left is not None:
        parts.append(f"{_clock(left)} to go")
    if progress.skipped:
        parts.append(f"{progress.skipped} already done")
    parts.append(f"{progress.failed} failed")
    return ", ".join(parts)


@contextmanager
def follow(*, quiet: bool) -> Iterator[Callable[[Progress], None] | None]:
    """Show the progress of a run on stderr.

    Yields
    ------
    callable or None
        The argument ``progress`` of `transcode_archive`.
    """
    if quiet:
        yield None
        return
    if not sys.stderr.isatty():
        yield _plain()
        return
    with _bar() as show:
        yield show


def _plain() -> Callable[[Progress], None]:
    last = time.monotonic()
    stopped = False

    def show(progress: Progress) -> None:
        nonlocal last, stopped
        stops = progress.stopped is not None and not stopped
        if stops or time.monotonic() - last >= _PLAIN_EVERY:
            last, stopped = time.monotonic(), progress.stopped is not None
            sys.stderr.write(f"dcmturbo: {describe(progress)}\n")
            sys.stderr.flush()

    return show


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    # It has its own descriptor, because stderr may be silenced in the meantime.
    screen = open(os.dup(sys.stderr.fileno()), "w", encoding=sys.stderr.encoding, errors="replace")  # noqa: SIM115
    columns = (BarColumn(bar_width=24), TextColumn("{task.description}", markup=False))
    bar = Bar(*columns, console=Console(file=screen), transient=True, refresh_per_second=8)
    task = bar.add_task("", total=None)
    running = False

    def show(progress: Progress) -> None:
        nonlocal running
        bar.update(task, description=describe(progress), total=progress.bytes_total, completed=progress.bytes_done)
        if not running and progress.seconds > _AFTER:
            running = True
            bar.start()

    try:
        yield show
    finally:
        if running:
            bar.stop()
        screen.close()
