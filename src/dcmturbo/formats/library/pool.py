"""Threads for work in Python, of the pydicom plugin and of transcoding: the core's pool runs frames only."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

__all__ = ["map_frames", "submit"]

Job = TypeVar("Job")
Result = TypeVar("Result")

# Threads start only when work waits for them: this bounds them, `map_frames` says how many.
_MOST_THREADS = 256
# The pool, and the process it belongs to: after a fork, the child has none of its threads. Two threads
# that make it at once make two, which does no harm; a lock might be held by a third at the fork.
_pool: tuple[int, ThreadPoolExecutor] | None = None


def submit(function: Callable[[], Result]) -> Future[Result]:
    """Run a function on a thread of the pool. It must not wait for another that has not begun."""
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
        Does one frame; gains by threads where it leaves the GIL.
    jobs : sequence
        Taken in order.
    threads : int
        Workers; the caller is the first of them, and with 1 the only one: then no thread is made.

    Returns
    -------
    list
        The results, in the order of `jobs`.

    Raises
    ------
    BaseException
        That of the lowest failing job, with any number of threads: jobs are handed out in order, and no
        new one after a failure, so every job below it has been done.
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
        # A helper that has not begun finds nothing to do: without it, a nested call cannot wait for
        # itself. One that has is waited for, because it writes into the caller's memory.
        for helper in helpers:
            if not helper.cancel():
                helper.result()
    if failures:
        raise failures[min(failures)]
    return results
