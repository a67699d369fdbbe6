"""What ``dcmturbo bench`` found, for a terminal."""

from __future__ import annotations

from typing import Any

from dcmturbo.bench.table import (
    columns_of_figures,
    has_cold,
    has_several_threads,
    headline,
    meaning_of_control,
    slower_with,
)
from dcmturbo.cli.output import Output
from dcmturbo.wording import plural, short

__all__ = ["MOST_FILES", "show"]

_MOST_PRINTED = 3  # texts of an engine that are shown
_MOST_SLOWER = 3  # files that are named
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
                f"{short(several['milliseconds'])}{_of(several.get('files', 1), files)}" if several else "-",
                short(one["cold_milliseconds"]) or "-",
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
    figures = [f">{name}" for name, _ in columns_of_figures(document)]
    several, cold = figures[2], figures[3]
    tail = ("engine", *figures)
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
    empty = [several] * (not has_several_threads(document)) + [cold] * (not has_cold(document))
    kept = [k for k, name in enumerate(columns) if name not in empty]
    drop = [name for name in (cold, "transfer syntax, shape", several) if name in columns and name not in empty]
    output.table(
        f"Decoding {plural(len(files), 'file')}, path to array",
        [columns[k] for k in kept],
        [[row[k] for k in kept] for row in rows],
        drop=drop,
    )
    output.say()
    _show_method(document, output)
    _show_disagreements(document, output)
    _show_engines(document, output)
    if document["scaling"]:
        output.say()
        output.say(
            "dcmturbo on several threads; beside it a control, a hash computed on as many threads in between, which "
            "shows what the machine could give:"
        )
        for curve in document["scaling"]:
            for point in curve["points"]:
                if point["threads"] > 1:
                    output.say(
                        f"  {curve['transfer_syntax']}: {point['threads']} threads are {point['times_as_fast']:.2f} "
                        f"times as fast as one, the hash {point['control']:.2f} times: {meaning_of_control(point)}"
                    )
    skipped = document["skipped"]
    if skipped["not_dicom"] or skipped["no_pixel_data"]:
        output.say(
            f"skipped in folders: {skipped['not_dicom']} that are not DICOM, "
            f"{skipped['no_pixel_data']} without pixel data"
        )
    slower = slower_with(document)
    if slower:
        more = f" and {len(slower) - _MOST_SLOWER} more (--csv has them all)" if len(slower) > _MOST_SLOWER else ""
        output.say(f"slower than another engine: {', '.join(slower[:_MOST_SLOWER])}{more}")
    output.say()
    output.say(headline(document), style="bold")


def _show_method(document: dict[str, Any], output: Output) -> None:
    method = document["method"]
    done = method["rounds"]
    rounds = str(done["least"]) if done["least"] == done["most"] else f"{done['least']} to {done['most']}"
    output.say(f"method: {method['what']};")
    output.say(f"        medians of {rounds} round{'' if rounds == '1' else 's'}, {method['order']};")
    for name, meaning in columns_of_figures(document):
        output.say(f"        {name}: {meaning}")
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
