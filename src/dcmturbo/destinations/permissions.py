"""What the file system says of a file: its permissions, what a replacement keeps, and whether it has changed."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from typing import Any

from dcmturbo import system

__all__ = ["keep_attributes", "mode_of", "stat_of", "state_of"]

_EVERYBODY = 0o666
# attributes of programs, or of how the bytes were stored
_NOT_KEPT = ("security.capability", "security.ima", "security.evm")


def stat_of(source: Any) -> os.stat_result | None:
    """Return the status that has the permissions of a source; None if there is none, as for an object in a store.

    For a member of an archive (``zip://member::/folder/archive.zip``), it is that of the local archive file.
    """
    if not isinstance(source, (str, os.PathLike)):
        return None
    path = os.fsdecode(source)
    if "::" in path and "://" in path:
        path = path.rpartition("::")[2]
    for scheme in ("file://", "local://"):
        path = path.removeprefix(scheme)
    if "://" in path:
        return None
    try:
        return os.stat(path)
    except (OSError, ValueError):
        return None


def state_of(found: os.stat_result) -> tuple[int, ...]:
    """Return a value that changes if a file has been written to or replaced.

    The time of change cannot be set back, unlike the time of modification.
    """
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev


def mode_of(source: os.stat_result | None) -> int:
    """Return the permissions of a copy, before the umask is applied."""
    if source is None or not stat.S_ISREG(source.st_mode):
        return _EVERYBODY
    return source.st_mode & _EVERYBODY | stat.S_IRUSR | stat.S_IWUSR


def keep_attributes(descriptor: int, path: str, original: os.stat_result) -> list[str]:
    """Give the file that will replace an original the original's owner, group, permissions and extended attributes.

    The bits that run a program as another user (setuid, setgid) and its capabilities are removed.

    Parameters
    ----------
    descriptor : int
        Of the new file.
    path : str
        Where the original is.
    original : os.stat_result
        Of the original.

    Returns
    -------
    list of str
        What could not be kept.
    """
    not_kept = []
    mode = original.st_mode & 0o777
    new = os.fstat(descriptor)
    # On Windows, a file has the permissions of its folder, and these numbers are 0.
    if sys.platform != "win32" and (new.st_uid, new.st_gid) != (original.st_uid, original.st_gid):
        with contextlib.suppress(OSError):
            os.fchown(descriptor, -1, original.st_gid)
        with contextlib.suppress(OSError):
            os.fchown(descriptor, original.st_uid, -1)
        new = os.fstat(descriptor)
    if new.st_uid != original.st_uid:
        not_kept.append(f"its owner could not be kept: it was user {original.st_uid} and is now user {new.st_uid}")
    if new.st_gid != original.st_gid:
        not_kept.append(f"its group could not be kept: it was group {original.st_gid} and is now group {new.st_gid}")
        mode &= 0o707 | (mode & 0o007) << 3  # the new group gets no more rights than others
    lost = _copy_extended_attributes(path, descriptor)
    if lost:
        not_kept.append(f"its extended attributes {', '.join(sorted(lost))} could not be kept")
    system.set_mode(descriptor, mode)
    if original.st_nlink > 1:
        others = original.st_nlink - 1
        not_kept.append(
            f"it has {others} more name{'s' if others > 1 else ''} (hard links), which still have the old content"
        )
    return not_kept


def _copy_extended_attributes(path: str, descriptor: int) -> list[str]:
    """Copy extended attributes, including access control lists; return the names of those that were lost."""
    if sys.platform != "linux" or not hasattr(os, "listxattr"):
        return []
    try:
        names = os.listxattr(path)
    except OSError:
        return []
    lost = []
    for name in names:
        if name in _NOT_KEPT:
            continue
        try:
            os.setxattr(descriptor, name, os.getxattr(path, name))
        except OSError:
            lost.append(name)
    return lost
