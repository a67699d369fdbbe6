"""The result of ``dcmturbo bench`` as a sentence and as CSV."""

from __future__ import annotations

import csv
import io
from typing import Any

from dcmturbo.wording import plural, short

__all__ = [
    "columns_of_figures",
    "csv_text",
    "has_cold",
    "has_several_threads",
    "headline",
    "meaning_of_control",
    "slower_with",
]

_FEW_ROUNDS = 7  # with fewer, ratios of a function to itself are beyond 0.86 to 1.09
_ABOVE_CONTROL = 1.1  # times the control's speed-up: no cause but another load of the machine is likely
_FREE = 0.85  # of the number of threads: the control's speed-up from which that many CPUs count as free


def headline(document: dict[str, Any]) -> str:
    """Return the result in a sentence, with the numbers of files and rounds behind it and what is missing."""
    return "; ".join([_claim(document), *_gaps(document)])


def _claim(document: dict[str, Any]) -> str:
    found = document["summary"]
    if document["unexplained"]:
        return (
            "no overall figure, because some engines crashed or returned arrays that cannot be compared: "
            f"{_told(document)}"
        )
    if not found["files_compared"]:
        return "there is no other engine to compare with"
    slower = found["slower_than_a_peer"]
    times = (
        f"dcmturbo with one thread is {found['dcmturbo_times_as_fast']:.3g} times as fast as the fastest other engine"
    )
    if found["files_compared"] == 1:
        return f"{times} ({_basis(found)})"
    return (
        f"{times} of each file (geometric mean of {_basis(found)}; {found['lowest']:.3g} to "
        f"{found['highest']:.3g}; slower with {slower} of them). dcmturbo decodes all of them in "
        f"{short(found['milliseconds'])} ms, the fastest other engine of each in "
        f"{short(found['fastest_peers_milliseconds'])} ms"
    )


def _basis(found: dict[str, Any]) -> str:
    """Return the numbers of files and rounds that the figure is based on."""
    least, most = found["least_rounds"], found["most_rounds"]
    rounds = plural(least, "round") if least == most else f"{least} to {most} rounds"
    few = ", too few to show small differences" if least < _FEW_ROUNDS else ""
    return f"{found['files_compared']} of {plural(found['files_found'], 'file')}, {rounds}{few}"


def _gaps(document: dict[str, Any]) -> list[str]:
    """Return what a figure for all files lacks."""
    gaps = ["incomplete, because the run was stopped"] if document["stopped"] else []
    late = document["late"]
    if late:
        which = ", ".join(f"{count} {keyword}" for keyword, count in late.items())
        gaps.append(f"not measured: {plural(sum(late.values()), 'file')} ({which})")
    return gaps


def columns_of_figures(document: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the headings of the table's figures, each with a sentence that says what it is."""
    method = document["method"]
    return [
        ("ms", f"milliseconds of a decode on one thread, warm ({method['warm']}); of several files, their sum"),
        ("Msamples/s", 'million samples (values of pixels) decoded in a second, from the same decodes as "ms"'),
        (
            f"ms, {method['threads']} threads",
            f"as ms, with {method['threads']} threads; -: the engine uses one thread, or a file has one small frame"
            if has_several_threads(document)
            else "no column, because no file was decoded on several threads",
        ),
        (
            "cold ms",
            f"as ms, but cold: {method['cold']}; -: not measured"
            if has_cold(document)
            else f"no column: {method['cold']}",
        ),
        (
            "time / dcmturbo's",
            "the engine's \"ms\" divided by dcmturbo's: above 1, dcmturbo is faster; of several files, the geometric "
            "mean of their ratios, so a large file counts as much as a small one",
        ),
    ]


def slower_with(document: dict[str, Any]) -> list[str]:
    """Return the files with which another engine is faster, each with the fastest one; the slowest first."""
    found = []
    for file in document["files"]:
        peer = file["fastest_peer"]
        ratio = file["decoders"][peer]["dcmturbo_times_as_fast"] if peer else None
        if ratio is not None and ratio < 1 and not file["dcmturbo_alone_against"]:
            found.append((ratio, f"{file['path']} ({peer}: {ratio:.2f} x dcmturbo's time)"))
    return [text for _, text in sorted(found)]


def has_several_threads(document: dict[str, Any]) -> bool:
    """Whether any file was decoded on several threads."""
    return any(decoder["threads"] > 1 for file in document["files"] for decoder in file["decoders"].values())


def has_cold(document: dict[str, Any]) -> bool:
    """Whether anything was measured cold."""
    return any(
        decoder["cold_milliseconds"] is not None for file in document["files"] for decoder in file["decoders"].values()
    )


def meaning_of_control(point: dict[str, Any]) -> str:
    """Return what the control says about a speed-up on several threads."""
    threads, ours, control = point["threads"], point["times_as_fast"], point["control"]
    if ours > _ABOVE_CONTROL * control:
        return (
            "not reliable: dcmturbo's figure is above the hash's, so the load of the machine probably changed "
            "between the two; measure again"
        )
    if control < _FREE * threads:
        return (
            f"a lower limit: even the hash gained only {control:.2f}, so the machine did not have {threads} CPUs free; "
            "on an idle machine dcmturbo may gain more"
        )
    return f"reliable: the hash shows that the machine had about {threads} CPUs free"


def _told(document: dict[str, Any]) -> str:
    """Return which engines crashed or could not be compared: without them, an overall ratio would flatter dcmturbo."""
    files: dict[str, set[str]] = {}
    for one in document["unexplained"]:
        files.setdefault(one["engine"], set()).update(one["paths"])
    names = [f"{name} with {len(paths)} of {len(document['files'])} files" for name, paths in files.items()]
    first = document["unexplained"][0]
    return f"{', '.join(names)} ({first['engine']}, {first['paths'][0]}: {first['why']})"


_COLUMNS = (
    "path",
    "transfer_syntax",
    "shape",
    "dtype",
    "samples",
    "engine",
    "threads",
    "state",
    "reason",
    "rounds",
    "milliseconds",
    "lowest_milliseconds",
    "highest_milliseconds",
    "cold_milliseconds",
    "first_milliseconds",
    "msamples_per_second",
    "dcmturbo_times_as_fast",
)


def csv_text(document: dict[str, Any]) -> str:
    """Return a line for each file, engine and number of threads; engines that were not timed have a reason."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for file in document["files"]:
        common = {name: file[name] for name in ("path", "transfer_syntax", "dtype", "samples")}
        common["shape"] = "x".join(map(str, file["shape"]))
        for decoder in file["decoders"].values():
            timed = {name: decoder[name] for name in _COLUMNS if decoder.get(name) is not None}
            writer.writerow({**common, "state": "timed", **timed})
        for state, key in (("other pixels", "differing"), ("failed", "failing"), ("not tried", "not_tried")):
            for engine, why in file[key].items():
                writer.writerow({**common, "engine": engine, "state": state, "reason": why})
    return text.getvalue()
