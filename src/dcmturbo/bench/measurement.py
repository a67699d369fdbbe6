"""Measure all engines with one file: compare their pixels, then time them warm, cold and on several threads."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import statistics
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import dcmturbo as dt
from dcmturbo.bench import peers
from dcmturbo.bench.engines import OURS, Subject, Task, tasks_of
from dcmturbo.bench.worker import AdapterError, EngineCrashError, EngineError, Workers
from dcmturbo.wording import significant

__all__ = [
    "COLD_ROUNDS",
    "LEAST_ROUNDS",
    "MOST_ROUNDS",
    "OTHER_WORK",
    "OUT_OF_TIME",
    "Clock",
    "Measured",
    "Timing",
    "difference_of",
    "drop_from_cache",
    "compare",
    "measure",
    "start",
]

MOST_ROUNDS, LEAST_ROUNDS, COLD_ROUNDS = 15, 3, 3
_LEAST_SECONDS = 0.3  # minimum time of an engine for its rounds, however little time is left
OUT_OF_TIME = "the time ran out (raise --seconds)"
# samples per second that are assumed for an engine without measurements of a transfer syntax
_SPEED_OF_STRANGERS = 20e6
_TELLING = 1 << 16  # samples from which a decode shows the speed; with fewer, the overhead of the call dominates
_MOST_BYTES = 1 << 30  # of a result that other engines are asked for
_LEAST_PATIENCE, _MOST_PATIENCE = 15.0, 600.0  # time limits for an engine's first decode of a file, in seconds
_LARGE_FRAME = 1 << 20  # samples from which a frame may be worth several threads


class Clock:
    """The remaining time, and the times that engines have needed so far."""

    def __init__(self, seconds: float | None) -> None:
        self.begin = time.perf_counter()
        self.seconds = seconds
        self._speeds: dict[tuple[str, str], float] = {}  # samples a second, the fastest
        self._calls: dict[tuple[str, str], float] = {}  # seconds a call, the least

    @property
    def elapsed(self) -> float:
        """Seconds since the begin."""
        return time.perf_counter() - self.begin

    @property
    def left(self) -> float:
        """Seconds left; infinite without a limit."""
        return float("inf") if self.seconds is None else self.seconds - self.elapsed

    def expected(self, engine: str, subject: Subject) -> float:
        """Return the expected seconds of a decode, from the measurements of other files."""
        key = (engine, subject.syntax.keyword)
        if key in self._speeds:
            return subject.samples / self._speeds[key]
        return self._calls.get(key, 0.0) + subject.samples / _SPEED_OF_STRANGERS

    def saw(self, engine: str, subject: Subject, seconds: float) -> None:
        """Remember how long a decode took.

        The quickest one counts, because a first decode may include loading a library.
        """
        key = (engine, subject.syntax.keyword)
        if subject.samples >= _TELLING:
            self._speeds[key] = max(subject.samples / max(seconds, 1e-9), self._speeds.get(key, 0.0))
        else:
            call = max(seconds - subject.samples / _SPEED_OF_STRANGERS, 0.0)
            self._calls[key] = min(call, self._calls.get(key, call))


@dataclass
class Timing:
    """The seconds of an engine with a given number of threads."""

    engine: str
    threads: int
    warm: list[float] = field(default_factory=list)
    cold: list[float] = field(default_factory=list)
    first: float | None = None

    @property
    def label(self) -> str:
        """The name in tables."""
        return self.engine if self.threads == 1 else f"{self.engine}, {self.threads} threads"


@dataclass
class Measured:
    """The measurements of a file."""

    subject: Subject
    timings: dict[str, Timing] = field(default_factory=dict)  # by label
    modules: dict[str, list[str]] = field(default_factory=dict)  # what the engines that are timed import
    differing: dict[str, str] = field(default_factory=dict)  # engines with other pixels
    failing: dict[str, str] = field(default_factory=dict)  # engines that raised
    unexplained: dict[str, str] = field(default_factory=dict)  # engines among these that crashed or could not be asked
    printed: dict[str, str] = field(default_factory=dict)  # by engine: the end of what it printed
    absent: dict[str, str] = field(default_factory=dict)  # engines that were not tried
    groups: list[list[str]] = field(default_factory=list)  # engines with the same pixels; dcmturbo's group is the first
    cold_reason: str = ""  # why the file was not measured cold
    not_cold: dict[str, str] = field(default_factory=dict)  # by label: why an engine was not measured cold
    answer: np.ndarray | None = None  # dcmturbo's array, until the comparison is done

    @property
    def keyword(self) -> str:
        """The transfer syntax."""
        return self.subject.syntax.keyword

    @property
    def rounds(self) -> int:
        """The number of rounds."""
        return max((len(timing.warm) for timing in self.timings.values()), default=0)

    @property
    def seconds_of_a_round(self) -> float:
        """How long a round of all engines takes."""
        return sum(self.seconds.values())

    @property
    def seconds(self) -> dict[str, float]:
        """The medians, by label."""
        return {label: statistics.median(timing.warm) for label, timing in self.timings.items() if timing.warm}

    @property
    def alone(self) -> list[str]:
        """Engines that agree with each other and not with dcmturbo, if no engine agrees with dcmturbo."""
        if not self.groups or len(self.groups[0]) > 1:
            return []
        return max(([group for group in self.groups[1:] if len(group) > 1]), key=len, default=[])

    @property
    def fastest_peer(self) -> str | None:
        """The fastest engine on one thread, other than dcmturbo."""
        seconds = self.seconds
        names = [label for label in seconds if not label.startswith(OURS) and self.timings[label].threads == 1]
        return min(names, key=lambda name: seconds[name], default=None)

    @property
    def ratio(self) -> float | None:
        """The speed of dcmturbo relative to the fastest other engine, each on one thread."""
        peer = self.fastest_peer
        return None if peer is None or self.alone else self.seconds[peer] / self.seconds[OURS]

    @property
    def unmeasured(self) -> str:
        """Why there is no engine to compare with; empty if there is one."""
        if self.fastest_peer:
            return ""
        reasons = {**self.absent, **{name: f"other pixels: {why}" for name, why in self.differing.items()}}
        whys = [f"{name}: {why}" for name, why in {**reasons, **self.failing}.items()]
        return "; ".join(whys) or "no other engine is installed"

    def disqualify(self, engine: str, why: str) -> None:
        """Forget an engine that failed after it had decoded the file, and all times that were taken beside it."""
        for label in [label for label, timing in self.timings.items() if timing.engine == engine]:
            del self.timings[label]
        for timing in self.timings.values():
            timing.warm.clear()
            timing.cold.clear()
        self.groups = [[name for name in group if name != engine] for group in self.groups]
        self.failing[engine] = self.unexplained[engine] = why

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        ours = self.seconds[OURS]
        return {
            "path": self.subject.path,
            "transfer_syntax": self.keyword,
            "shape": list(self.subject.shape),
            "dtype": self.subject.dtype.name,
            "photometric_interpretation": self.subject.photometric,
            "frames": self.subject.frames,
            "samples": self.subject.samples,
            "rounds": self.rounds,
            "decoders": {label: self._entry(label, ours) for label in self.seconds},
            "fastest_peer": self.fastest_peer,
            "differing": self.differing,
            "failing": self.failing,
            "unexplained": self.unexplained,
            "printed": self.printed,
            "not_tried": self.absent,
            "agreement": self.groups,
            "dcmturbo_alone_against": self.alone,
            "not_cold": self.cold_reason or None,
            "engines_not_cold": self.not_cold,
            "not_compared": self.unmeasured or None,
        }

    def _entry(self, label: str, ours: float) -> dict[str, Any]:
        timing = self.timings[label]
        middle = statistics.median(timing.warm)
        cold = statistics.median(timing.cold) if timing.cold else None
        return {
            "engine": timing.engine,
            "threads": timing.threads,
            "rounds": len(timing.warm),
            "milliseconds": significant(middle * 1000),
            "lowest_milliseconds": significant(min(timing.warm) * 1000),
            "highest_milliseconds": significant(max(timing.warm) * 1000),
            "cold_milliseconds": None if cold is None else significant(cold * 1000),
            "first_milliseconds": None if timing.first is None else significant(timing.first * 1000),
            "msamples_per_second": significant(self.subject.samples / middle / 1e6),
            "dcmturbo_times_as_fast": None if label == OURS else significant(middle / ours),
        }


# ---- comparing ---------------------------------------------------------------------------------------


def _rescale(path: str) -> tuple[float, float]:
    import pydicom

    ds = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["RescaleSlope", "RescaleIntercept"])
    return float(ds.get("RescaleSlope", 1) or 1), float(ds.get("RescaleIntercept", 0) or 0)


# Work that an engine always does, or never: its array is another one, and its time cannot be compared.
_LEAVES_YBR = "it leaves YBR as it is, so its samples cannot be compared with RGB"
_APPLIES_PALETTE = "it converts indices of a palette to colours, so its samples cannot be compared with the indices"
OTHER_WORK = (_LEAVES_YBR, _APPLIES_PALETTE)


class _Answers:
    """dcmturbo's array of a file, in the forms in which engines return it."""

    def __init__(self, subject: Subject, array: np.ndarray) -> None:
        self.subject = subject
        self.array = array

    def difference(self, task: Task, theirs: np.ndarray) -> str:
        """Return how an engine's array differs; empty if it counts as equal."""
        ours = self.array
        if theirs.ndim == ours.ndim + 1 and theirs.shape[0] == 1:
            theirs = theirs[0]  # a frame axis of one frame
        if self.subject.photometric == "PALETTE COLOR":
            if theirs.ndim == ours.ndim + 2 and theirs.shape[0] == 1:
                theirs = theirs[0]
            if theirs.shape == (*ours.shape, 3):
                return _APPLIES_PALETTE
        cells = theirs
        if task.rescales and theirs.shape == ours.shape:
            with contextlib.suppress(Exception):
                slope, intercept = _rescale(self.subject.path)
                if (slope, intercept) != (1.0, 0.0):
                    ours, theirs = ours * slope + intercept, theirs.astype(np.float64)
        if theirs.shape == ours.shape and theirs.dtype != ours.dtype and theirs.dtype.kind in "iu" + ours.dtype.kind:
            # The same numbers in wider cells.
            wide = np.promote_types(theirs.dtype, ours.dtype)
            ours, theirs = ours.astype(wide), theirs.astype(wide)
        found = peers.compare(ours, theirs, lossless=self.subject.lossless)
        if found and cells.shape == self.array.shape:
            plain = peers.corrected(np.ascontiguousarray(cells), self.array.dtype, self.subject.bits_stored)
            if not peers.compare(self.array, plain, lossless=self.subject.lossless):
                return ""
        if found and self.subject.photometric.startswith("YBR") and theirs.shape == self.array.shape:
            raw = dt.decode(self.subject.path, raw=True)
            if raw.shape == theirs.shape and not peers.compare(raw, theirs, lossless=self.subject.lossless):
                return _LEAVES_YBR
        return found


def _without_path(why: str, path: str) -> str:
    """Return an engine's reason without the file, so that the same reason is the same text for all files."""
    whole = os.path.abspath(path)
    for name in (f'"{whole}"', f"'{whole}'", whole):
        why = why.replace(name, "the file")
    return why


def difference_of(subject: Subject, array: np.ndarray, task: Task, theirs: np.ndarray) -> str:
    """Return how an engine's array differs from dcmturbo's; empty if it counts as equal."""
    return _Answers(subject, array).difference(task, theirs)


def _compare_all(
    measured: Measured, tasks: list[Task], array: np.ndarray, clock: Clock, workers: Workers
) -> list[Task]:
    """Decode with each engine once; return those that agree with dcmturbo, and record the others."""
    subject = measured.subject
    answers = _Answers(subject, array)
    agreeing: list[Task] = []
    others: list[tuple[np.ndarray, list[str]]] = []  # arrays that differ from dcmturbo's
    for task in tasks:
        ours = task.engine == OURS
        expected = clock.expected(task.engine, subject)
        if not ours and 4 * expected > max(clock.left, 1.0):
            measured.absent[task.engine] = (
                f"a decode would take about {expected:.3g} s, which is too long (raise --seconds)"
            )
            continue
        if not ours and array.nbytes > _MOST_BYTES:
            measured.absent[task.engine] = f"the array is larger than {_MOST_BYTES >> 30} GiB"
            continue
        patience = min(max(clock.left, _LEAST_PATIENCE), _MOST_PATIENCE)
        try:
            if ours and array.nbytes > _MOST_BYTES:
                taken, difference = workers.time(task.engine, task.modules, subject.path, 1, patience), ""
            else:
                try:
                    theirs, taken = workers.decode(task.engine, task.modules, subject.path, patience)
                finally:
                    if workers.printed:
                        measured.printed[task.engine] = workers.printed
                difference = answers.difference(task, theirs)
        except EngineError as error:
            if ours:
                raise
            why = _without_path(str(error), subject.path)
            measured.failing[task.engine] = why
            if isinstance(error, (EngineCrashError, AdapterError)):
                measured.unexplained[task.engine] = why
            continue
        clock.saw(task.engine, subject, taken)
        if not difference:
            agreeing.append(task)
            measured.timings[task.engine] = Timing(task.engine, 1, first=taken)
            continue
        if ours:
            raise EngineError("it returned other pixels in a second process")
        measured.differing[task.engine] = difference
        if difference.startswith(("shape ", "dtype ")):
            measured.unexplained[task.engine] = difference  # they may be the same samples in an unknown form
        if difference in OTHER_WORK:
            continue
        for other, names in others:
            if not peers.compare(other, theirs, lossless=subject.lossless):
                names.append(task.engine)
                break
        else:
            others.append((theirs, [task.engine]))
    measured.groups = [[task.engine for task in agreeing], *(names for _, names in others)]
    return agreeing


# ---- timing ------------------------------------------------------------------------------------------


def _pages_in_cache(descriptor: int, size: int) -> int:
    """Return how many pages of a file are in the system's cache, without reading any (mincore)."""
    pages = -(-size // mmap.PAGESIZE)
    found = (ctypes.c_ubyte * pages)()
    library = ctypes.CDLL(None, use_errno=True)
    with mmap.mmap(descriptor, size, access=mmap.ACCESS_COPY) as mapped:
        start = ctypes.c_char.from_buffer(mapped)
        failed = library.mincore(ctypes.c_void_p(ctypes.addressof(start)), ctypes.c_size_t(size), found)
        del start  # otherwise the map cannot be closed
    if failed:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return sum(byte & 1 for byte in found)


def drop_from_cache(path: str) -> str:
    """Remove a file's pages from the system's cache and check; return why some remain, or an empty text."""
    if sys.platform != "linux":
        return "this system has no call that removes a file from its cache"
    try:
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            size = os.fstat(file.fileno()).st_size
            kept = _pages_in_cache(file.fileno(), size) if size else 0
    except OSError as error:
        return error.strerror or str(error)
    except AttributeError:
        return "this system has no call that shows the content of its cache"
    return "the system keeps the file in its cache" if kept else ""


class _LaterError(Exception):
    """An engine failed with a file that it had decoded before."""

    def __init__(self, engine: str, why: str) -> None:
        super().__init__(why)
        self.engine = engine
        self.why = f"it decoded the file once and failed later: {why}"


@dataclass
class _Work:
    """An engine in its process, with a number of threads."""

    timing: Timing
    modules: list[str]
    path: str
    workers: Workers

    def seconds(self) -> float:
        """Return the seconds of one decode.

        Raises
        ------
        _LaterError
            If another engine than dcmturbo fails, though it has decoded the file before.
        """
        timing = self.timing
        if timing.engine != OURS:
            try:
                return self._seconds()
            except EngineError as error:
                raise _LaterError(timing.engine, str(error)) from None
        return self._seconds()

    def _seconds(self) -> float:
        timing = self.timing
        return self.workers.time(timing.engine, self.modules, self.path, timing.threads, _MOST_PATIENCE)


def _time_warm(works: list[_Work], rounds: int | None, seconds: float, clock: Clock) -> None:
    """Let the engines decode in turn, until each has `rounds` decodes; each round begins with another one.

    Without `rounds`, the end depends on `seconds`, and an engine that would need all of them gets one round. If the
    clock runs out, the rounds end early, but not before the first one.
    """
    begin = time.perf_counter()
    done = max(len(work.timing.warm) for work in works)
    while done < (rounds or MOST_ROUNDS):
        if done and clock.left <= 0:
            return
        if rounds is None and done >= LEAST_ROUNDS and time.perf_counter() - begin > seconds:
            return
        first = done % len(works)
        for work in works[first:] + works[:first]:
            if rounds or not work.timing.warm or work.timing.warm[0] * LEAST_ROUNDS < max(seconds, _LEAST_SECONDS):
                work.timing.warm.append(work.seconds())
        done += 1


def _time_cold(measured: Measured, works: list[_Work], seconds: float, clock: Clock) -> None:
    path = measured.subject.path
    measured.cold_reason = "it is a URL" if "://" in path else drop_from_cache(path)
    for done in range(COLD_ROUNDS):
        for work in works:
            if measured.cold_reason:
                return
            if clock.left <= 0:
                measured.cold_reason = "" if done else OUT_OF_TIME
                return
            if work.timing.warm[0] * COLD_ROUNDS > max(seconds, _LEAST_SECONDS):
                measured.not_cold.setdefault(
                    work.timing.label, f"{COLD_ROUNDS} more decodes would take too long (raise --seconds)"
                )
                continue
            measured.cold_reason = drop_from_cache(path)
            if not measured.cold_reason:
                work.timing.cold.append(work.seconds())


def start(subject: Subject, clock: Clock) -> Measured:
    """Decode a file with dcmturbo for the first time.

    Raises
    ------
    dcmturbo.Error, OSError
        If dcmturbo cannot decode the file.
    """
    begin = time.perf_counter()
    array = dt.decode(subject.path, threads=1)
    peers.read_every_page(array)
    taken = time.perf_counter() - begin
    clock.saw(OURS, subject, taken)
    return Measured(subject, answer=array)


def compare(measured: Measured, *, threads: int, clock: Clock, workers: Workers) -> None:
    """Compare all engines with a file that dcmturbo has decoded, and time those that agree for one round.

    Parameters
    ----------
    measured : Measured
        Made by `start`; receives the results.
    threads : int
        Number of threads of engines that can use several.
    clock : Clock
    workers : Workers
        The processes of the engines.

    Raises
    ------
    EngineError
        If dcmturbo fails.
    """
    subject = measured.subject
    tasks, measured.absent = tasks_of(subject)
    assert measured.answer is not None
    agreeing = _compare_all(measured, tasks, measured.answer, clock, workers)
    measured.answer = None  # a view of the file would keep its pages in the cache
    worth = subject.frames > 1 or subject.samples >= _LARGE_FRAME
    for task in agreeing:
        for count in (1, threads) if task.takes_threads and threads > 1 and worth else (1,):
            timing = Timing(task.engine, count)
            timing = measured.timings.setdefault(timing.label, timing)
            measured.modules[task.engine] = task.modules
    measure(measured, rounds=1, seconds=0.0, cold=False, clock=clock, workers=workers)


def measure(
    measured: Measured, *, rounds: int | None, seconds: float, cold: bool, clock: Clock, workers: Workers
) -> None:
    """Time all engines that agree with dcmturbo about a file, in addition to the rounds they have had.

    Parameters
    ----------
    measured : Measured
        As `compare` leaves it; receives the times.
    rounds : int or None
        Number of decodes by each engine, with those it has had; None for 3 to 15, depending on `seconds`.
    seconds : float
        Time limit for this file.
    cold : bool
        Whether to measure also while the file is not in the system's cache.
    clock : Clock
    workers : Workers
        The processes of the engines.

    Raises
    ------
    EngineError
        If dcmturbo fails.
    """
    while True:
        works = [
            _Work(timing, measured.modules[timing.engine], measured.subject.path, workers)
            for timing in measured.timings.values()
        ]
        try:
            _time_warm(works, rounds, seconds, clock)
            if cold:
                _time_cold(measured, works, seconds, clock)
            return
        except _LaterError as error:
            # The others are timed again without it. There will be no headline, because this engine has no figure.
            measured.disqualify(error.engine, error.why)
