"""The account of a run: counts, failures and warnings, the rows of the manifest, and progress."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from dcmturbo.archives.manifest import COUNTED, DONE, Manifest, Row
from dcmturbo.archives.operation import Settings
from dcmturbo.archives.outcome import Outcome, Task
from dcmturbo.archives.result import ArchiveResult, Failure, Progress
from dcmturbo.archives.walk import Found
from dcmturbo.archives.work import describe

__all__ = ["Account"]

_PROGRESS_EVERY = 0.05  # seconds


@dataclass
class _Totals:
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*COUNTED, "failed", "skipped"), 0))
    frames: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    pixel_bytes: int = 0
    kept: dict[str, int] = field(default_factory=dict)
    lossy: int = 0
    maximum_error: float | None = None
    lowest_psnr: float | None = None
    bytes_done: int = 0
    found_files: int = 0
    found_bytes: int = 0


class Account:
    """What became of each file of a run.

    Rows are collected here, and `write` puts them into the manifest.
    """

    def __init__(self, manifest: Manifest, settings: Settings, progress: Callable[[Progress], object] | None) -> None:
        self.manifest = manifest
        self.target = settings.operation.target
        self.options = settings.operation.noted
        self.progress = progress
        self.begin = time.perf_counter()
        self.failures: list[Failure] = []
        self.warned: list[tuple[str, str]] = []
        self.blanked: list[float] = []
        self.writable = True  # until the manifest cannot be written any more
        self._totals = _Totals()
        self._rows: list[Row] = []
        self._suspects: list[Row] = []
        self._progress_shown = 0.0

    def warn(self, path: str, message: str) -> None:
        """Note a warning; `path` is empty if it is about no file."""
        self.warned.append((path, message))

    def find(self, found: Found) -> None:
        """Count a file that is to be processed."""
        self._totals.found_files += 1
        self._totals.found_bytes += found.size

    def skip(self) -> None:
        """Count a file that an earlier run has done."""
        self._totals.counts["skipped"] += 1

    def fail(self, found: Found, destination: str, message: str, kind: str) -> None:
        """Note a file that is not processed. The manifest gets no row, so that its destination keeps the one it has."""
        self._totals.counts["failed"] += 1
        self.failures.append(Failure(found.path, destination, message, kind))

    def fail_to_find(self, path: str, message: str) -> None:
        """Note a folder or file that could not be visited."""
        self.fail(Found(path, "", 0, 0), "", message, "OSError")
        self._rows.append(
            Row(path, path, -1, 0, None, self.target, self.options, "failed", error=message, error_type="OSError")
        )

    def record(self, task: Task, found: Found, outcome: Outcome, *, keeps_row: bool) -> None:
        """Note what became of a file. With `keeps_row`, the row of its destination is another source's and stays."""
        totals = self._totals
        totals.counts[outcome.status] = totals.counts.get(outcome.status, 0) + 1
        totals.bytes_done += found.size
        if outcome.status == "failed":
            self.failures.append(Failure(found.path, task.destination, outcome.error or "", outcome.error_type or ""))
        elif outcome.status != "left_out":
            totals.frames += outcome.frames
            totals.bytes_before += outcome.bytes_before
            totals.bytes_after += outcome.bytes_after
            totals.pixel_bytes += outcome.pixel_bytes
            if outcome.blanked:
                self.blanked.append(outcome.blanked)
            if outcome.kept:
                totals.kept[outcome.kept] = totals.kept.get(outcome.kept, 0) + 1
            if outcome.lossy and outcome.status == "transcoded":
                self._add_loss(outcome)
        for warning in outcome.warnings:
            self.warn(found.path, warning)
        if not keeps_row:
            self._rows.append(self._row(task, found, outcome))

    def _add_loss(self, outcome: Outcome) -> None:
        totals = self._totals
        totals.lossy += 1
        if outcome.maximum_error is not None:
            totals.maximum_error = max(outcome.maximum_error, totals.maximum_error or 0.0)
        if outcome.psnr is not None:
            totals.lowest_psnr = min(outcome.psnr, outcome.psnr if totals.lowest_psnr is None else totals.lowest_psnr)

    def suspect(self, task: Task, found: Found, outcome: Outcome) -> None:
        """Note a file whose process died. If this run is killed, the next one does not begin with this file."""
        self._suspects.append(self._row(task, found, outcome._replace(status="failed")))

    def _row(self, task: Task, found: Found, outcome: Outcome) -> Row:
        size, mtime = outcome.identity or (found.size, found.mtime)
        return Row(
            task.destination,
            found.path,
            size,
            mtime,
            outcome.source_syntax,
            self.target,
            self.options,
            outcome.status,
            **outcome.figures,
            seconds=outcome.seconds,
            error=outcome.error,
            error_type=outcome.error_type,
            warnings="\n".join(outcome.warnings) or None,
            output=task.owned if outcome.status not in DONE else outcome.output,
            original=outcome.original,
        )

    def write(self) -> str | None:
        """Write the rows that were collected. Return why the manifest cannot be written, or None."""
        rows, self._rows = self._rows, []
        suspects, self._suspects = self._suspects, []
        if not (rows or suspects) or not self.writable:
            return None
        try:
            self.manifest.write(rows, in_hand=suspects)
        except OSError as error:
            self.writable = False
            return describe(error)
        return None

    def end(self, stopped: str | None) -> float:
        """Write the end of the run. Return its seconds."""
        seconds = time.perf_counter() - self.begin
        if self.writable:
            with contextlib.suppress(OSError):
                self.manifest.end(seconds=seconds, skipped=self._totals.counts["skipped"], stopped=stopped)
        return seconds

    def show_progress(self, *, all_found: bool, stopped: str | None, at_once: bool = False) -> None:
        """Call the user's function, unless it was called a moment ago."""
        now = time.perf_counter()
        if self.progress is None or (now - self._progress_shown < _PROGRESS_EVERY and not at_once):
            return
        self._progress_shown = now
        totals = self._totals
        self.progress(
            Progress(
                files=sum(totals.counts.values()) - totals.counts["skipped"],
                files_total=totals.found_files if all_found else None,
                skipped=totals.counts["skipped"],
                failed=totals.counts["failed"],
                frames=totals.frames,
                bytes_before=totals.bytes_before,
                bytes_after=totals.bytes_after,
                pixel_bytes=totals.pixel_bytes,
                bytes_done=totals.bytes_done,
                bytes_total=totals.found_bytes if all_found else None,
                seconds=now - self.begin,
                stopped=stopped,
            )
        )

    def result(self, *, seconds: float, stopped: str | None, left: int | None) -> ArchiveResult:
        """Return the result of the run."""
        totals = self._totals
        return ArchiveResult(
            counts=totals.counts,
            frames=totals.frames,
            bytes_before=totals.bytes_before,
            bytes_after=totals.bytes_after,
            pixel_bytes=totals.pixel_bytes,
            seconds=seconds,
            failures=tuple(self.failures),
            warnings=tuple(f"{path}: {message}" if path else message for path, message in self.warned),
            manifest=self.manifest.path,
            stopped=stopped,
            warned=tuple(self.warned),
            left=left,
            blanked=tuple(self.blanked),
            kept=dict(totals.kept),
            lossy=totals.lossy,
            maximum_error=totals.maximum_error,
            lowest_psnr=totals.lowest_psnr,
        )
