"""The work on one file of an archive, in any thread, process or machine."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

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
from dcmturbo.archives.selection import KeepOriginal, Selection
from dcmturbo.archives.urls import is_url
from dcmturbo.archives.walk import is_directory_object
from dcmturbo.errors import Error, LimitExceeded, NoPixelData, NotDicom, UnsupportedTransferSyntax
from dcmturbo.formats.syntaxes import find_transfer_syntax
from dcmturbo.transcoding.object import transcode_object as transcode
from dcmturbo.transcoding.permissions import state_of
from dcmturbo.transcoding.pixels import is_lossy

__all__ = ["ON_FAILURE", "Outcome", "Settings", "Task", "do_files", "do_into", "do_one", "left_out", "options_of"]

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


@dataclass(frozen=True)
class Settings:
    """The settings of a run, which are the same for all files."""

    transfer_syntax: str
    verify: bool = True
    offset_table: str = "auto"
    new_uid: bool = False
    mask_unused_bits: bool = False
    fsync: bool = False
    in_place: bool = False
    overwrite: bool = False
    on_failure: str = "fail"
    from_syntaxes: tuple[str, ...] = ()
    skip_lossy: bool = False
    include_lossy: bool | None = None  # as the user passed it; `skip_lossy` is derived from it
    only_dicom: bool = False  # for a file that is not an image: fail instead of copying it
    only_estimates: bool = False  # a copied file has its size already
    keep_if_larger: bool = False
    root: str = ""  # the destination of the run
    began: int = 0  # nanoseconds, by the clock of the destination's file system; 0 for a single file
    token: str | None = None  # of the run: part of the names of its temporary files
    options: dict[str, Any] = field(default_factory=dict, hash=False)


def options_of(settings: Settings) -> str:
    """Return the choices that affect a file's output, as JSON; new choices with default values are left out."""
    chosen: dict[str, Any] = {
        "from_syntaxes": list(settings.from_syntaxes),
        "keep_if_larger": settings.keep_if_larger,
    }
    always = {
        "offset_table": settings.offset_table,
        "new_uid": settings.new_uid,
        "mask_unused_bits": settings.mask_unused_bits,
    }
    options = {**always, **{name: value for name, value in chosen.items() if value}, **settings.options}
    if settings.include_lossy is not None:
        options["include_lossy"] = settings.include_lossy
    return json.dumps(options, sort_keys=True, default=str)


class Task(NamedTuple):
    """A file to be done."""

    number: int
    source: str
    destination: str
    owned: str | None = None  # the identity of the output that an earlier run left there; it may be replaced
    was_begun: bool = False  # a killed run was working on it, so an existing file may be its output
    uid: str | None = None  # the SOP Instance UID of the output, if it gets its own
    failed: tuple[str, str] | None = None  # the error and its type: the file is only copied
    original: str | None = None  # in place: the identity of the source when it was first begun


class Outcome(NamedTuple):
    """The result of a file. All values are plain, because they come from other processes and machines."""

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
    identity: tuple[int, int] | None = None  # size and mtime of the file that is now at the place of the source
    output: str | None = None  # the identity of what was written
    original: str | None = None  # that of the source


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
        outcome = _in_place(task, settings, threads) if settings.in_place else _beside(task, settings, threads)
    except Exception as error:
        # One damaged file, or one that reveals a bug of dcmturbo, must not stop the others.
        outcome = _failure(task.number, error)
    return outcome._replace(seconds=time.perf_counter() - begin)


def _transcode(task: Task, destination: Any, settings: Settings, threads: int) -> Any:
    target = find_transfer_syntax(settings.transfer_syntax)
    lose_again = not is_lossy(settings.options) or (settings.include_lossy is True and not _is_replaced(task))
    selection = Selection(
        target, settings.from_syntaxes, settings.skip_lossy, settings.keep_if_larger, lose_again=lose_again
    )
    opened = False

    def admit(source: Any) -> None:
        nonlocal opened
        opened = True
        selection.admit(source)

    try:
        return transcode(
            task.source,
            destination,
            settings.transfer_syntax,
            verify=settings.verify,
            threads=threads,
            offset_table=settings.offset_table,
            new_uid=task.uid or settings.new_uid,
            mask_unused_bits=settings.mask_unused_bits,
            fsync=settings.fsync or settings.in_place,
            overwrite=True,
            admit=admit,
            accept=selection.accept,
            **settings.options,
        )
    except UnsupportedTransferSyntax as error:
        if settings.from_syntaxes and not opened:
            raise KeepOriginal(f"it is not one of the transfer syntaxes to transcode: {error}") from None
        raise


# ---- beside -----------------------------------------------------------------------------------------


def _beside(task: Task, settings: Settings, threads: int) -> Outcome:
    standing = identity_of(task.destination)
    replaces = _may_replace(task, settings, standing)
    if replaces is None:
        return _found_done(task, settings, threads)
    before = None if is_url(task.source) else os.stat(task.source)
    if not is_url(task.destination):
        make_folder(os.path.dirname(task.destination), None if before is None else os.path.dirname(task.source))
    try:
        with Place(task.source, task.destination, token=settings.token, replace=replaces) as place:
            if replaces and identity_of(task.destination) != standing:
                # Another worker was faster, with a name that the file system treats as the same; or another program
                # wrote it.
                refuse_other_spelling(settings.root, task.destination)
                raise DestinationExistsError(task.destination)
            outcome = _written(task, place, settings, threads)
            if outcome.status in ("failed", "left_out"):
                return outcome
            if outcome.status == "copied" and before is not None and _changed(task.source, before):
                raise OSError(errno.EBUSY, "another program changed the file while it was copied", task.source)
            if settings.only_estimates:
                return outcome
            place.commit(fsync=settings.fsync)
    except (DestinationExistsError, NameTakenError):
        raise
    except FileExistsError as error:
        if error.filename is not None and os.fsdecode(error.filename) == task.source:
            raise
        raise DestinationExistsError(task.destination) from None
    # After closing it, because some file systems set its times only then.
    output = identity_of(task.destination)
    if output is not None and not output.startswith(f"{outcome.bytes_after}:"):
        output = None  # somebody has created it already
    return outcome._replace(output=output, original=None if before is None else identity_of_status(before))


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
        return _outcome(task.number, _transcode(task, destination, settings, threads))
    except (NotDicom, NoPixelData) as error:
        if settings.only_dicom and isinstance(error, NotDicom):
            raise
        why, warnings = _why_copied(task.source, error)
        return _copied(task, destination, settings, why)._replace(warnings=warnings)
    except KeepOriginal as kept:
        return _copied(task, destination, settings, str(kept))._replace(source_syntax=kept.source_syntax)
    except Exception as error:
        if settings.on_failure == "fail" or _is_of_the_machine(error):
            raise
        if settings.on_failure == "skip":
            return left_out(task.number, describe(error), type(error).__name__)
        return _copied(task, destination, settings, describe(error), type(error).__name__)


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
    warnings = () if kind is None else (f"copied unchanged, because it could not be transcoded: {why}",)
    return Outcome(
        task.number, "copied", 0.0, bytes_before=size, bytes_after=size, error=why, error_type=kind, warnings=warnings
    )


def left_out(number: int, why: str, kind: str) -> Outcome:
    """Return the result of a file that could not be transcoded and is therefore left out."""
    return Outcome(
        number, "left_out", 0.0, error=why, error_type=kind,
        warnings=(f"left out, because it could not be transcoded: {why}",),
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


# ---- in place ---------------------------------------------------------------------------------------


def _in_place(task: Task, settings: Settings, threads: int) -> Outcome:
    """Replace a file by its result, after the result is verified and on the disk."""
    path = task.source
    before = os.stat(path)
    if task.failed is not None:
        return _unchanged(task.number, before, *task.failed)
    with PlaceOfSource(path, token=settings.token) as place:
        try:
            result = _transcode(task, place, settings, threads)
        except (NotDicom, NoPixelData) as error:
            why, warnings = _why_copied(path, error)
            return _unchanged(task.number, before, why)._replace(warnings=warnings)
        except KeepOriginal as kept:
            why = str(kept)
            if settings.include_lossy and _is_replaced(task):
                why = "it is compressed with loss, and a run that was killed has already replaced it"
            return _unchanged(task.number, before, why)._replace(source_syntax=kept.source_syntax)
        except Exception as error:
            if settings.on_failure == "fail" or _is_of_the_machine(error):
                raise
            if settings.on_failure == "skip":
                return left_out(task.number, describe(error), type(error).__name__)
            return _unchanged(task.number, before, describe(error), type(error).__name__)
        outcome = _outcome(task.number, result)
        if result.status == "copied":  # it already has the wanted form, so it stays
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


def _is_replaced(task: Task) -> bool:
    """Whether a source has changed since it was begun: its successor may be there now."""
    return task.original is not None and identity_of_status(os.stat(task.source)) != task.original


def _unchanged(number: int, before: os.stat_result, why: str, kind: str | None = None) -> Outcome:
    """Return the result of a file that stays unchanged in its place."""
    return Outcome(
        number, "unchanged", 0.0, bytes_before=before.st_size, bytes_after=before.st_size, error=why, error_type=kind,
        warnings=() if kind is None else (f"unchanged, because it could not be transcoded: {why}",),
        identity=(before.st_size, before.st_mtime_ns), original=identity_of_status(before),
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


def _why_copied(source: str, error: Exception) -> tuple[str, tuple[str, ...]]:
    """Return why a file was copied, and its warnings."""
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
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    if isinstance(error, MemoryError):
        return "out of memory"
    if isinstance(error, (Error, OSError, ValueError, ImportError)):
        return str(error) or type(error).__name__
    return f"unexpected {type(error).__name__}: {error}"
