"""A report as one HTML page: its style and its plots are in it, and it asks nothing of the network.

The same manifest gives the same bytes: times are those of the manifest, in UTC.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from dcmturbo.archives.manifest import Row
from dcmturbo.archives.reasons import group_by_reason
from dcmturbo.archives.report import Group, Histogram, Summary, name_of, names_of, utc

__all__ = ["render"]

_MOST_ROWS = 1000  # of a table
_MOST_BARS = 20

_STYLE = """
:root { color-scheme: light dark; --ground: #fbfbfa; --card: #ffffff; --ink: #1d2329; --dim: #5b6670;
  --line: #dfe3e6; --before: #9aa7b2; --after: #17705f; --bad: #b3261e; --plot: #2a66b0; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171a; --card: #1c2024; --ink: #e8ebed; --dim: #9aa5ae;
  --line: #30363c; --before: #66727c; --after: #4bb99f; --bad: #f2837b; --plot: #6ea6ea; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 24px 16px 48px; }
h1 { font-size: 24px; margin: 0 0 4px; } h2 { font-size: 17px; margin: 0 0 12px; }
p { margin: 0 0 12px; } .dim { color: var(--dim); } .bad { color: var(--bad); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 16px; margin-top: 16px; }
.facts { display: grid; grid-template-columns: repeat(2, 1fr); gap: 12px; margin-top: 16px; }
@media (min-width: 700px) { .facts { grid-template-columns: repeat(4, 1fr); } }
.fact { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px 16px; }
.fact b { display: block; font-size: 22px; line-height: 1.3; font-variant-numeric: tabular-nums; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 0 16px; }
.scroll { overflow-x: auto; margin: 8px 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 5px 12px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--dim); font-weight: 500; white-space: nowrap; } td.n, th.n { text-align: right; white-space: nowrap; }
td.path { overflow-wrap: anywhere; min-width: 180px; } @media (max-width: 600px) { td.path { min-width: 92px; } }
tr:last-child td { border-bottom: 0; }
svg { display: block; width: 100%; height: auto; max-width: 520px; }
svg text { font: 11px system-ui, sans-serif; fill: var(--dim); } svg text.value { fill: var(--ink); }
.key { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin: 0 4px 0 12px; }
.key:first-child { margin-left: 0; }
"""


def _text(value: object) -> str:
    """Return text for the page; what no page can hold is escaped as Python does."""
    printable = "".join(c if c.isprintable() or c == " " else c.encode("unicode_escape").decode() for c in str(value))
    return html.escape(printable)


def _bytes(size: float) -> str:
    from dcmturbo.wording import human_bytes

    return human_bytes(size)


def _number(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _count(value: int) -> str:
    return f"{value:,}".replace(",", " ")


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; headings that begin with ``>`` are set to the right, with ``/`` hold paths."""
    kinds = [" class=n" if column[0] == ">" else " class=path" if column[0] == "/" else "" for column in columns]
    head = "".join(
        f"<th{' class=n' if column[0] == '>' else ''}>{_text(column.lstrip('>/'))}</th>" for column in columns
    )
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{_text(cell)}</td>" for kind, cell in zip(kinds, row, strict=True)) + "</tr>\n"
        for row in rows
    )
    return f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>"


# ---- plots ------------------------------------------------------------------------------------------

_WIDTH = 360  # units of a plot: pixels on the narrowest screens, so that its text can be read there


def _bars(groups: Sequence[Group]) -> str:
    """Return the sizes before and after, a pair of bars a source transfer syntax."""
    most = max((max(group.bytes_before, group.bytes_after) for group in groups), default=0) or 1
    parts = []
    height = 46
    room = _WIDTH - 70
    for i, group in enumerate(groups):
        top = i * height
        label = group.source_name
        parts.append(f'<text class=value x=0 y="{top + 11}">{_text(label)}</text>')
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
    """Return a histogram; bins at both ends without files are left out."""
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
                f'<text class=value x="{middle:.1f}" y="{y - 4:.1f}" text-anchor=middle>{_count(count)}</text>'
            )
    # The edges stand below the lines between the columns; where columns are narrow, every other one.
    for i, edge in enumerate(edges):
        if i % (1 if step >= 36 else 2) == 0 and edge != float("inf"):
            x = min(max(i * step, 0), _WIDTH)
            anchor = "start" if i == 0 else "end" if x > _WIDTH - 12 else "middle"
            parts.append(f'<text x="{x:.1f}" y="{height - foot + 14}" text-anchor={anchor}>{edge:g}</text>')
    line = height - foot + 0.5
    parts.append(f'<path d="M0 {line}H{_WIDTH}" stroke="var(--line)"/>')
    parts.append(f'<text x="{_WIDTH}" y="{height - 4}" text-anchor=end>{_text(unit)}</text>')
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role=img aria-label="{_text(label)}">{"".join(parts)}</svg>'


# ---- the page ---------------------------------------------------------------------------------------


def _facts(summary: Summary) -> str:
    files = sum(summary.counts.values())
    ratio = summary.bytes_before / summary.bytes_after if summary.bytes_after else None
    facts = [
        (_count(files), "files"),
        (_count(summary.counts["transcoded"]), "transcoded"),
        (_count(summary.verified), "verified"),
        (_count(summary.counts["copied"] + summary.counts["unchanged"]), "as they were"),
        (_count(summary.counts["failed"]), "failed"),
        *([(_count(summary.counts["left_out"]), "left out")] if summary.counts.get("left_out") else []),
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
            _count(group.files),
            _count(group.frames),
            _bytes(group.bytes_before),
            _bytes(group.bytes_after),
            _number(group.ratio),
            _number(group.speed, 0),
            _count(group.verified),
        )
        for group in summary.groups
    ]
    columns = ("from", "to", ">files", ">frames", ">before", ">after", ">ratio", ">MB/s", ">verified")
    note = "MB/s: of decoded pixels, by one worker, reading, verifying and writing included."
    return f"<section><h2>By source transfer syntax</h2>{_table(columns, rows)}<p class=dim>{note}</p></section>"


def _failures(summary: Summary) -> str:
    if not summary.reasons:
        return "<section><h2>Failures</h2><p>None.</p></section>"
    most = max(reason.files for reason in summary.reasons)
    bars, height = [], 30
    for i, reason in enumerate(summary.reasons[:_MOST_BARS]):
        width = max(1.0, (_WIDTH - 60) * reason.files / most)
        top = i * height
        bars.append(f'<text class=value x=0 y="{top + 11}">{_text(reason.type or "no exception")}</text>')
        bars.append(f'<rect x=0 y="{top + 15}" width="{width:.1f}" height=10 rx=2 fill="var(--bad)"/>')
        bars.append(f'<text x="{width + 5:.1f}" y="{top + 24}">{_count(reason.files)}</text>')
    plot = (
        f'<svg viewBox="0 0 {_WIDTH} {height * len(bars) // 3}" role=img aria-label="Failures by exception">'
        f"{''.join(bars)}</svg>"
    )
    rows = [
        (_count(reason.files), reason.type, reason.error, names_of(reason)) for reason in summary.reasons[:_MOST_ROWS]
    ]
    note = "<p class=dim>Files that failed for one reason are one line: --report csv has each.</p>"
    return f"<section><h2>Failures</h2>{plot}{_table(('>files', 'exception', '/what', '/which'), rows)}{note}</section>"


def _warnings(warned: Iterable[Row]) -> str:
    lines = ((row.path, row.destination, line, "") for row in warned for line in (row.warnings or "").split("\n"))
    rows = [(_count(told.files), told.error, names_of(told)) for told in group_by_reason(lines)[:_MOST_ROWS]]
    if not rows:
        return ""
    return f"<section><h2>Warnings</h2>{_table(('>files', '/what', '/which'), rows)}</section>"


def _runs(summary: Summary) -> str:
    rows = [
        (
            str(run.id),
            utc(run.started),
            "did not end" if run.ended is None or run.seconds is None else f"{_number(run.seconds, 1)} s",
            f"{run.jobs} × {run.threads} {run.executor}",
            _count(run.skipped),
            ", ".join(f"{name}={value}" for name, value in sorted(run.options.items()) if value not in (False, "auto")),
            run.stopped or "",
            run.version,
        )
        for run in summary.runs
    ]
    columns = (">run", "began", ">took", "workers", ">done before", "options", "stopped", "version")
    return f"<section><h2>Runs</h2>{_table(columns, rows)}</section>"


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
        error = "" if summary.maximum_error is None else f", maximum error {_number(summary.maximum_error, 0)}"
        psnr = "" if summary.least_psnr is None else f", least PSNR {_number(summary.least_psnr, 1)} dB"
        lossy = (
            f"<p>{_count(summary.lossy)} {'file' if summary.lossy == 1 else 'files'} lost something{error}{psnr}.</p>"
        )
    begun = f"{utc(summary.runs[0].started)}" if summary.runs else ""
    sizes = f"<section><h2>Sizes</h2>{_bars(summary.groups)}</section>" if summary.groups else ""
    ratios = _columns(summary.ratios, "Files by ratio", "size before / size after")
    speeds = _columns(summary.speeds, "Files by speed", "MB of pixels a second, one worker")
    return f"""<!DOCTYPE html>
<html lang=en><head><meta charset=utf-8><meta name=viewport content="width=device-width, initial-scale=1">
<title>{_text(title)}</title><style>{_STYLE}</style></head><body><main>
<h1>{_text(title)}</h1><p class=dim>dcmturbo, first run {_text(begun)}</p>{lossy}
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
