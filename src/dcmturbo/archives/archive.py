"""Whole archives: `transcode_archive`."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, Literal

import numpy as np

from dcmturbo.archives.coordinator import Coordinator
from dcmturbo.archives.estimate import TakenPlaces, estimate_archive
from dcmturbo.archives.manifest import COUNTED, Manifest, default_manifest
from dcmturbo.archives.operation import Settings
from dcmturbo.archives.places import folder_identity, folders_around, lie_within_each_other, make_root
from dcmturbo.archives.result import ArchiveResult, Failure, Progress
from dcmturbo.archives.runs import leave_out
from dcmturbo.archives.selection import find_syntaxes, is_lossless_target
from dcmturbo.archives.transcoding import Transcoding
from dcmturbo.archives.walk import Filters, absolute, find_files, find_missing, source_folder, takes_subfolders
from dcmturbo.archives.work import ON_FAILURE
from dcmturbo.archives.workers import is_shared, make_workers, share_cores
from dcmturbo.configuration import check_environment
from dcmturbo.encoding import encode_frame, require_encoder
from dcmturbo.errors import Error
from dcmturbo.formats.names import name_transfer_syntax
from dcmturbo.formats.options import undecided_loss
from dcmturbo.formats.syntaxes import TransferSyntax
from dcmturbo.redaction import without_secrets
from dcmturbo.transcoding.object import check_options
from dcmturbo.transcoding.offset_tables import OFFSET_TABLES
from dcmturbo.urls import check_protocols, is_url

__all__ = ["check_places", "make_settings", "nothing_done", "patterns", "transcode_archive"]

_OF_EACH_FRAME = {"ratio", "photometric_interpretation", "from_rgb"}


def transcode_archive(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    destination: str | os.PathLike[str] | None,
    transfer_syntax: str,
    *,
    overwrite: bool = False,
    on_failure: Literal["fail", "copy", "skip"] = "fail",
    from_syntaxes: str | Sequence[str] | None = None,
    include_lossy: bool | None = None,
    keep_if_larger: bool = False,
    executor: Executor | str | None = None,
    manifest: str | os.PathLike[str] | bool | None = None,
    jobs: int | Literal["auto"] | None = None,
    threads: int | None = None,
    verify: bool = True,
    include: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    resume: bool = True,
    in_place: bool = False,
    dry_run: bool = False,
    fail_fast: bool = False,
    fsync: bool = False,
    offset_table: str = "auto",
    new_uid: bool = False,
    mask_unused_bits: bool = False,
    progress: Callable[[Progress], object] | None = None,
    **options: Any,
) -> ArchiveResult:
    """Transcode all DICOM objects of an archive: verified, in parallel, and continued after an interruption.

    Files that are not DICOM or have no pixel data are copied unchanged, but an empty file whose name says that it is
    DICOM fails. A file that fails has no output, and the run continues.

    Parameters
    ----------
    source : path, URL or sequence of them
        Folders (including all subfolders), files, patterns such as ``"study/**/*.dcm"``, DICOMDIR files (their file
        sets), and fsspec URLs. The content of a single folder goes directly below the destination. If there are several
        sources, each folder keeps its name.
    destination : path or URL
        The folder to write. It is created if it does not exist. None with `in_place`.
    transfer_syntax : str
        UID or keyword, as for `transcode`.
    overwrite : bool
        Replace existing files at the destination, each in one step. By default, an existing file stays as it is, and
        the file that would replace it fails. A file may always be replaced if the manifest lists it as an output and
        nobody has changed it since.
    on_failure : {"fail", "copy", "skip"}
        What to do with a file that cannot be transcoded: ``"fail"`` (it has no output), ``"copy"`` (the original is
        copied unchanged, so that the new archive is complete), or ``"skip"`` (it is left out). ``"copy"`` and
        ``"skip"`` add a warning to `warnings` and are no failures. A file that cannot be read, or whose place is taken,
        always fails.
    from_syntaxes : str or sequence of str, optional
        Transfer syntaxes to transcode. Sources in other transfer syntaxes are copied unchanged.
    include_lossy : bool, optional
        Whether lossy sources are transcoded; otherwise they are copied unchanged. By default, they are transcoded if
        the target is uncompressed, or is lossy and not the source's own transfer syntax. A lossless copy of lossy data
        would be larger and no better, and data in the lossy target syntax would lose more at each run.
    keep_if_larger : bool
        Copy the original if transcoding would make the file larger.
    executor : concurrent.futures.Executor or str, optional
        What runs the work: an executor, or the address of a dask.distributed scheduler. Paths must mean the same to all
        workers. By default, processes of this machine.
    manifest : path or False, optional
        The SQLite file with the state of each file; False keeps none. By default ``.dcmturbo-transcode.sqlite`` in the
        destination; if the destination is a URL, a file in the user's state folder.
    jobs, threads : int, optional
        `jobs` x `threads` files are processed at the same time, each in a process of its own. If fewer files remain,
        threads share the frames of a file. The default is the number of cores that the process may use, which is also
        the maximum. The calling process does none of the work, so a codec that crashes ends only another process, and
        only its file fails. With an `executor`, `jobs` is the number of groups of files that it gets at the same time,
        and `threads` the threads for each. `jobs` may be "auto", which is the default.
    verify : bool
        Decode each result and compare it with its source.
    include, exclude : str or sequence of str, optional
        Patterns of files to process and to leave out. They are compared with names, or, if they contain a slash, with
        paths below the source.
    resume : bool
        Skip files that the manifest lists as done: the same source (size, times, inode), target and options, and an
        output of the listed size. False processes all files again.
    in_place : bool
        Replace each source when its successor is verified and on the disk.
    dry_run : bool
        Write nothing. Estimate size and time from a sample, and list the places that are taken.
    fail_fast : bool
        Stop at the first failure.
    fsync : bool
        Write each output to disk before it gets its final name.
    offset_table, new_uid, mask_unused_bits, **options
        As of `transcode`.
    progress : callable, optional
        Called repeatedly with a `Progress`, in the calling thread.

    Returns
    -------
    ArchiveResult

    Raises
    ------
    ValueError
        If the arguments contradict each other, for instance if the destination is inside a source.
    TypeError
        If the target does not have an option.
    UnsupportedTransferSyntax
        If dcmturbo cannot encode the transfer syntax.
    OSError
        If the manifest or the destination cannot be written.
    KeyboardInterrupt
        After Ctrl-C, when the files in work are done and in the manifest. Its ``result`` is an `ArchiveResult`. A
        second Ctrl-C does not wait for these files.

    Notes
    -----
    If no source exists (in place: if one does not exist), nothing is created or changed; see `failures`. A full disk,
    an exhausted quota or a read-only destination ends the run, and ``stopped`` gives the reason. PS3.5, 8.2 and PS3.3,
    C.7.6.1.1.5 and C.7.6.3 define the elements that must change; see `transcode`.
    """
    settings = make_settings(
        transfer_syntax, options, overwrite=overwrite, on_failure=on_failure, from_syntaxes=from_syntaxes,
        include_lossy=include_lossy, keep_if_larger=keep_if_larger, verify=verify, in_place=in_place, fsync=fsync,
        offset_table=offset_table, new_uid=new_uid, mask_unused_bits=mask_unused_bits,
    )  # fmt: skip
    sources = [source] if isinstance(source, (str, os.PathLike)) else list(source)
    if not sources:
        raise ValueError("give at least one source")
    if not all(map(os.fsdecode, sources)) or (destination is not None and not os.fsdecode(destination)):
        # An empty name would mean the current folder, as in `rm -r "$unset"/`.
        raise ValueError("a source or destination is an empty string; to name the current folder, use '.'")
    paths = [absolute(one) for one in sources]
    target = check_places(paths, destination, in_place=in_place, verify=verify)
    for one in (*paths, target):
        check_protocols(one)
    filters = Filters(patterns(include), patterns(exclude))
    if jobs == "auto":
        jobs = None
    place: str | None = None
    if manifest is None:
        place = default_manifest(target)
    elif manifest is not False:
        place = absolute(manifest)  # type: ignore[arg-type]
    if dry_run:
        return _dry_run(paths, target, settings, filters, jobs, threads, place)
    missing = find_missing(paths)
    if missing and (in_place or len(missing) == len(paths)):
        return nothing_done(missing, stopped=len(missing) < len(paths))
    if not in_place and not is_url(target):
        make_root(target, paths)
    # Start the workers first: a forked process must not have the manifest open.
    with make_workers(executor, jobs, threads, apart=is_shared([*paths, target])) as workers, Manifest(place) as opened:
        run = Coordinator(
            paths, target, settings, filters, opened, workers, progress, resume=resume, fail_fast=fail_fast
        )
        return run.run()


def make_settings(
    transfer_syntax: str,
    options: dict[str, Any],
    *,
    overwrite: bool,
    on_failure: str,
    from_syntaxes: str | Sequence[str] | None,
    include_lossy: bool | None,
    keep_if_larger: bool,
    verify: bool,
    in_place: bool,
    fsync: bool,
    offset_table: str,
    new_uid: bool,
    mask_unused_bits: bool,
) -> Settings:
    """Return the settings of a run; raise what would make every file fail."""
    check_environment()
    if offset_table not in OFFSET_TABLES:
        raise ValueError(f"offset_table is {offset_table!r}; expected one of {', '.join(OFFSET_TABLES)}")
    if on_failure not in ON_FAILURE:
        raise ValueError(f"on_failure is {on_failure!r}; expected one of {', '.join(ON_FAILURE)}")
    syntax = name_transfer_syntax(transfer_syntax)
    require_encoder(syntax)
    lossy = _check_options(syntax, options, new_uid=new_uid)
    if keep_if_larger and lossy:
        raise ValueError("keep_if_larger is for lossless targets only: a lossy result has the size that you asked for")
    transcoding = Transcoding(
        transfer_syntax=syntax.uid,
        verify=bool(verify),
        offset_table=offset_table,
        new_uid=bool(new_uid),
        mask_unused_bits=bool(mask_unused_bits),
        from_syntaxes=find_syntaxes(patterns(from_syntaxes)),
        skip_lossy=is_lossless_target(syntax, options) if include_lossy is None else not include_lossy,
        include_lossy=include_lossy,
        keep_if_larger=bool(keep_if_larger),
        options=options,
    )
    return Settings(
        transcoding, fsync=bool(fsync), in_place=bool(in_place), overwrite=bool(overwrite), on_failure=on_failure
    )


def _check_options(syntax: TransferSyntax, options: dict[str, Any], *, new_uid: bool) -> bool:
    """Refuse options that no file could be encoded with; return whether they ask for loss."""
    lossy = check_options(syntax, options)
    if new_uid and not lossy:
        raise ValueError("new_uid is for lossy encoding only: a lossless result keeps its SOP Instance UID")
    if why := undecided_loss(syntax, lossy=lossy):
        raise ValueError(why)
    errors = []
    depths = (8, 12, 16)
    for bits in depths if options else ():
        cells = np.zeros((16, 16), np.uint8 if bits == 8 else np.uint16)
        try:
            encode_frame(cells, syntax.uid, bits_stored=bits, **options)
        except Error as error:
            errors.append(error)
    # If this frame cannot be stored in the format, other frames may still fit. The same holds for the frame's content.
    wrong = [error for error in errors if getattr(error, "code", None) == "argument"]
    if len(errors) == len(depths) and wrong and not options.keys() & _OF_EACH_FRAME:
        raise wrong[0]
    return lossy


def patterns(value: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return one pattern, or several, or none, as a tuple."""
    return (value,) if isinstance(value, str) else tuple(value or ())


def check_places(
    sources: Sequence[str],
    destination: str | os.PathLike[str] | None,
    *,
    in_place: bool,
    verify: bool,
    may_replace: bool = True,
) -> str:
    """Return the destination as an absolute path or URL; raise an error if it would write into a source.

    `may_replace` says whether the operation has an in_place.
    """
    if in_place:
        if any(is_url(one) for one in sources):
            raise ValueError("in_place can replace local files only, not objects of a URL")
        if not verify:
            raise ValueError("in_place needs verify, because there is no other copy of the original")
        given = None if destination is None else absolute(destination)
        if given is not None and [given] != list(sources):
            raise ValueError("in_place replaces the sources, so it cannot be used with a destination")
        return source_folder(sources[0]) or os.path.dirname(sources[0])
    if destination is None:
        raise ValueError("give a destination, or in_place=True to replace the sources")
    target = absolute(destination)
    if is_url(target):
        for one in sources:
            if is_url(one) and lie_within_each_other(one, target):
                both = (
                    f"one of the destination {target} and the source {one} contains the other: choose another "
                    "destination"
                )
                raise ValueError(without_secrets(both))
        return target
    if os.path.lexists(target) and not os.path.isdir(target):
        raise NotADirectoryError(f"the destination {target} is not a folder")
    real = os.path.realpath(target)
    around = folders_around(real)
    for one in sources:
        folder = source_folder(one)
        if folder is None:
            continue
        theirs = os.path.realpath(folder)
        # Compare device and inode too, because a folder can be mounted in two places.
        identity = folder_identity(theirs)
        if theirs == real or (identity is not None and identity == folder_identity(real)):
            instead = (
                "to replace its files, use in_place=True (--in-place)" if may_replace else "choose another destination"
            )
            raise ValueError(f"the destination {one} is the source: {instead}")
        common = os.path.commonpath([theirs, real])
        is_below = common == theirs or identity in around
        is_above = common == real or folder_identity(real) in folders_around(theirs)
        if (is_below and takes_subfolders(one)) or (is_above and os.path.isdir(one)):
            raise ValueError(
                f"one of the destination {target} and the source {one} contains the other: choose another destination"
            )
    return target


def nothing_done(missing: list[tuple[str, str]], *, stopped: bool) -> ArchiveResult:
    """Return the result of a run that changed nothing, because sources do not exist."""
    counts = {**dict.fromkeys((*COUNTED, "skipped"), 0), "failed": len(missing)}
    failures = tuple(Failure(path, "", why, "OSError") for path, why in missing)
    why = "a source does not exist, so nothing was changed" if stopped else None
    return ArchiveResult(counts, 0, 0, 0, 0, 0.0, failures, (), None, why)


def _dry_run(
    paths: list[str],
    target: str,
    settings: Settings,
    filters: Filters,
    jobs: int | None,
    threads: int | None,
    place: str | None,
) -> ArchiveResult:
    failures: list[Failure] = []
    warned: list[tuple[str, str]] = []

    def tell(kind: str, path: str, message: str) -> None:
        if kind == "failed":
            failures.append(Failure(path, "", message, "OSError"))
        else:
            warned.append((path, message))

    begin = time.perf_counter()
    processes, each, _ = share_cores(jobs, threads)
    found = find_files(paths, filters, tell, follow_links=not settings.in_place, leave_out=leave_out(None))
    with contextlib.ExitStack() as stack:
        opened = None
        if place is not None and not settings.in_place and os.path.isfile(place):
            opened = stack.enter_context(Manifest(place, write=False))
        taken = None if settings.in_place else TakenPlaces(target, opened)
        estimate, failed = estimate_archive(found, settings, processes * each, taken)
    failures += failed
    return ArchiveResult(
        {}, 0, estimate.bytes_before, estimate.bytes_after, 0, time.perf_counter() - begin, tuple(failures),
        tuple(f"{path}: {message}" for path, message in warned), None, None, estimate, tuple(warned),
    )  # fmt: skip
