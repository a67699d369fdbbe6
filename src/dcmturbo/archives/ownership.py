"""Ownership: which files of a destination dcmturbo has written and may replace."""

from __future__ import annotations

import contextlib
import os
from typing import IO, Any

from dcmturbo.archives.places import open_binary
from dcmturbo.urls import file_system, is_url

__all__ = ["DestinationExistsError", "has_content", "identity_of", "identity_of_status", "is_replaced", "is_still"]

NOT_LISTED = "the manifest does not list it as an output"

_COMPARED_AT_ONCE = 4 << 20
_COARSE = 100  # nanoseconds: for NTFS, and for protocols that derive from it
_TIMES_SET_LATER = 2_000_000_000  # nanoseconds: FAT stores times in steps of two seconds
# Steps of the times of some file systems, in nanoseconds: NTFS, exFAT, HFS+ and FAT among them.
_UNITS_OF_TIME = (100, 1000, 10**6, 10**7, 10**9, 2 * 10**9)


class DestinationExistsError(FileExistsError):
    """The place of an output is taken by a file that the manifest does not list as an output.

    Parameters
    ----------
    destination : str
        The place.
    why : str
        Why the existing file is not replaced.
    """

    def __init__(self, destination: str, why: str = NOT_LISTED) -> None:
        advice = "; overwrite=True (--overwrite) replaces it" if why == NOT_LISTED else ""
        super().__init__(f"its destination {destination} exists and was not replaced, because {why}{advice}")
        self.destination, self.why = destination, why

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.destination, self.why)


def identity_of_status(found: os.stat_result) -> str:
    """Return what a local file's status says of its content, as text.

    It has the times of modification and change, and the inode. If somebody has written to a file, replaced it, or put
    it back with its old time, one of them differs.
    """
    return f"{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}:{found.st_ino}"


def identity_of(path: str) -> str | None:
    """Return what identifies the state of a file or object; None if nothing is there.

    Raises
    ------
    OSError
        If that cannot be found out.
    """
    if not is_url(path):
        try:
            return identity_of_status(os.lstat(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
    system, inner = file_system(path)
    with contextlib.suppress(Exception):  # not every file system caches listings
        system.invalidate_cache(inner.rpartition("/")[0])
    try:
        information = system.info(inner)
    except FileNotFoundError:
        return None
    if information.get("type") == "directory":
        return None  # a prefix: an object can have the same name
    return f"{int(information.get('size') or 0)}:{_version_of(information)}"


def _version_of(information: dict[str, Any]) -> str:
    parts = []
    for names in (("ETag", "etag", "md5Hash"), ("LastModified", "mtime", "last_modified", "updated", "created")):
        value = next((information[name] for name in names if information.get(name)), "")
        parts.append(str(value).strip('"'))
    return ":".join(parts)


def is_still(standing: str, owned: str | None) -> bool:
    """Whether the file or object at a place is the one that was written there.

    Parameters
    ----------
    standing : str
        Its identity now.
    owned : str or None
        Its identity when it was written. In a manifest of the first version, only its size. None if it was not written
        by dcmturbo.
    """
    if owned is None:
        return False
    if standing == owned or (":" not in owned and standing.partition(":")[0] == owned):
        return True
    now, then = standing.split(":"), owned.split(":")
    if len(now) != 4 or len(then) != 4 or not all(part.isdigit() for part in now + then):
        return False
    if (now[0], now[3]) != (then[0], then[3]):
        return False
    times = [(int(now[i]), int(then[i])) for i in (1, 2)]
    return all(_is_rounded(*pair) for pair in times) or all(_is_set_later(*pair) for pair in times)


def _is_rounded(now: int, then: int) -> bool:
    """Whether a time can be a rounded form of a more precise one; files in memory have the precise time."""
    return now == then or any(now % unit == 0 and abs(now - then) < unit for unit in _UNITS_OF_TIME)


def _is_set_later(now: int, then: int) -> bool:
    """Whether a time can have been set again when the file was closed, as file systems with coarse times do."""
    return now % _COARSE == 0 and then % _COARSE == 0 and abs(now - then) <= _TIMES_SET_LATER


def has_content(path: str, content: IO[bytes]) -> bool:
    """Whether a file or object has the same bytes as an open file."""
    content.seek(0, os.SEEK_END)
    size = content.tell()
    content.seek(0)
    with open_binary(path) as file:
        left = size
        while left:
            wanted = content.read(min(left, _COMPARED_AT_ONCE))
            if not wanted or file.read(len(wanted)) != wanted:
                return False
            left -= len(wanted)
        return not file.read(1)


def is_replaced(path: str, original: str | None) -> bool:
    """Whether a file is not the one any more that it was when it was begun: its successor may stand there."""
    return original is not None and identity_of_status(os.stat(path)) != original
