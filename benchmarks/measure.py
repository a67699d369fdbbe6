"""How everything here is measured: in one process, in turn, ratios of medians, answers compared first."""

from __future__ import annotations

import hashlib
import math
import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from random import Random
from typing import Any

Work = Callable[[], Any]

# What a second core must give before a two-thread figure counts (the machine's second core comes and goes).
CONTROL_FLOOR = 1.85


def seconds(work: Work, clock: Callable[[], float] = time.perf_counter) -> float:
    """Return how long one call takes."""
    begin = clock()
    work()
    return clock() - begin


def together(makers: Sequence[Callable[[], Work]]) -> float:
    """Return how long works take that begin at once, each on a thread of its own, which makes it first."""
    ready = threading.Barrier(len(makers) + 1)

    def run(make: Callable[[], Work]) -> None:
        work = make()
        ready.wait()
        work()

    threads = [threading.Thread(target=run, args=(make,)) for make in makers]
    for thread in threads:
        thread.start()
    ready.wait()
    begin = time.perf_counter()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begin


def control() -> float:
    """Return how much faster two threads hash two buffers than one thread does: what scaling can be had now."""
    buffer = bytes(4 << 20)

    def hash_it() -> None:
        hashlib.sha256(buffer).digest()

    def two_threads() -> None:
        other = threading.Thread(target=hash_it)
        other.start()
        hash_it()
        other.join()

    return 2 * seconds(hash_it) / seconds(two_threads)


def interleaved(
    works: Mapping[str, Work],
    rounds: int,
    *,
    two_threads: bool = False,
    most_rounds: int | None = None,
    control_floor: float = CONTROL_FLOOR,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Time every work once a round, in turn, in another order each round.

    `time.thread_time` as the clock leaves out what other processes do meanwhile: for works of the calling thread alone.

    With `two_threads`, a round counts only if the control scaled by `control_floor` before and after it; up to
    `most_rounds` are tried.

    Returns
    -------
    (dict of name to seconds, dict)
        The times; and the rounds that counted, those that did not, and the control's median.
    """
    times: dict[str, list[float]] = {name: [] for name in works}
    controls: list[float] = []
    dropped = 0
    random, last = Random(0), ""
    for work in works.values():
        work()
    while len(next(iter(times.values()))) < rounds:
        order = _turns(list(works), last, random)
        last = order[-1]
        before = control() if two_threads else 0.0
        one = {name: seconds(works[name], clock) for name in order}
        after = control() if two_threads else 0.0
        if two_threads and min(before, after) < control_floor:
            dropped += 1
            if dropped + len(controls) // 2 >= (most_rounds or 10 * rounds):
                break
            continue
        controls += [before, after]
        for name, taken in one.items():
            times[name].append(taken)
    facts: dict[str, Any] = {"rounds": len(next(iter(times.values()))), "dropped": dropped}
    if two_threads and controls:
        facts["control"] = statistics.median(controls)
    return times, facts


def with_again(works: Mapping[str, Work], name: str) -> dict[str, Work]:
    """Return works of which one is there twice, the second time as "NAME again", for A/A.

    Where there is one other only, that is there twice, too, so that neither has to run right after itself.
    """
    others = [other for other in works if other != name]
    twice = [name, *(others if len(others) == 1 else [])]
    return {**works, **{f"{one} again": works[one] for one in twice}}


def _turns(names: Sequence[str], before: str, random: Random) -> list[str]:
    """Return names in another order each round, such that nothing runs right after itself, where that can be.

    What does finds its data in the caches, and a work that always runs after the same other one finds there what that
    has left.
    """
    for _ in range(1000):
        order = random.sample(names, len(names))
        if all(_bare(a) != _bare(b) for a, b in pairwise([before, *order])):
            return order
    return list(names)


def _bare(name: str) -> str:
    return name.removesuffix(" again").removesuffix(" out=")


def scaling_over_control(
    one: Work, two: Work, rounds: int, *, repeat: int = 4, most_rounds: int | None = None, control_floor: float = 0.0
) -> dict[str, Any]:
    """Time the same work on one thread and on two, each `repeat` times in a row, between two controls.

    Machines that others share change from one moment to the next, so each round is compared with its own controls.

    Returns
    -------
    dict
        Medians over the rounds: how the work scales, how the control does, and the one over the other.
    """
    scalings, controls, quotients = [], [], []
    dropped = 0
    one(), two()

    def several(work: Work) -> float:
        return sum(seconds(work) for _ in range(repeat))

    while len(scalings) < rounds and dropped < (most_rounds or 10 * rounds):
        before = control()
        scaling = several(one) / several(two)
        after = control()
        if min(before, after) < control_floor:
            dropped += 1
            continue
        scalings.append(scaling)
        controls.append((before + after) / 2)
        quotients.append(scaling / controls[-1])
    return {
        "scaling": median(scalings),
        "over control": median(quotients),
        "control": median(controls),
        "rounds": len(scalings),
        "dropped": dropped,
    }


def median(times: Sequence[float]) -> float:
    """Return the median, or nan of nothing."""
    return statistics.median(times) if times else math.nan


def geometric_mean(values: Sequence[float]) -> float:
    """Return the geometric mean."""
    return math.exp(statistics.fmean(math.log(value) for value in values))
