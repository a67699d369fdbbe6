"""Where a transcoded object goes: a file beside its destination, read back while it is written, then renamed."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import stat
import tempfile
from typing import Any

from dcmturbo import _core
from dcmturbo.errors import EncodeError
from dcmturbo.sources import import_fsspec

__all__ = ["Destination", "Output"]

_MOST_PENDING = 4 << 20
_MOST_BUFFERS = 512  # of one call: POSIX guarantees 16, Linux takes 1024
_COPIED_AT_ONCE = 4 << 20

Buffer = bytes | bytearray | memoryview


class Output:
    """Bytes on their way into a file that can be read and sought.

    What is written is gathered into few calls. With `verify`, each of them is read back and compared.
    """

    def __init__(self, descriptor: int, *, verify: bool) -> None:
        self.descriptor = descriptor
        self._verify = verify
        self._pending: list[memoryview] = []
        self._pending_bytes = 0
        self._written = 0
        self._scratch = bytearray()

    @property
    def position(self) -> int:
        """Where the next byte goes."""
        return self._written + self._pending_bytes

    def write(self, data: Buffer) -> None:
        """Append bytes, which must not change before the next `flush`."""
        view = memoryview(data)
        if view.nbytes == 0:
            return
        self._pending.append(view if view.format == "B" and view.ndim == 1 else view.cast("B"))
        self._pending_bytes += view.nbytes
        if self._pending_bytes >= _MOST_PENDING or len(self._pending) >= _MOST_BUFFERS:
            self.flush()

    def flush(self) -> None:
        """Hand over to the operating system what has been gathered."""
        pending, self._pending, self._pending_bytes = self._pending, [], 0
        self._put(pending, self._written)
        self._written += sum(view.nbytes for view in pending)

    def patch(self, position: int, data: Buffer) -> None:
        """Overwrite what has been written."""
        self.flush()
        self._put([memoryview(data)], position)

    def restart(self) -> None:
        """Forget everything that has been written."""
        self._pending, self._pending_bytes, self._written = [], 0, 0
        os.ftruncate(self.descriptor, 0)

    def insert(self, position: int, data: Buffer) -> None:
        """Move all that stands behind a position back, and write into the gap."""
        self.flush()
        gap = memoryview(data).nbytes
        end = self._written
        while end > position:
            begin = max(position, end - _COPIED_AT_ONCE)
            self._put([memoryview(self.read(begin, end - begin))], begin + gap)
            end = begin
        self._written += gap
        self._put([memoryview(data)], position)

    def read(self, position: int, size: int) -> bytes:
        """Return bytes that have been written."""
        parts = []
        while size > 0 and (part := os.pread(self.descriptor, size, position)):
            parts.append(part)
            position += len(part)
            size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _put(self, views: list[memoryview], position: int) -> None:
        begin = position
        left = list(views)
        while left:
            done = os.pwritev(self.descriptor, left, position)
            position += done
            while left and done >= left[0].nbytes:
                done -= left[0].nbytes
                del left[0]
            if done:
                left[0] = left[0][done:]
        if self._verify and views:
            self._compare(views, begin, position - begin)

    def _compare(self, views: list[memoryview], position: int, size: int) -> None:
        """Read back what has been written."""
        if len(self._scratch) < size:
            self._scratch = bytearray(size)
        view = memoryview(self._scratch)[:size]
        filled = 0
        while filled < size and (done := os.preadv(self.descriptor, [view[filled:]], position + filled)):
            filled += done
        at = 0
        for wanted in views:
            if filled < size or not _core.same_bytes(view[at : at + wanted.nbytes], wanted):
                raise EncodeError(
                    f"what was written at byte {position + at} of the output is not what is read back", code="internal"
                )
            at += wanted.nbytes


_numbers = itertools.count()


class Destination:
    """A path, an fsspec URL or OpenFile, or a binary file object; nothing of it changes before `commit`.

    Attributes
    ----------
    descriptor : int
        Of a new file to write into.
    path : str or None
        Of the destination, where it is a path.
    """

    def __init__(self, destination: Any, *, overwrite: bool) -> None:
        self.path: str | None = None
        self._temporary: str | None = None
        self._file: Any = None
        self._url_file: Any = None
        self._opened: Any = None
        self._overwrite = overwrite
        if isinstance(destination, str) and destination.startswith("file://"):
            destination = destination.removeprefix("file://")
        if isinstance(destination, str) and "://" in destination:
            destination = import_fsspec().open(destination, mode="wb")
        if isinstance(destination, (str, os.PathLike)):
            self._open_beside(os.fsdecode(destination))
            return
        if hasattr(destination, "open") and hasattr(destination, "fs"):
            self._url_file = destination
            if not overwrite and destination.fs.exists(destination.path):
                raise FileExistsError(17, "the destination is there already, and overwrite is False", destination.path)
        elif not hasattr(destination, "write"):
            raise TypeError(
                "destination must be a path, an fsspec URL or OpenFile, or a writable binary file object, not "
                f"{type(destination).__name__}"
            )
        self._file = destination
        self._spool_into_file()

    def _spool_into_file(self) -> None:
        self._spool = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        self.descriptor = self._spool.fileno()

    def _open_beside(self, path: str) -> None:
        if os.path.islink(path):
            path = os.path.realpath(path)
        self.path = path
        self._mode = None
        with contextlib.suppress(FileNotFoundError):
            found = os.stat(path)
            if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
                # A device or a pipe is written to, never replaced.
                self._opened = self._file = open(path, "wb")  # noqa: SIM115 (closed by `close`)
                self._spool_into_file()
                return
            if not self._overwrite:
                raise FileExistsError(17, "the destination is there already, and overwrite is False", path)
            self._mode = found.st_mode & 0o7777
        if os.path.isdir(path):
            raise IsADirectoryError(21, "the destination is a folder", path)
        folder, name = os.path.split(path)
        # 255 bytes is what a name may have; what it begins with tells whose file it was to be.
        short = os.fsdecode(os.fsencode(name)[:200])
        self._temporary = os.path.join(folder, f".{short}.{os.getpid()}-{next(_numbers)}.part")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        self.descriptor = os.open(self._temporary, flags, 0o666)

    def commit(self, *, fsync: bool) -> None:
        """Put what has been written where it belongs."""
        if self._temporary is not None:
            self._rename(fsync=fsync)
        elif self._url_file is not None:
            self._upload()
        else:
            os.lseek(self.descriptor, 0, os.SEEK_SET)
            shutil.copyfileobj(self._spool, self._file, _COPIED_AT_ONCE)

    def _rename(self, *, fsync: bool) -> None:
        path, temporary = self.path, self._temporary
        assert path is not None
        assert temporary is not None
        if self._mode is not None:
            os.fchmod(self.descriptor, self._mode)
        if fsync:
            os.fsync(self.descriptor)
        if self._overwrite:
            os.replace(temporary, path)
        else:
            os.link(temporary, path)  # fails where somebody has been faster
            os.unlink(temporary)
        self._temporary = None
        if fsync:
            folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _upload(self) -> None:
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        size = os.fstat(self.descriptor).st_size
        fs, path = self._url_file.fs, self._url_file.path
        try:
            with fs.open(path, "wb") as file:
                shutil.copyfileobj(self._spool, file, _COPIED_AT_ONCE)
            found = fs.info(path)["size"]
            if found != size:
                raise EncodeError(f"{path} has {found} bytes after writing {size}", code="internal")
        except BaseException:
            with contextlib.suppress(Exception):
                fs.rm(path)
            raise

    def close(self) -> None:
        """Close the file; remove it unless it has been committed."""
        if self._file is not None:
            self._spool.close()
            if self._opened is not None:
                self._opened.close()
            return
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
        if self._temporary is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._temporary)
            self._temporary = None

    def __enter__(self) -> Destination:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
