"""Work in Python on the workers of the core."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from dcmturbo import _core

__all__ = ["map_on_workers"]

Job = TypeVar("Job")
Result = TypeVar("Result")


def map_on_workers(function: Callable[[Job], Result], jobs: Sequence[Job], threads: int = 1) -> list[Result]:
    """Return ``[function(job) for job in jobs]``, computed by several threads.

    Parameters
    ----------
    function : callable
        Processes one job; several threads are faster only if it releases the GIL. It runs on one thread: what it calls
        in the core makes no use of other workers.
    jobs : sequence
        The jobs, which are started in order.
    threads : int
        Workers; the calling thread is one of them. 1 makes no thread.

    Returns
    -------
    list
        The results, in the order of `jobs`.

    Raises
    ------
    BaseException
        The exception of the lowest failing job, with any number of threads. No job after it is started once it has
        failed.
    """
    if threads == 1 or len(jobs) < 2:
        return [function(job) for job in jobs]
    results: dict[int, Result] = {}
    lowest: tuple[int, BaseException] | None = None
    lock = threading.Lock()  # without a GIL, two jobs may fail at the same time

    def work(index: int) -> None:
        nonlocal lowest
        # A job below one that failed still runs: it may fail too, and then its exception is the one to raise.
        if lowest is not None and lowest[0] < index:
            return
        try:
            results[index] = function(jobs[index])
        except BaseException as failure:
            with lock:
                if lowest is None or index < lowest[0]:
                    lowest = index, failure

    _core.parallel_for(len(jobs), threads, work)
    if lowest is not None:
        # The traceback has this frame and those of `work`: if they kept the exception, all that the jobs have on their
        # frames would stay until the garbage collector runs.
        failure, lowest = lowest[1], None
        try:
            raise failure
        finally:
            del failure
    return [results[index] for index in range(len(jobs))]
