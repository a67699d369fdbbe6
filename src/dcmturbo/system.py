"""What Python's ``os`` does not give on every system: positioned reads and writes, flags, and the notice of a fork."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence

__all__ = ["NON_BLOCKING", "NO_LINKS", "PRIVATE", "on_fork", "read_at", "read_into", "write_at"]

# For os.open: zero where a system has no such flag.
NON_BLOCKING: int = getattr(os, "O_NONBLOCK", 0)
NO_LINKS: int = getattr(os, "O_NOFOLLOW", 0)
# Not for child processes, and on Windows without a translation of ends of lines.
PRIVATE: int = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOINHERIT", 0) | getattr(os, "O_BINARY", 0)

_position = threading.Lock()  # of descriptors, where a read or a write has to move it


def on_fork(function: Callable[[], None]) -> None:
    """Call a function in every child that this process forks; on Windows no process forks."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=function)


def read_at(descriptor: int, size: int, position: int) -> bytes:
    """Read up to `size` bytes at a position, as ``os.pread`` does."""
    if hasattr(os, "pread"):
        return os.pread(descriptor, size, position)
    with _position:
        os.lseek(descriptor, position, os.SEEK_SET)
        return os.read(descriptor, size)


def read_into(descriptor: int, view: memoryview, position: int) -> int:
    """Read into memory at a position, and return how many bytes were read."""
    if hasattr(os, "preadv"):
        return os.preadv(descriptor, [view], position)
    data = read_at(descriptor, view.nbytes, position)
    view[: len(data)] = data
    return len(data)


def write_at(descriptor: int, views: Sequence[memoryview], position: int) -> int:
    """Write at a position, and return how many bytes were written: at least one, maybe fewer than there are."""
    if hasattr(os, "pwritev"):
        return os.pwritev(descriptor, views, position)
    view = next(view for view in views if view.nbytes)
    with _position:
        os.lseek(descriptor, position, os.SEEK_SET)
        return os.write(descriptor, view)
