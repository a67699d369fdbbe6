"""What ``dcmturbo bench`` found, for a terminal."""

from __future__ import annotations

from typing import Any

from dcmturbo.bench.table import headline
from dcmturbo.cli.output import Output
from dcmturbo.wording import short

__all__ = ["MOST_FILES", "show"]

_MOST_PRINTED = 3  # texts of an engine that are shown
MOST_FILES = 12  # rows of the table; if there are more files, it is by transfer syntax

Row = tuple[str, ...]


def _of(files: int, count: int) -> str:
    """Return the number of files behind a figure, if it is not all of them."""
    return "" if files == count else f" ({files} of {count})"


def _engine_rows(heading: tuple[str, str], entry: dict[str, Any], count: int, differing: list[str]) -> list[Row]:
    """Return the rows of a file or transfer syntax: one for each engine, with all numbers of threads in it."""
    rows: list[Row] = []
    decoders = entry["decoders"]
    for one in (decoder for decoder in decoders.values() if decoder["threads"] == 1):
        several = next((d for d in decoders.values() if d["engine"] == one["engine"] and d["threads"] > 1), None)
        files = one.get("files", 1)
        ratio = one["dcmturbo_times_as_fast"]
        rows.append(
            (
                *heading,
                f"{one['engine']}{_of(files, count)}",
                short(one["milliseconds"]),
                short(one["msamples_per_second"]),
                f"{short(several['msamples_per_second'])}{_of(several.get('files', 1), files)}" if several else "",
                short(one["cold_milliseconds"]),
                f"{short(ratio)} x" if ratio else "",
            )
        )
        heading = ("", "")
    rows += [("", "", name, "", "", "", "", "other pixels") for name in differing]
    return rows


def show(document: dict[str, Any], by: str | None, output: Output) -> None:
    """Print the table and its notes."""
    files = document["files"]
    by = by or ("file" if len(files) <= MOST_FILES else "syntax")
    tail = ("engine", ">ms", ">Msamples/s", ">all threads", ">cold ms", ">time / dcmturbo's")
    rows: list[Row] = []
    if by == "file":
        columns: tuple[str, ...] = ("file", "transfer syntax, shape", *tail)
        for file in files:
            extent = f"{file['transfer_syntax']}, {' x '.join(map(str, file['shape']))} {file['dtype']}"
            rows += _engine_rows((file["path"], extent), file, 1, list(file["differing"]))
    else:
        columns = ("transfer syntax", ">files", *tail)
        for group in document["by_transfer_syntax"]:
            keyword = group["transfer_syntax"]
            differing = {name for file in files if file["transfer_syntax"] == keyword for name in file["differing"]}
            never = sorted(differing - {decoder["engine"] for decoder in group["decoders"].values()})
            rows += _engine_rows((keyword, str(group["files"])), group, group["files"], never)
            rows += [("", "", name, "", "", "", "", why) for name, why in group["left_out"].items() if "," not in name]
    output.table(
        f"Decoding {len(files)} file{'' if len(files) == 1 else 's'}, path to array",
        columns,
        rows,
        drop=(">cold ms", "transfer syntax, shape", ">all threads") if by == "file" else (">cold ms", ">all threads"),
    )
    output.say()
    _show_method(document, output)
    _show_disagreements(document, output)
    _show_engines(document, output)
    if document["scaling"]:
        output.say()
        output.say(
            "speed of dcmturbo on several threads, relative to one thread (in brackets: a hash on as "
            "many threads, for comparison):"
        )
        for curve in document["scaling"]:
            points = [
                f"{p['threads']}: {p['times_as_fast']:.2f} ({p['control']:.2f})"
                for p in curve["points"]
                if p["threads"] > 1
            ]
            output.say(f"  {curve['transfer_syntax']}: {', '.join(points)}")
    skipped = document["skipped"]
    if skipped["not_dicom"] or skipped["no_pixel_data"]:
        output.say(
            f"skipped in folders: {skipped['not_dicom']} that are not DICOM, "
            f"{skipped['no_pixel_data']} without pixel data"
        )
    output.say()
    output.say(headline(document), style="bold")


def _show_method(document: dict[str, Any], output: Output) -> None:
    method = document["method"]
    done = method["rounds"]
    rounds = str(done["least"]) if done["least"] == done["most"] else f"{done['least']} to {done['most']}"
    output.say(f"method: {method['what']};")
    output.say(f"        ms and Msamples/s: one thread, warm ({method['warm']}),")
    output.say(f"        medians of {rounds} rounds, {method['order']};")
    output.say(f"        all threads: Msamples/s with {method['threads']} threads, for engines that can use several;")
    output.say(f"        cold: {method['cold']}")
    where = document["machine"]
    output.say(f"on: {where['cpu']}, {where['cpus']} CPUs, {where['isa']}, {where['system']}")
    output.say(f"with: {', '.join(f'{name} {version}' for name, version in document['versions'].items())}")
    for text in method["not_measured"]:
        output.say(f"not measured: {text}")


def _show_disagreements(document: dict[str, Any], output: Output) -> None:
    for found in document["disagreements"]:
        if found["dcmturbo_alone_against"]:
            names = ", ".join(found["dcmturbo_alone_against"])
            output.say(
                f"look into this: {found['path']}: {names} agree with each other, and none of them agrees "
                "with dcmturbo; not ranked",
                style="bold",
            )


def _show_engines(document: dict[str, Any], output: Output) -> None:
    """Print which engines were not timed, and where, once for each reason."""
    missing: dict[str, list[str]] = {}
    for engine in document["engines"]:
        if engine["missing"] and not engine["files"]:
            missing.setdefault(engine["missing"], []).append(engine["name"])
    for why, names in missing.items():
        output.say(f"not run: {', '.join(names)}: {why}")
    for engine in document["engines"]:
        if engine["missing"] and not engine["files"]:
            continue
        for why in engine["not_timed"]:
            paths = _paths(document, engine["name"], why)
            more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
            output.say(f"not ranked: {engine['name']}: {why}: {paths[0]}{more}")
    _show_printed(document, output)


def _show_printed(document: dict[str, Any], output: Output) -> None:
    """Show what engines printed: at most a few of the texts of each engine."""
    shown: dict[str, int] = {}
    for found in document["printed"]:
        name, paths = found["engine"], found["paths"]
        shown[name] = shown.get(name, 0) + 1
        if shown[name] <= _MOST_PRINTED:
            more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
            output.say(f'printed by {name}: "{found["words"]}": {paths[0]}{more}')
    for name, count in shown.items():
        if count > _MOST_PRINTED:
            output.say(f"printed by {name}: {count - _MOST_PRINTED} more texts (--json has them all)")


def _paths(document: dict[str, Any], engine: str, why: str) -> list[str]:
    """Return the files for which an engine was not timed for a given reason."""
    return [
        file["path"]
        for file in document["files"]
        if why in (file["not_tried"].get(engine), file["failing"].get(engine))
        or why == f"other pixels: {file['differing'].get(engine)}"
    ]
