"""The coordinator of a run: finds the sources, distributes them in small groups, and writes the manifest.

The workers (threads of this process, other processes, or machines) know only the files that they get.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import tempfile
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass, replace
from typing import Any

from dcmturbo.archives.account import Account
from dcmturbo.archives.entries import Entries
from dcmturbo.archives.manifest import DONE, Done, InHand, Manifest
from dcmturbo.archives.operation import Settings
from dcmturbo.archives.originals import Originals
from dcmturbo.archives.outcome import Outcome, Task
from dcmturbo.archives.ownership import identity_of, identity_of_status, is_still
from dcmturbo.archives.places import size_of
from dcmturbo.archives.result import ArchiveResult, Progress
from dcmturbo.archives.runs import RunRecord, leave_out, remove_left_over
from dcmturbo.archives.walk import Filters, Found, find_files, has_magic, join_destination, source_folder
from dcmturbo.archives.work import describe, left_out
from dcmturbo.archives.workers import Ended, Workers
from dcmturbo.redaction import without_secrets
from dcmturbo.urls import is_url
from dcmturbo.version import __version__

__all__ = ["Coordinator"]

_CHUNK_FILES = 8
_CHUNK_BYTES = 4 << 20
_CHUNK_BYTES_ELSEWHERE = 16 << 20  # for executors, where starting a group costs more
_CHUNKS_A_WORKER = 4  # groups in work: enough that no worker waits for the coordinator
_AHEAD = 20_000  # files that are found in advance: they show the end of the archive, but cost memory
_LARGE = 8 << 20  # larger files are started first if all files are known, so that none remains alone at the end
_LONGEST_WAIT = 0.5  # seconds

DIED = "WorkerDied"  # type of the failure of a file whose process died


@dataclass
class _Chunk:
    tasks: list[Task]
    alone: bool = False


class Coordinator:
    """One run over an archive; `run` does it."""

    def __init__(
        self,
        sources: list[str],
        target: str,
        settings: Settings,
        filters: Filters,
        manifest: Manifest,
        workers: Workers,
        progress: Callable[[Progress], object] | None,
        *,
        resume: bool,
        fail_fast: bool,
    ) -> None:
        self.target = target
        self.settings = settings
        self.manifest = manifest
        self.workers = workers
        self.account = Account(manifest, settings, progress)
        self.resume = resume
        self.fail_fast = fail_fast
        self.operation = settings.operation
        self.options = settings.operation.noted
        self.sources = sources
        self.filters = filters
        # Two files can only have the same destination if there are several sources, or a pattern.
        single = len(sources) == 1 and not has_magic(sources[0]) and (is_url(sources[0]) or os.path.isdir(sources[0]))
        self.claimed: dict[str, str] | None = None if single or settings.in_place else {}
        self.named = set() if single else {os.path.realpath(one) for one in sources if not is_url(one)}
        self.entries = Entries(twice=len(sources) > 1) if settings.in_place else None
        self.originals = Originals([] if settings.in_place else sources)
        self.walk: Iterator[Found] = iter(())
        self.ahead: deque[tuple[Task, Found]] = deque()
        self.exhausted = False
        self.pending: dict[int, tuple[Task, Found]] = {}  # given to a worker, or waiting, and without a result
        self.suspects: deque[Task] = deque()  # in work when their process died: tried last, one at a time
        self.suspected: set[int] = set()
        self.begun: dict[str, InHand] = {}
        self.of_others: set[int] = set()  # the manifest lists their destination as the output of another source
        self.chunks: dict[int, _Chunk] = {}
        self.results: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.numbers = iter(range(1 << 62))
        self.stopped: str | None = None
        self.interrupted = False
        self.was_empty = manifest.is_new
        self.owners: dict[int, str] | None = None  # the outputs of earlier runs, by inode
        self.tidied = True  # whether earlier runs left no temporary files
        self.lost = False  # whether a worker died, which may have left temporary files

    # ---- the loop ---------------------------------------------------------------------------------

    def run(self) -> ArchiveResult:
        """Run to the end. After Ctrl-C, raise KeyboardInterrupt whose ``result`` has what was done."""
        self.account.begin = time.perf_counter()
        record = self._begin_record()
        try:
            return self._run()
        finally:
            if not self.tidied:  # processes of a killed run may have ended by now
                remove_left_over(record.folders, but=record.token)
            record.close(tidy=self.lost, keep=bool(self.chunks))

    def _begin_record(self) -> RunRecord:
        """Write the record of this run, and remove temporary files of runs that were killed."""
        folders: list[str] = []
        if self.settings.in_place:
            folders = [source_folder(one) or os.path.dirname(one) for one in self.sources]
        elif not is_url(self.target):
            # Report a destination that cannot be written before the first file.
            with tempfile.TemporaryFile(dir=self.target):
                folders = [self.target]
        folders = [folder for folder in folders if os.path.isdir(folder)]
        record = RunRecord(folders)
        for warning in record.warnings:
            self.account.warn("", warning)
        self.settings = replace(self.settings, root=self.target, token=record.token, began=record.began)
        self.tidied = remove_left_over(folders, but=record.token)
        return record

    def _run(self) -> ArchiveResult:
        self.manifest.begin(
            target=self.operation.target,
            options=self.options,
            version=__version__,
            jobs=self.workers.jobs,
            threads=self.workers.threads,
            executor=self.workers.name,
        )
        self.begun = self.manifest.take_in_hand()
        follow = not self.settings.in_place
        self.walk = find_files(
            self.sources,
            self.filters,
            self._hear_of_walk,
            follow_links=follow,
            leave_out=leave_out(self.manifest),
            folders_left_out=self._own_folder(),
        )
        with self._interruptible():
            self._loop()
        self._write()
        self._show_progress(at_once=True)
        seconds = self.account.end(self.stopped)
        self.account.warned[:0] = [("", warning) for warning in (*self.workers.warnings, *self.manifest.warnings)]
        left = len(self.pending) if self.exhausted else None
        result = self.account.result(seconds=seconds, stopped=self.stopped, left=left)
        if self.interrupted:
            interrupt = KeyboardInterrupt("interrupted: to continue, make the same call again")
            interrupt.result = result  # type: ignore[attr-defined]
            raise interrupt
        return result

    def _loop(self) -> None:
        most = _CHUNKS_A_WORKER * self.workers.count
        while True:
            while self.stopped is None and len(self.chunks) < most and (chunk := self._next_chunk()):
                self._submit(chunk)
            if not self.chunks and self.stopped is None and self.exhausted and self.suspects:
                self._submit(_Chunk([self.suspects.popleft()], alone=True))
            if not self.chunks and (self.stopped is not None or self.exhausted):
                return
            if self.stopped is None and not self.exhausted and len(self.ahead) < _AHEAD and self.results.empty():
                self._look_ahead(64)
                self._show_progress()
                continue
            self._take(self._wait())
            while not self.results.empty():
                self._take(self.results.get())
            self._write()
            self._show_progress(at_once=self.stopped is not None)

    def _wait(self) -> Any:
        """Return the next item of the queue.

        Wait with a time limit: if a signal comes just before a wait, Python runs its handler only after the wait.
        """
        while True:
            with contextlib.suppress(queue.Empty):
                return self.results.get(timeout=_LONGEST_WAIT)

    def _take(self, item: Any) -> None:
        if item is None:
            self._stop("interrupted")
        elif isinstance(item, Outcome):
            self._record(item)
        else:
            self._close_chunk(self.chunks.pop(item.number), item)

    def _stop(self, why: str) -> None:
        if self.stopped is None:
            self.stopped = why
        self.workers.halt()

    @contextlib.contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Turn the first Ctrl-C into an item of the queue, so that it is handled between two steps."""
        standard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if threading.current_thread() is not threading.main_thread() or not standard:
            yield
            return

        def interrupt(number: int, frame: Any) -> None:
            if self.interrupted:
                signal.default_int_handler(number, frame)
            self.interrupted = True
            self.results.put(None)

        signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    # ---- what is to be done -----------------------------------------------------------------------

    def _own_folder(self) -> frozenset[tuple[int, int]]:
        """Return the destination's identity, because a link in a source must not lead into it."""
        if self.settings.in_place or is_url(self.target):
            return frozenset()
        found = os.stat(self.target)
        return frozenset({(found.st_dev, found.st_ino)})

    def _look_ahead(self, count: int) -> None:
        for _ in range(count):
            found = next(self.walk, None)
            if found is None:
                self.exhausted = True
                # Start large files first. Otherwise a single worker may still be busy with one at the end.
                large = [item for item in self.ahead if item[1].size >= _LARGE]
                if large and len(self.ahead) > 1:
                    large.sort(key=lambda item: -item[1].size)
                    self.ahead = deque([*large, *(item for item in self.ahead if item[1].size < _LARGE)])
                return
            self._admit(found)

    def _admit(self, found: Found) -> None:
        """Add a file to the list, unless it is already done or must not be processed."""
        destination = (
            found.path
            if self.settings.in_place
            else join_destination(self.target, self.operation.name_of_output(found.relative))
        )
        if self.claimed is not None:
            other = self.claimed.setdefault(destination, found.path)
            if other is not found.path:
                if other != found.path:
                    self._fail(found, destination, f"{other} has the same output, {destination}", "ValueError")
                return
            if not is_url(destination) and os.path.realpath(destination) in self.named:
                self._fail(found, destination, f"its output {destination} is one of the sources", "ValueError")
                return
        if self.entries is not None and self.entries.is_known(found.path):
            self.account.warn(
                found.path, "this file was found more than once, because the sources overlap; it is done once"
            )
            return
        done = None if self.was_empty else self.manifest.find(destination)
        if self.resume and done is not None and self._is_done(found, destination, done):
            self.account.skip()
            return
        if why := self.originals.why_not(found.path, destination):
            self._fail(found, destination, why, "ValueError")
            return
        begun = self.begun.get(without_secrets(destination))
        uid = None
        if self.operation.changes_uids:
            uid = begun.uid if begun is not None and begun.uid else f"2.25.{uuid.uuid4().int}"
        owned = None if done is None else _owned(done, found)
        if owned is None and (owner := self._owner_of(destination)) is not None:
            message = (
                f"its output {destination} and {owner} are the same file for this file system, so the output "
                f"of {owner} is kept"
            )
            self._fail(found, destination, message, "NameTakenError")
            return
        # If a worker is lost, a cluster repeats its task by itself, so the file may already be done.
        was_begun = begun is not None or not self.workers.streams
        status = None if self.entries is None else _status_of(found.path)
        task = Task(next(self.numbers), found.path, destination, owned, was_begun, uid)
        if status is not None:
            task = task._replace(original=(begun and begun.original) or identity_of_status(status))
        self.account.find(found)
        self.pending[task.number] = (task, found)
        if done is not None and done.status in DONE and owned is None:
            self.of_others.add(task.number)
        if done is not None and done.status not in DONE and done.error_type == DIED:
            self.suspected.add(task.number)  # processing it alone the first time gives the proof
            self.suspects.append(task)
        elif status is not None and self.entries is not None and self.entries.shares_content(status):
            self.suspects.append(task)  # not while another of its names is being replaced
        else:
            self.ahead.append((task, found))

    def _owner_of(self, destination: str) -> str | None:
        """Return the source whose output would be overwritten, or None."""
        if not self.settings.overwrite or self.settings.in_place or is_url(destination):
            return None
        if self.owners is None:
            self.owners = {inode: path for path, inode in self.manifest.inodes()}
        try:
            other = self.owners.get(os.lstat(destination).st_ino)
        except OSError:
            return None
        return None if other == destination else other

    def _is_done(self, found: Found, destination: str, done: Done) -> bool:
        return (
            done.status in DONE
            and (done.error_type is None or self.settings.on_failure == "copy")
            and (done.path, done.size, done.mtime) == (without_secrets(found.path), found.size, found.mtime)
            and self._is_same_original(found, done)
            and done.target == self.operation.target
            and done.options == self.options
            and self.operation.is_satisfied(status=done.status, verified=done.verified)
            and (self.settings.in_place or size_of(destination) == done.bytes_after)
        )

    def _is_same_original(self, found: Found, done: Done) -> bool:
        """Whether the source with the same name, size and time is still the same file."""
        if done.original is None or is_url(found.path):
            return True
        if self.settings.in_place and self.operation.changes_outputs:
            return True  # another run would change it again; a new owner or mode is no reason for it
        try:
            return identity_of_status(os.stat(found.path)) == done.original
        except OSError:
            return False

    def _next_chunk(self) -> _Chunk | None:
        if not self.ahead:
            self._look_ahead(_CHUNK_FILES)
        most = _CHUNK_FILES
        if self.exhausted:
            most = min(most, -(-len(self.ahead) // (2 * self.workers.count)))
        limit = _CHUNK_BYTES if self.workers.streams else _CHUNK_BYTES_ELSEWHERE
        tasks: list[Task] = []
        size = 0
        while self.ahead and len(tasks) < max(most, 1):
            task, found = self.ahead[0]
            if tasks and size + found.size > limit:
                break
            size += found.size
            tasks.append(task)
            self.ahead.popleft()
            if not self.ahead and not self.exhausted and len(tasks) < most:
                self._look_ahead(_CHUNK_FILES)
        return _Chunk(tasks) if tasks else None

    def _threads(self, chunk: _Chunk) -> int:
        """Return the number of threads for a group of one file: more than one if fewer files than workers remain."""
        if chunk.alone:
            return 1  # this needs the least memory, in case the process died for want of it
        if not self.workers.streams:
            return self.workers.threads
        if self.exhausted and len(self.pending) < self.workers.count:
            return max(1, self.workers.count // max(len(self.pending), 1))
        return 1

    def _submit(self, chunk: _Chunk) -> None:
        if self.account.writable and (not self.settings.in_place or self.operation.remembers_originals):
            try:
                self.manifest.hand_out([InHand(task.destination, task.uid, task.original) for task in chunk.tasks])
            except OSError as error:
                self.account.writable = False
                self._stop(describe(error))
                return
        number = next(self.numbers)
        self.chunks[number] = chunk
        try:
            self.workers.hand_out(number, chunk.tasks, self.settings, self._threads(chunk), self.results.put)
        except (OSError, RuntimeError) as error:
            self.results.put(Ended(number, error))

    # ---- what became of it ------------------------------------------------------------------------

    def _close_chunk(self, chunk: _Chunk, end: Ended) -> None:
        self.lost = self.lost or end.lost or end.error is not None
        later = {task.number for task in self.suspects}
        left = [task for task in chunk.tasks if task.number in self.pending and task.number not in later]
        if end.lost:
            if left and self.stopped is None:
                self._submit(_Chunk([self._begun_task(task) for task in left], chunk.alone))
            return
        if end.error is None or not left:
            return
        error = describe(end.error)
        if isinstance(end.error, BrokenExecutor):
            self._stop(f"the executor cannot be used any more: {error}")
        elif type(end.error).__name__ == "KilledWorker":  # dask's exception: none of its workers survived this group
            for task in left:
                self._record(Outcome(task.number, "died", 0.0, error=f"the process that decoded it died ({error})",
                                     error_type=DIED))  # fmt: skip
            return
        for task in left:
            self._record(Outcome(task.number, "failed", 0.0, error=error, error_type=type(end.error).__name__))

    def _begun_task(self, task: Task) -> Task:
        """Return a task for another attempt: its output may exist without a report of it."""
        task = task._replace(was_begun=True)
        self.pending[task.number] = (task, self.pending[task.number][1])
        return task

    def _has_died(self, task: Task, outcome: Outcome) -> Outcome | None:
        """Return the result of a file whose process died, or None if it is to be tried again, alone."""
        if task.number not in self.suspected:
            self.suspected.add(task.number)
            self.suspects.append(self._begun_task(task))
            if task.number not in self.of_others:
                self.account.suspect(task, self.pending[task.number][1], outcome)
            return None
        message, kind = outcome.error or "", outcome.error_type or DIED
        if self.settings.on_failure == "skip":
            return left_out(task.number, message, kind, self.operation.done)
        if self.settings.on_failure == "copy" and task.failed is None:
            self.suspects.append(task._replace(failed=(message, kind)))
            return None
        return outcome._replace(status="failed")

    def _record(self, outcome: Outcome) -> None:
        if outcome.number not in self.pending:
            return
        task, found = self.pending[outcome.number]
        if outcome.status == "died":
            self.lost = True
            charged = self._has_died(task, outcome)
            if charged is None:
                return
            outcome = charged
        del self.pending[outcome.number]
        self.suspected.discard(outcome.number)
        if outcome.status not in DONE and self._stands_still(task):
            stale = (
                f"its output {task.destination} still exists; an earlier run wrote it, from another version of "
                "this file or with other options"
            )
            outcome = outcome._replace(warnings=(*outcome.warnings, stale))
        keeps_row = outcome.status not in DONE and task.number in self.of_others
        self.account.record(task, found, outcome, keeps_row=keeps_row)
        if outcome.hopeless is not None:
            self._stop(outcome.hopeless)
        elif outcome.status == "failed":
            self._stop_if_fail_fast()

    def _stands_still(self, task: Task) -> bool:
        """Whether an output of an earlier run is still at the place of a file that has none now."""
        if self.settings.in_place or task.owned is None:
            return False
        try:
            standing = identity_of(task.destination)
        except Exception:  # of a store; the failure itself is reported in any case
            return False
        return standing is not None and is_still(standing, task.owned)

    def _fail(self, found: Found, destination: str, message: str, kind: str) -> None:
        self.account.fail(found, destination, message, kind)
        self._stop_if_fail_fast()

    def _stop_if_fail_fast(self) -> None:
        if self.fail_fast:
            self._stop("a file failed, and fail_fast ends the run")

    def _hear_of_walk(self, kind: str, path: str, message: str) -> None:
        if kind == "warning":
            self.account.warn(path, message)
            return
        self.account.fail_to_find(path, message)
        self._stop_if_fail_fast()

    def _write(self) -> None:
        if (why := self.account.write()) is not None:
            self._stop(why)

    def _show_progress(self, *, at_once: bool = False) -> None:
        self.account.show_progress(all_found=self.exhausted, stopped=self.stopped, at_once=at_once)


def _status_of(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:  # reported by the worker that processes the file
        return None


def _owned(done: Done, found: Found) -> str | None:
    """Return the identity of the output that the manifest lists for a source, or None.

    If a source was moved, it is recognised by its size and time.
    """
    if done.path != without_secrets(found.path) and (done.size, done.mtime) != (found.size, found.mtime):
        return None
    if done.output is None and done.status in DONE:
        return str(done.bytes_after)
    return done.output
