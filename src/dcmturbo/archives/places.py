"""Where files are written: local folders and object stores, a whole file or none."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from typing import Any

from dcmturbo.archives.walk import is_url
from dcmturbo.sources import import_fsspec

__all__ = [
    "copy_file",
    "file_system",
    "is_stale",
    "is_temporary",
    "lie_within_each_other",
    "open_binary",
    "remove",
    "size_of",
    "sync_folder",
    "temporary_name",
]

_TEMPORARY = re.compile(r"\..*\.(\d+)(?:-\d+)?\.part", re.DOTALL)  # with the number of the process
_LONGEST_NAME = 255  # bytes, on the file systems there are


def file_system(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of a URL, and the path on it."""
    system, path = import_fsspec().core.url_to_fs(url)
    return system, str(path)


def lie_within_each_other(first: str, second: str) -> bool:
    """Whether of two URLs one is, or contains, the other; ``memory://a`` and ``memory:///a`` are one place."""
    (system, ours), (other, theirs) = file_system(first), file_system(second)
    ours, theirs = ours.rstrip("/") + "/", theirs.rstrip("/") + "/"
    return system == other and (ours.startswith(theirs) or theirs.startswith(ours))


def temporary_name(path: str) -> str:
    """Return the name under which a file is written, in the same folder, before it gets its own."""
    folder, name = os.path.split(path)
    ending = f".{os.getpid()}.part"
    room = _LONGEST_NAME - len(ending) - 1
    shortened = os.fsdecode(os.fsencode(name)[:room])
    return os.path.join(folder, f".{shortened}{ending}")


def is_temporary(name: str) -> bool:
    """Whether a name is that of a file on its way."""
    return name.startswith(".") and _TEMPORARY.fullmatch(name) is not None


def is_stale(path: str) -> bool:
    """Whether a path is that of a file on its way of which no process is left on this machine."""
    name = os.path.basename(path)
    found = _TEMPORARY.fullmatch(name) if name.startswith(".") else None
    if found is None:
        return False
    try:
        written = os.stat(path).st_mtime
    except OSError:
        return False
    return not _has_run_since(int(found[1]), written)


def _has_run_since(process: int, time: float) -> bool:
    """Whether a process is there, and was at a time: numbers of processes come again."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass
    try:  # Linux: proc(5)
        with open(f"/proc/{process}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        with open("/proc/stat", "rb") as file:
            booted = next(int(line.split()[1]) for line in file if line.startswith(b"btime"))
    except (OSError, StopIteration):
        return True
    began = booted + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return fields[0] not in (b"Z", b"X") and began <= time + 2  # clocks of file systems lag a little


def size_of(path: str) -> int | None:
    """Return the size of a file or an object, None if it is not there."""
    try:
        if not is_url(path):
            return os.stat(path).st_size
        system, inner = file_system(path)
        information = system.info(inner)
    except (OSError, ValueError):
        return None
    return int(information["size"]) if information.get("type") == "file" else None


def sync_folder(path: str) -> None:
    """Have the names in a folder on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def copy_file(source: str, destination: str, *, fsync: bool = False, replace: bool = True) -> int:
    """Copy a file, unchanged, between any two places.

    Parameters
    ----------
    source, destination : str
        Paths or URLs.
    fsync : bool
        Have it on disk before it gets its name.
    replace : bool
        Whether the destination may be there already; False never replaces it.

    Returns
    -------
    int
        Its size in bytes.

    Raises
    ------
    OSError
        If it cannot be read or written: then nothing is there.
    """
    if is_url(destination):
        if not replace and size_of(destination) is not None:
            raise FileExistsError(17, "the destination is there already", destination)
        return _copy_to_store(source, destination)
    beside = temporary_name(destination)
    try:
        if is_url(source):
            system, path = file_system(source)
            system.get_file(path, beside)
        else:
            shutil.copyfile(source, beside)
        size = os.stat(beside).st_size
        if fsync:
            with open(beside, "rb") as file:
                os.fsync(file.fileno())
        if replace:
            os.replace(beside, destination)
        else:
            os.link(beside, destination)
            os.unlink(beside)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
    if fsync:
        sync_folder(os.path.dirname(destination))
    return size


def _copy_to_store(source: str, destination: str) -> int:
    # By whole files: an fsspec file that is closed because of an error would leave what it has got.
    system, path = file_system(destination)
    if not is_url(source):
        system.put_file(source, path)
        return os.stat(source).st_size
    origin, inner = file_system(source)
    if origin == system:
        system.cp_file(inner, path)
        return int(origin.info(inner)["size"])
    with tempfile.TemporaryDirectory(prefix="dcmturbo-") as folder:
        between = os.path.join(folder, "object")
        origin.get_file(inner, between)
        system.put_file(between, path)
        return os.stat(between).st_size


def remove(path: str) -> None:
    """Remove a file or an object, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        if is_url(path):
            system, inner = file_system(path)
            system.rm_file(inner)
        else:
            os.unlink(path)


def open_binary(path: str) -> Any:
    """Return a file or an object opened for reading."""
    if not is_url(path):
        return open(path, "rb")
    system, inner = file_system(path)
    return system.open(inner, "rb")
