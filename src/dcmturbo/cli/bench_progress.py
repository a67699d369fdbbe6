"""The progress of ``dcmturbo bench`` on stderr: one changing line on a terminal, otherwise a line every 10 seconds."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO

from dcmturbo.wording import printable

__all__ = ["Stage", "following"]

_AFTER = 1.0  # seconds: shorter work needs no line on a terminal
_LIVE_EVERY = 0.5
_PLAIN_EVERY = 10.0


@dataclass
class Stage:
    """What the command is doing.

    Attributes
    ----------
    text : str
        For people; empty at the beginning.
    engine : callable
        Returns the engine that is decoding; empty if there is none.
    """

    text: str = ""
    engine: Callable[[], str] = field(default=lambda: "")
    _end: float | None = None

    def expect(self, seconds: float | None) -> None:
        """Set how long all of the rest takes; None if that is unknown."""
        self._end = None if seconds is None else time.monotonic() + seconds

    def describe(self) -> str:
        """Return a line for people."""
        engine = self.engine()
        parts = [self.text, engine and f"now {engine}"]
        if self._end is not None:
            left = max(self._end - time.monotonic(), 1.0)
            parts.append(f"about {left:.0f} s to go" if left < 100 else f"about {left / 60:.0f} min to go")
        return printable("; ".join(filter(None, parts)))


@contextlib.contextmanager
def following(*, quiet: bool) -> Iterator[Stage]:
    """Show the stage of the work on stderr while the block runs.

    A thread shows it, so that an engine that never answers is named too.

    Yields
    ------
    Stage
        To be changed by the block.
    """
    stage = Stage()
    if quiet:
        yield stage
        return
    try:
        # It has its own descriptor, because stderr is silenced while engines run in this process.
        descriptor = os.dup(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):  # there is no stderr
        yield stage
        return
    with open(descriptor, "w", encoding="utf-8", errors="replace") as screen:
        ended = threading.Event()
        shower = threading.Thread(target=_show, args=(stage, screen, ended), daemon=True)
        shower.start()
        try:
            yield stage
        finally:
            ended.set()
            shower.join()


def _show(stage: Stage, screen: IO[str], ended: threading.Event) -> None:
    with contextlib.suppress(OSError):  # nobody reads it any more
        live = screen.isatty()
        write, shown = screen.write, False
        if live and ended.wait(_AFTER):
            return
        while not ended.wait(_LIVE_EVERY if live else _PLAIN_EVERY):
            text = stage.describe()
            if text:
                # A terminal's line is cleared first, and cut so that it stays one line.
                write(f"\r\x1b[2K{text[: _columns(screen) - 1]}" if live else f"dcmturbo: {text}\n")
                screen.flush()
                shown = True
        if live and shown:
            write("\r\x1b[2K")
            screen.flush()


def _columns(screen: IO[str]) -> int:
    with contextlib.suppress(OSError):
        return max(os.get_terminal_size(screen.fileno()).columns, 20)
    return 80
