"""Time dcmturbo on 1, 2, 4 ... threads, each time beside a control: a hash on as many threads."""

from __future__ import annotations

import gc
import hashlib
import statistics
import threading
import time
from typing import Any

import numpy as np

import dcmturbo as dt
from dcmturbo.bench.engines import Subject
from dcmturbo.wording import significant

__all__ = ["scaling", "thread_counts"]


def _control(threads: int) -> float:
    """Return how much more several threads hash in the same time than one: the current capacity of the machine."""
    buffer = bytes(1 << 21)

    def several(count: int) -> float:
        begin = time.perf_counter()
        others = [threading.Thread(target=lambda: hashlib.sha256(buffer).digest()) for _ in range(count - 1)]
        for other in others:
            other.start()
        hashlib.sha256(buffer).digest()
        for other in others:
            other.join()
        return time.perf_counter() - begin

    return threads * several(1) / several(threads)


def thread_counts(workers: int) -> list[int]:
    """Return 1, 2, 4 ... and the number of workers."""
    counts = [1]
    while counts[-1] * 2 < workers:
        counts.append(counts[-1] * 2)
    return counts + ([workers] if workers > 1 else [])


def scaling(subject: Subject, workers: int, *, rounds: int = 7, seconds: float = 2.0) -> dict[str, Any]:
    """Time dcmturbo on 1, 2, 4 ... threads, into memory that already exists, each with a control.

    Returns
    -------
    dict
        For JSON: the speed-up for each number of threads, and that of the control.
    """
    out = np.empty(subject.shape, subject.dtype)
    counts = thread_counts(workers)
    times: dict[int, list[float]] = {count: [] for count in counts}
    controls: dict[int, list[float]] = {count: [] for count in counts}
    begin = time.perf_counter()
    dt.decode(subject.path, out=out)
    gc.collect()
    for done in range(rounds):
        if done >= 3 and time.perf_counter() - begin > seconds:
            break
        for count in counts:
            controls[count].append(_control(count))
            start_of_one = time.perf_counter()
            dt.decode(subject.path, out=out, threads=count)
            times[count].append(time.perf_counter() - start_of_one)
    one = statistics.median(times[1])
    return {
        "transfer_syntax": subject.syntax.keyword,
        "path": subject.path,
        "frames": subject.frames,
        "points": [
            {
                "threads": count,
                "times_as_fast": significant(one / statistics.median(times[count])),
                "control": significant(statistics.median(controls[count])),
            }
            for count in counts
        ],
    }
