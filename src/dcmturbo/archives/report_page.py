"""A report as one HTML page that contains its style and plots and needs no network.

The same manifest gives the same bytes. Times are those of the manifest, in UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dcmturbo.archives.html_parts import STYLE, amount, escaped, table_of
from dcmturbo.archives.manifest import Row
from dcmturbo.archives.reasons import group_by_reason
from dcmturbo.archives.report import Group, Histogram, Summary, name_of, names_of, utc

__all__ = ["render"]

_MOST_ROWS = 1000  # of a table
_MOST_BARS = 20


def _bytes(size: float) -> str:
    from dcmturbo.wording import human_bytes

    return human_bytes(size)


def _number(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


# ---- plots ------------------------------------------------------------------------------------------

_WIDTH = 360  # units of a plot: pixels on the narrowest screens, so that the text is readable there


def _bars(groups: Sequence[Group]) -> str:
    """Return the sizes before and after, with two bars per source transfer syntax."""
    most = max((max(group.bytes_before, group.bytes_after) for group in groups), default=0) or 1
    parts = []
    height = 46
    room = _WIDTH - 70
    for i, group in enumerate(groups):
        top = i * height
        label = group.source_name
        parts.append(f'<text class=value x=0 y="{top + 11}">{escaped(label)}</text>')
        for j, (size, colour) in enumerate(((group.bytes_before, "before"), (group.bytes_after, "after"))):
            width = max(1.0, room * size / most)
            y = top + 16 + 12 * j
            parts.append(f'<rect x=0 y="{y}" width="{width:.1f}" height=10 rx=2 fill="var(--{colour})"/>')
            parts.append(f'<text x="{width + 5:.1f}" y="{y + 9}">{_bytes(size)}</text>')
    label = "Sizes before and after, by source transfer syntax"
    return (
        f'<p class=dim><span class=key style="background:var(--before)"></span>before'
        f'<span class=key style="background:var(--after)"></span>after</p>'
        f'<svg viewBox="0 0 {_WIDTH} {height * len(groups)}" role=img aria-label="{label}">{"".join(parts)}</svg>'
    )


def _columns(histogram: Histogram, label: str, unit: str) -> str:
    """Return a histogram without empty bins at its ends."""
    filled = [i for i, count in enumerate(histogram.counts) if count]
    if not filled:
        return "<p class=dim>No file yet.</p>"
    first, last = filled[0], filled[-1]
    counts = histogram.counts[first : last + 1]
    edges = histogram.edges[first : last + 2]
    most, height, top, foot = max(counts), 150, 16, 34
    step = _WIDTH / max(len(counts), 4)
    parts = []
    for i, count in enumerate(counts):
        tall = (height - top - foot) * count / most
        x, y = i * step, height - foot - tall
        middle = x + step / 2
        parts.append(
            f'<rect x="{x + 2:.1f}" y="{y:.1f}" width="{step - 4:.1f}" height="{tall:.1f}" rx=2 fill="var(--plot)"/>'
        )
        if count:
            parts.append(
                f'<text class=value x="{middle:.1f}" y="{y - 4:.1f}" text-anchor=middle>{amount(count)}</text>'
            )
    # The edges are below the lines between the columns. If columns are narrow, every other edge is left out.
    for i, edge in enumerate(edges):
        if i % (1 if step >= 36 else 2) == 0 and edge != float("inf"):
            x = min(max(i * step, 0), _WIDTH)
            anchor = "start" if i == 0 else "end" if x > _WIDTH - 12 else "middle"
            parts.append(f'<text x="{x:.1f}" y="{height - foot + 14}" text-anchor={anchor}>{edge:g}</text>')
    line = height - foot + 0.5
    parts.append(f'<path d="M0 {line}H{_WIDTH}" stroke="var(--line)"/>')
    parts.append(f'<text x="{_WIDTH}" y="{height - 4}" text-anchor=end>{escaped(unit)}</text>')
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role=img aria-label="{escaped(label)}">{"".join(parts)}</svg>'


# ---- the page ---------------------------------------------------------------------------------------


def _facts(summary: Summary) -> str:
    files = sum(summary.counts.values())
    ratio = summary.bytes_before / summary.bytes_after if summary.bytes_after else None
    facts = [
        (amount(files), "files"),
        (amount(summary.counts["transcoded"]), "transcoded"),
        (amount(summary.verified), "verified"),
        (amount(summary.counts["copied"] + summary.counts["unchanged"]), "as they were"),
        (amount(summary.counts["failed"]), "failed"),
        *([(amount(summary.counts["left_out"]), "left out")] if summary.counts.get("left_out") else []),
        (_bytes(summary.bytes_before), "before"),
        (_bytes(summary.bytes_after), "after"),
        (f"{_number(ratio)} : 1" if ratio else "–", "ratio"),
    ]
    cells = "".join(
        f"<div class=fact><b{' class=bad' if name == 'failed' and value != '0' else ''}>{value}</b>"
        f"<span class=dim>{name}</span></div>"
        for value, name in facts
    )
    return f"<div class=facts>{cells}</div>"


def _groups(summary: Summary) -> str:
    rows = [
        (
            group.source_name,
            group.target_name,
            amount(group.files),
            amount(group.frames),
            _bytes(group.bytes_before),
            _bytes(group.bytes_after),
            _number(group.ratio),
            _number(group.speed, 0),
            amount(group.verified),
        )
        for group in summary.groups
    ]
    columns = ("from", "to", ">files", ">frames", ">before", ">after", ">ratio", ">MB/s", ">verified")
    note = "MB/s: megabytes of decoded pixels per second and worker, including reading, verifying and writing."
    return f"<section><h2>By source transfer syntax</h2>{table_of(columns, rows)}<p class=dim>{note}</p></section>"


def _failures(summary: Summary) -> str:
    if not summary.reasons:
        return "<section><h2>Failures</h2><p>None.</p></section>"
    most = max(reason.files for reason in summary.reasons)
    bars, height = [], 30
    for i, reason in enumerate(summary.reasons[:_MOST_BARS]):
        width = max(1.0, (_WIDTH - 60) * reason.files / most)
        top = i * height
        bars.append(f'<text class=value x=0 y="{top + 11}">{escaped(reason.type or "no exception")}</text>')
        bars.append(f'<rect x=0 y="{top + 15}" width="{width:.1f}" height=10 rx=2 fill="var(--bad)"/>')
        bars.append(f'<text x="{width + 5:.1f}" y="{top + 24}">{amount(reason.files)}</text>')
    plot = (
        f'<svg viewBox="0 0 {_WIDTH} {height * len(bars) // 3}" role=img aria-label="Failures by exception">'
        f"{''.join(bars)}</svg>"
    )
    rows = [
        (amount(reason.files), reason.type, reason.error, names_of(reason)) for reason in summary.reasons[:_MOST_ROWS]
    ]
    note = "<p class=dim>Files that failed for the same reason share a line. --report csv lists each file.</p>"
    return (
        f"<section><h2>Failures</h2>{plot}{table_of(('>files', 'exception', '/what', '/which'), rows)}{note}</section>"
    )


def _warnings(warned: Iterable[Row]) -> str:
    lines = ((row.path, row.destination, line, "") for row in warned for line in (row.warnings or "").split("\n"))
    rows = [(amount(group.files), group.error, names_of(group)) for group in group_by_reason(lines)[:_MOST_ROWS]]
    if not rows:
        return ""
    return f"<section><h2>Warnings</h2>{table_of(('>files', '/what', '/which'), rows)}</section>"


def _runs(summary: Summary) -> str:
    rows = [
        (
            str(run.id),
            utc(run.started),
            "did not finish" if run.ended is None or run.seconds is None else f"{_number(run.seconds, 1)} s",
            f"{run.jobs} × {run.threads} {run.executor}",
            "–" if run.ended is None else amount(run.skipped),  # it is noted when a run ends
            ", ".join(f"{name}={value}" for name, value in sorted(run.options.items()) if value not in (False, "auto")),
            run.stopped or "",
            run.version,
        )
        for run in summary.runs
    ]
    columns = (">run", "began", ">took", "workers", ">done before", "options", "stopped", "version")
    return f"<section><h2>Runs</h2>{table_of(columns, rows)}</section>"


def render(summary: Summary, warned: Iterable[Row]) -> str:
    """Return the page.

    Parameters
    ----------
    summary : Summary
        What the manifest says of all files.
    warned : iterable of Row
        The files with warnings.

    Returns
    -------
    str
        HTML.
    """
    targets = sorted({name_of(run.target) for run in summary.runs})
    title = f"Transcoding to {' and '.join(targets)}"
    lossy = ""
    if summary.lossy:
        error = "" if summary.maximum_error is None else f", largest error {_number(summary.maximum_error, 0)}"
        psnr = "" if summary.least_psnr is None else f", lowest PSNR {_number(summary.least_psnr, 1)} dB"
        files = "file was" if summary.lossy == 1 else "files were"
        lossy = f"<p>{amount(summary.lossy)} {files} compressed with loss{error}{psnr}.</p>"
    begun = f"{utc(summary.runs[0].started)}" if summary.runs else ""
    sizes = f"<section><h2>Sizes</h2>{_bars(summary.groups)}</section>" if summary.groups else ""
    ratios = _columns(summary.ratios, "Files by ratio", "size before / size after")
    speeds = _columns(summary.speeds, "Files by speed", "megabytes of pixels per second and worker")
    return f"""<!DOCTYPE html>
<html lang=en><head><meta charset=utf-8><meta name=viewport content="width=device-width, initial-scale=1">
<title>{escaped(title)}</title><style>{STYLE}</style></head><body><main>
<h1>{escaped(title)}</h1><p class=dim>dcmturbo, first run {escaped(begun)}</p>{lossy}
{_facts(summary)}
{sizes}
<div class=pair><section><h2>Ratios</h2>{ratios}</section>
<section><h2>Speeds</h2>{speeds}</section></div>
{_groups(summary)}
{_failures(summary)}
{_warnings(warned)}
{_runs(summary)}
</main></body></html>
"""
