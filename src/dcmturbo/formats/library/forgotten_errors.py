"""HTJ2K errors that `imagecodecs` prints and forgets."""

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
    """Makes an error that imagecodecs prints and forgets into one that is raised.

    Measured on 2026.3.6: what OpenJPH throws while it decodes passes through a Cython function that
    cannot raise, so that Python prints it twice (`sys.excepthook`, then `sys.unraisablehook`) and the
    caller gets an array whose lower part was never written. Both hooks are told in the thread that
    failed. They are replaced only while such calls run, and everything else goes to those that were there.
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
        # Within the region nothing but the library's call runs in this thread.
        if getattr(self._here, "inside", False):
            self._here.message = str(value)
        else:
            self._uncaught(kind, value, traceback)

    @contextmanager
    def raised(self) -> Iterator[None]:
        if self._process != os.getpid():
            # Forked while another thread was here: it is not in the child to leave again.
            self._begin()
        # A bound method is a new object each time, hence == and not `is`.
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
