"""Temporary files: a file gets its own name when it is complete, with or without replacing an existing one."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import sys
from typing import Any

from dcmturbo import system

__all__ = ["TEMPORARY_NAME", "Temporary", "new_token", "sync_folder"]

# The token of a run, and a number of the file. The name alone proves nothing: `dcmturbo.archives.runs` has a record of
# each token.
TEMPORARY_NAME = re.compile(r"\.dcmturbo-([0-9a-f]{32})-[0-9a-f]{16}\.part")

_NEVER_THROUGH_LINKS = os.O_CREAT | os.O_EXCL | system.NO_LINKS
_NO_LINKS_HERE = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EINVAL, errno.EACCES}
_RENAME_NOREPLACE = 1  # <linux/fs.h>
_AT_FDCWD = -100


def new_token() -> str:
    """Return a name that no other run's temporary file has."""
    return secrets.token_hex(16)


class Temporary:
    """A new file in the folder of the path that it is for.

    It is locked (flock) while it is open. If a temporary file can be locked, its process has ended, even if it ran in
    another PID namespace or, if the file system shares locks, on another machine.

    Parameters
    ----------
    path : str
        The final path of the file.
    mode : int
        Permissions before the umask is applied; nobody ever gets more.
    group : int, optional
        The group for which the group permissions are meant: if the file gets another group, that group gets no more
        rights than others.
    token : str, optional
        Of the run.

    Attributes
    ----------
    descriptor : int
        Open for reading and writing; -1 after it is closed.
    name : str or None
        The path of the file at the moment.
    """

    def __init__(self, path: str, *, mode: int = 0o666, group: int | None = None, token: str | None = None) -> None:
        self.path = path
        self.name: str | None = None
        self.descriptor = -1
        folder = os.path.dirname(path)
        token = token or new_token()
        while self.descriptor < 0:
            name = os.path.join(folder, f".dcmturbo-{token}-{secrets.token_hex(8)}.part")
            with contextlib.suppress(FileExistsError):
                self.descriptor = _create(name, mode & 0o777)
                found = os.fstat(self.descriptor) if system.lock(self.descriptor) is not False else None
                others = mode & 0o007
                if found is None or not found.st_nlink:
                    # Before it was locked, another run that cleans up removed it as a leftover.
                    self._forget(name)
                elif group not in (None, found.st_gid) and mode & 0o070 & ~(others << 3):
                    mode &= 0o707 | others << 3
                    self._forget(name)  # create it again, because a member of its group may have opened it
        self.name = name

    def publish(self, *, replace: bool) -> None:
        """Give the file its final path.

        Parameters
        ----------
        replace : bool
            Whether it replaces an existing file, in one step.

        Raises
        ------
        FileExistsError
            If `replace` is False and something has the path: a file, a folder, or a link without a target. That stays
            as it was, and the temporary file keeps its name.
        """
        assert self.name is not None
        if replace:
            os.replace(self.name, self.path)
        else:
            _rename_exclusively(self.name, self.path)
        self.name = None

    def _forget(self, name: str | None) -> None:
        if name is not None:
            with contextlib.suppress(OSError):
                os.unlink(name)
        os.close(self.descriptor)
        self.descriptor = -1

    def close(self) -> None:
        """Close the file, and remove it unless it got its final path."""
        name, self.name = self.name, None
        if self.descriptor >= 0:
            self._forget(name)

    def __enter__(self) -> Temporary:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _create(name: str, mode: int) -> int:
    """Create and open a file; if its folder does not exist, the error names the folder."""
    try:
        return system.open_file(name, os.O_RDWR | _NEVER_THROUGH_LINKS, mode)
    except FileNotFoundError:
        folder = os.path.dirname(name)
        if os.path.isdir(folder or "."):
            raise
        raise FileNotFoundError(
            errno.ENOENT, "the folder of the destination does not exist: create it first", folder
        ) from None


def sync_folder(path: str) -> None:
    """Write the names in a folder to disk; Windows cannot open folders, and writes names itself."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path or ".", os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rename_exclusively(name: str, path: str) -> None:
    """Rename a file; if the new name is taken, raise FileExistsError and change nothing."""
    if _rename_without_replacing(name, path):
        return
    try:
        os.link(name, path, follow_symlinks=False)
    except FileExistsError:
        raise _taken(path) from None
    except OSError as error:
        if error.errno not in _NO_LINKS_HERE:
            raise
    else:
        os.unlink(name)
        return
    # The system has neither a rename that keeps an existing file nor hard links. Create the name first, which fails if
    # it is taken, and then replace it.
    try:
        os.close(system.open_file(path, os.O_WRONLY | _NEVER_THROUGH_LINKS, 0o600))
    except FileExistsError:
        raise _taken(path) from None
    try:
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise


def _taken(path: str) -> FileExistsError:
    return FileExistsError(errno.EEXIST, "the name is taken, and the existing file is not replaced", path)


def _load_renameat2() -> Any:
    """Return renameat2(2) of the C library; None if there is none."""
    if sys.platform != "linux":
        return None
    import ctypes

    try:
        function = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    function.restype = ctypes.c_int
    return function


_renameat2 = _load_renameat2()


def _rename_without_replacing(name: str, path: str) -> bool:
    """Rename a file with the call that never replaces; False if the system or file system does not have it."""
    if sys.platform == "win32":
        try:
            os.rename(name, path)  # which never replaces on Windows
        except FileExistsError:
            raise _taken(path) from None
        return True
    if _renameat2 is None:
        return False
    import ctypes

    if not _renameat2(_AT_FDCWD, os.fsencode(name), _AT_FDCWD, os.fsencode(path), _RENAME_NOREPLACE):
        return True
    code = ctypes.get_errno()
    if code == errno.EEXIST:
        raise _taken(path)
    if code in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM):
        return False
    raise OSError(code, os.strerror(code), path)
