"""``dcmturbo bench``: what decoding one's own files costs, with every engine that is installed."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dcmturbo.bench import peers, record
from dcmturbo.bench.engines import Subject, subject_of
from dcmturbo.bench.measurement import Clock, Measured, measure, scaling, start
from dcmturbo.bench.page import page
from dcmturbo.bench.table import csv_text
from dcmturbo.bench.worker import Workers
from dcmturbo.cli import bench_table
from dcmturbo.cli.inputs import Input, Skipped, add_common, for_each, skipped_document, thread_count
from dcmturbo.cli.output import Output
from dcmturbo.cli.writing import write_whole
from dcmturbo.configuration import resolve_threads
from dcmturbo.wording import significant

__all__ = ["add_parser", "run"]

_SECONDS = 40.0
_SECONDS_A_FILE = 3.0
_SHARE_OF_SCALING = 0.2  # of the time
_MOST_HEADERS = 2000  # files of folders that are looked into
_MOST_SCALED = 8  # transfer syntaxes, a file each

_EPILOG = """\
Measured is what users run: a path in, an array out, colour as RGB. The engines are dcmturbo, pydicom with each of its
plugins, imagecodecs, GDCM, SimpleITK, dicomsdl and pydcm, as far as they are installed; none is needed. The pixels are
compared first; an engine whose pixels differ is named and not ranked, because a wrong answer is never fast. The clock
then runs for each engine in turn, round after round; the medians are given.

  warm   the file is in the system's cache, and the engine has decoded it before
  cold   its pages have been dropped from the system's cache before each decode (posix_fadvise), which is checked; what
         the disk, the host of a virtual machine or a file server keep is beyond it
  first  the engine's first decode of the file, which its process may be new to; the import of its packages is apart
         (both in --json, --csv and --html only)

Each engine has a process of its own: some bring theirs down with a damaged file. Nothing is imported from the current
folder. Where an engine ends its process, or gives what cannot be compared, its last words are shown, and no ratio is
given for all of the files: without it, that would flatter. The figures of a transfer syntax are all of the same files.

Files of folders are sampled, evenly by transfer syntax, until the time (--seconds) is up. Few rounds tell large
differences only: on a shared machine, one function against itself gave ratios of 0.86 to 1.09 over 7 rounds, and of
0.97 to 1.06 over 101.

examples:
  dcmturbo bench ct.dcm
  dcmturbo bench archive/ --seconds 120 --html bench.html
  dcmturbo bench study/ --rounds 31 --threads 1
  dcmturbo bench archive/ --by syntax --json > bench.json
  dcmturbo bench --record bench.json --html bench.html
"""


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e9:
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0, found {text!r}")
    return number


def add_parser(commands: Any) -> None:
    """Add ``bench`` to the commands."""
    parser = commands.add_parser(
        "bench",
        help="time dcmturbo against every other decoder installed, on your own files",
        description="Time decoding with dcmturbo and with all other engines installed, after comparing their pixels.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_common(parser, run, paths=False)
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="a DICOM file, an fsspec URL, or a folder (with all folders in it)"
    )
    parser.add_argument(
        "--seconds",
        type=_seconds,
        metavar="S",
        help=f"time in all, about (default: {_SECONDS:g}; none with --rounds): files beyond it are counted, not timed",
    )
    parser.add_argument(
        "--rounds",
        type=thread_count,
        metavar="N",
        help=f"rounds a file (default: 3 to 15, as {_SECONDS_A_FILE:g} seconds a file and --seconds allow)",
    )
    parser.add_argument(
        "--threads", type=thread_count, metavar="N", help='what "all threads" means (default: as many as CPUs)'
    )
    parser.add_argument("--no-cold", action="store_true", help="leave the files in the system's cache")
    parser.add_argument(
        "--by",
        choices=("file", "syntax"),
        help=f"the table's rows (default: files up to {bench_table.MOST_FILES}, else syntaxes)",
    )
    parser.add_argument("--csv", metavar="FILE", help="write a line for each file and engine")
    parser.add_argument("--html", metavar="FILE", help="write a page with tables and charts, that needs no network")
    parser.add_argument("--record", metavar="FILE", help="show what an earlier --json has printed; measure nothing")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Run ``dcmturbo bench``."""
    if bool(arguments.record) == bool(arguments.paths):
        return output.usage("bench", "expected either paths or --record FILE")
    for option in (arguments.csv, arguments.html):
        if option and os.path.isdir(option):
            return output.usage("bench", f"{option} is a folder, expected the name of a file")
        inputs = _existing([*arguments.paths, *filter(None, [arguments.record])])
        if option and any(os.path.exists(option) and os.path.samefile(option, path) for path in inputs):
            return output.usage("bench", f"the output {option} is an input itself")
    if arguments.csv and arguments.html and os.path.realpath(arguments.csv) == os.path.realpath(arguments.html):
        return output.usage("bench", "--csv and --html name the same file")
    document = _recorded(arguments.record, output) if arguments.record else _measured(arguments, output)
    if document is None:
        return output.exit_code
    if document["files"]:
        bench_table.show(document, arguments.by, output)
        _write(arguments, document, output)
    output.result(document)
    return output.exit_code


def _existing(paths: list[str]) -> list[str]:
    return [path for path in paths if os.path.isfile(path)]


def _write(arguments: argparse.Namespace, document: dict[str, Any], output: Output) -> None:
    for place, render in ((arguments.csv, csv_text), (arguments.html, page)):
        if not place:
            continue
        try:
            text = render(document).encode("utf-8", "backslashreplace")
            write_whole(Path(place), lambda file, text=text: file.write(text))  # type: ignore[misc]
        except OSError as error:
            output.fail(place, error)
        else:
            output.say(f"written: {place}")


def _recorded(path: str, output: Output) -> dict[str, Any] | None:
    """Return what an earlier run has printed with --json."""
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
        if document.get("command") != "bench" or document.get("form") != record.FORM:
            raise ValueError
        if document["files"]:
            _render(document)
    except OSError as error:
        output.fail(path, error)
    except (ValueError, AttributeError, LookupError, TypeError):
        output.fail(path, "it is not what this version of dcmturbo bench prints with --json", kind="ValueError")
    else:
        document.pop("failed", None)
        if document["files"]:
            return dict(document)
        output.fail(path, "no file has been measured in it", kind="ValueError")
    return None


def _render(document: dict[str, Any]) -> None:
    """Make all that can be made of a document; raise what a document raises of which something is missing."""
    page(document)
    csv_text(document)
    for by in ("file", "syntax"):
        with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
            bench_table.show(document, by, Output(json=False))


# ---- measuring --------------------------------------------------------------------------------------


def _measured(arguments: argparse.Namespace, output: Output) -> dict[str, Any] | None:
    workers = resolve_threads(arguments.threads)
    asked = arguments.seconds or (None if arguments.rounds else _SECONDS)
    whole = Clock(asked)
    clock = Clock(None if asked is None else asked * (1 - _SHARE_OF_SCALING))
    found, skipped = for_each(
        arguments.paths, output, "reading headers", lambda item: _look(item, output), most=_MOST_HEADERS
    )
    order = _order(found)
    files: list[Measured] = []
    late: list[Subject] = []
    with _orderly_end(), Workers() as processes, output.progress("measuring", len(order)) as advance:
        for position, subject in enumerate(order):
            if files and clock.left <= 0:
                late.append(subject)
            else:
                each = min(_SECONDS_A_FILE, max(clock.left, 0.0) / (len(order) - position))
                _measure_one(subject, files, workers, arguments, each, clock, processes, output)
            advance()
    if not files and not output.json:
        return None
    imports = {name: significant(seconds * 1000) for name, seconds in processes.import_seconds.items()}
    with peers.quiet():
        curves = _scaling(files, workers, whole) if workers > 1 else []
    return _document(files, late, curves, skipped, arguments, workers, whole) | {"imports": imports}


@contextlib.contextmanager
def _orderly_end() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does: processes are ended, and temporary files removed."""
    if threading.current_thread() is not threading.main_thread():
        yield  # which alone may say what signals do
        return
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _look(item: Input, output: Output) -> tuple[Input, Subject]:
    with output.warnings_of(item.path):
        return item, subject_of(item.path)


def _measure_one(
    subject: Subject,
    files: list[Measured],
    workers: int,
    arguments: argparse.Namespace,
    seconds: float,
    clock: Clock,
    processes: Workers,
    output: Output,
) -> None:
    try:
        with output.warnings_of(subject.path):
            measured = start(subject, clock)
        with peers.quiet():
            measure(
                measured,
                threads=workers,
                rounds=arguments.rounds,
                seconds=seconds,
                cold=not arguments.no_cold,
                clock=clock,
                workers=processes,
            )
    except (KeyboardInterrupt, BrokenPipeError):
        raise
    except Exception as error:
        # One damaged file must not keep the others from being measured.
        output.fail(subject.path, error)
    else:
        files.append(measured)


def _spread(count: int) -> list[int]:
    """Return 0 ... count - 1 in an order whose every beginning is spread evenly (bits reversed)."""
    bits = max((count - 1).bit_length(), 1)
    turned = (int(f"{k:0{bits}b}"[::-1], 2) for k in range(1 << bits))
    return [k for k in turned if k < count]


def _order(found: list[tuple[Input, Subject]]) -> list[Subject]:
    """Return files in the order of measuring: named ones as named, then one of each transfer syntax in turn."""
    named = [subject for item, subject in found if item.explicit]
    by_syntax: dict[str, list[Subject]] = {}
    for item, subject in found:
        if not item.explicit:
            by_syntax.setdefault(subject.syntax.uid, []).append(subject)
    columns = [[subjects[k] for k in _spread(len(subjects))] for subjects in by_syntax.values()]
    longest = max(map(len, columns), default=0)
    return named + [column[k] for k in range(longest) for column in columns if k < len(column)]


def _scaling(files: list[Measured], workers: int, clock: Clock) -> list[dict[str, Any]]:
    """Measure how dcmturbo scales with the largest file of each transfer syntax, as far as there is time."""
    curves: list[dict[str, Any]] = []
    largest = [max(group.files, key=lambda file: file.subject.samples) for group in record.groups(files)]
    largest = [file for file in largest if file.subject.samples >= 1 << 18 and file.subject.syntax.family != "native"]
    for file in sorted(largest, key=lambda file: -file.subject.samples)[:_MOST_SCALED]:
        if clock.left > 8 * clock.expected("dcmturbo", file.subject):
            try:
                curves.append(scaling(file.subject, workers))
            except (ValueError, OSError, MemoryError):
                continue  # the file has changed, or memory is short: there is no curve of it
    return sorted(curves, key=lambda curve: str(curve["transfer_syntax"]))


def _document(
    files: list[Measured],
    late: list[Subject],
    curves: list[dict[str, Any]],
    skipped: Skipped,
    arguments: argparse.Namespace,
    workers: int,
    clock: Clock,
) -> dict[str, Any]:
    done = [len(timing.warm) for file in files for timing in file.timings.values()]
    late_by_syntax: dict[str, int] = {}
    for subject in late:
        late_by_syntax[subject.syntax.keyword] = late_by_syntax.get(subject.syntax.keyword, 0) + 1
    not_measured = list(record.NEVER_MEASURED)
    if late:
        which = ", ".join(f"{count} {keyword}" for keyword, count in late_by_syntax.items())
        not_measured.append(f"{len(late)} more files, for want of time (--seconds): {which}")
    if skipped.beyond_the_most:
        not_measured.append(f"{skipped.beyond_the_most} files of folders, which were not looked at")
    if arguments.no_cold:
        not_measured.append("cold files (--no-cold)")
    cold_reasons = dict.fromkeys(file.cold_reason for file in files if file.cold_reason)
    for why in cold_reasons:
        count = sum(file.cold_reason == why for file in files)
        not_measured.append(f"{count} of {len(files)} files cold: {why}")
    if workers == 1:
        not_measured.append("several threads: there is one CPU, or --threads 1")
    elif not curves:
        not_measured.append("the scaling curve: no compressed file is large enough, or the time was up")
    return {
        "command": "bench",
        "form": record.FORM,
        "files": [file.document() for file in files],
        "by_transfer_syntax": [group.document() for group in record.groups(files)],
        "summary": record.summary(files),
        "engines": record.engines(files),
        "disagreements": record.disagreements(files),
        "unexplained": record.unexplained(files),
        "scaling": curves,
        "method": {
            "what": "path to array, colour converted to RGB, every page of the result read",
            "warm": "the file in the system's cache, decoded before by the same engine",
            "cold": "the file's pages dropped from the system's cache (posix_fadvise) before each of 3 decodes",
            "first": "the engine's first decode of the first of these files, its packages being imported",
            "order": "interleaved, each engine in a process of its own, beginning with another one each round",
            "statistic": "median",
            "rounds": {"asked": arguments.rounds, "least": min(done, default=0), "most": max(done, default=0)},
            "threads": workers,
            "not_measured": not_measured,
        },
        "versions": peers.versions(),
        "machine": peers.machine(),
        "measured": time.strftime("%Y-%m-%d", time.gmtime()),
        "seconds": significant(clock.elapsed),
        "skipped": skipped_document(skipped),
    }
