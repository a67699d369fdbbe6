"""Turn any source (path, bytes, file object, URL, Dataset) into attributes and a frame index."""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from dcmturbo import _core
from dcmturbo.dataset.file_objects import file_source, plain_file
from dcmturbo.dataset.opened import OpenedSource, Origin
from dcmturbo.dataset.pydicom_dataset import open_pydicom
from dcmturbo.dataset.remote import RemoteReader, reads_ranges
from dcmturbo.dataset.scanned import open_scanned
from dcmturbo.errors import DecodeError, Error
from dcmturbo.redaction import without_secrets
from dcmturbo.urls import import_fsspec, is_url

__all__ = ["name_of", "name_source", "naming", "open_source", "reopen"]


_INSTEAD = "; several objects are read by decode_series and read_volume"


def _identity(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def open_source(source: Any) -> OpenedSource:
    """Find the image in a source.

    Parameters
    ----------
    source : path, bytes-like, binary file object, fsspec URL or OpenFile, pydicom Dataset
        The DICOM object. A file object is read from its beginning, whatever its position.

    Returns
    -------
    OpenedSource

    Raises
    ------
    NotDicom
        If the source is no DICOM object.
    NoPixelData
        If it has no pixel data.
    UnsupportedTransferSyntax
        If no codec is there for its transfer syntax.
    DecodeError
        If the file is damaged so that its frames cannot be found.
    OSError
        If the file cannot be opened or read.
    TypeError
        For a source of another kind.

    Notes
    -----
    If the source is a path or a URL, it is the ``.source`` of the exception.
    """
    try:
        opened = _open(source)
        opened.name = name_of(source)
        return opened
    except Error as error:
        name_source(error, source)
        raise


def name_of(source: Any) -> str | None:
    """Return what a source is called in messages, if it is a path or a URL."""
    return without_secrets(os.fsdecode(source)) if isinstance(source, (str, os.PathLike)) else None


def name_source(error: Error, source: Any) -> None:
    """Let an error name its source, if that is a path or a URL, and if it names none yet."""
    if error.source is None:
        error.source = name_of(source)


@contextlib.contextmanager
def naming(source: Any) -> Iterator[None]:
    """Let the errors of a block name its source."""
    try:
        yield
    except Error as error:
        name_source(error, source)
        raise


def _open(source: Any) -> OpenedSource:
    if isinstance(source, str) and is_url(source):
        opened = _open_fsspec(import_fsspec().open(source, mode="rb"))
        opened.origin = Origin(source, (opened.source.size,))
        return opened
    if isinstance(source, (str, os.PathLike)):
        return _open_path(os.fsdecode(source))
    if hasattr(source, "open") and hasattr(source, "fs"):  # fsspec.core.OpenFile
        return _open_fsspec(source)
    if hasattr(source, "group_dataset") and hasattr(source, "get_item"):  # pydicom.Dataset, without importing it
        return open_pydicom(source)
    if type(source) is io.BytesIO:
        return _open_buffer(source.getvalue())
    try:
        view = memoryview(source)
    except TypeError:
        if hasattr(source, "read") and hasattr(source, "seek"):
            return _open_file(source)
        raise TypeError(
            "source must be a path, a bytes-like object, a binary file object, an fsspec URL or OpenFile, "
            f"or a pydicom Dataset, not {type(source).__name__}{_INSTEAD if isinstance(source, Iterable) else ''}"
        ) from None
    return _open_buffer(view)


def reopen(origin: Origin) -> OpenedSource:
    """Open an object again, in another process.

    Raises
    ------
    DecodeError
        If something else is there now.
    """
    opened = open_source(origin.source)
    if opened.origin is None or opened.origin.identity != origin.identity:
        opened.close()
        raise DecodeError(f"{origin.source} has changed since the image was opened: open it again", code="source")
    return opened


def _open_path(path: str) -> OpenedSource:
    name = os.fsencode(path)
    if b"\0" in name:
        raise ValueError("the path contains a null byte")
    try:
        source = _core.Source.file(name)
    except Error as error:
        # This raises Python's own exception for a missing file, a folder or a missing permission. Pipes are excluded:
        # opening one waits for a writer.
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, "it is a folder: name a file in it", path) from None
        if not os.path.exists(path) and (hint := _hint_of_missing(path)):
            raise FileNotFoundError(errno.ENOENT, f"{os.strerror(errno.ENOENT)} ({hint})", path) from None
        if os.path.isfile(path) or not os.path.exists(path):
            with open(path, "rb"):
                pass
        raise OSError(error.message) from None
    opened = open_scanned(source)
    found = os.stat(path)
    opened.origin = Origin(path if path[:1] == "/" else os.path.abspath(path), _identity(found))
    if opened.buffer is None:  # not inflated
        opened.path, opened.file_identity = path, (found.st_dev, found.st_ino)
    return opened


def _hint_of_missing(path: str) -> str:
    """Return what a path that does not exist may have been meant to be; empty if nothing is likely."""
    if path.startswith("~"):
        return "~ stands for itself here: use os.path.expanduser"
    if any(mark in path for mark in "*?["):
        return "patterns are not expanded here: use glob.glob"
    return ""


def _open_fsspec(source: Any) -> OpenedSource:
    if reads_ranges(source):
        return _open_remote(source)
    file = source.open()
    try:
        opened = _open_file(file, source.open)
    except BaseException:
        file.close()
        raise
    # A file in an archive exists only as long as its file system, which only the OpenFile keeps alive.
    opened.keeps = source
    opened.closing = file.close
    opened.origin = Origin(source, (opened.source.size,))
    return opened


def _scan(source: _core.Source) -> OpenedSource:
    """Open an object that Python reads; if reading failed, that is the error."""
    try:
        return open_scanned(source)
    except Error as error:
        failure = source.take_failure()
        if failure is not None:
            raise failure from error
        raise


def _open_remote(source: Any) -> OpenedSource:
    reader = RemoteReader(source.fs, source.path)
    opened = _scan(_core.Source.reader(reader, reader.size))
    opened.keeps = source
    opened.origin = Origin(source, (reader.size,))
    return opened


def _open_file(file: Any, reopen: Callable[[], Any] | None = None) -> OpenedSource:
    if isinstance(file, io.TextIOBase):
        raise TypeError("the file object must be opened in binary mode")
    opened = _scan(file_source(file, reopen))
    plain = plain_file(file)
    if plain is not None and isinstance(plain.name, (str, bytes)):
        with contextlib.suppress(OSError):
            name = os.path.abspath(os.fsdecode(plain.name))
            identity = _identity(os.stat(name))
            if identity == _identity(os.fstat(plain.fileno())):
                opened.origin = Origin(name, identity)
    return opened


def _open_buffer(buffer: Any) -> OpenedSource:
    view = memoryview(buffer)
    if not view.c_contiguous or not view.nbytes:
        view = memoryview(view.tobytes())
    view = view.cast("B")
    opened = open_scanned(_core.Source.buffer(view), view)
    opened.origin = Origin(view, (view.nbytes,))
    return opened
