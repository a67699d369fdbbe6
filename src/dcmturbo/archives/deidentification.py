"""De-identification as an operation over the files of an archive: `deidentify_archive`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from dcmturbo import system
from dcmturbo.archives.archive import check_places, nothing_done, patterns
from dcmturbo.archives.coordinator import Coordinator
from dcmturbo.archives.manifest import Manifest
from dcmturbo.archives.operation import Operation, Settings
from dcmturbo.archives.outcome import Outcome, Task
from dcmturbo.archives.places import make_root
from dcmturbo.archives.result import ArchiveResult, Progress
from dcmturbo.archives.walk import Filters, absolute, find_missing
from dcmturbo.archives.workers import is_shared, make_workers
from dcmturbo.configuration import check_environment
from dcmturbo.deidentification.api import audit_log, audit_record, make_rules, write_output
from dcmturbo.deidentification.boxes import DeviceRule
from dcmturbo.deidentification.object import Rules, deidentify_bytes, read_object
from dcmturbo.deidentification.profile import EDITION
from dcmturbo.deidentification.pseudonyms import Pseudonyms
from dcmturbo.destinations.destination import Destination
from dcmturbo.errors import DeidentificationError, NoPixelData, NotDicom
from dcmturbo.urls import check_protocols, is_url
from dcmturbo.version import __version__

__all__ = ["Deidentification", "audit_place", "deidentify_archive", "manifest_place"]


@dataclass(frozen=True)
class Deidentification(Operation):
    """Files become files without identities. No file is ever copied as it is."""

    done: ClassVar[str] = "deidentified"

    rules: Rules
    audit: str | None = None
    keep_names: bool = False

    @property
    def target(self) -> str:
        """The UID of the transfer syntax; empty if each file keeps its own."""
        return self.rules.transfer_syntax or ""

    @property
    def noted(self) -> str:
        """All choices, and what distinguishes the key from others without betraying it."""
        rules = self.rules
        return json.dumps(
            {
                "operation": "deidentify",
                "version": __version__,
                "profile": EDITION,
                "options": list(rules.profile.names),
                "key": Pseudonyms(rules.key).fingerprint,
                "boxes": [list(box) for box in rules.boxes],
                "device_rules": [[rule.match, rule.boxes] for rule in rules.device_rules],
                "outside_regions": rules.outside_regions,
                "burned_in": rules.burned_in,
                "safe_private": sorted(map(list, rules.safe_private)),
                "words": sorted(rules.words),
                "audit": self.audit is not None,
            },
            sort_keys=True,
        )

    def name_of_output(self, relative: str) -> str:
        """Return a path of pseudonyms: names of files and folders are often names of patients."""
        if self.keep_names:
            return relative
        pseudonyms = Pseudonyms(self.rules.key)
        folders = relative.split("/")
        return "/".join(map(pseudonyms.name_of_file, folders)) + ".dcm"

    def do(self, task: Task, destination: Any, threads: int, *, fsync: bool) -> Outcome:
        """De-identify one file; any doubt is an error, so that it is not written."""
        try:
            data = read_object(task.source)
            done = deidentify_bytes(data, self.rules, threads)
            result = done.result
        except (NotDicom, NoPixelData) as error:
            # Such files are copied by other operations.
            raise DeidentificationError(
                f"it is not written, because nothing is known of its content: {error}"
            ) from None
        if self.audit is not None:
            # Before the output gets its name, so that no output is without a record.
            audit_log(self.audit, self.rules).append(**audit_record(data, result, self.rules))
        if isinstance(destination, Destination):
            write_output(done.data, destination.descriptor)
        else:
            destination.write(done.data)
        return Outcome(
            task.number, self.done, 0.0, result.source_transfer_syntax, frames=result.frames,
            bytes_before=result.bytes_before, bytes_after=result.bytes_after, digest=result.digest, verified=True,
            blanked=result.blanked, warnings=result.warnings,
        )  # fmt: skip


def audit_place(destination: str) -> str:
    """Return the default place of the audit log: beside the destination, which is to be given away."""
    return destination.rstrip(system.SEPARATORS) + ".audit.jsonl"


def manifest_place(destination: str) -> str:
    """Return the default place of the manifest: beside the destination, because it names the sources."""
    return destination.rstrip(system.SEPARATORS) + ".deidentify.sqlite"


def deidentify_archive(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    destination: str | os.PathLike[str],
    *,
    key: bytes | str | os.PathLike[str],
    boxes: Iterable[Iterable[int]] = (),
    device_rules: str | os.PathLike[str] | Iterable[Mapping[str, Any] | DeviceRule] = (),
    outside_regions: bool = False,
    burned_in: Literal["refuse", "keep"] = "refuse",
    transfer_syntax: str | None = None,
    safe_private: str | os.PathLike[str] | Iterable[str] = (),
    words: str | os.PathLike[str] | Iterable[str] = (),
    audit: str | os.PathLike[str] | bool = True,
    keep_names: bool = False,
    on_failure: Literal["fail", "skip"] = "fail",
    overwrite: bool = False,
    executor: Executor | str | None = None,
    manifest: str | os.PathLike[str] | bool | None = None,
    jobs: int | Literal["auto"] | None = None,
    threads: int | None = None,
    include: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    resume: bool = True,
    fail_fast: bool = False,
    fsync: bool = False,
    progress: Callable[[Progress], object] | None = None,
    **options: bool,
) -> ArchiveResult:
    """De-identify all DICOM objects of an archive: in parallel, searched, and continued after an interruption.

    Each object is done as by `deidentify`. A file that is not DICOM, or that cannot be de-identified for certain, has
    no output, and is listed as a failure.

    Parameters
    ----------
    source : path, URL or sequence of them
        As for `transcode_archive`.
    destination : path or URL
        The folder to write.
    key, boxes, device_rules, outside_regions, burned_in, transfer_syntax, safe_private, words, **options
        As for `deidentify`. `boxes` are blanked in every image, and an image in which one of them does not fit is
        refused: give them for images of one kind, and `device_rules` for several kinds.
    audit : path or bool
        The audit log, to which a record of each object is appended before its output gets its name. By default, it is
        beside the destination, with ``.audit.jsonl`` added to its name. It must be a local file. False writes none.
    keep_names : bool
        Keep the names of files and folders. By default, they become pseudonyms.
    on_failure : {"fail", "skip"}
        Whether a file that is not written counts as a failure, or is left out with a warning.
    manifest : path or False, optional
        As for `transcode_archive`. It names the sources, so by default it is beside the destination, with
        ``.deidentify.sqlite`` added to its name.
    overwrite, executor, jobs, threads, include, exclude, resume, fail_fast, fsync, progress
        As for `transcode_archive`.

    Returns
    -------
    ArchiveResult

    Raises
    ------
    ValueError, TypeError
        If the arguments are wrong.
    UnsupportedTransferSyntax
        If dcmturbo cannot encode the transfer syntax.
    OSError
        If the manifest, the audit log or the destination cannot be written.
    KeyboardInterrupt
        After Ctrl-C, as of `transcode_archive`.
    """
    check_environment()
    if on_failure not in ("fail", "skip"):
        raise ValueError(f"on_failure is {on_failure!r}; expected 'fail' or 'skip': no file is copied as it is")
    rules = make_rules(
        key, options, boxes=boxes, device_rules=device_rules, outside_regions=outside_regions, burned_in=burned_in,
        transfer_syntax=transfer_syntax, safe_private=safe_private, words=words,
    )  # fmt: skip
    sources = [source] if isinstance(source, (str, os.PathLike)) else list(source)
    if not sources or not all(map(os.fsdecode, sources)) or not os.fsdecode(destination):
        raise ValueError("give at least one source, and a destination")
    paths = [absolute(one) for one in sources]
    target = check_places(paths, destination, in_place=False, verify=True, may_replace=False)
    for one in (*paths, target):
        check_protocols(one)
    log, place = _side_files(target, audit, manifest)
    settings = Settings(
        Deidentification(rules, log, keep_names=bool(keep_names)), fsync=bool(fsync), overwrite=bool(overwrite),
        on_failure=on_failure,
    )  # fmt: skip
    missing = find_missing(paths)
    if len(missing) == len(paths):
        return nothing_done(missing, stopped=False)
    if not is_url(target):
        make_root(target, paths)
    filters = Filters(patterns(include), patterns(exclude))
    if jobs == "auto":
        jobs = None
    if log is not None:
        record = {"action": "run", "profile": EDITION, "options": list(rules.profile.names), "version": __version__}
        audit_log(log, rules).append(**record)
    # Start the workers first: a forked process must not have the manifest open.
    with make_workers(executor, jobs, threads, apart=is_shared([*paths, target])) as workers, Manifest(place) as opened:
        return Coordinator(
            paths, target, settings, filters, opened, workers, progress, resume=resume, fail_fast=fail_fast
        ).run()


def _side_files(
    target: str, audit: str | os.PathLike[str] | bool, manifest: str | os.PathLike[str] | bool | None
) -> tuple[str | None, str | None]:
    """Return the places of the audit log and of the manifest, which must not be given away with the outputs."""
    if is_url(target) and (audit is True or manifest in (None, True)):
        raise ValueError(
            "the destination is a URL, so name local files for the audit log and the manifest (audit=, manifest=), or "
            "write none of them (False)"
        )
    log = None
    if audit is True:
        log = audit_place(target)
    elif audit is not False:
        log = absolute(audit)
    place = None
    if manifest is None or manifest is True:
        place = manifest_place(target)
    elif manifest is not False:
        place = absolute(manifest)
    for one in (log, place):
        if one is not None and not is_url(target) and os.path.commonpath([one, target]) == target:
            raise ValueError(f"{one} is inside of the destination, which is to be given away: choose another place")
    return log, place
