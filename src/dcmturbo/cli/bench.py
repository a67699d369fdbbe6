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
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dcmturbo.bench import peers, record
from dcmturbo.bench.engines import OURS, Subject, subject_of
from dcmturbo.bench.measurement import (
    COLD_ROUNDS,
    LEAST_ROUNDS,
    MOST_ROUNDS,
    OUT_OF_TIME,
    Clock,
    Measured,
    compare,
    measure,
    start,
)
from dcmturbo.bench.page import page
from dcmturbo.bench.scaling import scaling
from dcmturbo.bench.table import csv_text
from dcmturbo.bench.worker import Workers
from dcmturbo.cli import bench_table
from dcmturbo.cli.arguments import HelpFormatter
from dcmturbo.cli.bench_progress import Stage, following
from dcmturbo.cli.inputs import Input, Skipped, add_common, for_each, skipped_document, thread_count
from dcmturbo.cli.output import Output
from dcmturbo.cli.writing import write_whole
from dcmturbo.configuration import resolve_threads
from dcmturbo.wording import plural, significant

__all__ = ["add_parser", "run"]

_SECONDS = 40.0
_SECONDS_A_FILE = 3.0
_SHARE_OF_SCALING = 0.2  # of the time
_EXTRA_FOR_FIRST_FILES = 1.0  # of the time, for the first file of each transfer syntax
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

Files of folders are sampled, evenly by transfer syntax, until the time is over (--seconds). Every file gets one round
before any gets more. Starting the engines takes some seconds of the time, on a busy machine much more. The progress
is shown on stderr. After Ctrl-C or SIGTERM, the results so far are shown and written; they are marked as incomplete,
and the exit code is 130 or 143. A few rounds only show large differences: on a shared machine, a function compared
with itself gave ratios of 0.86 to 1.09 in 7 rounds, and of 0.97 to 1.06 in 101 rounds.

examples:
  dcmturbo bench ct.dcm
  dcmturbo bench archive/ --seconds 120 --html bench.html
  dcmturbo bench study/ --rounds 31 --threads 1
  dcmturbo bench archive/ --by syntax --json > bench.json
  dcmturbo bench --record bench.json --html bench.html

exit codes: 0 all is well, 1 a file failed or none could be measured, 2 wrong usage, 130 after Ctrl-C, 143 after SIGTERM
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
            f"approximate time of the whole run (default: {_SECONDS:g}; no limit with --rounds); it may take twice as "
            "long until a file of each transfer syntax is measured; files that do not fit in are listed, not measured"
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
        help='number of threads of the column "ms, N threads" (default: the number of CPUs)',
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
    stopped = 0
    if arguments.record:
        document = _recorded(arguments.record, output)
    else:
        document, stopped = _measured(arguments, output)
    if document is None:
        return stopped or output.exit_code
    if document["files"]:
        bench_table.show(document, arguments.by, output)
        _write(arguments, document, output)
    output.result(document)
    return stopped or output.exit_code


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


@dataclass
class _Run:
    """What has been measured so far."""

    order: list[Subject]
    files: list[Measured] = field(default_factory=list)
    curves: list[dict[str, Any]] = field(default_factory=list)
    imports: dict[str, float] = field(default_factory=dict)  # seconds, by engine
    late: list[Subject] = field(default_factory=list)  # files that were not measured
    stopped: int = 0  # the exit code, if a signal ended the run


def _measured(arguments: argparse.Namespace, output: Output) -> tuple[dict[str, Any] | None, int]:
    """Measure; return the document and, if a signal ended the run, its exit code."""
    workers = resolve_threads(arguments.threads)
    asked = arguments.seconds or (None if arguments.rounds else _SECONDS)
    whole, rounds_end = Clock(asked), Clock(None if asked is None else asked * (1 - _SHARE_OF_SCALING))
    found, skipped = for_each(
        arguments.paths, output, "reading headers", lambda item: _look(item, output), most=_MOST_HEADERS
    )
    run = _Run(_order(found))
    run.late = list(run.order)
    with following(quiet=output.silent) as stage:
        try:
            with _orderly_end(), Workers() as processes:
                run.imports = processes.import_seconds
                stage.engine = lambda: processes.asked
                _first_rounds(run, workers, arguments, whole, processes, output, stage)
                _more_rounds(run, arguments, rounds_end, processes, output, stage)
                stage.text, stage.engine = "measuring several threads", str
                if workers > 1:
                    with peers.quiet():
                        _scaling(run, workers, whole)
        except KeyboardInterrupt:
            run.stopped = 130
        except SystemExit as end:
            run.stopped = int(end.code or 0)
    run.files = [file for file in run.files if OURS in file.seconds]
    if run.stopped and run.files:
        output.warn("", f"stopped: the results of {len(run.files)} of {len(run.order)} files are shown and written")
    if not run.files and (run.stopped or not output.json):
        return None, run.stopped
    return _document(run, skipped, arguments, workers, whole), run.stopped


def _first_rounds(
    run: _Run,
    workers: int,
    arguments: argparse.Namespace,
    clock: Clock,
    processes: Workers,
    output: Output,
    stage: Stage,
) -> None:
    """Compare all engines with each file and time one round, so that a short time is enough for each transfer syntax.

    The first file of a transfer syntax is measured even after the time, which starting the engines may have used up.
    """
    syntaxes: set[str] = set()
    begin = time.perf_counter()
    for position, subject in enumerate(run.order):
        is_first = subject.syntax.uid not in syntaxes
        extra = _EXTRA_FOR_FIRST_FILES * (clock.seconds or 0.0) if is_first else 0.0
        if run.files and clock.left + extra <= 0:
            continue
        stage.text = f"first round: {position} of {len(run.order)} files done"
        each = (time.perf_counter() - begin) / position if position else None
        rest = sum(_rest_of(file, arguments) for file in run.files) / max(len(run.files), 1) * len(run.order)
        _expect(stage, None if each is None else each * (len(run.order) - position) + rest, clock)
        with _failures_of(subject, run, output):
            with output.warnings_of(subject.path):
                measured = start(subject, clock)
            with peers.quiet():
                compare(measured, threads=workers, clock=clock, workers=processes)
            run.files.append(measured)
            syntaxes.add(subject.syntax.uid)
        run.late.remove(subject)


def _more_rounds(
    run: _Run, arguments: argparse.Namespace, clock: Clock, processes: Workers, output: Output, stage: Stage
) -> None:
    """Time all files for more rounds, and without the system's cache, while there is time."""
    files = list(run.files)
    for position, measured in enumerate(files):
        if clock.left <= 0:
            break
        stage.text = f"more rounds: {position} of {len(files)} files done"
        _expect(stage, sum(_rest_of(file, arguments) for file in files[position:]), clock)
        each = min(_SECONDS_A_FILE, clock.left / (len(files) - position))
        with _failures_of(measured.subject, run, output), peers.quiet():
            measure(
                measured,
                rounds=arguments.rounds,
                seconds=each,
                cold=not arguments.no_cold,
                clock=clock,
                workers=processes,
            )


def _rest_of(file: Measured, arguments: argparse.Namespace) -> float:
    """Return about how many seconds the rounds take that a file has not had."""
    one = file.seconds_of_a_round
    rounds = one * max((arguments.rounds or MOST_ROUNDS) - file.rounds, 0)
    if not arguments.rounds:
        rounds = min(rounds, max(_SECONDS_A_FILE, one * LEAST_ROUNDS))
    return rounds + (0.0 if arguments.no_cold else one * COLD_ROUNDS)


def _expect(stage: Stage, seconds: float | None, clock: Clock) -> None:
    if clock.left <= 0:
        stage.expect(None)  # it is late: nobody knows
    elif seconds is not None:
        stage.expect(min(clock.left, seconds))
    else:
        stage.expect(None if clock.seconds is None else clock.left)


@contextlib.contextmanager
def _failures_of(subject: Subject, run: _Run, output: Output) -> Iterator[None]:
    """Report an exception of the block as the failure of a file, and leave the file out."""
    try:
        yield
    except BrokenPipeError:
        raise
    except Exception as error:
        # One damaged file must not stop the measurement of the others.
        output.fail(subject.path, error)
        run.files = [file for file in run.files if file.subject is not subject]


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


def _spread(count: int) -> list[int]:
    """Return 0 ... count - 1 in an order of which every beginning is spread evenly (bit-reversed)."""
    bits = max((count - 1).bit_length(), 1)
    turned = (int(f"{k:0{bits}b}"[::-1], 2) for k in range(1 << bits))
    return [k for k in turned if k < count]


def _order(found: list[tuple[Input, Subject]]) -> list[Subject]:
    """Return files in the order of measuring: one of each transfer syntax in turn, the named ones first."""
    named: dict[str, list[Subject]] = {}
    others: dict[str, list[Subject]] = {}
    for item, subject in sorted(found, key=lambda one: not one[0].explicit):
        (named if item.explicit else others).setdefault(subject.syntax.uid, []).append(subject)
        named.setdefault(subject.syntax.uid, [])
    columns = []
    for uid, first in named.items():
        rest = others.get(uid, [])
        columns.append(first + [rest[k] for k in _spread(len(rest))])
    longest = max(map(len, columns), default=0)
    return [column[k] for k in range(longest) for column in columns if k < len(column)]


def _scaling(run: _Run, workers: int, clock: Clock) -> None:
    """Measure the scaling of dcmturbo with the largest file of each transfer syntax, if there is time."""
    largest = [max(group.files, key=lambda file: file.subject.samples) for group in record.groups(run.files)]
    largest = [file for file in largest if file.subject.samples >= 1 << 18 and not file.subject.syntax.is_native]
    for file in sorted(largest, key=lambda file: -file.subject.samples)[:_MOST_SCALED]:
        if clock.left > 8 * clock.expected("dcmturbo", file.subject):
            try:
                run.curves.append(scaling(file.subject, workers))
            except (ValueError, OSError, MemoryError):
                continue  # the file has changed, or memory is short: leave its curve out
    run.curves.sort(key=lambda curve: str(curve["transfer_syntax"]))


def _cold(run: _Run, arguments: argparse.Namespace) -> tuple[str, list[str]]:
    """Return how cold files were measured, and what about them was not."""
    if arguments.no_cold:
        return "not measured, because of --no-cold", ["files that are not in the system's cache (--no-cold)"]
    for file in run.files:
        if not file.cold_reason and not file.not_cold and not any(t.cold for t in file.timings.values()):
            file.cold_reason = "the run was stopped" if run.stopped else OUT_OF_TIME
    reasons = Counter(file.cold_reason for file in run.files if file.cold_reason)
    missing = [
        f"cold ms of {count} of {plural(len(run.files), 'file')}, because {why}" for why, count in reasons.items()
    ]
    slow: dict[str, dict[str, None]] = {}
    for file in run.files:
        for label, why in file.not_cold.items():
            slow.setdefault(why, {})[label] = None
    missing += [f"cold ms of {', '.join(labels)} with some files, because {why}" for why, labels in slow.items()]
    if not any(timing.cold for file in run.files for timing in file.timings.values()):
        whys = [*reasons, *slow]
        return f"not measured, because {whys[0]}" if whys else "not measured", missing
    return (
        f"the file's pages were removed from the system's cache (posix_fadvise) before each of {COLD_ROUNDS} decodes",
        missing,
    )


def _document(run: _Run, skipped: Skipped, arguments: argparse.Namespace, workers: int, clock: Clock) -> dict[str, Any]:
    files = run.files
    done = [len(timing.warm) for file in files for timing in file.timings.values()]
    cold, missing = _cold(run, arguments)
    late = Counter(subject.syntax.keyword for subject in run.late)
    not_measured = []
    if late:
        why = "the run was stopped" if run.stopped else OUT_OF_TIME
        which = ", ".join(f"{count} {keyword}" for keyword, count in late.items())
        not_measured.append(f"{plural(len(run.late), 'more file')}, because {why}: {which}")
    if skipped.beyond_the_most:
        not_measured.append(f"{skipped.beyond_the_most} files of folders that were not in the sample")
    not_measured += missing
    if workers == 1:
        not_measured.append("several threads: there is only one CPU, or --threads is 1")
    elif not run.curves:
        not_measured.append("the scaling curve: no compressed file is large enough, or the time was over")
    not_measured += record.NEVER_MEASURED
    return {
        "command": "bench",
        "form": record.FORM,
        "files": [file.document() for file in files],
        "by_transfer_syntax": [group.document() for group in record.groups(files)],
        "summary": record.summary(files) | {"files_found": len(run.order) + skipped.beyond_the_most},
        "late": late,
        "stopped": bool(run.stopped),
        "engines": record.engines(files),
        "disagreements": record.disagreements(files),
        "unexplained": record.unexplained(files),
        "printed": record.printed(files),
        "scaling": run.curves,
        "method": {
            "what": "path to array: colour is converted to RGB, and every memory page of the result is read",
            "warm": "the file is in the system's cache, and the same engine has decoded it before",
            "cold": cold,
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
        "imports": {name: significant(seconds * 1000) for name, seconds in run.imports.items()},
    }
