"""The work on one file of an archive, in any thread, process or machine."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from dcmturbo.archives.operation import KeepOriginal, Settings
from dcmturbo.archives.outcome import Outcome, Task
from dcmturbo.archives.ownership import DestinationExistsError, has_content, identity_of, identity_of_status, is_still
from dcmturbo.archives.places import (
    NameTakenError,
    Place,
    PlaceOfSource,
    copy_file,
    make_folder,
    open_binary,
    refuse_other_spelling,
    size_of,
)
from dcmturbo.archives.walk import is_directory_object
from dcmturbo.dataset.file_names import is_named_dicom
from dcmturbo.dataset.opened import NO_PIXELS_OF_IMAGE
from dcmturbo.destinations.permissions import state_of
from dcmturbo.errors import DecodeError, Error, LimitExceeded, NoPixelData, NotDicom, reason_of
from dcmturbo.urls import is_url

__all__ = ["ON_FAILURE", "describe", "do_files", "do_into", "do_one", "left_out"]

ON_FAILURE = ("fail", "copy", "skip")

# Errors that the next file would meet too: the disk is full, the quota is used up, the file system is read-only.
_HOPELESS = {
    errno.ENOSPC: "the destination has no space left",
    errno.EDQUOT: "the quota of the destination is used up",
    errno.EROFS: "the destination is read-only",
}

_STALE_DIRECTORY = (
    "a DICOMDIR is copied unchanged: its Referenced Transfer Syntax UIDs in File (0004,1512) are those of the old files"
)

_PACKED = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar")


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
        Number of workers: over the files, or over the frames of a single file.
    emit : callable, optional
        Gets each result as soon as it is there; the results are then not returned.
    is_stopped : callable
        Tells whether the remaining files are not wanted any more.

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
    """Process one file; any error becomes its result."""
    begin = time.perf_counter()
    try:
        if not is_url(task.source):
            # For instance a pipe that replaced a file after it was found: never wait for its data.
            open_binary(task.source).close()
        if not settings.operation.writes:
            outcome = settings.operation.do(task, task.destination, threads, fsync=False)
        else:
            outcome = _in_place(task, settings, threads) if settings.in_place else _beside(task, settings, threads)
    except Exception as error:
        # One damaged file, or one that reveals a bug of dcmturbo, must not stop the others.
        outcome = _failure(task.number, error)
    return outcome._replace(seconds=time.perf_counter() - begin)


# ---- beside -----------------------------------------------------------------------------------------


def _beside(task: Task, settings: Settings, threads: int) -> Outcome:
    standing = identity_of(task.destination)
    replaces = _may_replace(task, settings, standing)
    if replaces is None:
        return _found_done(task, settings, threads)
    before = None if is_url(task.source) else os.stat(task.source)
    if not is_url(task.destination):
        make_folder(os.path.dirname(task.destination), None if before is None else os.path.dirname(task.source))
    with _telling_what_is_taken(task):
        place = Place(task.source, task.destination, token=settings.token, replace=replaces)
    with place:
        if replaces and identity_of(task.destination) != standing:
            # Another worker was faster, with a name that the file system treats as the same; or another program wrote
            # it.
            refuse_other_spelling(settings.root, task.destination)
            raise DestinationExistsError(task.destination)
        outcome = _written(task, place, settings, threads)
        if outcome.status in ("failed", "left_out"):
            return outcome
        if outcome.status == "copied" and before is not None and _changed(task.source, before):
            raise OSError(errno.EBUSY, "another program changed the file while it was copied", task.source)
        if settings.only_estimates:
            return outcome
        with _telling_what_is_taken(task):
            place.commit(fsync=settings.fsync)
    # After closing it, because some file systems set its times only then.
    output = identity_of(task.destination)
    if output is not None and not output.startswith(f"{outcome.bytes_after}:"):
        output = None  # somebody has created it already
    return outcome._replace(output=output, original=None if before is None else identity_of_status(before))


@contextlib.contextmanager
def _telling_what_is_taken(task: Task) -> Iterator[None]:
    try:
        yield
    except NameTakenError:
        raise
    except (FileExistsError, IsADirectoryError):  # a folder that another worker has made in the meantime
        if not is_url(task.destination) and os.path.isdir(task.destination):
            raise DestinationExistsError(task.destination, "it is a folder") from None
        raise DestinationExistsError(task.destination) from None


def _may_replace(task: Task, settings: Settings, standing: str | None) -> bool | None:
    """Return whether the existing file may be replaced; None if a killed run may have written it.

    Raises
    ------
    DestinationExistsError
        If a file exists there that dcmturbo did not write.
    """
    if standing is None:
        return False  # a file that appears later is the output of another file, or another program's
    found = None if is_url(task.destination) else os.lstat(task.destination)
    if found is not None and not stat.S_ISREG(found.st_mode):
        raise DestinationExistsError(task.destination, "it is not a regular file")
    if is_still(standing, task.owned):
        return True
    refuse_other_spelling(settings.root, task.destination)
    if settings.overwrite and (found is None or not settings.began or found.st_ctime_ns < settings.began):
        return True
    if task.was_begun:
        return None
    if settings.overwrite:
        # Written by this run, for a file whose name the file system treats as the same; or by another program.
        raise NameTakenError(
            errno.EEXIST, "another program wrote it after this run began, so it is kept", task.destination
        )
    raise DestinationExistsError(task.destination)


def _written(task: Task, destination: Any, settings: Settings, threads: int) -> Outcome:
    """Write the result of a file to a place or into an open file."""
    if task.failed is not None:
        return _copied(task, destination, settings, *task.failed)
    try:
        return _done(task, destination, settings, threads, fsync=settings.fsync)
    except (NotDicom, NoPixelData) as error:
        if settings.only_dicom and isinstance(error, NotDicom):
            raise
        why, about = _why_copied(task.source, error, "copied unchanged")
        return _copied(task, destination, settings, why)._replace(**about)
    except KeepOriginal as kept:
        outcome = _copied(task, destination, settings, str(kept))
        return outcome._replace(source_syntax=kept.source_syntax, kept=kept.kept)
    except Exception as error:
        if settings.on_failure == "fail" or _is_of_the_machine(error):
            raise
        if settings.on_failure == "skip":
            return left_out(task.number, describe(error), type(error).__name__, settings.operation.done)
        return _copied(task, destination, settings, describe(error), type(error).__name__)


def _done(task: Task, destination: Any, settings: Settings, threads: int, *, fsync: bool) -> Outcome:
    """Do the work on a file; an empty file that should be DICOM is one that has lost its content."""
    try:
        return settings.operation.do(task, destination, threads, fsync=fsync)
    except NotDicom:
        if is_named_dicom(task.source) and size_of(task.source) == 0 and not settings.only_dicom:
            raise DecodeError("it is empty (0 bytes), although its name says that it is DICOM") from None
        raise


def _copied(task: Task, destination: Any, settings: Settings, why: str, kind: str | None = None) -> Outcome:
    """Copy a file unchanged, with the reason; `kind` names the exception if transcoding failed."""
    if settings.only_estimates:
        size = size_of(task.source) or 0
    elif isinstance(destination, Place):
        size = copy_file(task.source, destination)
    else:
        destination.seek(0)
        destination.truncate()
        with open_binary(task.source) as file:
            shutil.copyfileobj(file, destination)
        size = destination.tell()
    could_not = f"could not be {settings.operation.done}"
    warnings = () if kind is None else (f"copied unchanged, because it {could_not}: {why}",)
    return Outcome(
        task.number, "copied", 0.0, bytes_before=size, bytes_after=size, error=why, error_type=kind, warnings=warnings,
        kept=None if kind is None else f"that {could_not}",
    )  # fmt: skip


def left_out(number: int, why: str, kind: str, done: str) -> Outcome:
    """Return the result of a file that is left out; `done` is the status that it could not reach."""
    return Outcome(
        number, "left_out", 0.0, error=why, error_type=kind,
        warnings=(f"left out, because it could not be {done}: {why}",),
    )  # fmt: skip


def do_into(task: Task, stream: Any, settings: Settings, threads: int) -> Outcome:
    """Write a complete result into a pipe or a device; any error becomes the result."""
    begin = time.perf_counter()
    try:
        with tempfile.TemporaryFile() as spool:
            outcome = _written(task, spool, settings, threads)
            if outcome.status not in ("failed", "left_out"):
                spool.seek(0)
                shutil.copyfileobj(spool, stream)
                stream.flush()
    except Exception as error:
        outcome = _failure(task.number, error)
    return outcome._replace(seconds=time.perf_counter() - begin)


def _found_done(task: Task, settings: Settings, threads: int) -> Outcome:
    """Process a file of a killed run again and compare: an existing file with the same bytes is ours.

    The existing file stays in any case.
    """
    before = None if is_url(task.source) else os.stat(task.source)
    folder = None if is_url(task.destination) else os.path.dirname(task.destination)
    with tempfile.TemporaryFile(dir=folder) as spool:
        outcome = _written(task, spool, settings, threads)
        if outcome.status in ("failed", "left_out"):
            return outcome
        output = identity_of(task.destination)
        if not has_content(task.destination, spool) or output is None:
            raise DestinationExistsError(task.destination)
    if before is not None and _changed(task.source, before):
        raise OSError(errno.EBUSY, "another program changed the file while it was compared", task.source)
    return outcome._replace(output=output, original=None if before is None else identity_of_status(before))


# ---- in place ---------------------------------------------------------------------------------------


def _in_place(task: Task, settings: Settings, threads: int) -> Outcome:
    """Replace a file by its result, after the result is verified and on the disk."""
    path = task.source
    before = os.stat(path)
    if task.failed is not None:
        return _unchanged(task.number, before, *task.failed, settings.operation.done)
    with PlaceOfSource(path, token=settings.token) as place:
        try:
            outcome = _done(task, place, settings, threads, fsync=True)
        except (NotDicom, NoPixelData) as error:
            why, about = _why_copied(path, error, "unchanged")
            return _unchanged(task.number, before, why)._replace(**about)
        except KeepOriginal as kept:
            outcome = _unchanged(task.number, before, str(kept))
            return outcome._replace(source_syntax=kept.source_syntax, kept=kept.kept)
        except Exception as error:
            if settings.on_failure == "fail" or _is_of_the_machine(error):
                raise
            if settings.on_failure == "skip":
                return left_out(task.number, describe(error), type(error).__name__, settings.operation.done)
            return _unchanged(task.number, before, describe(error), type(error).__name__, settings.operation.done)
        if outcome.status == "copied":  # it already has the wanted form, so it stays
            identity = (before.st_size, before.st_mtime_ns)
            return outcome._replace(
                status="unchanged", bytes_after=before.st_size, identity=identity, original=identity_of_status(before)
            )
        place.commit(fsync=True)
        after = place.written or before
        return outcome._replace(
            identity=(after.st_size, after.st_mtime_ns), original=identity_of_status(after),
            warnings=(*outcome.warnings, *place.warnings),
        )  # fmt: skip


def _unchanged(number: int, before: os.stat_result, why: str, kind: str | None = None, done: str = "") -> Outcome:
    """Return the result of a file that stays unchanged in its place."""
    return Outcome(
        number, "unchanged", 0.0, bytes_before=before.st_size, bytes_after=before.st_size, error=why, error_type=kind,
        warnings=() if kind is None else (f"unchanged, because it could not be {done}: {why}",),
        identity=(before.st_size, before.st_mtime_ns), original=identity_of_status(before),
        kept=None if kind is None else f"that could not be {done}",
    )  # fmt: skip


def _is_of_the_machine(error: Exception) -> bool:
    """Whether an error does not depend on the file's content: it cannot be read, or needs too much memory."""
    if isinstance(error, (OSError, MemoryError, LimitExceeded)):
        return True
    return isinstance(error, Error) and error.code in ("limit", "out_of_memory")


def _changed(path: str, before: os.stat_result) -> bool:
    """Whether another program has written to a file, replaced it or removed it."""
    try:
        return state_of(os.stat(path)) != state_of(before)
    except FileNotFoundError:
        return True


def _why_copied(source: str, error: Exception, what_was_done: str) -> tuple[str, dict[str, Any]]:
    """Return why a file was copied, and what its outcome says of that: its warnings, and the reason in a few words."""
    if isinstance(error, NoPixelData):
        kept = "without pixel data"
        if not is_url(source):
            with open(source, "rb") as file:
                if is_directory_object(file.read(1024)):
                    return "a DICOMDIR", {"warnings": (_STALE_DIRECTORY,), "kept": kept}
        doubt = f"{what_was_done}, but it has no pixel data, {NO_PIXELS_OF_IMAGE}"
        return "it has no pixel data", {"warnings": (doubt,) if error.describes_image else (), "kept": kept}
    kept, doubt = "not DICOM", ""
    if size_of(source) == 0:
        return "it is empty (0 bytes)", {"warnings": (f"{what_was_done}, but it is empty (0 bytes)",), "kept": kept}
    if is_named_dicom(source):
        doubt = f"{what_was_done}, but it is not DICOM, although its name says so (damaged?)"
    elif source.lower().endswith(_PACKED):
        doubt = f"{what_was_done}: images in packed files are not converted; unpack it if it has any"
    return "it is not DICOM", {"warnings": (doubt,) if doubt else (), "kept": kept}


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
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    if isinstance(error, MemoryError):
        return "out of memory"
    if isinstance(error, (Error, OSError, ValueError, ImportError)):
        return reason_of(error) or type(error).__name__
    return f"unexpected {type(error).__name__}: {error}"
