"""``dcmturbo bench``: measure the decoding of your own files, with every installed engine."""

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
from dcmturbo.cli.arguments import HelpFormatter
from dcmturbo.cli.inputs import Input, Skipped, add_common, for_each, skipped_document, thread_count
from dcmturbo.cli.output import Output
from dcmturbo.cli.writing import write_whole
from dcmturbo.configuration import resolve_threads
from dcmturbo.wording import significant

__all__ = ["add_parser", "run"]

_SECONDS = 40.0
_SECONDS_A_FILE = 3.0
_SHARE_OF_SCALING = 0.2  # of the time
_MOST_HEADERS = 2000  # maximum number of files of folders whose headers are read
_MOST_SCALED = 8  # transfer syntaxes, one file for each

_EPILOG = """\
This command measures what users do: decode a path to an array, with colour converted to RGB. It compares dcmturbo with
pydicom and each of its plugins, imagecodecs, GDCM, SimpleITK, dicomsdl and pydcm, if they are installed. None of them
is required. The pixels are compared first. An engine whose pixels differ is listed and not ranked. Then the engines
are timed in turn, for several rounds. The table shows the medians.

  warm   the file is in the system's cache, and the engine has decoded it before
  cold   the file's pages were removed from the system's cache before each decode (posix_fadvise, which is checked);
         the caches of disks, of the host of a virtual machine and of file servers cannot be emptied
  first  the engine's first decode of the file, without the import of its packages (only in --json, --csv and --html)

Each engine has its own process, because some crash on damaged files. Nothing is imported from the current folder. What
an engine prints is shown. If an engine crashes or returns an array that cannot be compared, there is no ratio for all
files together, because it would flatter dcmturbo. All figures of a transfer syntax are about the same files.

Files of folders are sampled, evenly by transfer syntax, until the time is over (--seconds). A few rounds only show
large differences: on a shared machine, a function compared with itself gave ratios of 0.86 to 1.09 in 7 rounds, and of
0.97 to 1.06 in 101 rounds.

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
        help="measure dcmturbo against every other installed decoder, on your own files",
        description=(
            "Compare the pixels that dcmturbo and all other installed engines decode, then measure their speed."
        ),
        epilog=_EPILOG,
        formatter_class=HelpFormatter,
    )
    add_common(parser, run, paths=False)
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="a DICOM file, an fsspec URL, or a folder (including all its subfolders)",
    )
    parser.add_argument(
        "--seconds",
        type=_seconds,
        metavar="S",
        help=(
            f"approximate time of the whole run (default: {_SECONDS:g}; no limit with --rounds); files "
            "that do not fit in are listed, not measured"
        ),
    )
    parser.add_argument(
        "--rounds",
        type=thread_count,
        metavar="N",
        help="number of measurements per file (default: 3 to 15, depending on the time for each file)",
    )
    parser.add_argument(
        "--threads",
        type=thread_count,
        metavar="N",
        help='number of threads of the column "all threads" (default: the number of CPUs)',
    )
    parser.add_argument(
        "--no-cold", action="store_true", help="do not measure files that are not in the system's cache"
    )
    parser.add_argument(
        "--by",
        choices=("file", "syntax"),
        help=(
            "what the rows of the table are (default: files, or transfer syntaxes if there are more than "
            f"{bench_table.MOST_FILES} files)"
        ),
    )
    parser.add_argument("--csv", metavar="FILE", help="write a CSV file with a line for each file and engine")
    parser.add_argument("--html", metavar="FILE", help="write an HTML page with tables and charts; it needs no network")
    parser.add_argument("--record", metavar="FILE", help="show the output of an earlier --json; measure nothing")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Run ``dcmturbo bench``."""
    if bool(arguments.record) == bool(arguments.paths):
        return output.usage("bench", "expected either PATH or --record FILE")
    for option in (arguments.csv, arguments.html):
        if option and os.path.isdir(option):
            return output.usage("bench", f"{option} is a folder: give the name of a file")
        inputs = _existing([*arguments.paths, *filter(None, [arguments.record])])
        if option and any(os.path.exists(option) and os.path.samefile(option, path) for path in inputs):
            return output.usage("bench", f"{option} is also an input file: choose another name")
    if arguments.csv and arguments.html and os.path.realpath(arguments.csv) == os.path.realpath(arguments.html):
        return output.usage("bench", "--csv and --html have the same file name: choose two names")
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
            output.say(f"wrote {place}")


def _recorded(path: str, output: Output) -> dict[str, Any] | None:
    """Return the output of an earlier run with --json."""
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
        if document.get("command") != "bench" or document.get("form") != record.FORM:
            raise ValueError
        if document["files"]:
            _render(document)
    except OSError as error:
        output.fail(path, error)
    except (ValueError, AttributeError, LookupError, TypeError):
        output.fail(path, "this is not the output of dcmturbo bench --json of this version", kind="ValueError")
    else:
        document.pop("failed", None)
        if document["files"]:
            return dict(document)
        output.fail(path, "it has no measured file", kind="ValueError")
    return None


def _render(document: dict[str, Any]) -> None:
    """Make everything that is made of a document, so that an incomplete document raises an exception here."""
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
    """Let SIGTERM end the block as Ctrl-C does: processes are ended, and temporary files are removed."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers of signals
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
        # One damaged file must not stop the measurement of the others.
        output.fail(subject.path, error)
    else:
        files.append(measured)


def _spread(count: int) -> list[int]:
    """Return 0 ... count - 1 in an order of which every beginning is spread evenly (bit-reversed)."""
    bits = max((count - 1).bit_length(), 1)
    turned = (int(f"{k:0{bits}b}"[::-1], 2) for k in range(1 << bits))
    return [k for k in turned if k < count]


def _order(found: list[tuple[Input, Subject]]) -> list[Subject]:
    """Return files in the order of measuring: named ones first, then one of each transfer syntax in turn."""
    named = [subject for item, subject in found if item.explicit]
    by_syntax: dict[str, list[Subject]] = {}
    for item, subject in found:
        if not item.explicit:
            by_syntax.setdefault(subject.syntax.uid, []).append(subject)
    columns = [[subjects[k] for k in _spread(len(subjects))] for subjects in by_syntax.values()]
    longest = max(map(len, columns), default=0)
    return named + [column[k] for k in range(longest) for column in columns if k < len(column)]


def _scaling(files: list[Measured], workers: int, clock: Clock) -> list[dict[str, Any]]:
    """Measure the scaling of dcmturbo with the largest file of each transfer syntax, if there is time."""
    curves: list[dict[str, Any]] = []
    largest = [max(group.files, key=lambda file: file.subject.samples) for group in record.groups(files)]
    largest = [file for file in largest if file.subject.samples >= 1 << 18 and not file.subject.syntax.is_native]
    for file in sorted(largest, key=lambda file: -file.subject.samples)[:_MOST_SCALED]:
        if clock.left > 8 * clock.expected("dcmturbo", file.subject):
            try:
                curves.append(scaling(file.subject, workers))
            except (ValueError, OSError, MemoryError):
                continue  # the file has changed, or memory is short: leave its curve out
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
        not_measured.append(
            f"{len(late)} more files, because the time ran out (raise --seconds to include them): {which}"
        )
    if skipped.beyond_the_most:
        not_measured.append(f"{skipped.beyond_the_most} files of folders that were not in the sample")
    if arguments.no_cold:
        not_measured.append("files that are not in the system's cache (--no-cold)")
    cold_reasons = dict.fromkeys(file.cold_reason for file in files if file.cold_reason)
    for why in cold_reasons:
        count = sum(file.cold_reason == why for file in files)
        not_measured.append(f"{count} of {len(files)} files without the cache: {why}")
    if workers == 1:
        not_measured.append("several threads: there is only one CPU, or --threads is 1")
    elif not curves:
        not_measured.append("the scaling curve: no compressed file is large enough, or the time was over")
    return {
        "command": "bench",
        "form": record.FORM,
        "files": [file.document() for file in files],
        "by_transfer_syntax": [group.document() for group in record.groups(files)],
        "summary": record.summary(files),
        "engines": record.engines(files),
        "disagreements": record.disagreements(files),
        "unexplained": record.unexplained(files),
        "printed": record.printed(files),
        "scaling": curves,
        "method": {
            "what": "path to array: colour is converted to RGB, and every memory page of the result is read",
            "warm": "the file is in the system's cache, and the same engine has decoded it before",
            "cold": ("the file's pages were removed from the system's cache (posix_fadvise) before each of 3 decodes"),
            "first": "the engine's first decode of the first of these files; its packages are already imported",
            "order": "the engines take turns, each in a process of its own; each round begins with another engine",
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
