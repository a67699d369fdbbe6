"""What a manifest says, as one of the forms that ``dcmturbo transcode --report`` writes."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from dcmturbo.archives.manifest import Manifest
from dcmturbo.archives.report import Summary, name_of, names_of, summarise, utc, write_csv, write_json
from dcmturbo.archives.report_page import render
from dcmturbo.cli.output import Output
from dcmturbo.transcoding.output import Destination
from dcmturbo.wording import human_bytes, short

__all__ = ["FORMATS", "write_report"]

FORMATS = ("table", "json", "csv", "html")

_MOST_REASONS = 50  # in the table; the page has more, JSON and CSV have every file


@contextmanager
def _stream(place: str | None, manifest: str) -> Iterator[IO[str]]:
    """Open a report's file, which gets its name when it is whole; stdout for None.

    Nobody may read it who may not read the manifest.
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
            name_of(group.source_syntax) if group.source_syntax else "(not an image)",
            name_of(group.target) if group.source_syntax else "(copied)",
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
    parts = ", ".join(f"{count} {status}" for status, count in summary.counts.items() if count)
    title = f"{files} files: {parts}" if files else "no file"
    if not rows:
        output.say(title, style="bold")
    else:
        output.table(title, columns, rows, drop=("verified", ">frames"))
        output.say("MB/s: of pixels, by one worker; ratio: size before to size after")
    if summary.lossy:
        output.say(
            f"lossy: {summary.lossy} files, maximum error {summary.maximum_error}, least PSNR {summary.least_psnr}"
        )
    if summary.reasons:
        failures = [
            (reason.files, reason.type, reason.error, names_of(reason)) for reason in summary.reasons[:_MOST_REASONS]
        ]
        files = sum(reason.files for reason in summary.reasons)
        output.say()
        output.table(
            f"{files} failed, for {len(summary.reasons)} reason{'' if len(summary.reasons) == 1 else 's'}",
            (">files", "type", "error", "which"),
            failures,
        )
        if len(summary.reasons) > _MOST_REASONS:
            output.say(f"the first {_MOST_REASONS} reasons; --report csv has every file")
    for run in summary.runs:
        end = "it did not end" if run.ended is None else f"{run.seconds:.1f} s"
        stopped = f", stopped: {run.stopped}" if run.stopped else ""
        output.say(f"run {run.id}: {utc(run.started)}, {end}, {run.jobs} x {run.threads} {run.executor}{stopped}")
