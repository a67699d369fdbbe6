"""Who does the files: threads of this process, other processes, or any executor."""

from __future__ import annotations

import contextlib
import multiprocessing
import operator
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

from dcmturbo import _core
from dcmturbo.configuration import config

__all__ = ["LocalThreads", "Processes", "Workers", "available_cores", "make_workers", "share_cores"]


def available_cores() -> int:
    """Return how many cores this process may use: the smaller of CPU affinity and control group quota."""
    return max(1, int(_core.default_threads()))


def share_cores(jobs: int | None, threads: int | None) -> tuple[int, int, list[str]]:
    """Return processes and threads of each that are no more than the cores.

    Parameters
    ----------
    jobs, threads : int or None
        What was asked for.

    Returns
    -------
    (int, int, list of str)
        Processes; threads of each; what a reader should know.

    Raises
    ------
    ValueError
        If one of them is less than 1.
    """
    for name, value in (("jobs", jobs), ("threads", threads)):
        if value is not None and operator.index(value) < 1:
            raise ValueError(f"{name} is {value}; it is at least 1")
    cores = min(available_cores(), config.threads) if threads is None else available_cores()
    processes = min(jobs or 1, max(cores, 1))
    share = max(1, cores // processes)
    workers = share if threads is None else min(threads, share)
    if (jobs or 1, threads or workers) != (processes, workers):
        asked = f"{jobs or 1} x {threads or workers} workers were asked for"
        return processes, workers, [f"{asked}; the {cores} available cores take {processes} x {workers}"]
    return processes, workers, []


class Workers:
    """An executor, and how it is to be fed.

    Attributes
    ----------
    count : int
        Groups of files that are done at once.
    jobs, threads : int
        Processes, and the threads that each uses.
    streams : bool
        Whether each file's outcome comes by itself, before its group is done.
    chunk_files : int
        Files of a group at most; 0 leaves it to the coordinator.
    """

    streams = False
    chunk_files = 0
    name = "executor"

    def __init__(self, executor: Executor, count: int, threads: int = 1) -> None:
        self.executor = executor
        self.count = count
        self.jobs = count
        self.threads = threads
        self.warnings: list[str] = []
        self._futures: set[Future[Any]] = set()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Hand out a group."""
        future = self.executor.submit(function, *arguments)
        self._futures.add(future)
        future.add_done_callback(self._futures.discard)
        return future

    def cancel(self) -> None:
        """Take back what nobody has begun."""
        for future in list(self._futures):
            future.cancel()

    def renew(self) -> bool:
        """Return whether work can go on after a process has died."""
        return False

    def close(self, *, wait: bool = True) -> None:
        """End what was made here."""


class LocalThreads(Workers):
    """Threads of this process."""

    streams = True
    name = "threads"

    def __init__(self, threads: int) -> None:
        super().__init__(ThreadPoolExecutor(threads, thread_name_prefix="dcmturbo-files"), threads)
        self.jobs, self.threads = 1, threads

    def close(self, *, wait: bool = True) -> None:
        """End the threads."""
        self.executor.shutdown(wait=wait, cancel_futures=True)


class Processes(Workers):
    """Processes of this machine."""

    name = "processes"
    _RENEWALS = 16

    def __init__(self, jobs: int, threads: int) -> None:
        super().__init__(self._make(jobs), jobs, threads)
        self._renewals = 0

    @staticmethod
    def _make(jobs: int) -> ProcessPoolExecutor:
        # Not by fork: this process has threads, and a lock that one of them held would stay locked.
        return ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"), initializer=_begin_process)

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Hand out a group."""
        from concurrent.futures.process import BrokenProcessPool

        try:
            return super().submit(function, *arguments)
        except BrokenProcessPool:
            self.renew()
            return super().submit(function, *arguments)

    def renew(self) -> bool:
        """Replace a pool of which a process has died: that ends all others, too."""
        if not getattr(self.executor, "_broken", True):
            return True  # done already, when another group was found to be lost
        self._renewals += 1
        if self._renewals > self._RENEWALS:
            return False
        self.executor.shutdown(wait=False)
        self.executor = self._make(self.jobs)
        return True

    def close(self, *, wait: bool = True) -> None:
        """End the processes."""
        self.executor.shutdown(wait=wait, cancel_futures=True)


def _begin_process() -> None:
    """Leave Ctrl-C to the coordinator, and end with it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:

        def watch() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=watch, daemon=True, name="dcmturbo-watch").start()


@contextlib.contextmanager
def make_workers(
    executor: Executor | str | None,
    jobs: int | None,
    threads: int | None,
) -> Iterator[Workers]:
    """Make, or wrap, who does the files.

    Yields
    ------
    Workers
    """
    with contextlib.ExitStack() as stack:
        workers: Workers
        if executor is None:
            processes, each, warnings = share_cores(jobs, threads)
            workers = LocalThreads(each) if processes == 1 else Processes(processes, each)
            workers.warnings += warnings
        elif isinstance(executor, str):
            from dcmturbo.archives.cluster import connect

            connected, count = stack.enter_context(connect(executor))
            workers = Workers(connected, jobs or count, threads or 1)
            workers.name = "dask.distributed"
        else:
            count = jobs or getattr(executor, "_max_workers", None) or available_cores()
            workers = Workers(executor, int(count), threads or 1)
        try:
            yield workers
        except KeyboardInterrupt:
            workers.close(wait=False)
            raise
        except BaseException:
            workers.close()
            raise
        workers.close()
