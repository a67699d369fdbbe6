"""What Python's ``os`` does not give on every system: files, their locks and permissions, and the notice of a fork."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence

if sys.platform == "win32":
    from dcmturbo.system import windows

__all__ = [
    "CAN_FORK",
    "NON_BLOCKING",
    "NO_LINKS",
    "SEPARATORS",
    "lock",
    "on_fork",
    "open_file",
    "read_at",
    "read_into",
    "relative_to",
    "set_mode",
    "unlock",
    "write_at",
]

# Where `sys.platform` is tested beside `hasattr`, it is for type checkers: they only know the platform.

CAN_FORK: bool = hasattr(os, "fork")
SEPARATORS: str = os.sep + (os.altsep or "")  # of the folders in a path

# For open_file: zero where a system has no such flag.
NON_BLOCKING: int = getattr(os, "O_NONBLOCK", 0)
NO_LINKS: int = getattr(os, "O_NOFOLLOW", 0)
# Not for child processes, and on Windows without a translation of ends of lines.
_PRIVATE: int = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOINHERIT", 0) | getattr(os, "O_BINARY", 0)

_position = threading.Lock()  # of descriptors, where a read or a write has to move it


def open_file(path: str | os.PathLike[str], flags: int, mode: int = 0o777) -> int:
    """Open a file as ``os.open`` does: of bytes, not for child processes.

    It can be renamed and removed while it is open, on Windows too.
    """
    if sys.platform == "win32":
        return windows.open_file(path, flags | _PRIVATE)
    return os.open(path, flags | _PRIVATE, mode)


def lock(descriptor: int, *, wait: bool = False) -> bool | None:
    """Lock an open file for as long as it is open (flock).

    Returns
    -------
    bool or None
        Whether it is locked now: False if somebody else has locked it, None if the file system has no such locks.
    """
    if sys.platform == "win32":
        return windows.lock(descriptor, wait=wait)
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except (OSError, ImportError):
        return None
    return True


def unlock(descriptor: int) -> None:
    """Release what `lock` has locked."""
    if sys.platform == "win32":
        windows.unlock(descriptor)
        return
    with contextlib.suppress(OSError, ImportError):
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_UN)


def relative_to(folder: str, path: str) -> str:
    """Return a path as it is below a folder, with a slash between folders on every system."""
    return os.path.relpath(path, folder or ".").replace(os.sep, "/")


def on_fork(function: Callable[[], None]) -> None:
    """Call a function in every child that this process forks; on Windows no process forks."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=function)


def set_mode(descriptor: int, mode: int) -> None:
    """Set the permissions of an open file; on Windows, where a file has those of its folder, do nothing."""
    if sys.platform != "win32" and hasattr(os, "fchmod"):
        os.fchmod(descriptor, mode)


@contextlib.contextmanager
def _at(descriptor: int, position: int) -> Iterator[None]:
    """Move a descriptor, which may be that of a caller's file object, and move it back."""
    with _position:
        before = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, position, os.SEEK_SET)
        try:
            yield
        finally:
            os.lseek(descriptor, before, os.SEEK_SET)


def read_at(descriptor: int, size: int, position: int) -> bytes:
    """Read up to `size` bytes at a position, as ``os.pread`` does."""
    if sys.platform != "win32" and hasattr(os, "pread"):
        return os.pread(descriptor, size, position)
    with _at(descriptor, position):
        return os.read(descriptor, size)


def read_into(descriptor: int, view: memoryview, position: int) -> int:
    """Read into memory at a position, and return how many bytes were read."""
    if sys.platform != "win32" and hasattr(os, "preadv"):
        return os.preadv(descriptor, [view], position)
    data = read_at(descriptor, view.nbytes, position)
    view[: len(data)] = data
    return len(data)


def write_at(descriptor: int, views: Sequence[memoryview], position: int) -> int:
    """Write at a position, and return how many bytes were written: at least one, maybe fewer than there are."""
    if sys.platform != "win32" and hasattr(os, "pwritev"):
        return os.pwritev(descriptor, views, position)
    view = next(view for view in views if view.nbytes)
    with _at(descriptor, position):
        return os.write(descriptor, view)
