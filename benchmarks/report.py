"""Tables and plots of docs/ from the records: no figure is typed by hand.

    python benchmarks/report.py            writes what stands between the markers, and docs/speed.svg
    python benchmarks/report.py --check    says whether that is what the records give (exit code 1 if not)

Each figure comes from the newest record of benchmarks/record/ that has its row, or from the one that --record names.
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


def latest(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the newest rows of records, which are in the order of their dates: each with its machine and versions."""
    rows = {}
    for record in records:
        of_record = {"machine": record["machine"], "versions": record["versions"]}
        rows |= {name: row | of_record for name, row in record["rows"].items()}
    return records[-1] | {"rows": rows}


def source(record: dict[str, Any], *rows: str) -> str:
    """Return where figures are from: machine, versions, commits and commands."""
    used = [record | record["rows"][row] for row in rows if row in record["rows"]]
    lines = []
    while used:
        heading = [used[0][key] for key in ("date", "machine", "versions")]
        same = [row for row in used if [row[key] for key in ("date", "machine", "versions")] == heading]
        used = [row for row in used if row not in same]
        date, machine, versions = heading
        commits = ", ".join(sorted({row["commit"] for row in same}))
        packages = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()) if name != "dcmturbo")
        lines.append(
            f"Measured {date}, commit {commits}, on {machine['cpu']} ({machine['cpus']} CPUs, {machine['isa']}); "
            f"{packages}.\n" + "; ".join(f"`{row['command']}`" for row in same)
        )
    return "\n".join(lines)


def headline_table(record: dict[str, Any]) -> str:
    """Return the table of the whole in short."""
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
            return "Not in any record."
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
        return "Not in any record."
    names = sorted({n for one in results for n in one["peak over result"]}, key=lambda name: (name != "dcmturbo", name))
    lines = [f"| | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for one in results:
        cells = [f"{one['peak over result'][n]:.2f}" if n in one["peak over result"] else "–" for n in names]
        lines.append(f"| {one['file']} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", source(record, "memory-peak")])


# The table of figures, if the record has the row: its name (and what of its files), what was measured, against what.
_FIGURES = (
    ("rle-decode", "RLE decode, one thread", "`imagecodecs.dicomrle_decode`"),
    ("rle-encode", "RLE encode, one thread", "pylibjpeg-rle"),
    ("small-frame", "a 64 x 64 RLE frame, `decode_frame`", "`imagecodecs.dicomrle_decode`"),
    ("jpeg-lossless-decode", "JPEG Lossless decode, one thread", "`imagecodecs.jpeg8_decode` (libjpeg-turbo)"),
    ("jpeg-lossless-incompressible", "JPEG Lossless decode of noise, one thread", "the same"),
    ("jpeg-lossless-encode", "JPEG Lossless encode, one thread", "`imagecodecs.jpeg8_encode(lossless=True)`"),
    (
        "jpeg-lossless-large-frame",
        "one JPEG Lossless frame of 2048 x 2487, two threads against one, warm `out=`",
        "a hash on two threads against one",
    ),
    ("jpeg2000-decode J2KR", "JPEG 2000 decode, one thread, lossless", "the faster of two engines with OpenJPEG"),
    (
        "jpeg2000-decode J2KI",
        "JPEG 2000 decode, one thread, irreversible, samples within 1",
        "the faster of two engines with OpenJPEG",
    ),
    (
        "jpeg2000-large-frame",
        "one JPEG 2000 frame of 2048 x 2487, two threads against one, warm `out=`",
        "a hash on two threads against one",
    ),
    ("jpeg2000-reduce", "the same JPEG 2000 frame, one thread, `reduce=2`", "`reduce=0`"),
    ("jpegls-decode", "JPEG-LS decode, one thread", "`imagecodecs.jpegls_decode` (CharLS)"),
    ("jpegls-encode", "JPEG-LS encode, one thread", "`imagecodecs.jpegls_encode`"),
    ("jpegls-decode-near-lossless", "the same with NEAR = 2, decode", "`imagecodecs.jpegls_decode`"),
    ("jpegls-encode-near-lossless", "the same with NEAR = 2, encode", "`imagecodecs.jpegls_encode`"),
    ("jpegls-small-frame", "`decode_frame` of 64 x 64 pixels in JPEG-LS", "`imagecodecs.jpegls_decode`"),
    (
        "jpegls-large-frame",
        "one JPEG-LS frame, two threads against one, warm `out=`",
        "a hash on two threads against one",
    ),
    (
        "multi-frame",
        "64 frames of WG-04's CT1, path to array, two threads",
        "the fastest of pydicom's plugins and SimpleITK",
    ),
    ("scaling", "64 frames into a warm `out=`, two threads against one", "a hash on two threads against one"),
    ("pixel-array", "`Dataset.pixel_array` after `register()`, 64 frames", "`dt.decode(ds)`"),
    ("large-uncompressed", "opening and viewing 1 GB of uncompressed data, from a path", "the same with 1 MB"),
    ("random-access", "reading one frame of a 2.1 GB object, second access", "reading a one-frame object"),
    ("transcode-overhead", "500 CT slices, RLE to uncompressed, verified, warm", "`dcmdrle` on two processes"),
    (
        "transcode-throughput",
        "200 files of WG-04 kinds, JPEG Lossless to HTJ2K, verified",
        "`gdcmconv --j2k` on two processes, not verified",
    ),
    (
        "transcode-throughput-jpeg2000",
        "200 files of WG-04 kinds, JPEG Lossless to JPEG 2000, verified",
        "`gdcmconv --j2k` on two processes, not verified",
    ),
    ("series-window", "a CT series to windowed float32, two threads", "decoding, and then numpy"),
    ("transcode-cluster", "the same files, dask with two workers", "two threads of one process"),
)
# A figure's name in the results, how it is said, and whether less is better.
_VALUES = (
    ("over control", "{} times as well", False),
    ("ratio", "{} times as fast", False),
    ("times less", "{} times less time", False),
    ("time ratio", "{} of the time", True),
)


_LISTED = 4  # files of a row that are all listed; of more, the mean and the worst


def _span(values: list[float], show: Callable[[float], str]) -> str:
    least, most = show(min(values)), show(max(values))
    return least if least == most else f"{least} to {most}"


def _figure(results: list[dict[str, Any]]) -> str:
    """Return what a row came to: the mean and the worst of its files, and what else tells how far to trust it."""
    name, said, less = next(value for value in _VALUES if value[0] in results[0])
    values = [one[name] for one in results]
    if len(values) == 1:
        text = said.format(f"**{_number(values[0])}**")
    elif len(values) <= _LISTED:
        names = [one["file"].split(", ") for one in results]
        part = 0 if len({name[0] for name in names}) > 1 else -1  # what tells them apart
        each = [f"**{_number(value)}** {name[part]}" for value, name in zip(values, names, strict=True)]
        text = f"{said.format('').strip()}: {', '.join(each)}"
    else:
        worst = f"highest {_number(max(values))}" if less else f"lowest {_number(min(values))}"
        text = f"{said.format(f'**{_number(geometric_mean(values))}**')}, {worst}, {len(values)} images"
    if "size against theirs" in results[0]:
        text += f"; size {_span([one['size against theirs'] for one in results], '{:.3g}'.format)} of theirs"
    if "A/A" in results[0]:
        text += f"; A/A {_span([one['A/A'] for one in results], '{:.2f}'.format)}"
    if "control" in results[0]:
        text += f"; control {_span([one['control'] for one in results], '{:.2f}'.format)}"
    return text


def figures_table(record: dict[str, Any]) -> str:
    """Return the table of what is not by engine."""
    lines = ["| what | against | result | measured |", "|---|---|---|---|"]
    for rows, what, against in _FIGURES:
        row, _, only = rows.partition(" ")
        entry = record["rows"].get(row)
        if entry is None:
            continue
        results = [one for one in entry["results"] if only in one["file"] and any(name in one for name, *_ in _VALUES)]
        peers = sorted({one["best peer"] for one in results if "best peer" in one})
        against += f": {', '.join(peers)}" if peers else ""
        command = entry["command"].removeprefix("python benchmarks/")
        cpu = (record | entry)["machine"]["cpu"]
        lines.append(f"| {what} | {against} | {_figure(results)} | `{command}`, {entry['commit']}, {cpu} |")
    return "\n".join(lines)


def losses(record: dict[str, Any]) -> str:
    """Return where another engine is faster, by name."""
    found = [
        f"- {row}, {one['file']}: {one['best peer']}, {_number(1 / one['ratio'])} times as fast as dcmturbo"
        for row, entry in sorted(record["rows"].items())
        for one in entry["results"]
        if "engines" in one and float(_number(1 / one.get("ratio", 1))) > 1
    ]
    return "\n".join(found) or "None."


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
        kind = "bar" if float(_number(mean)) >= 1 else "slow"
        parts.append(f'<text x="{left - 10}" y="{y + 14}" text-anchor="end">{escape(name)}</text>')
        parts.append(
            f'<rect class="{kind}" x="{left}" y="{y + 3}" width="{width * mean / longest:.1f}" height="15" rx="2"/>'
        )
        parts.append(f'<text x="{left + width * mean / longest + 8:.1f}" y="{y + 14}">{_number(mean)}</text>')
    parts.append(f'<line class="one" x1="{one:.1f}" x2="{one:.1f}" y1="{top - 6}" y2="{height - 8}"/>')
    return "\n".join([*parts, "</svg>", ""])


# By page, what stands between <!-- NAME --> and <!-- /NAME -->.
PAGES: dict[str, dict[str, Callable[[dict[str, Any]], str]]] = {
    "docs/performance.md": {
        "headline": headline_table,
        "figures": figures_table,
        "codestream-decode": engine_table("codestream-decode"),
        "codestream-encode": engine_table("codestream-encode"),
        "path-to-array": engine_table("path-to-array"),
        "series": engine_table("series"),
        "frame-access": engine_table("frame-access"),
        "transcode": engine_table("transcode"),
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
    parser.add_argument("--record", type=Path, help=f"default: the newest rows of all in {FOLDER}")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    records = all_records()
    if not records and not arguments.record:
        raise SystemExit(f"there is no record in {FOLDER}: run.py --record makes one")
    try:
        record = read(arguments.record) if arguments.record else latest([one for _, one in records])
        made = outputs(record)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no record of run.py"
        raise SystemExit(f"{arguments.record or records[-1][0]}: {why}") from None
    stale = []
    for place, text in made.items():
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
