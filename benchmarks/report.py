"""Tables and plots of README.md and docs/ from the records: no figure is typed by hand.

    python benchmarks/report.py            writes what stands between the markers, and docs/speed.svg
    python benchmarks/report.py --check    says whether that is what the records give (exit code 1 if not)

Figures come from the newest record of benchmarks/record/, or from the one that --record names.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from measure import geometric_mean
from record import FOLDER, REPOSITORY, all_records, read

PLOT = REPOSITORY / "docs" / "speed.svg"

# What the headline has, if the record does: row, what of its results, what it is called.
_HEADLINE = (
    ("codestream-decode", "RLELossless", "RLE decode, one thread"),
    ("codestream-encode", "RLELossless", "RLE encode, one thread"),
    ("codestream-decode", "JPEGLosslessSV1", "JPEG Lossless decode, one thread"),
    ("codestream-encode", "JPEGLosslessSV1", "JPEG Lossless encode, one thread"),
    ("codestream-decode", "JPEG2000Lossless", "JPEG 2000 decode, one thread"),
    ("codestream-encode", "JPEG2000Lossless", "JPEG 2000 encode, one thread"),
    ("codestream-decode", "JPEGLSLossless", "JPEG-LS decode, one thread"),
    ("codestream-encode", "JPEGLSLossless", "JPEG-LS encode, one thread"),
    ("codestream-decode", "HTJ2KLossless", "HTJ2K decode, one thread"),
    ("codestream-encode", "HTJ2KLossless", "HTJ2K encode, one thread"),
    ("path-to-array", "RLELossless", "64 RLE frames, path to array"),
    ("path-to-array", "JPEGLosslessSV1", "64 JPEG Lossless frames, path to array"),
    ("path-to-array", "JPEG2000Lossless", "64 JPEG 2000 frames, path to array"),
    ("path-to-array", "JPEGLSLossless", "64 JPEG-LS frames, path to array"),
    ("path-to-array", "HTJ2KLossless", "64 HTJ2K frames, path to array"),
)


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 2 else f"{value:.1f}" if value < 10 else f"{value:.0f}"


def _ratios(record: dict[str, Any], row: str, keyword: str) -> tuple[list[float], list[str]]:
    """Return the ratios to the fastest peers of a transfer syntax, and who these are."""
    results = [one for one in record["rows"].get(row, {}).get("results", []) if keyword in one["file"].split()]
    ratios = [one["ratio"] for one in results if "ratio" in one]
    return ratios, sorted({one["best peer"] for one in results if "ratio" in one})


def _lines(record: dict[str, Any]) -> list[tuple[str, float, float, int, str]]:
    """Return what the headline says: name, geometric mean, lowest, how many images, against whom."""
    found = []
    for row, keyword, name in _HEADLINE:
        ratios, peers = _ratios(record, row, keyword)
        if ratios:
            found.append((name, geometric_mean(ratios), min(ratios), len(ratios), ", ".join(peers)))
    return found


def source(record: dict[str, Any], *rows: str) -> str:
    """Return where figures are from: machine, versions, commits and commands."""
    used = [record["rows"][row] for row in rows if row in record["rows"]]
    commits = ", ".join(sorted({one["commit"] for one in used}))
    machine = record["machine"]
    packages = ", ".join(
        f"{name} {version}" for name, version in sorted(record["versions"].items()) if name != "dcmturbo"
    )
    commands = "; ".join(f"`{one['command']}`" for one in used)
    return (
        f"Measured {record['date']}, commit {commits}, on {machine['cpu']} ({machine['cpus']} CPUs, {machine['isa']}); "
        f"{packages}.\n{commands}"
    )


def headline_table(record: dict[str, Any]) -> str:
    """Return README's table."""
    lines = ["| | against the fastest of | times as fast | lowest | images |", "|---|---|---|---|---|"]
    lines += [
        f"| {name} | {peers} | {_number(mean)} | {_number(lowest)} | {count} |"
        for name, mean, lowest, count, peers in _lines(record)
    ]
    return "\n".join([*lines, "", source(record, "codestream-decode", "codestream-encode", "path-to-array")])


def engine_table(row: str) -> Callable[[dict[str, Any]], str]:
    """Return a function that makes the table of a row: million samples a second, by engine."""

    def table(record: dict[str, Any]) -> str:
        results = [one for one in record["rows"].get(row, {}).get("results", []) if "engines" in one]
        if not results:
            return "Not in the newest record."
        names = sorted(
            {name for one in results for name in one["engines"]}, key=lambda name: (name != "dcmturbo", name)
        )
        lines = [f"| | {' | '.join(names)} | ratio | A/A |", f"|---|{'---|' * (len(names) + 2)}"]
        for one in results:
            cells = [one["engines"].get(name) for name in names]
            speeds = [_number(cell["msamples_per_second"]) if cell else "–" for cell in cells]
            ratio = f"**{_number(one['ratio'])}**" if "ratio" in one else "–"
            lines.append(f"| {one['file']} | {' | '.join(speeds)} | {ratio} | {one['A/A']:.2f} |")
        return "\n".join([*lines, "", source(record, row)])

    return table


def memory_table(record: dict[str, Any]) -> str:
    """Return the table of peak memory over the result's size."""
    results = record["rows"].get("memory-peak", {}).get("results", [])
    if not results:
        return "Not in the newest record."
    names = sorted({n for one in results for n in one["peak over result"]}, key=lambda name: (name != "dcmturbo", name))
    lines = [f"| | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for one in results:
        cells = [f"{one['peak over result'][n]:.2f}" if n in one["peak over result"] else "–" for n in names]
        lines.append(f"| {one['file']} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", source(record, "memory-peak")])


def losses(record: dict[str, Any]) -> str:
    """Return where another engine is faster, by name."""
    found = [
        f"- {row}, {one['file']}: {one['best peer']}, {_number(1 / one['ratio'])} times as fast as dcmturbo"
        for row, entry in sorted(record["rows"].items())
        for one in entry["results"]
        if "engines" in one and one.get("ratio", 1) < 1
    ]
    return "\n".join(found) or "Nowhere in the newest record."


def records_table(_: dict[str, Any] | None = None) -> str:
    """Return all records, those of other machines among them: shown, and compared with nothing."""
    lines = ["| record | machine | commit | decode | encode | path to array |", "|---|---|---|---|---|---|"]
    for place, record in all_records():
        means = []
        for row in ("codestream-decode", "codestream-encode", "path-to-array"):
            results = record["rows"].get(row, {}).get("results", [])
            ratios = [one["ratio"] for one in results if "ratio" in one]
            means.append(_number(geometric_mean(ratios)) if ratios else "–")
        machine = record["machine"]
        where = f"{machine['cpu']}, {machine['cpus']} CPUs, {machine['isa']}"
        lines.append(f"| {place.name} | {where} | {record['commit']} | {' | '.join(means)} |")
    return "\n".join([*lines, "", "Geometric means of the ratio to the fastest other engine."])


def plot(record: dict[str, Any]) -> str:
    """Return the headline as a picture, light or dark as the reader's screen is."""
    lines = _lines(record)
    longest = max((mean for _, mean, *_ in lines), default=1.0)
    left, width, pitch, top = 270, 400, 26, 34
    height = top + pitch * len(lines) + 12
    one = left + width / longest
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {height}" role="img">',
        "<title>Times as fast as the fastest other engine</title>",
        "<style>text { font: 13px system-ui, sans-serif; fill: #1c2430 }",
        ".bar { fill: #0b6e99 } .slow { fill: #b3541e }",
        ".one { stroke: #5b6675; stroke-dasharray: 3 3 }",
        "@media (prefers-color-scheme: dark) { text { fill: #e6eaf0 } .bar { fill: #4db3dd } .slow { fill: #e08a52 }",
        ".one { stroke: #9aa6b5 } }</style>",
        f'<text x="{left}" y="18">times as fast as the fastest other engine (dashed: as fast)</text>',
    ]
    for k, (name, mean, *_) in enumerate(lines):
        y = top + pitch * k
        kind = "bar" if mean >= 1 else "slow"
        parts.append(f'<text x="{left - 10}" y="{y + 14}" text-anchor="end">{escape(name)}</text>')
        parts.append(
            f'<rect class="{kind}" x="{left}" y="{y + 3}" width="{width * mean / longest:.1f}" height="15" rx="2"/>'
        )
        parts.append(f'<text x="{left + width * mean / longest + 8:.1f}" y="{y + 14}">{_number(mean)}</text>')
    parts.append(f'<line class="one" x1="{one:.1f}" x2="{one:.1f}" y1="{top - 6}" y2="{height - 8}"/>')
    return "\n".join([*parts, "</svg>", ""])


# By page, what stands between <!-- NAME --> and <!-- /NAME -->.
PAGES: dict[str, dict[str, Callable[[dict[str, Any]], str]]] = {
    "README.md": {"headline": headline_table},
    "docs/performance.md": {
        "codestream-decode": engine_table("codestream-decode"),
        "codestream-encode": engine_table("codestream-encode"),
        "path-to-array": engine_table("path-to-array"),
        "series": engine_table("series"),
        "frame-access": engine_table("frame-access"),
        "small-frame-decode": engine_table("small-frame-decode"),
        "memory-peak": memory_table,
        "losses": losses,
    },
    "docs/benchmarks.md": {"records": records_table},
}


def rendered(page: str, record: dict[str, Any]) -> str:
    """Return a page with its tables."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    for name, render in PAGES[page].items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", flags=re.DOTALL)
        if not pattern.search(text):
            raise SystemExit(f"{page} has no <!-- {name} --> ... <!-- /{name} -->")
        body = render(record)
        text = pattern.sub(lambda found, body=body: f"{found[1]}{body}\n{found[2]}", text)
    return text


def outputs(record: dict[str, Any]) -> dict[Path, str]:
    """Return all that is made of a record, by place."""
    return {REPOSITORY / page: rendered(page, record) for page in PAGES} | {PLOT: plot(record)}


def main() -> int:
    """Write, or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", type=Path, help=f"default: the newest of {FOLDER}")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    records = all_records()
    if not records and not arguments.record:
        raise SystemExit(f"there is no record in {FOLDER}: run.py --record makes one")
    record = read(arguments.record) if arguments.record else records[-1][1]
    stale = []
    for place, text in outputs(record).items():
        if arguments.check:
            if not place.exists() or place.read_text(encoding="utf-8") != text:
                stale.append(str(place.relative_to(REPOSITORY)))
        else:
            place.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"{name} is not what the record gives: run benchmarks/report.py", file=sys.stderr)
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())
