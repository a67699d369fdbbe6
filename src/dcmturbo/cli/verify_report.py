"""The result of ``dcmturbo verify`` as a file: an HTML page, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dcmturbo
from dcmturbo.archives.html_parts import STYLE, amount, escaped, table_of
from dcmturbo.cli.writing import write_whole
from dcmturbo.wording import counted, printable

__all__ = [
    "DIFFERENT",
    "MISSING",
    "NOT_COMPARED",
    "SAME_BYTES",
    "SUFFIXES",
    "csv_text",
    "page",
    "suffix_of",
    "words_of_kinds",
    "write_report",
]

SUFFIXES = (".html", ".csv", ".json")
DIFFERENT, MISSING, NOT_COMPARED = "different", "missing", "not compared"  # states of rows, besides "equal"
SAME_BYTES = "the same bytes, so not decoded"  # of an image
_MOST_ROWS = 1000  # of a table


def suffix_of(place: str) -> str:
    """Return the format of a report from its name; empty if there is none."""
    suffix = Path(place).suffix.lower()
    return suffix if suffix in SUFFIXES else ""


def write_report(place: str, document: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """Write a report.

    Parameters
    ----------
    place : str
        Its path; the suffix determines the format.
    document : dict
        What ``--json`` prints.
    rows : list of dict
        One for each pair of files: path, state, kind, and reasons.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    suffix = suffix_of(place)
    if suffix == ".json":
        whole = {"dcmturbo": dcmturbo.__version__, **document, "pairs": rows}
        text = json.dumps(whole, indent=2, allow_nan=False) + "\n"
    else:
        text = csv_text(document, rows) if suffix == ".csv" else page(document, rows)
    encoded = text.encode("utf-8", "backslashreplace")
    write_whole(Path(place), lambda file: file.write(encoded))


def csv_text(document: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """Return a line for each pair of files."""
    engines = list(document["with"])
    columns = ["path", "state", "kind", "maximum_error", "what", "expected", "doubt"]
    columns += [f"with {name}" for name in engines]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        testimonies = {f"with {one['engine']}": _said(one) for one in row.get("with", [])}
        cells = {
            "path": row["path"],
            "state": row["state"],
            "kind": row.get("kind") or "",
            "maximum_error": "" if row.get("maximum_error") is None else row["maximum_error"],
            "what": "; ".join(row.get("what", [])),
            "expected": "; ".join(row.get("expected", [])),
            "doubt": row.get("doubt", ""),
            **testimonies,
        }
        writer.writerow({name: _cell(value) for name, value in cells.items()})
    return text.getvalue()


def _said(testimony: dict[str, str]) -> str:
    return f"{testimony['state']}: {testimony['why']}" if testimony["why"] else testimony["state"]


def _cell(value: object) -> object:
    """Return a cell that is no formula for a spreadsheet and no command for a terminal."""
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


_KINDS = {
    "image": ("image", "images"),
    "dataset": ("dataset without pixels", "datasets without pixels"),
    "bytes": ("file that is not DICOM, by its bytes", "files that are not DICOM, by their bytes"),
    "empty": ("empty file (0 bytes)", "empty files (0 bytes)"),
}


def words_of_kinds(counts: Mapping[str, int]) -> str:
    """Return how many pairs were compared, and what they are."""
    parts = [counted(counts[kind], *names) for kind, names in _KINDS.items() if counts.get(kind)]
    return f"{counted(sum(counts.values()), 'pair')} compared: {', '.join(parts) or 'none'}"


def page(document: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """Return the page, which needs no network."""
    states = Counter(row["state"] for row in rows)
    title = _title(document, states)
    facts = [
        (states["equal"], "equal", False),
        *([(document["same_bytes"], "equal, not decoded", False)] if document.get("same_bytes") else []),
        (states[DIFFERENT], "different", True),
        (states[MISSING], "missing", True),
        (states[NOT_COMPARED], "could not be compared", True),
    ]
    facts += [
        (count, f"{name}: {state}", state == "differed")
        for name, counts in document["with"].items()
        for state, count in counts.items()
    ]
    cells = "".join(
        f"<div class=fact><b{' class=bad' if bad and count else ''}>{amount(count)}</b>"
        f"<span class=dim>{escaped(name)}</span></div>"
        for count, name, bad in facts
    )
    places = f"{escaped(document['first'])} and {escaped(document['second'])}"
    return f"""<!DOCTYPE html>
<html lang=en><head><meta charset=utf-8><meta name=viewport content="width=device-width, initial-scale=1">
<title>{escaped(title)}</title><style>{STYLE}</style></head><body><main>
<h1>{escaped(title)}</h1><p class=dim>dcmturbo verify {escaped(dcmturbo.__version__)}, {_now()}: {places}</p>
{f"<p>{escaped(document['nothing_proved'])}</p>" if document.get("nothing_proved") else ""}
<div class=facts>{cells}</div>
<p>{escaped(words_of_kinds(document.get("compared", {})))}.</p>
{_differences(rows)}
{_doubts(rows)}
{_expected(document)}
{_witnesses(rows)}
</main></body></html>
"""


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _title(document: dict[str, Any], states: Counter[str]) -> str:
    if document["equal"]:
        return "All equal"
    if document.get("nothing_proved"):
        return "Nothing was proved"
    return "Differences" if states[DIFFERENT] or states[MISSING] else "Not everything could be compared"


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escaped(title)}</h2>{body}</section>"


def _cut(lines: Sequence[tuple[str, ...]], columns: tuple[str, ...]) -> str:
    left = len(lines) - _MOST_ROWS
    more = f"<p class=dim>{amount(left)} more: a report as .csv has all.</p>" if left > 0 else ""
    return table_of(columns, lines[:_MOST_ROWS]) + more


def _differences(rows: list[dict[str, Any]]) -> str:
    parts: list[str] = []
    for title, states in (("Differences", (DIFFERENT, MISSING)), ("Could not be compared", (NOT_COMPARED,))):
        lines = [(row["path"], what) for row in rows if row["state"] in states for what in row["what"]]
        if lines or not parts:
            parts.append(_section(title, _cut(lines, ("/path", "/what")) if lines else "<p>None.</p>"))
    return "".join(parts)


def _doubts(rows: list[dict[str, Any]]) -> str:
    lines = [(row["path"], row["doubt"]) for row in rows if "doubt" in row]
    return _section("May be damaged in both places", _cut(lines, ("/path", "/what"))) if lines else ""


def _expected(document: dict[str, Any]) -> str:
    if not document["expected"]:
        return ""
    lines = [(name, amount(count)) for name, count in document["expected"].items()]
    return _section("Expected changes of transcoding", _cut(lines, ("/element", ">files")))


def _witnesses(rows: list[dict[str, Any]]) -> str:
    lines = [
        (row["path"], one["engine"], _said(one))
        for row in rows
        for one in row.get("with", [])
        if one["state"] != "agreed" or one["why"]
    ]
    return _section("Second decoders", _cut(lines, ("/path", "engine", "/what"))) if lines else ""
