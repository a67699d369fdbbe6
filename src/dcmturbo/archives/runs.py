"""Records of runs: to whom temporary files belong, and which ones killed runs have left.

Each run has a random token, which is part of the names of its temporary files. During the run, there is a record of
this token: a small file in the folder that the run writes to. A temporary file is ours if there is a record of its
token in its folder or in a parent folder, or if it is locked at the moment. Other files with such a name belong to the
user. A temporary file was left behind if nobody holds the lock of its writer.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import stat
import time
from collections.abc import Callable, Iterator, Sequence

from dcmturbo import system
from dcmturbo.archives.manifest import NAME, Manifest, is_manifest_file
from dcmturbo.destinations.temporary import TEMPORARY_NAME, new_token

__all__ = ["RunRecord", "leave_out", "remove_left_over"]

_RECORD = re.compile(re.escape(NAME) + r"-run-([0-9a-f]{32})")
_BEGINNING = b"dcmturbo: a run whose temporary files are named with "
_SECONDS_WITHOUT_LOCKS = 86400.0  # for file systems without locks: no writer is silent for so long


class RunRecord:
    """The record of a run, in each folder that the run writes to, for as long as the run lasts.

    Parameters
    ----------
    folders : sequence of str
        The folders that contain all its outputs.

    Attributes
    ----------
    token : str
        Random.
    began : int
        When the run began, in nanoseconds, by the clock of the file system.
    warnings : list of str
        Folders in which no record could be written.
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
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | system.NO_LINKS
        while True:
            descriptor = system.open_file(path, flags, 0o600)
            os.write(descriptor, _BEGINNING + f"{self.token}, by {socket.gethostname()}\n".encode())
            if system.lock(descriptor) is not False and os.fstat(descriptor).st_nlink:
                self._records.append((path, descriptor))
                self.began = os.fstat(descriptor).st_mtime_ns
                return
            os.close(descriptor)  # another run that cleans up was faster than the lock
            with contextlib.suppress(OSError):
                os.unlink(path)

    def close(self, *, tidy: bool = False, keep: bool = False) -> None:
        """End the record.

        Parameters
        ----------
        tidy : bool
            Whether workers have crashed, so that temporary files of this run may remain. The record stays while an
            unknown worker is still writing.
        keep : bool
            Whether files are in work that nobody waits for; the next run removes their temporary files.
        """
        left = keep or (tidy and any(_remove_below(folder, {self.token}) for folder in self.folders))
        for path, descriptor in self._records:
            if not left:
                with contextlib.suppress(OSError):
                    os.unlink(path)
            os.close(descriptor)
        self._records = []


def remove_left_over(folders: Sequence[str], *, but: str) -> bool:
    """Remove the temporary files that killed runs have left below some folders, and the records of these runs.

    Parameters
    ----------
    folders : sequence of str
        As of `RunRecord`.
    but : str
        The token of this run.

    Returns
    -------
    bool
        Whether nothing remains; files that somebody has locked do remain.
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
    """Whether a file is a record; an empty one belongs to a run that was killed before it wrote anything."""
    start = _first_bytes(path)
    return start is not None and (not start or start.startswith(_BEGINNING))


def _first_bytes(path: str) -> bytes | None:
    flags = os.O_RDONLY | system.NON_BLOCKING | system.NO_LINKS
    try:
        descriptor = system.open_file(path, flags)
    except OSError:
        return None
    try:
        return os.read(descriptor, 128) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _remove_below(root: str, tokens: set[str]) -> set[str]:
    """Remove unlocked temporary files of some runs; return the tokens of those with locked files."""
    held = set()
    for folder, _folders, names in os.walk(root):
        for name in names:
            found = TEMPORARY_NAME.fullmatch(name)
            if found is not None and found[1] in tokens and not _remove_unless_held(os.path.join(folder, name)):
                held.add(found[1])
    return held


def _remove_unless_held(path: str) -> bool:
    """Remove a file that its writer has not locked any more; return whether it is gone."""
    flags = os.O_RDWR | system.NON_BLOCKING | system.NO_LINKS
    try:
        descriptor = system.open_file(path, flags)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return False
        locked = system.lock(descriptor)
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
    """Whether a file is being written by dcmturbo, or is gone because its writer gave it its final name."""
    try:
        descriptor = system.open_file(path, os.O_RDONLY | system.NON_BLOCKING | system.NO_LINKS)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        return system.lock(descriptor) is False
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
    """Return a function that tells whether a file in a folder is dcmturbo's own, and not one of the archive's.

    Manifests, records and temporary files are recognised by their content, or by a record. A file that only has such a
    name belongs to the user.
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
