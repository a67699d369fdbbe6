"""What is done with one file of an archive, by whichever thread, process or machine gets it."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dcmturbo.archives.places import (
    Place,
    PlaceOfSource,
    copy_file,
    copy_within_store,
    make_folder,
    open_binary,
    size_of,
)
from dcmturbo.archives.walk import is_directory_object, is_url
from dcmturbo.errors import NoPixelData, NotDicom
from dcmturbo.transcoding.object import transcode
from dcmturbo.transcoding.output import Destination
from dcmturbo.transcoding.permissions import state_of

__all__ = ["Outcome", "Settings", "Task", "do_files", "do_one"]

# What the next file would meet too: the disk is full, the quota used up, the file system read-only.
_HOPELESS = {
    errno.ENOSPC: "no space is left at the destination",
    errno.EDQUOT: "the quota at the destination is used up",
    errno.EROFS: "the destination is read-only",
}

_STALE_DIRECTORY = "a DICOMDIR is copied as it is: its Referenced Transfer Syntax UIDs in File (0004,1512) go stale"


@dataclass(frozen=True)
class Settings:
    """What holds for all files of a run."""

    transfer_syntax: str
    verify: bool = True
    offset_table: str = "auto"
    new_uid: bool = False
    mask_unused_bits: bool = False
    fsync: bool = False
    in_place: bool = False
    root: str = ""  # the destination of the run
    token: str | None = None  # of the run: it is in the names of temporary files
    copies: bool = True  # False only looks at what would be copied as it is
    options: dict[str, Any] = field(default_factory=dict, hash=False)


class Task(NamedTuple):
    """A file to be done."""

    number: int
    source: str
    destination: str


class Outcome(NamedTuple):
    """What became of a file; plain values, for it comes from other processes and machines."""

    number: int
    status: str
    seconds: float
    source_syntax: str | None = None
    frames: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    pixel_bytes: int = 0
    digest: str | None = None
    verified: bool = False
    lossy: bool = False
    maximum_error: float | None = None
    mean_error: float | None = None
    psnr: float | None = None
    error: str | None = None
    error_type: str | None = None
    hopeless: str | None = None  # why the next file need not be tried
    warnings: tuple[str, ...] = ()
    identity: tuple[int, int] | None = None  # size and mtime of what stands in the source's place now


def do_files(
    tasks: Sequence[Task],
    settings: Settings,
    threads: int = 1,
    emit: Callable[[Outcome], object] | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> list[Outcome]:
    """Do some files.

    Parameters
    ----------
    tasks : sequence of Task
        The files.
    settings : Settings
        What holds for all.
    threads : int
        Workers: over the files, or over the frames of the only one.
    emit : callable, optional
        Gets each outcome as soon as there is one, and they are not returned.
    is_stopped : callable
        Whether the rest is not wanted any more.

    Returns
    -------
    list of Outcome
    """
    if threads > 1 and len(tasks) > 1:
        with ThreadPoolExecutor(min(threads, len(tasks)), thread_name_prefix="dcmturbo-files") as pool:
            return list(pool.map(lambda task: do_one(task, settings, 1), tasks))
    outcomes = []
    for task in tasks:
        if is_stopped():
            break
        outcome = do_one(task, settings, threads)
        if emit is None:
            outcomes.append(outcome)
        else:
            emit(outcome)
        if outcome.hopeless is not None:
            break
    return outcomes


def do_one(task: Task, settings: Settings, threads: int) -> Outcome:
    """Do one file; whatever goes wrong is its outcome."""
    begin = time.perf_counter()
    try:
        outcome = _in_place(task, settings, threads) if settings.in_place else _beside(task, settings, threads)
    except Exception as error:
        # One damaged file, or one that hits a defect of ours, must not keep the others from being done.
        outcome = _failure(task.number, error)
    return outcome._replace(seconds=time.perf_counter() - begin)


def _transcode(source: str, destination: Any, settings: Settings, threads: int) -> Any:
    return transcode(
        source,
        destination,
        settings.transfer_syntax,
        verify=settings.verify,
        threads=threads,
        offset_table=settings.offset_table,
        new_uid=settings.new_uid,
        mask_unused_bits=settings.mask_unused_bits,
        fsync=settings.fsync or settings.in_place,
        **settings.options,
    )


def _beside(task: Task, settings: Settings, threads: int) -> Outcome:
    _refuse_special(task.source)
    if not is_url(task.destination):
        make_folder(os.path.dirname(task.destination), None if is_url(task.source) else os.path.dirname(task.source))
    with Place(task.source, task.destination, root=settings.root, token=settings.token, replace=True) as place:
        try:
            outcome = _outcome(task.number, _transcode(task.source, place, settings, threads))
        except (NotDicom, NoPixelData) as error:
            why, warnings = _why_copied(task.source, error)
            size = _copy(task, place, settings)
            return Outcome(
                task.number, "copied", 0.0, bytes_before=size, bytes_after=size, error=why, warnings=warnings
            )  # fmt: skip
        place.commit(fsync=settings.fsync)
        return outcome


def _copy(task: Task, place: Destination, settings: Settings) -> int:
    if not settings.copies:
        return size_of(task.source) or 0
    size = copy_within_store(task.source, task.destination)
    if size is None:
        before = None if is_url(task.source) else state_of(os.stat(task.source))
        size = copy_file(task.source, place)
        if before is not None and state_of(os.stat(task.source)) != before:
            raise OSError(errno.EBUSY, "the file was changed while it was copied", task.source)
        place.commit(fsync=settings.fsync)
    return size


def _refuse_special(source: str) -> None:
    """Refuse what reading might wait for without an end: a pipe that took the place of a file, for instance."""
    if not is_url(source):
        open_binary(source).close()


def _outcome(number: int, result: Any) -> Outcome:
    return Outcome(
        number,
        result.status,
        0.0,
        source_syntax=result.source_transfer_syntax,
        frames=result.frames,
        bytes_before=result.bytes_before,
        bytes_after=result.bytes_after,
        pixel_bytes=result.pixel_bytes,
        digest=result.digest,
        verified=result.verified,
        lossy=result.lossy,
        maximum_error=result.maximum_error,
        mean_error=result.mean_error,
        psnr=result.psnr,
        warnings=tuple(result.warnings),
    )


def _in_place(task: Task, settings: Settings, threads: int) -> Outcome:
    """Replace a file by what it becomes, once that is verified and on disk."""
    path = task.source
    _refuse_special(path)
    before = os.stat(path)
    with PlaceOfSource(path, token=settings.token) as place:
        try:
            result = _transcode(path, place, settings, threads)
        except (NotDicom, NoPixelData) as error:
            why, warnings = _why_copied(path, error)
            return Outcome(
                task.number, "unchanged", 0.0, bytes_before=before.st_size, bytes_after=before.st_size, error=why,
                warnings=warnings, identity=(before.st_size, before.st_mtime_ns),
            )  # fmt: skip
        outcome = _outcome(task.number, result)
        if result.status == "copied":  # in the wanted form already: nothing is better than what is there
            identity = (before.st_size, before.st_mtime_ns)
            return outcome._replace(status="unchanged", bytes_after=before.st_size, identity=identity)
        place.commit(fsync=True)
        after = place.written or before
        return outcome._replace(
            identity=(after.st_size, after.st_mtime_ns), warnings=(*outcome.warnings, *place.warnings)
        )


def _why_copied(source: str, error: Exception) -> tuple[str, tuple[str, ...]]:
    """Return why a file was copied, and what its reader should know."""
    if isinstance(error, NoPixelData) and not is_url(source):
        with open(source, "rb") as file:
            if is_directory_object(file.read(1024)):
                return "a DICOMDIR", (_STALE_DIRECTORY,)
    return "it is not DICOM" if isinstance(error, NotDicom) else "it has no pixel data", ()


def _failure(number: int, error: BaseException) -> Outcome:
    hopeless = None
    cause: BaseException | None = error
    while cause is not None and hopeless is None:
        if isinstance(cause, OSError) and cause.errno in _HOPELESS:
            hopeless = _HOPELESS[cause.errno]
        cause = cause.__cause__ or cause.__context__
    return Outcome(number, "failed", 0.0, error=describe(error), error_type=type(error).__name__, hopeless=hopeless)


def describe(error: BaseException) -> str:
    """Return an exception as one sentence."""
    from dcmturbo.errors import Error

    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    if isinstance(error, MemoryError):
        return "out of memory"
    if isinstance(error, (Error, OSError, ValueError, ImportError)):
        return str(error) or type(error).__name__
    return f"unexpected {type(error).__name__}: {error}"
