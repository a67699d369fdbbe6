"""Entries of folders. In place, each is replaced once, even if several paths lead to it."""

from __future__ import annotations

import os

__all__ = ["Entries"]


class Entries:
    """Tells whether the same entry of the same folder has been seen before.

    An entry is identified by the device and inode of its folder, and its name. The inode of the file is not suitable:
    it changes when the file is replaced, and hard links share it although each name must be replaced.

    Parameters
    ----------
    twice : bool
        Whether the same folder can be visited twice under one path, because there are several sources. Otherwise only
        folders are remembered, not all the names in them.
    """

    def __init__(self, *, twice: bool) -> None:
        self._twice = twice
        self._first: dict[tuple[int, int], str] = {}
        self._names: dict[tuple[int, int], set[str]] = {}
        # The files of a folder come one after the other.
        self._last: tuple[str, tuple[int, int] | None] = ("", None)
        self._shared: set[tuple[int, int]] = set()

    def shares_content(self, status: os.stat_result) -> bool:
        """Whether a file that was seen is the same file under another name (a hard link).

        Replacing one name changes the status of the others. This must not count as a change of their content.
        """
        if status.st_nlink < 2:
            return False
        identity = (status.st_dev, status.st_ino)
        if identity in self._shared:
            return True
        self._shared.add(identity)
        return False

    def is_known(self, path: str) -> bool:
        """Whether a file has been seen, by this path or another one."""
        folder, name = os.path.split(path)
        if self._last[0] != folder or self._last[1] is None:
            self._last = (folder, _identity(folder))
        identity = self._last[1]
        if identity is None:
            return False
        if not self._twice:
            return self._first.setdefault(identity, folder) != folder
        names = self._names.setdefault(identity, set())
        if name in names:
            return True
        names.add(name)
        return False


def _identity(folder: str) -> tuple[int, int] | None:
    try:
        found = os.stat(folder)
    except OSError:
        return None
    return found.st_dev, found.st_ino
