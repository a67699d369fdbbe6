"""The content of a manifest, in the forms that ``dcmturbo transcode --report`` writes."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from dcmturbo.archives.manifest import Manifest
from dcmturbo.archives.report import Reason, Summary, names_of, summarise, utc, write_csv, write_json
from dcmturbo.archives.report_page import render
from dcmturbo.cli.output import Output
from dcmturbo.destinations.destination import Destination
from dcmturbo.wording import human_bytes, plural, short, significant

__all__ = ["FORMATS", "write_report"]

FORMATS = ("table", "json", "csv", "html")

_MOST_REASONS = 50  # rows of the table; the page has more, JSON and CSV have every file


@contextmanager
def _stream(place: str | None, manifest: str) -> Iterator[IO[str]]:
    """Open a report's file, which gets its name when it is complete; stdout for None.

    Only users who can read the manifest can read it.
    """
    if place is None:
        yield sys.stdout
        return
    with Destination(place, overwrite=True, source=manifest) as destination:
        with open(
            destination.descriptor, "w", encoding="utf-8", errors="backslashreplace", newline="", closefd=False
        ) as file:
            yield file
        destination.commit(fsync=False)


def write_report(manifest: str, form: str, place: str | None, output: Output) -> None:
    """Write a report.

    Parameters
    ----------
    manifest : str
        The manifest's file.
    form : str
        One of `FORMATS`.
    place : str or None
        The report's file; None is stdout.
    output : Output
        Where tables go.

    Raises
    ------
    OSError
        If the manifest cannot be read or the report not written.
    ManifestError
        If the file is no manifest.
    """
    with Manifest(manifest, write=False) as opened:
        if form == "table" and place is None:
            _table(summarise(opened), opened, output)
            return
        writers: dict[str, Callable[[Manifest, IO[str]], None]] = {
            "json": write_json,
            "csv": write_csv,
            "html": _write_page,
            "table": _write_table,
        }
        with _stream(place, manifest) as stream:
            writers[form](opened, stream)


def _write_page(manifest: Manifest, stream: IO[str]) -> None:
    stream.write(render(summarise(manifest), manifest.rows("warnings IS NOT NULL")))


def _write_table(manifest: Manifest, stream: IO[str]) -> None:
    captured = io.StringIO()
    before, sys.stdout = sys.stdout, captured
    try:
        _table(summarise(manifest), manifest, Output(json=False))
    finally:
        sys.stdout = before
    stream.write(captured.getvalue())


def _table(summary: Summary, manifest: Manifest, output: Output) -> None:
    rows = [
        (
            group.source_name,
            group.target_name,
            group.files,
            group.frames,
            human_bytes(group.bytes_before),
            human_bytes(group.bytes_after),
            short(group.ratio),
            short(group.speed),
            group.verified,
        )
        for group in summary.groups
    ]
    columns = ("from", "to", ">files", ">frames", ">before", ">after", ">ratio", ">MB/s", ">verified")
    files = sum(summary.counts.values())
    parts = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in summary.counts.items() if count)
    title = f"{plural(files, 'file')}: {parts}" if files else "no file"
    if not rows:
        output.say(title, style="bold")
    else:
        output.table(title, columns, rows, drop=("verified", ">frames"))
        output.say("MB/s: megabytes of pixels per second and worker; ratio: size before divided by size after")
    if summary.lossy:
        error = "" if summary.maximum_error is None else f", largest error {significant(summary.maximum_error):g}"
        psnr = "" if summary.least_psnr is None else f", lowest PSNR {summary.least_psnr:.1f} dB"
        output.say(f"lossy: {plural(summary.lossy, 'file')}{error}{psnr}")
    _reasons(summary.reasons, "failed", output)
    _reasons(summary.left_out, "left out", output)
    for run in summary.runs:
        end = "it did not finish" if run.ended is None else f"{run.seconds:.1f} s"
        stopped = f", stopped: {run.stopped}" if run.stopped else ""
        output.say(f"run {run.id}: {utc(run.started)}, {end}, {run.jobs} x {run.threads} {run.executor}{stopped}")


def _reasons(reasons: Sequence[Reason], what: str, output: Output) -> None:
    if not reasons:
        return
    rows = [(reason.files, reason.type, reason.error, names_of(reason)) for reason in reasons[:_MOST_REASONS]]
    files = sum(reason.files for reason in reasons)
    output.say()
    title = f"{files} {what}, for {plural(len(reasons), 'reason')}"
    output.table(title, (">files", "type", "error", "which"), rows)
    if len(reasons) > _MOST_REASONS:
        output.say(f"the first {_MOST_REASONS} reasons; --report csv has every file")
