"""``dcmturbo bench``: what decoding one's own files costs, with dcmturbo and with pydicom."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

import dcmturbo as dt
from dcmturbo.cli import peers
from dcmturbo.cli.inputs import Input, Skipped, add_common, for_each, skipped_document, thread_count
from dcmturbo.cli.output import Output, short, significant
from dcmturbo.configuration import resolve_threads
from dcmturbo.syntaxes import find_transfer_syntax

__all__ = ["add_parser", "run"]

_ROUNDS = 15
_SECONDS_A_FILE = 3.0
_MOST_ROWS = 12  # of files: more are told by transfer syntax
OURS = "dcmturbo"

_EPILOG = """\
Measured is what users run: a path in, an array out (dt.decode and pydicom.pixels.pixel_array, with each installed
plugin of pydicom that decodes the transfer syntax, by name), the file in the system's cache. The pixels are compared
first; a decoder whose pixels differ is named and not ranked, because a wrong answer is never fast. The clock then
runs for each decoder in turn, round after round; the medians are given.

Few rounds tell large differences only: on a shared machine, one function against itself gave ratios of 0.86 to 1.09
over 7 rounds, and of 0.97 to 1.06 over 101.

examples:
  dcmturbo bench ct.dcm
  dcmturbo bench study/ --rounds 31 --threads 1
  dcmturbo bench archive/ --by syntax --json > bench.json
"""


def add_parser(commands: Any) -> None:
    """Add ``bench`` to the commands."""
    parser = commands.add_parser(
        "bench",
        help="time dcmturbo against pydicom on your own files",
        description="Time decoding with dcmturbo and with pydicom's plugins, after comparing their pixels.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_common(parser, run)
    parser.add_argument(
        "--rounds",
        type=thread_count,
        metavar="N",
        help=f"rounds a file (default: {_ROUNDS}, or as many as {_SECONDS_A_FILE:g} seconds allow, but at least 3)",
    )
    parser.add_argument(
        "--threads", type=thread_count, metavar="N", help="dcmturbo's workers, besides one (default: as many as CPUs)"
    )
    parser.add_argument(
        "--by", choices=("file", "syntax"), help=f"the table's rows (default: files up to {_MOST_ROWS}, else syntaxes)"
    )


@dataclass
class Measured:
    """What was measured of a file."""

    path: str
    keyword: str
    shape: tuple[int, ...]
    dtype: str
    samples: int
    rounds: int = 0
    seconds: dict[str, float] = field(default_factory=dict)  # medians, by decoder
    differing: dict[str, str] = field(default_factory=dict)  # decoders with other pixels
    failing: dict[str, str] = field(default_factory=dict)  # decoders that raised
    unmeasured: str = ""  # why there is no decoder to compare with

    @property
    def fastest_peer(self) -> str | None:
        """The fastest decoder that is not dcmturbo."""
        return min(_peers_of(self.seconds), key=lambda name: self.seconds[name], default=None)

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        ours = self.seconds[OURS]
        return {
            "path": self.path,
            "transfer_syntax": self.keyword,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "samples": self.samples,
            "rounds": self.rounds,
            "decoders": {
                name: {
                    "milliseconds": significant(seconds * 1000),
                    "msamples_per_second": significant(self.samples / seconds / 1e6),
                    "dcmturbo_times_as_fast": None if name == OURS else significant(seconds / ours),
                }
                for name, seconds in self.seconds.items()
            },
            "fastest_peer": self.fastest_peer,
            "differing": self.differing,
            "failing": self.failing,
            "not_compared": self.unmeasured or None,
        }


def _peers_of(names: Iterable[str]) -> list[str]:
    return [name for name in names if not name.startswith(OURS)]


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Run ``dcmturbo bench``."""
    workers = resolve_threads(arguments.threads)

    def work(item: Input) -> Measured:
        with output.warnings_of(item.path):
            array = dt.decode(item.path, threads=1)
        with peers.quiet():
            return _measure(item.path, array, workers, arguments.rounds)

    files, skipped = for_each(arguments.paths, output, "measuring", work)
    by = arguments.by or ("file" if len(files) <= _MOST_ROWS else "syntax")
    summary = _summary(files)
    if files:
        _show(files, by, workers, arguments.rounds, summary, skipped, output)
    output.result(
        {
            "command": "bench",
            "files": [file.document() for file in files],
            "by_transfer_syntax": [_document(group) for group in _groups(files)],
            "summary": summary,
            "method": _method(files, workers, arguments.rounds),
            "versions": peers.versions(),
            "machine": peers.machine(),
            "skipped": skipped_document(skipped),
        }
    )
    return output.exit_code


# ---- measuring --------------------------------------------------------------------------------------


def _measure(path: str, array: np.ndarray, workers: int, rounds: int | None) -> Measured:
    with dt.open(path) as image:
        syntax = find_transfer_syntax(image.transfer_syntax)
        frames = len(image)
    measured = Measured(path, syntax.keyword, array.shape, array.dtype.name, array.size)
    functions: dict[str, peers.Decode] = {OURS: partial(dt.decode, path, threads=1)}
    if workers > 1 and frames > 1:
        functions[f"{OURS}, {workers} threads"] = partial(dt.decode, path, threads=workers)
    available, measured.unmeasured = peers.pydicom_peers(path, syntax.uid)
    for peer in available:
        try:
            difference = peers.compare(array, peer.first(), lossless=peers.is_lossless(syntax))
        except Exception as error:
            measured.failing[peer.name] = peers.reason(error)
            continue
        if difference:
            measured.differing[peer.name] = difference
        else:
            functions[peer.name] = peer.decode
    del array
    limit = None if rounds else _SECONDS_A_FILE
    measured.seconds, measured.rounds = peers.time_in_turn(functions, rounds=rounds or _ROUNDS, seconds=limit)
    return measured


@dataclass(frozen=True)
class Group:
    """The files of a transfer syntax."""

    keyword: str
    files: list[Measured]

    def names(self) -> list[str]:
        """Return the decoders that did any of the files, dcmturbo first."""
        names = dict.fromkeys(name for file in self.files for name in file.seconds)
        return sorted(names, key=lambda name: not name.startswith(OURS))

    def of(self, name: str) -> list[Measured]:
        """Return the files that a decoder did."""
        return [file for file in self.files if name in file.seconds]

    def total(self, name: str) -> tuple[float, float]:
        """Return the seconds and the million samples a second of a decoder, over the files that it did."""
        files = self.of(name)
        seconds = sum(file.seconds[name] for file in files)
        return seconds, sum(file.samples for file in files) / seconds / 1e6

    def ratio(self, name: str) -> float | None:
        """Return how many times as fast dcmturbo is, the geometric mean over the files that a decoder did."""
        return peers.geometric_mean([file.seconds[name] / file.seconds[OURS] for file in self.of(name)])


def _groups(files: list[Measured]) -> list[Group]:
    keywords = dict.fromkeys(file.keyword for file in files)
    return [Group(keyword, [file for file in files if file.keyword == keyword]) for keyword in keywords]


def _document(group: Group) -> dict[str, Any]:
    decoders = {}
    for name in group.names():
        seconds, speed = group.total(name)
        ratio = group.ratio(name)
        decoders[name] = {
            "files": len(group.of(name)),
            "milliseconds": significant(seconds * 1000),
            "msamples_per_second": significant(speed),
            "dcmturbo_times_as_fast": None if name == OURS or ratio is None else significant(ratio),
        }
    return {"transfer_syntax": group.keyword, "files": len(group.files), "decoders": decoders}


def _summary(files: list[Measured]) -> dict[str, Any]:
    ratios = [file.seconds[file.fastest_peer] / file.seconds[OURS] for file in files if file.fastest_peer]
    mean = peers.geometric_mean(ratios)
    return {
        "files": len(files),
        "files_compared": len(ratios),
        "dcmturbo_times_as_fast": None if mean is None else significant(mean),
        "lowest": significant(min(ratios)) if ratios else None,
        "highest": significant(max(ratios)) if ratios else None,
    }


def _method(files: list[Measured], workers: int, rounds: int | None) -> dict[str, Any]:
    done = [file.rounds for file in files]
    return {
        "what": "path to array, colour converted to RGB, file in the system's cache, every page of the result read",
        "order": "interleaved, in one process, beginning with another decoder each round",
        "statistic": "median",
        "rounds": {"asked": rounds, "least": min(done, default=0), "most": max(done, default=0)},
        "threads": {"dcmturbo": [1, workers] if workers > 1 else [1], "pydicom": "1, or what a plugin does by itself"},
        "not_measured": [
            "the first read of a file from its disk",
            "memory",
            "decoders that are no plugin of pydicom (SimpleITK, dicomsdl, imagecodecs by itself)",
        ],
    }


# ---- showing it -------------------------------------------------------------------------------------


def _table_rows(groups: list[Group], first: Callable[[Group], tuple[str, str]]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for group in groups:
        heading = first(group)
        for name in group.names():
            seconds, speed = group.total(name)
            count = len(group.of(name))
            ratio = None if name.startswith(OURS) else group.ratio(name)
            shown = name if count == len(group.files) else f"{name} ({count} of {len(group.files)})"
            rows.append((*heading, shown, short(seconds * 1000), short(speed), f"{short(ratio)} x" if ratio else ""))
            heading = ("", "")
        complaints = [dict(file.differing) for file in group.files]
        for name in dict.fromkeys(name for complaint in complaints for name in complaint):
            which = [complaint[name] for complaint in complaints if name in complaint]
            many = f"in {len(which)} of {len(group.files)} files" if len(group.files) > 1 else which[0]
            rows.append((*heading, name, "", "", f"other pixels: {many}"))
            heading = ("", "")
    return rows


def _show(
    files: list[Measured],
    by: str,
    workers: int,
    rounds: int | None,
    summary: dict[str, Any],
    skipped: Skipped,
    output: Output,
) -> None:
    tail = ("decoder", ">ms", ">Msamples/s", ">time / dcmturbo's")
    if by == "file":
        groups = [Group(file.keyword, [file]) for file in files]
        extent = [" x ".join(map(str, file.shape)) for file in files]
        place = {id(group): f"{text} {group.files[0].dtype}" for group, text in zip(groups, extent, strict=True)}
        columns: tuple[str, ...] = ("file", "transfer syntax, shape", *tail)
        rows = _table_rows(groups, lambda group: (group.files[0].path, f"{group.keyword}, {place[id(group)]}"))
    else:
        groups = _groups(files)
        columns = ("transfer syntax", ">files", *tail)
        rows = _table_rows(groups, lambda group: (group.keyword, str(len(group.files))))
    output.table(
        f"Decoding {len(files)} file{'' if len(files) == 1 else 's'}: path to array",
        columns,
        rows,
        drop=("transfer syntax, shape",) if by == "file" else (),
    )
    output.say()
    method = _method(files, workers, rounds)
    done = method["rounds"]
    rounds_done = str(done["least"]) if done["least"] == done["most"] else f"{done['least']} to {done['most']}"
    output.say(f"method: {method['what']};")
    output.say(f"        medians of {rounds_done} rounds, {method['order']}; dcmturbo with one thread where not stated")
    where = peers.machine()
    output.say(f"on: {where['cpu']}, {where['cpus']} CPUs, {where['isa']}, {where['system']}")
    output.say(f"with: {', '.join(f'{name} {version}' for name, version in peers.versions().items())}")
    output.say(f"not measured: {'; '.join(method['not_measured'])}")
    _show_reasons(files, output)
    if skipped.describe():
        output.say(skipped.describe())
    output.say()
    if summary["files_compared"]:
        output.say(
            f"dcmturbo with one thread is {summary['dcmturbo_times_as_fast']:.3g} times as fast as the fastest plugin "
            f"of pydicom (geometric mean of {summary['files_compared']} files, {summary['lowest']:.3g} to "
            f"{summary['highest']:.3g})",
            style="bold",
        )
    else:
        output.say("there was no decoder to compare with", style="bold")


def _show_reasons(files: list[Measured], output: Output) -> None:
    """Say, once a reason, which decoders did not take part, and where."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for file in files:
        whys: dict[str, list[str]] = {}
        if file.unmeasured:
            whys[file.unmeasured] = ["pydicom"]
        for name, why in file.failing.items():
            whys.setdefault(why, []).append(name)
        for name, why in file.differing.items():
            whys.setdefault(f"other pixels: {why}", []).append(name)
        for why, names in whys.items():
            reasons.setdefault((", ".join(names), why), []).append(file.path)
    for (decoders, why), paths in reasons.items():
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        output.say(f"not ranked: {decoders}: {why}: {paths[0]}{more}")
