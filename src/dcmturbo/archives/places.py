"""Write files: to local folders and object stores, completely or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Sequence
from typing import Any

from dcmturbo.archives.walk import open_regular, source_folder
from dcmturbo.destinations.destination import Destination, make_folders
from dcmturbo.destinations.temporary import TEMPORARY_NAME
from dcmturbo.system import SEPARATORS
from dcmturbo.urls import file_system, is_url

__all__ = [
    "NameTakenError",
    "Place",
    "PlaceOfSource",
    "copy_file",
    "folder_identity",
    "folders_around",
    "lie_within_each_other",
    "make_folder",
    "make_root",
    "open_binary",
    "refuse_other_spelling",
    "size_of",
]

_COPIED_AT_ONCE = 4 << 20


def lie_within_each_other(first: str, second: str) -> bool:
    """Whether one of two URLs is, or contains, the other; ``memory://a`` and ``memory:///a`` are the same."""
    (system, ours), (other, theirs) = file_system(first), file_system(second)
    ours, theirs = ours.rstrip("/") + "/", theirs.rstrip("/") + "/"
    return system == other and (ours.startswith(theirs) or theirs.startswith(ours))


def folder_identity(path: str) -> tuple[int, int] | None:
    """Return device and inode of a folder; None if it does not exist."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def folders_around(path: str) -> set[tuple[int, int]]:
    """Return the identities of a folder, as far as it exists, and of all folders that contain it."""
    around = set()
    while True:
        identity = folder_identity(path)
        if identity is not None:
            around.add(identity)
        above = os.path.dirname(path)
        if above == path:
            return around
        path = above


def size_of(path: str) -> int | None:
    """Return the size of a file or object; None if it does not exist."""
    try:
        if not is_url(path):
            return os.stat(path).st_size
        system, inner = file_system(path)
        information = system.info(inner)
    except (OSError, ValueError):
        return None
    return int(information["size"]) if information.get("type") == "file" else None


def make_folder(folder: str, like: str | None) -> None:
    """Create the folder of an output and its parents, with no more permissions than the source's folders.

    Parameters
    ----------
    folder : str
        To be made.
    like : str, optional
        The folder of the source; its tree corresponds to the destination's.
    """
    missing: list[tuple[str, str | None]] = []
    while not os.path.isdir(folder):
        missing.append((folder, like))
        above = os.path.dirname(folder)
        if above == folder:
            break
        folder, like = above, None if like is None else os.path.dirname(like)
    for path, original in reversed(missing):
        # created by another worker; or files, which is reported below
        with contextlib.suppress(FileExistsError, NotADirectoryError):
            os.mkdir(path, _folder_mode([] if original is None else [original]))
    if missing and not os.path.isdir(missing[0][0]):
        raise NotADirectoryError(errno.ENOTDIR, "a file has the name of the folder that is needed", missing[0][0])


def make_root(folder: str, sources: Sequence[str]) -> None:
    """Create the destination of a run, with no more permissions than the folders of its sources."""
    if os.path.isdir(folder):
        return
    make_folders(os.path.dirname(folder) or ".")
    originals = [one for source in sources if not is_url(one := source_folder(source) or os.path.dirname(source))]
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder, _folder_mode(originals))
    if not os.path.isdir(folder):
        raise NotADirectoryError(errno.ENOTDIR, "the destination is not a folder", folder)


def _folder_mode(originals: Sequence[str]) -> int:
    mode = 0o777
    for original in originals:
        with contextlib.suppress(OSError):
            mode &= os.stat(original).st_mode
    return mode | stat.S_IRWXU


class Place(Destination):
    """The place of an output of an archive: a path gets the complete file, or nothing.

    Parameters
    ----------
    source, destination : str
        Paths or URLs.
    token : str
        Of the run.
    replace : bool
        Whether an existing file may be replaced. Links, pipes and devices are never replaced. A file that appears after
        this check is never replaced.

    Raises
    ------
    FileExistsError
        If the destination is taken; also from `commit`, if it was taken in the meantime.
    """

    def __init__(self, source: str, destination: str, *, token: str | None, replace: bool) -> None:
        try:
            super().__init__(destination, overwrite=replace, source=source, token=token, files_only=True)
        except FileExistsError as error:
            raise _taken(destination, error) from None
        self._stored = False

    def copy_within_store(self, source: str) -> int | None:
        """Copy an object within a store, by the store itself; None if they are in different stores.

        The copy has its final name at once.
        """
        if self._url_file is None or not is_url(source):
            return None
        system, inner = file_system(source)
        if system != self._url_file.fs:
            return None
        system.cp_file(inner, self._url_file.path)
        self._stored = True
        return int(system.info(inner)["size"])

    def commit(self, *, fsync: bool) -> None:
        """Give the output its final name."""
        if self._stored:
            return
        try:
            super().commit(fsync=fsync)
        except FileExistsError as error:
            raise _taken(self.path or "", error) from None


class PlaceOfSource(Destination):
    """The place of an original that is replaced; it stays as it is if there is nothing better.

    Owner, group, permissions and extended attributes are kept, or `warnings` says what was lost.
    """

    def __init__(self, path: str, *, token: str | None) -> None:
        super().__init__(path, overwrite=True, source=path, token=token, files_only=True)


class NameTakenError(FileExistsError):
    """For the file system, the name of an output is the same as that of an existing output."""


def refuse_other_spelling(root: str, destination: str) -> None:
    """Raise NameTakenError if an existing file has another name that the file system treats as the same.

    Parameters
    ----------
    root : str
        The folder below which names are compared.
    destination : str
        Where something is.
    """
    other = None if is_url(destination) else _LISTINGS.other_spelling(root, destination)
    if other is not None:
        raise _taken_by(other, destination)


def _taken(destination: str, error: FileExistsError) -> FileExistsError:
    if is_url(destination):
        return error
    other = _LISTINGS.other_spelling(os.path.dirname(destination), destination)
    return error if other is None else _taken_by(other, destination)


def _taken_by(other: str, destination: str) -> NameTakenError:
    return NameTakenError(
        errno.EEXIST,
        f"for this file system it is the same file as {other}, which is the output of another file and is kept",
        destination,
    )


class _Listings:
    """The names in the folders of a destination, as the file system spells them."""

    _MOST = 8  # folders

    def __init__(self) -> None:
        self._names: dict[str, frozenset[str]] = {}

    def other_spelling(self, root: str, path: str) -> str | None:
        """Return the path of an existing file with another spelling; None if the spelling is the same."""
        path = path.rstrip(SEPARATORS)
        while len(path) > len(root.rstrip(SEPARATORS)):
            folder, name = os.path.split(path)
            if not self._has(folder, name):
                return self._same_file(folder, path)
            if folder == path:
                break
            path = folder
        return None

    def _has(self, folder: str, name: str) -> bool:
        # While files are written, names are only added, so the spelling of a known name does not change.
        names = self._names.get(folder)
        if names is None or name not in names:
            try:
                names = frozenset(os.listdir(folder or "."))
            except OSError:
                return True
            while len(self._names) >= self._MOST:
                with contextlib.suppress(KeyError, StopIteration, RuntimeError):  # of another thread
                    del self._names[next(iter(self._names))]
            self._names[folder] = names
        return name in names

    def _same_file(self, folder: str, path: str) -> str | None:
        try:
            wanted = os.lstat(path)
            with os.scandir(folder or ".") as entries:
                for entry in entries:
                    # If a file gets its name by a hard link, it also has its temporary name for a moment.
                    is_temporary = TEMPORARY_NAME.fullmatch(entry.name) is not None
                    if not is_temporary and os.path.samestat(entry.stat(follow_symlinks=False), wanted):
                        return entry.path
        except OSError:
            pass
        return None


_LISTINGS = _Listings()


def copy_file(source: str, place: Place) -> int:
    """Copy a source unchanged into a place, which the caller then commits.

    Returns
    -------
    int
        Its size in bytes.

    Raises
    ------
    OSError
        If it cannot be read or written.
    """
    size = place.copy_within_store(source)
    if size is not None:
        return size
    os.ftruncate(place.descriptor, 0)  # of what may have been written before it failed
    os.lseek(place.descriptor, 0, os.SEEK_SET)
    with open_binary(source) as file, open(place.descriptor, "wb", closefd=False) as copy:
        shutil.copyfileobj(file, copy, _COPIED_AT_ONCE)
    return os.fstat(place.descriptor).st_size


def open_binary(path: str) -> Any:
    """Return a file or an object opened for reading."""
    if not is_url(path):
        return open_regular(path)
    system, inner = file_system(path)
    file = system.open(inner, "rb")
    if file is None:
        raise OSError(errno.EINVAL, "it is not a regular file", path)  # of a tar archive
    # A member of an archive can only be read while its file system exists, and nothing else keeps that alive.
    with contextlib.suppress(AttributeError):
        file.keeps = system
    return file
