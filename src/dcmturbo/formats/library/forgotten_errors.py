"""Raise HTJ2K errors that `imagecodecs` only prints."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dcmturbo.errors import DecodeError

__all__ = ["FORGOTTEN_ERRORS"]


class ForgottenErrors:
    """Raises an error that imagecodecs would only print.

    Measured with 2026.3.6: exceptions of OpenJPH during decoding pass through a Cython function that cannot raise.
    Python then prints them twice (`sys.excepthook`, then `sys.unraisablehook`), and the caller gets an array whose
    lower part was never written. Both hooks are called in the thread that failed. They are replaced only while such
    calls run, and pass everything else on.
    """

    _SOURCE = "imagecodecs._htj2k."

    def __init__(self) -> None:
        self._begin()
        self._unraisable: Callable[[Any], Any] = sys.__unraisablehook__
        self._uncaught: Callable[..., Any] = sys.__excepthook__
        self._here = threading.local()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._running = 0

    def _unraisable_hook(self, unraisable: Any) -> None:
        if isinstance(unraisable.object, str) and unraisable.object.startswith(self._SOURCE):
            self._here.message = str(unraisable.exc_value or unraisable.exc_type.__name__)
        else:
            self._unraisable(unraisable)

    def _uncaught_hook(self, kind: type[BaseException], value: BaseException, traceback: Any) -> None:
        # Within the region, this thread runs only the library's call.
        if getattr(self._here, "inside", False):
            self._here.message = str(value)
        else:
            self._uncaught(kind, value, traceback)

    @contextmanager
    def raised(self) -> Iterator[None]:
        if self._process != os.getpid():
            # The process was forked while another thread was here, which the child does not have.
            self._begin()
        # A bound method is a new object each time, so compare with == and not with `is`.
        with self._lock:
            if self._running == 0:
                if sys.unraisablehook != self._unraisable_hook:
                    self._unraisable, sys.unraisablehook = sys.unraisablehook, self._unraisable_hook
                if sys.excepthook != self._uncaught_hook:
                    self._uncaught, sys.excepthook = sys.excepthook, self._uncaught_hook
            self._running += 1
        self._here.message = None
        self._here.inside = True
        try:
            yield
        finally:
            self._here.inside = False
            with self._lock:
                self._running -= 1
                if self._running == 0:
                    if sys.unraisablehook == self._unraisable_hook:
                        sys.unraisablehook = self._unraisable
                    if sys.excepthook == self._uncaught_hook:
                        sys.excepthook = self._uncaught
        if self._here.message is not None:
            raise DecodeError(f"HTJ2K (OpenJPH): {self._here.message}")


FORGOTTEN_ERRORS = ForgottenErrors()
