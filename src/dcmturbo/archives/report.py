"""Show what a manifest contains: as a table, JSON, CSV, or a page."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import IO, Any

from dcmturbo.archives.manifest import COUNTED, DONE, Manifest, Row, Run
from dcmturbo.archives.reasons import Reason, group_by_reason
from dcmturbo.errors import UnsupportedTransferSyntax
from dcmturbo.formats.syntaxes import find_transfer_syntax

__all__ = [
    "Group",
    "Histogram",
    "Reason",
    "Summary",
    "name_of",
    "names_of",
    "summarise",
    "utc",
    "write_csv",
    "write_json",
]


@dataclass(frozen=True)
class Group:
    """The files of one source transfer syntax, without those that failed."""

    source_syntax: str | None
    target: str
    files: int
    verified: int
    frames: int
    bytes_before: int
    bytes_after: int
    pixel_bytes: int
    seconds: float
    # "image" (in the target syntax), "kept" (in its own), "unread" (transcoding failed), or "other" (no image)
    kind: str

    @property
    def source_name(self) -> str:
        """What the files were: the keyword of a transfer syntax, or a few words."""
        words = {"other": "(not an image)", "unread": "(not transcoded)"}
        return words.get(self.kind) or name_of(self.source_syntax)

    @property
    def target_name(self) -> str:
        """What the files are now."""
        return name_of(self.target) if self.kind == "image" else "(copied)"

    @property
    def ratio(self) -> float | None:
        """Size before divided by size after."""
        return self.bytes_before / self.bytes_after if self.bytes_after else None

    @property
    def speed(self) -> float | None:
        """MB of pixels per second and worker."""
        return self.pixel_bytes / 1e6 / self.seconds if self.seconds and self.pixel_bytes else None


@dataclass(frozen=True)
class Histogram:
    """The number of files between edges."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Summary:
    """Summary of all files of a manifest."""

    counts: dict[str, int]
    frames: int
    bytes_before: int
    bytes_after: int
    pixel_bytes: int
    verified: int
    lossy: int
    maximum_error: float | None
    least_psnr: float | None
    groups: list[Group]
    reasons: list[Reason]  # of what failed
    left_out: list[Reason]
    ratios: Histogram
    speeds: Histogram
    runs: list[Run]


_KIND = (
    "CASE WHEN source_syntax IS NULL THEN CASE WHEN error_type IS NULL THEN 'other' ELSE 'unread' END "
    "WHEN status = 'transcoded' OR source_syntax = target THEN 'image' ELSE 'kept' END"
)
_RATIO_EDGES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0, float("inf"))
_SPEED_EDGES = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, float("inf"))


def name_of(uid: str | None) -> str:
    """Return the keyword of a transfer syntax."""
    if not uid:
        return "none"
    try:
        return find_transfer_syntax(uid).keyword
    except UnsupportedTransferSyntax:
        return uid


def utc(seconds: float) -> str:
    """Return a time as text, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def summarise(manifest: Manifest) -> Summary:
    """Summarise a manifest."""
    counts = dict.fromkeys((*COUNTED, "failed"), 0)
    counts.update(manifest.query("SELECT status, count(*) FROM file GROUP BY status"))
    done = f"status IN {DONE}"
    totals = manifest.query(
        "SELECT total(frames), total(bytes_before), total(bytes_after), total(pixel_bytes), total(verified), "
        f"total(lossy), max(maximum_error), min(psnr) FROM file WHERE {done}"
    )[0]
    groups = manifest.query(
        "SELECT source_syntax, target, count(*), sum(verified), sum(frames), sum(bytes_before), sum(bytes_after), "
        f"sum(pixel_bytes), total(seconds), {_KIND} AS kind FROM file WHERE {done} GROUP BY 1, 2, kind "
        "ORDER BY sum(bytes_before) DESC, 1, 2, kind"
    )
    reasons, left_out = (
        group_by_reason(
            (row.path, row.destination, row.error or "", row.error_type or "")
            for row in manifest.rows(f"status = '{status}'")
        )
        for status in ("failed", "left_out")
    )
    transcoded = "status = 'transcoded' AND bytes_after > 0"
    return Summary(
        counts=counts,
        frames=int(totals[0]),
        bytes_before=int(totals[1]),
        bytes_after=int(totals[2]),
        pixel_bytes=int(totals[3]),
        verified=int(totals[4]),
        lossy=int(totals[5]),
        maximum_error=totals[6],
        least_psnr=totals[7],
        groups=[Group(*row) for row in groups],
        reasons=reasons,
        left_out=left_out,
        ratios=_histogram(manifest, "1.0 * bytes_before / bytes_after", transcoded, _RATIO_EDGES),
        speeds=_histogram(
            manifest, "pixel_bytes / 1e6 / seconds", f"{transcoded} AND seconds > 0 AND pixel_bytes > 0", _SPEED_EDGES
        ),
        runs=manifest.runs(),
    )


def _histogram(manifest: Manifest, value: str, where: str, edges: tuple[float, ...]) -> Histogram:
    inner = " ".join(f"WHEN {value} < {edge} THEN {i}" for i, edge in enumerate(edges[1:-1]))
    counts = [0] * (len(edges) - 1)
    for bin_, files in manifest.query(
        f"SELECT CASE {inner} ELSE {len(edges) - 2} END, count(*) FROM file WHERE {where} GROUP BY 1"
    ):
        counts[bin_] = files
    return Histogram(edges, tuple(counts))


def names_of(reason: Reason) -> str:
    """Return the first files of a reason, and the number of the others."""
    more = reason.files - len(reason.paths)
    return ", ".join(reason.paths) + (f" and {more} more" if more else "")


# ---- writing ----------------------------------------------------------------------------------------


def write_csv(manifest: Manifest, stream: IO[str]) -> None:
    """Write one line per file."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(Row._fields)
    for row in manifest.rows():
        writer.writerow([_cell(value, many_lines=name == "warnings") for name, value in row._asdict().items()])


def _cell(value: Any, *, many_lines: bool) -> Any:
    """Return a value for a table; control characters are escaped, because file names can contain them."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return int(value)
    if not isinstance(value, str) or value.isprintable():
        return value
    return "".join(
        c if c.isprintable() or (many_lines and c == "\n") else c.encode("unicode_escape").decode() for c in value
    )


def write_json(manifest: Manifest, stream: IO[str]) -> None:
    """Write one document: totals, source transfer syntaxes, runs, and every file."""
    summary = summarise(manifest)
    document = {
        "command": "transcode --report",
        "files_by_status": summary.counts,
        "frames": summary.frames,
        "bytes_before": summary.bytes_before,
        "bytes_after": summary.bytes_after,
        "pixel_bytes": summary.pixel_bytes,
        "verified": summary.verified,
        "lossy": summary.lossy,
        "maximum_error": summary.maximum_error,
        "least_psnr": summary.least_psnr,
        "by_source_syntax": [
            {**asdict(group), "keyword": name_of(group.source_syntax), "ratio": group.ratio} for group in summary.groups
        ],
        "failures": [asdict(reason) for reason in summary.reasons],
        "runs": [asdict(run) for run in summary.runs],
    }
    # Write the files one by one, because there may be millions.
    stream.write(json.dumps(_plain(document), indent=2)[:-2] + ',\n  "files": [')
    separator = "\n"
    for row in manifest.rows():
        stream.write(f"{separator}    {json.dumps(_plain(row._asdict()))}")
        separator = ",\n"
    stream.write("\n  ]\n}\n")


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document with null where JSON has no number: the PSNR of equal pixels is infinite."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in document.items()
    }
