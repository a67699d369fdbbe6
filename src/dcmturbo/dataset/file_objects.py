"""Sources of the core that read Python file objects at a position, from any thread and in forked processes."""

from __future__ import annotations

import io
import os
import stat
import threading
from collections.abc import Callable
from typing import Any, NoReturn

from dcmturbo import _core, system
from dcmturbo.errors import DecodeError

__all__ = ["file_source", "plain_file", "raise_why"]

_reopening = threading.Lock()


def _after_fork() -> None:
    global _reopening
    _reopening = threading.Lock()  # a thread of the parent process may have held it


system.on_fork(_after_fork)


def file_source(file: Any, reopen: Callable[[], Any] | None = None) -> _core.Source:
    """Return a source that reads a binary file object and restores its position.

    Parameters
    ----------
    file : binary file object
        A plain file is read with ``pread`` through its own descriptor, so no position is shared by threads or forked
        processes. Other file objects are read by one thread at a time.
    reopen : callable, optional
        Returns the same file opened again, for a forked process.

    Returns
    -------
    Source
    """
    plain = plain_file(file)
    if plain is None:
        reader = _FileReader(file, reopen)
        return _core.Source.reader(reader, reader.size)
    if isinstance(plain, io.FileIO):
        return _core.Source.descriptor(plain.fileno())
    flushed = _FlushedReader(plain)
    return _core.Source.reader(flushed, flushed.size)


def plain_file(file: Any) -> io.FileIO | io.BufferedRandom | None:
    """Return the raw file of a regular file that `open` returned, or a buffer with data that are not written yet.

    None for everything else, including objects whose descriptor gives other bytes than they do.
    """
    if type(file).__module__ == "tempfile":  # NamedTemporaryFile
        file = getattr(file, "file", file)
    raw = file.raw if type(file) in (io.BufferedReader, io.BufferedRandom) and not file.closed else file
    if type(raw) is not io.FileIO or raw.closed or not raw.readable():
        return None
    if not stat.S_ISREG(os.fstat(raw.fileno()).st_mode):
        return None
    return file if type(file) is io.BufferedRandom else raw


class _FlushedReader:
    """``read_at`` for a file that is also open for writing; it sees what was written."""

    def __init__(self, file: io.BufferedRandom) -> None:
        self._file, self._process, self._lock = file, os.getpid(), threading.Lock()
        file.flush()
        self.size = os.fstat(file.fileno()).st_size

    def __call__(self, offset: int, size: int) -> bytes:
        if os.getpid() == self._process:  # a forked process must not write the content of the buffer again
            with self._lock:
                self._file.flush()
        return system.read_at(self._file.fileno(), size, offset)


class _FileReader:
    """``read_at`` for any other binary file object."""

    def __init__(self, file: Any, reopen: Callable[[], Any] | None) -> None:
        self._file, self._reopen = file, reopen
        self._lock, self._process = threading.Lock(), os.getpid()
        position = file.tell()
        file.seek(0, os.SEEK_END)  # its return value need not be the position
        self.size = file.tell()
        file.seek(position)

    def __call__(self, offset: int, size: int) -> bytes:
        if self._process != os.getpid():
            self._take_over()
        with self._lock:
            position = self._file.tell()
            try:
                self._file.seek(offset)
                parts = []
                while size > 0 and (part := self._file.read(size)):
                    parts.append(part)
                    size -= len(part)
                return parts[0] if len(parts) == 1 else b"".join(parts)
            finally:
                self._file.seek(position)

    def _take_over(self) -> None:
        """Make a file object of the parent process usable in this forked process."""
        with _reopening:
            if self._process == os.getpid():
                return
            if self._reopen is not None:
                self._file = self._reopen()
            elif not isinstance(self._file, io.BytesIO):  # its bytes and position belong to this process
                raise DecodeError(
                    f"another process opened the {type(self._file).__name__}, and shares its position with this "
                    "process: open the source again after the fork, or pass its path",
                    code="source",
                )
            self._lock, self._process = threading.Lock(), os.getpid()


def raise_why(source: _core.Source, error: DecodeError) -> NoReturn:
    """Raise an error of the core again, with the reason if the file object failed."""
    failure = source.take_failure() if error.code == "source" else None
    if failure is None:
        raise error
    error.message += f": {failure}"
    raise error from failure
