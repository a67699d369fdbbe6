"""Threads for Python work of the pydicom plugin and of transcoding; the core's pool runs frames only."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

__all__ = ["map_frames", "submit"]

Job = TypeVar("Job")
Result = TypeVar("Result")

# Threads are started only if work is waiting. This is their maximum; `map_frames` chooses the number.
_MOST_THREADS = 256
# The pool, and the process it belongs to, because a forked child has none of its threads. If two threads create it at
# the same time, there are two, which does no harm; a lock could be held by another thread at the fork.
_pool: tuple[int, ThreadPoolExecutor] | None = None


def submit(function: Callable[[], Result]) -> Future[Result]:
    """Run a function on a thread of the pool. It must not wait for another one that has not begun."""
    global _pool
    pool = _pool
    if pool is None or pool[0] != os.getpid():
        pool = _pool = (os.getpid(), ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="dcmturbo-library"))
    return pool[1].submit(function)


def map_frames(function: Callable[[Job], Result], jobs: Sequence[Job], threads: int = 1) -> list[Result]:
    """Return ``[function(job) for job in jobs]``, computed by several threads.

    Parameters
    ----------
    function : callable
        Processes one frame. Threads help only if it releases the GIL.
    jobs : sequence
        Taken in order.
    threads : int
        Number of workers; the caller is the first of them. With 1, no thread is created.

    Returns
    -------
    list
        The results, in the order of `jobs`.

    Raises
    ------
    BaseException
        The exception of the lowest failing job, whatever the number of threads: jobs are started in order, and none is
        started after a failure, so every lower job is done.
    """
    results: list[Any] = [None] * len(jobs)
    failures: dict[int, BaseException] = {}
    lock = threading.Lock()
    taken = 0

    def take() -> int | None:
        nonlocal taken
        with lock:
            if taken >= len(jobs) or failures:
                return None
            taken += 1
            return taken - 1

    def work() -> None:
        while (index := take()) is not None:
            try:
                results[index] = function(jobs[index])
            except BaseException as failure:
                with lock:
                    failures[index] = failure

    helpers = [submit(work) for _ in range(min(threads, len(jobs)) - 1)]
    try:
        work()
    finally:
        # A helper that has not begun finds nothing to do. It is not waited for, so a nested call cannot wait for
        # itself. A helper that has begun is waited for, because it writes into the caller's memory.
        for helper in helpers:
            if not helper.cancel():
                helper.result()
    if failures:
        raise failures[min(failures)]
    return results
