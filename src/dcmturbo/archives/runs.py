"""Records of runs: whose temporary files are whose, and what killed runs have left behind.

Each run has a random token, which is in the names of its temporary files, and while it lasts, a record of that token:
a small file in the folder that it writes to. A temporary file is one of ours if there is a record of its token in its
folder or in one above, or if it is locked just now; what only has such a name is the user's. It has been left behind if
nobody holds the lock that its writer has on it.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import stat
import time
from collections.abc import Callable, Iterator, Sequence

from dcmturbo.archives.manifest import NAME, Manifest, is_manifest_file
from dcmturbo.transcoding.temporary import TEMPORARY_NAME, lock_without_waiting, new_token

__all__ = ["RunRecord", "leave_out", "remove_left_over"]

_RECORD = re.compile(re.escape(NAME) + r"-run-([0-9a-f]{32})")
_BEGINNING = b"dcmturbo: a run whose temporary files are named with "
_SECONDS_WITHOUT_LOCKS = 86400.0  # where the file system has no locks: nobody writes for so long without a byte


class RunRecord:
    """The record of a run, in each folder that it writes to, for as long as it lasts.

    Parameters
    ----------
    folders : sequence of str
        The folders that all its outputs are in, or below.

    Attributes
    ----------
    token : str
        Random.
    began : int
        When the run began, in nanoseconds, by the clock of the file system.
    warnings : list of str
        Where no record could be made.
    """

    def __init__(self, folders: Sequence[str]) -> None:
        self.token = new_token()
        self.folders = tuple(dict.fromkeys(folders))
        self.began = time.time_ns()
        self.warnings: list[str] = []
        self._records: list[tuple[str, int]] = []
        for folder in self.folders:
            try:
                self._make(os.path.join(folder, f"{NAME}-run-{self.token}"))
            except OSError as error:
                self.warnings.append(
                    f"{folder}: the run cannot write a record there ({error.strerror}). If the run is killed, "
                    f"remove its temporary files yourself (.dcmturbo-{self.token}-*.part)"
                )

    def _make(self, path: str) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        while True:
            descriptor = os.open(path, flags, 0o600)
            os.write(descriptor, _BEGINNING + f"{self.token}, by {socket.gethostname()}\n".encode())
            if lock_without_waiting(descriptor) is not False and os.fstat(descriptor).st_nlink:
                self._records.append((path, descriptor))
                self.began = os.fstat(descriptor).st_mtime_ns
                return
            os.close(descriptor)  # somebody who tidies up was faster than the lock
            with contextlib.suppress(OSError):
                os.unlink(path)

    def close(self, *, tidy: bool = False, keep: bool = False) -> None:
        """End the record.

        Parameters
        ----------
        tidy : bool
            Whether workers have died, so that something of this run may be left. The record stays while a worker
            that nobody hears of is still writing.
        keep : bool
            Whether files are in hand that nobody waits for: the next run removes what they leave.
        """
        left = keep or (tidy and any(_remove_below(folder, {self.token}) for folder in self.folders))
        for path, descriptor in self._records:
            if not left:
                with contextlib.suppress(OSError):
                    os.unlink(path)
            os.close(descriptor)
        self._records = []


def remove_left_over(folders: Sequence[str], *, but: str) -> bool:
    """Remove the temporary files that killed runs have left below some folders, and the records of those runs.

    Parameters
    ----------
    folders : sequence of str
        As of `RunRecord`.
    but : str
        The token of this run.

    Returns
    -------
    bool
        Whether there is nothing left: what somebody holds is left.
    """
    everything = True
    for folder in dict.fromkeys(folders):
        records = {token: path for token, path in _records_in(folder) if token != but}
        if not records:
            continue
        written = _remove_below(folder, set(records))
        for token, path in records.items():
            everything = token not in written and _remove_unless_held(path) and everything
    return everything


def _records_in(folder: str) -> Iterator[tuple[str, str]]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _RECORD.fullmatch(entry.name)
            if found is not None and _is_record(entry.path):
                yield found[1], entry.path


def _is_record(path: str) -> bool:
    """Whether a file is a record; an empty one is of a run that was killed before it wrote, and holds nothing."""
    start = _first_bytes(path)
    return start is not None and (not start or start.startswith(_BEGINNING))


def _first_bytes(path: str) -> bytes | None:
    flags = os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError:
        return None
    try:
        return os.read(descriptor, 128) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _remove_below(root: str, tokens: set[str]) -> set[str]:
    """Remove the temporary files of some runs that nobody holds; return the tokens of those that somebody does."""
    held = set()
    for folder, _folders, names in os.walk(root):
        for name in names:
            found = TEMPORARY_NAME.fullmatch(name)
            if found is not None and found[1] in tokens and not _remove_unless_held(os.path.join(folder, name)):
                held.add(found[1])
    return held


def _remove_unless_held(path: str) -> bool:
    """Remove a file that its writer does not hold any more; whether it is gone."""
    flags = os.O_RDWR | os.O_NONBLOCK | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return False
        locked = lock_without_waiting(descriptor)
        if locked is None:
            locked = time.time() - found.st_mtime > _SECONDS_WITHOUT_LOCKS
        if not locked:
            return False
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.lstat(path), found):
                os.unlink(path)
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _is_held(path: str) -> bool:
    """Whether a file is being written by us, somewhere; or is gone, since its writer gave it its name."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        return lock_without_waiting(descriptor) is False
    finally:
        os.close(descriptor)


def _has_record(folder: str, token: str) -> bool:
    while True:
        if _is_record(os.path.join(folder, f"{NAME}-run-{token}")):
            return True
        above = os.path.dirname(folder)
        if above == folder:
            return False
        folder = above


def leave_out(manifest: Manifest | None) -> Callable[[str, str], bool]:
    """Return what says of a folder and a name whether that file is one of dcmturbo's own, not one of the archive's.

    Manifests, records and temporary files are known by what is in them, or by a record: a file that only has such
    a name is the user's.
    """

    def is_ours(folder: str, name: str) -> bool:
        if manifest is not None and manifest.is_own(folder, name):
            return True
        if not name.startswith(".dcmturbo-"):
            return False
        if (found := TEMPORARY_NAME.fullmatch(name)) is not None:
            return _has_record(folder, found[1]) or _is_held(os.path.join(folder, name))
        if _RECORD.fullmatch(name):
            return _is_record(os.path.join(folder, name))
        return is_manifest_file(folder, name)

    return is_ours
