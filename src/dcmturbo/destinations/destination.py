"""Where an output goes: a path that gets the complete file or nothing, an object of a store, or a file object."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import IO, Any

from dcmturbo import system
from dcmturbo.destinations.permissions import keep_attributes, mode_of, stat_of, state_of
from dcmturbo.destinations.temporary import Temporary, sync_folder
from dcmturbo.errors import EncodeError
from dcmturbo.urls import import_fsspec, is_url

__all__ = ["Destination", "make_folders", "new_file"]

_COPIED_AT_ONCE = 4 << 20
_WAITING, _MOST_WAITING = 0.002, 5.0  # time limit in seconds for another worker that is replacing the same file
_REPLACING = threading.Lock()


def make_folders(path: str | os.PathLike[str]) -> None:
    """Create a folder for outputs, and those around it.

    Raises
    ------
    NotADirectoryError
        If a file is in the place of one of them; the error names it.
    OSError
        If it cannot be created.
    """
    try:
        os.makedirs(path, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        place = os.path.abspath(path)
        while not os.path.lexists(place):
            place = os.path.dirname(place)
        raise NotADirectoryError(errno.ENOTDIR, f"{place} is a file, not a folder", place) from None


@contextlib.contextmanager
def new_file(destination: Any, *, source: Any = None) -> Iterator[IO[bytes]]:
    """Open a file to write into, which gets its name when it is complete, and replaces an existing one in one step.

    Parameters
    ----------
    destination, source
        As of `Destination`.
    """
    with Destination(destination, overwrite=True, source=source) as place:
        with open(place.descriptor, "wb", closefd=False) as file:
            yield file
        place.commit(fsync=False)


class Destination:
    """A path, an fsspec URL or OpenFile, or a binary file object; nothing changes there before `commit`.

    Parameters
    ----------
    destination : path, fsspec URL or OpenFile, or writable binary file object
        Where the bytes go.
    overwrite : bool
        Whether an existing file is replaced. If not, FileExistsError is raised now or by `commit`.
    source : path or URL, optional
        The source of the bytes: only users who can read it can read the result. A result that replaces its own source
        gets its owner, group, permissions and extended attributes.
    token : str, optional
        Token of the run, for the name of the temporary file.
    files_only : bool
        Raise an error if the path is a link, a pipe or a device. Otherwise links are followed, and pipes and devices
        are written to.

    Attributes
    ----------
    descriptor : int
        The new file to write into.
    path : str or None
        Folder of the destination, if it is a path.
    warnings : list of str
        What could not be kept of the replaced file.
    written : os.stat_result or None
        Identity of the file that got the path.
    """

    def __init__(
        self,
        destination: Any,
        *,
        overwrite: bool,
        source: Any = None,
        token: str | None = None,
        files_only: bool = False,
    ) -> None:
        self.path: str | None = None
        self.warnings: list[str] = []
        self.written: os.stat_result | None = None
        self._temporary: Temporary | None = None
        self._file: Any = None
        self._url_file: Any = None
        self._opened: Any = None
        self._overwrite = overwrite
        self._files_only = files_only
        self._replaced: os.stat_result | None = None
        self._source = stat_of(source)
        if isinstance(destination, str) and destination.startswith("file://"):
            destination = destination.removeprefix("file://")
        if isinstance(destination, str) and is_url(destination):
            destination = import_fsspec().open(destination, mode="wb")
        if isinstance(destination, (str, os.PathLike)):
            self._open_beside(os.fsdecode(destination), token)
            return
        if hasattr(destination, "open") and hasattr(destination, "fs"):
            self._url_file = destination
            self._refuse_existing_object()
        elif not hasattr(destination, "write"):
            raise TypeError(
                "destination must be a path, an fsspec URL or OpenFile, or a writable binary file object, not "
                f"{type(destination).__name__}"
            )
        self._file = destination
        self._spool_into_file()

    def _refuse_existing_object(self) -> None:
        if not self._overwrite and self._url_file.fs.exists(self._url_file.path):
            raise FileExistsError(errno.EEXIST, "the destination exists, and overwrite is False", self._url_file.path)

    def _spool_into_file(self) -> None:
        self._spool = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        self.descriptor = self._spool.fileno()

    def _open_beside(self, path: str, token: str | None) -> None:
        if os.path.islink(path) and not self._files_only:
            path = os.path.realpath(path)
        self.path = path
        with contextlib.suppress(FileNotFoundError):
            found = os.lstat(path)
            if stat.S_ISDIR(found.st_mode):
                raise IsADirectoryError(errno.EISDIR, "the destination is a folder", path)
            if not stat.S_ISREG(found.st_mode):
                if self._files_only:
                    raise FileExistsError(errno.EEXIST, "the destination is a link, a pipe or a device", path)
                # A device or pipe is written to and never replaced. A pipe without a reader is an error.
                descriptor = system.open_file(path, os.O_WRONLY | system.NON_BLOCKING)
                if sys.platform != "win32":  # where nothing was opened without waiting
                    os.set_blocking(descriptor, True)
                self._opened = self._file = open(descriptor, "wb")  # noqa: SIM115 (closed by `close`)
                self._spool_into_file()
                return
            if not self._overwrite:
                raise FileExistsError(errno.EEXIST, "the destination exists, and overwrite is False", path)
            self._replaced = found
        self._mode = mode_of(self._source)
        if self._replaced is not None:
            self._mode &= self._replaced.st_mode
        group = None if self._source is None else self._source.st_gid
        self._temporary = Temporary(path, mode=self._mode, group=group, token=token)
        self.descriptor = self._temporary.descriptor

    def commit(self, *, fsync: bool) -> None:
        """Move what was written to its final place."""
        if self._temporary is not None:
            self._rename(self._temporary, fsync=fsync)
        elif self._url_file is not None:
            self._refuse_existing_object()
            self._upload()
        else:
            os.lseek(self.descriptor, 0, os.SEEK_SET)
            shutil.copyfileobj(self._spool, self._file, _COPIED_AT_ONCE)

    def _rename(self, temporary: Temporary, *, fsync: bool) -> None:
        with self._alone():
            self._rename_alone(temporary, fsync=fsync)

    def _rename_alone(self, temporary: Temporary, *, fsync: bool) -> None:
        if self._replaced is not None:
            self._check_unchanged(self._replaced)
            if self._is_in_place():
                self.warnings += keep_attributes(self.descriptor, temporary.path, self._replaced)
            else:
                system.set_mode(self.descriptor, self._mode & 0o777)
        if fsync:
            os.fsync(self.descriptor)
        # In an archive, only the file that was checked before is replaced.
        temporary.publish(replace=self._overwrite and (self._replaced is not None or not self._files_only))
        self.written = os.fstat(self.descriptor)
        if fsync:
            sync_folder(os.path.dirname(temporary.path))

    def _check_unchanged(self, before: os.stat_result) -> None:
        """Raise an error if somebody has written to the file, or created one, since it was checked."""
        if not self._files_only or self.path is None:
            return
        try:
            now = os.lstat(self.path)
        except FileNotFoundError:
            raise FileNotFoundError(errno.ENOENT, "another program removed the file meanwhile", self.path) from None
        if state_of(now) != state_of(before):
            # In an archive: by another file whose output has the same name for the file system, or by another program.
            code = errno.EBUSY if self._is_in_place() else errno.EEXIST
            raise OSError(code, "another program changed the file meanwhile, so it is left unchanged", self.path)

    def _is_in_place(self) -> bool:
        return (
            self._source is not None and self._replaced is not None and os.path.samestat(self._source, self._replaced)
        )

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Prevent other workers from replacing a file between the last check and its replacement.

        Two workers may be about to replace one file through two names that the file system treats as the same.
        """
        if sys.platform == "win32":  # where an open file is not replaced, and the workers are threads of one process
            with _REPLACING:
                yield
            return
        descriptor = -1
        if self._files_only and self._replaced is not None and self.path is not None and not self._is_in_place():
            with contextlib.suppress(OSError):  # nobody may read it, so there is only the check
                descriptor = system.open_file(self.path, os.O_RDONLY | system.NON_BLOCKING | system.NO_LINKS)
        try:
            waited = 0.0
            while descriptor >= 0 and system.lock(descriptor) is False and waited < _MOST_WAITING:
                time.sleep(_WAITING)
                waited += _WAITING
            yield
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def _upload(self) -> None:
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        size = os.fstat(self.descriptor).st_size
        fs, path = self._url_file.fs, self._url_file.path
        try:
            with fs.open(path, "wb") as file:
                shutil.copyfileobj(self._spool, file, _COPIED_AT_ONCE)
            found = fs.info(path)["size"]
            if found != size:
                raise EncodeError(f"{path} has {found} bytes, but {size} bytes were written", code="internal")
        except BaseException:
            with contextlib.suppress(Exception):
                fs.rm(path)
            raise

    def close(self) -> None:
        """Close the file; remove it unless it was committed."""
        if self._file is not None:
            self._spool.close()
            if self._opened is not None:
                self._opened.close()
            return
        self.descriptor = -1
        if self._temporary is not None:
            self._temporary.close()

    def __enter__(self) -> Destination:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
