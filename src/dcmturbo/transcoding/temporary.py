"""Temporary files: what is written gets its own name when it is complete, with or without replacing what is there."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
from typing import Any

__all__ = ["TEMPORARY_NAME", "Temporary", "lock_without_waiting", "new_token", "sync_folder"]

# A run's token, and a number of the file's own. Such a name alone says nothing: `dcmturbo.archives.runs` has a record
# of each token.
TEMPORARY_NAME = re.compile(r"\.dcmturbo-([0-9a-f]{32})-[0-9a-f]{16}\.part")

_NEVER_THROUGH_LINKS = os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINKS_HERE = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EINVAL, errno.EACCES}
_RENAME_NOREPLACE = 1  # <linux/fs.h>
_AT_FDCWD = -100


def new_token() -> str:
    """Return what no other run's temporary files are called."""
    return secrets.token_hex(16)


class Temporary:
    """A new file in the folder of the path that it is for.

    It is locked (flock) while it is open: a temporary file that can be locked has been left behind by a process that
    is no more, in whichever PID namespace or, where the file system shares locks, on whichever machine it was.

    Parameters
    ----------
    path : str
        Where the file is to go.
    mode : int
        Permissions, of which the umask takes away; nobody ever has more.
    group : int, optional
        Whose the group's permissions are: where the file gets another group, it may no more than others.
    token : str, optional
        Of the run.

    Attributes
    ----------
    descriptor : int
        Open for reading and writing; -1 once it is closed.
    name : str or None
        The path that it has for now.
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
                self.descriptor = os.open(name, os.O_RDWR | _NEVER_THROUGH_LINKS, mode & 0o777)
                found = os.fstat(self.descriptor) if lock_without_waiting(self.descriptor) is not False else None
                others = mode & 0o007
                if found is None or not found.st_nlink:
                    # Before it was locked, somebody who tidies up took it for a file that was left behind.
                    self._forget(name)
                elif group not in (None, found.st_gid) and mode & 0o070 & ~(others << 3):
                    mode &= 0o707 | others << 3
                    self._forget(name)  # and anew: somebody of its group may have opened it
        self.name = name

    def publish(self, *, replace: bool) -> None:
        """Give the file its path.

        Parameters
        ----------
        replace : bool
            Whether it takes, in one step, the place of a file that is there.

        Raises
        ------
        FileExistsError
            If `replace` is False, and anything is there: a file, a folder, a link that leads nowhere. What is there
            is as it was, and the temporary file still has its name.
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
        """Close the file, and remove it unless it has got its path."""
        name, self.name = self.name, None
        if self.descriptor >= 0:
            self._forget(name)

    def __enter__(self) -> Temporary:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def lock_without_waiting(descriptor: int) -> bool | None:
    """Lock an open file for as long as it is open.

    Returns
    -------
    bool or None
        Whether it is locked now; False where another holds it, None where there are no such locks.
    """
    try:
        import fcntl
    except ImportError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def sync_folder(path: str) -> None:
    """Have the names in a folder on disk."""
    descriptor = os.open(path or ".", os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rename_exclusively(name: str, path: str) -> None:
    """Rename a file; FileExistsError, and nothing has changed, where the new name is taken."""
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
    # Neither a rename that keeps what is there nor hard links: the name is claimed first, which fails where it is
    # taken, and then replaced.
    try:
        os.close(os.open(path, os.O_WRONLY | _NEVER_THROUGH_LINKS, 0o600))
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
    """Return renameat2(2) of the C library, None where there is none."""
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
    """Rename a file by the call that never replaces; False where system or file system does not have it."""
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
