"""What runs the work: threads of this process, other processes, or any executor."""

from __future__ import annotations

import contextlib
import operator
import queue
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

from dcmturbo import _core, system
from dcmturbo.archives.nursery import Nursery, receive, send
from dcmturbo.archives.operation import Settings
from dcmturbo.archives.outcome import Outcome, Task
from dcmturbo.archives.work import do_files
from dcmturbo.configuration import config
from dcmturbo.urls import is_url

__all__ = [
    "Ended",
    "LocalThreads",
    "Processes",
    "Workers",
    "available_cores",
    "close_spare_workers",
    "do_files_apart",
    "is_shared",
    "make_workers",
    "share_cores",
]


def available_cores() -> int:
    """Return the number of cores that this process may use: the smaller of CPU affinity and control group quota."""
    return max(1, int(_core.default_threads()))


def share_cores(jobs: int | None, threads: int | None) -> tuple[int, int, list[str]]:
    """Return the number of processes, and of threads for each, that do not exceed the cores.

    Parameters
    ----------
    jobs, threads : int or None
        What was asked for.

    Returns
    -------
    (int, int, list of str)
        Processes; threads of each; warnings.

    Raises
    ------
    ValueError
        If one of them is less than 1.
    """
    for name, value in (("jobs", jobs), ("threads", threads)):
        if value is not None and operator.index(value) < 1:
            raise ValueError(f"{name} is {value}; expected at least 1")
    cores = min(available_cores(), config.threads) if threads is None else available_cores()
    processes = min(jobs or 1, max(cores, 1))
    share = max(1, cores // processes)
    workers = share if threads is None else min(threads, share)
    if (jobs or 1, threads or workers) != (processes, workers):
        asked = f"you asked for {jobs or 1} x {threads or workers} workers"
        return processes, workers, [f"{asked}, but there are only {cores} cores: using {processes} x {workers}"]
    return processes, workers, []


class Ended(NamedTuple):
    """The end of a group of files.

    Attributes
    ----------
    number : int
        The group's.
    error : Exception or None
        Why no more results will come; None if all have come, or were not wanted any more.
    lost : bool
        Whether the worker of the group is gone: files without a result are then given to another worker.
    """

    number: int
    error: Exception | None = None
    lost: bool = False


Put = Callable[["Outcome | Ended"], object]


class Workers:
    """What runs the work; here, any executor.

    Attributes
    ----------
    count : int
        Number of groups of files that run at the same time.
    jobs, threads : int
        Number of processes, and of threads for each.
    streams : bool
        Whether each result comes separately, before its group is done.
    """

    streams = False
    name = "executor"

    def __init__(self, executor: Executor, count: int, threads: int = 1) -> None:
        self.executor = executor
        self.count = count
        self.jobs = count
        self.threads = threads
        self.warnings: list[str] = []
        self._futures: set[Future[Any]] = set()

    def hand_out(self, number: int, tasks: Sequence[Task], settings: Settings, threads: int, put: Put) -> None:
        """Start a group of files.

        Parameters
        ----------
        number : int
            Of the group.
        tasks : sequence of Task
            Its files.
        settings : Settings
            What holds for all.
        threads : int
            That the group gets.
        put : callable
            Gets each `Outcome`, and an `Ended` at the end; called by any thread.
        """
        self._submit(number, put, do_files_apart, list(tasks), settings, threads)

    def _submit(self, number: int, put: Put, function: Callable[..., Any], *arguments: Any) -> None:
        future = self.executor.submit(function, *arguments)
        self._futures.add(future)

        def end(done: Future[Any]) -> None:
            self._futures.discard(done)
            error: Exception | None = None
            try:
                for outcome in done.result():
                    put(outcome)
            except CancelledError:
                pass
            except Exception as problem:
                error = problem
            put(Ended(number, error))

        future.add_done_callback(end)

    def halt(self) -> None:
        """Cancel groups that have not been begun."""
        for future in list(self._futures):
            future.cancel()

    def close(self, *, wait: bool = True) -> None:
        """End what was started here."""
        close_spare_workers()


class LocalThreads(Workers):
    """Threads of this process, for file systems in its memory."""

    streams = True
    name = "threads"

    def __init__(self, threads: int) -> None:
        super().__init__(ThreadPoolExecutor(threads, thread_name_prefix="dcmturbo-files"), threads)
        self.jobs, self.threads = 1, threads
        self._halt = threading.Event()

    def hand_out(self, number: int, tasks: Sequence[Task], settings: Settings, threads: int, put: Put) -> None:
        """Start a group of files on one of the threads."""

        def emit(outcome: Outcome) -> None:
            if outcome.hopeless is not None:
                self._halt.set()  # at once, because the other threads would fail too
            put(outcome)

        self._submit(number, put, do_files, list(tasks), settings, threads, emit, self._halt.is_set)

    def halt(self) -> None:
        """Begin nothing more."""
        self._halt.set()
        super().halt()

    def close(self, *, wait: bool = True) -> None:
        """End the threads."""
        self.executor.shutdown(wait=wait, cancel_futures=True)


@dataclass
class _Group:
    number: int
    left: list[int]  # numbers of the files without a result, in the order in which they are processed
    put: Put


class _Worker:
    """A process and its groups, in the order in which it processes them."""

    def __init__(self, process: int, connection: socket.socket) -> None:
        self.process = process
        self.connection = connection
        self.groups: dict[int, _Group] = {}
        self.is_dead = False


class Processes(Workers):
    """Processes of this machine: `jobs` x `threads` of them, each working on one file at a time.

    If fewer files than processes remain, each file gets several threads. A process that dies is replaced. The file that
    it was working on gets the result ``died``; the coordinator tries this file again, alone. Files that it had not
    begun are given to another process.
    """

    streams = True
    name = "processes"
    _MOST_NURSERIES = 4

    def __init__(self, jobs: int, threads: int, *, idle: float | None = None) -> None:
        self.count = jobs * threads
        self.jobs, self.threads = jobs, threads
        self.warnings = []
        self._idle = idle
        self._workers: list[_Worker] = []
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._nurseries = 1
        self._fallback: LocalThreads | None = None
        self._has_begun = False
        self._nursery: Nursery | None = None
        try:
            self._nursery = Nursery(idle=idle)
        except OSError as error:
            self._do_it_here(error)

    def _do_it_here(self, error: OSError) -> None:
        """Do the work in this process, if no other can be started."""
        self.warnings.append(f"no other process can be started, so one process does all the work: {error}")
        self._fallback = LocalThreads(self.count)

    def hand_out(self, number: int, tasks: Sequence[Task], settings: Settings, threads: int, put: Put) -> None:
        """Give a group of files to the process that has the fewest."""
        group = _Group(number, [task.number for task in tasks], put)
        if self._fallback is None:
            try:
                with self._lock:
                    worker = self._worker()
                    worker.groups[number] = group
                    self._has_begun = True
            except OSError as error:
                if self._has_begun:
                    raise
                self._do_it_here(error)
        if self._fallback is not None:
            self._fallback.hand_out(number, tasks, settings, threads, put)
            return
        # If it cannot be sent, its worker is gone, and the thread that listens to it reports that.
        with contextlib.suppress(OSError):
            send(worker.connection, (number, list(tasks), settings, threads))

    def _worker(self) -> _Worker:
        """Return the worker with the fewest groups; a new one if there are fewer than wanted."""
        idlest = min(self._workers, key=lambda worker: len(worker.groups), default=None)
        if idlest is not None and (not idlest.groups or len(self._workers) >= self.count):
            return idlest
        assert self._nursery is not None
        try:
            process, connection = self._nursery.fork()
        except OSError:
            if self._nurseries >= self._MOST_NURSERIES:
                raise
            self._nurseries += 1
            self._nursery.close()
            self._nursery = Nursery(idle=self._idle)
            process, connection = self._nursery.fork()
        worker = _Worker(process, connection)
        self._workers.append(worker)
        threading.Thread(target=self._listen, args=(worker,), daemon=True, name="dcmturbo-worker").start()
        return worker

    def _listen(self, worker: _Worker) -> None:
        """Pass on the results of a worker until it is gone."""
        stream: Any = worker.connection.makefile("rb")
        while True:
            try:
                number, what = receive(stream)
            except EOFError:
                break
            group = worker.groups[number]
            if isinstance(what, Outcome):
                with contextlib.suppress(ValueError):
                    group.left.remove(what.number)
                group.put(what)
                if what.hopeless is not None:
                    self.halt()  # all of them, because they would fail too
                continue
            with self._changed:
                del worker.groups[number]
                self._changed.notify_all()
            group.put(Ended(number, None if what is None else RuntimeError(what)))
        self._bury(worker)

    def _bury(self, worker: _Worker) -> None:
        with self._lock:
            worker.is_dead = True
            self._workers.remove(worker)
            groups = list(worker.groups.values())
        died, how = self._nursery.wait(worker.process) if groups and self._nursery is not None else (False, "")
        worker.connection.close()
        for group in groups[:1] if died else ():  # they are processed in order
            if group.left:
                error = f"the process that decoded it died ({how})"
                group.put(Outcome(group.left[0], "died", 0.0, error=error, error_type="WorkerDied"))
        for group in groups:
            group.put(Ended(group.number, lost=True))
        with self._changed:
            worker.groups.clear()
            self._changed.notify_all()

    def halt(self) -> None:
        """Begin nothing more."""
        if self._fallback is not None:
            self._fallback.halt()
        with self._lock:
            workers = list(self._workers)
        for worker in workers:
            with contextlib.suppress(OSError):
                send(worker.connection, None)

    def close(self, *, wait: bool = True) -> None:
        """End the processes; with `wait`, after they have finished their work."""
        if self._fallback is not None:
            self._fallback.close(wait=wait)
        if wait:
            self.halt()
            with self._changed:
                self._changed.wait_for(lambda: not any(worker.groups for worker in self._workers))
        with self._lock:
            workers = list(self._workers)
        for worker in workers:
            with contextlib.suppress(OSError):
                worker.connection.shutdown(socket.SHUT_RDWR)
        if self._nursery is not None:
            self._nursery.close()


# ---- apart, within another executor's process -------------------------------------------------------

_IDLE = 60.0  # seconds: the workers of a cluster live for weeks
_spare: list[Processes] = []
_spare_lock = threading.Lock()


def _forget_spare_workers() -> None:
    """After a fork: the processes belong to the parent process."""
    global _spare_lock
    _spare_lock = threading.Lock()
    _spare.clear()


system.on_fork(_forget_spare_workers)


def do_files_apart(tasks: Sequence[Task], settings: Settings, threads: int = 1) -> list[Outcome]:
    """Process a group of files in a separate process, so that the caller survives a crash.

    Returns
    -------
    list of Outcome
        With ``died`` for the file that it crashed on, and for those that ran beside it.
    """
    places = [task.source for task in tasks] + [task.destination for task in tasks]
    if not system.CAN_FORK or not is_shared(places):
        return do_files(tasks, settings, threads)
    with _spare_lock:
        found = next((one for one in _spare if one.threads == threads), None)
        if found is not None:
            _spare.remove(found)
    workers = found or Processes(1, threads, idle=_IDLE)
    outcomes: list[Outcome] = []
    left = list(tasks)
    said: queue.SimpleQueue[Outcome | Ended] = queue.SimpleQueue()
    try:
        while left:
            # A single file is processed by several threads at its frames; several files are processed at the same time.
            groups = [left] if threads == 1 else [[task] for task in left]
            within = threads if len(left) == 1 else 1
            for number, group in enumerate(groups):
                workers.hand_out(number, group, settings, within, said.put)
            open_groups = len(groups)
            while open_groups:
                what = said.get()
                if isinstance(what, Outcome):
                    outcomes.append(what)
                    continue
                open_groups -= 1
                if what.error is not None:
                    raise what.error
            known = {outcome.number for outcome in outcomes}
            left = [task._replace(was_begun=True) for task in left if task.number not in known]
            if any(outcome.hopeless is not None for outcome in outcomes):
                break
    except BaseException:
        workers.close(wait=False)
        raise
    with _spare_lock:
        _spare.append(workers)
    return outcomes


def close_spare_workers() -> None:
    """End the processes that `do_files_apart` keeps for the next group."""
    with _spare_lock:
        spare, _spare[:] = list(_spare), []
    for workers in spare:
        workers.close(wait=False)


# ---- who it is to be --------------------------------------------------------------------------------


def is_shared(paths: Sequence[str]) -> bool:
    """Whether another process sees the same files behind paths and URLs, which is not so for this one's memory."""
    urls = [path for path in paths if is_url(path)]
    if not urls:
        return True
    try:
        from fsspec.registry import known_implementations
    except ImportError:
        return True
    schemes = {part.partition("://")[0] for url in urls for part in url.split("::")}
    return all(scheme != "memory" and scheme in known_implementations for scheme in schemes)


@contextlib.contextmanager
def make_workers(
    executor: Executor | str | None,
    jobs: int | None,
    threads: int | None,
    *,
    apart: bool = True,
) -> Iterator[Workers]:
    """Create or wrap what runs the work.

    Parameters
    ----------
    executor, jobs, threads
        As of `transcode_archive`.
    apart : bool
        Whether to use other processes. False works in this process, unless there is an executor.

    Yields
    ------
    Workers
    """
    with contextlib.ExitStack() as stack:
        workers: Workers
        if executor is None:
            processes, each, warnings = share_cores(jobs, threads)
            workers = Processes(processes, each) if apart and system.CAN_FORK else LocalThreads(processes * each)
            workers.warnings += warnings
            if apart and processes > 1 and not system.CAN_FORK:
                workers.warnings.append(
                    "jobs: processes are not forked on this system, so one process does all the work"
                )
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
