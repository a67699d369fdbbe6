"""Run engines in their own processes, because some crash on damaged files or write to wrong memory.

Nothing is imported from the current folder: a ``numpy.py`` there must not become the numpy of an engine. The processes
are isolated (``python -I``), start in a folder of their own, and search modules where `safe_path` says.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from dcmturbo.bench.isolation import safe_path

__all__ = ["AdapterError", "EngineCrashError", "EngineError", "Workers"]

_START = 60.0  # time limit for starting a process, in seconds
_LAST_WORDS = 400  # number of characters of an engine's last output that are shown

# The import of the packages is timed before anything else is imported.
# What they print goes to stderr: answers go to a descriptor that they do not know.
_PROGRAM = """\
import json, os, sys, time
answers = os.dup(1)
os.dup2(2, 1)
sys.path[:] = json.loads(sys.argv[2])
begin = time.perf_counter()
for name in sys.argv[3:]:
    __import__(name)
taken = time.perf_counter() - begin
from dcmturbo.bench.worker import serve
serve(sys.argv[1], taken, answers)
"""


# The command handles Ctrl-C, and then ends the engines.
_OUT_OF_REACH: dict[str, Any] = {"start_new_session": True}
if sys.platform == "win32":
    _OUT_OF_REACH = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}


@contextlib.contextmanager
def _signals_later() -> Iterator[None]:
    """Hold back signals that end the command.

    A folder would stay if one came before there is an object that removes it.
    """
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class EngineError(ValueError):
    """An engine raised an exception, crashed, or took too long; the message says which."""


class EngineCrashError(EngineError):
    """An engine crashed or took too long, so its result is unknown."""


class AdapterError(EngineError):
    """An engine returned a result that dcmturbo does not understand."""


class _Worker:
    """The process of an engine."""

    def __init__(self, engine: str, modules: list[str], folder: str) -> None:
        command = [sys.executable, "-I", "-c", _PROGRAM, engine, json.dumps(safe_path()), *modules]
        # Its output goes to a file: a pipe that nobody reads would block it.
        self.words = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.words,
            cwd=folder,
            **_OUT_OF_REACH,
        )
        self.lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.reader = threading.Thread(target=self._read, name="dcmturbo-bench-reader", daemon=True)
        self.reader.start()
        self.is_asked = True
        try:
            self.import_seconds = float(self._answer(_START, "while importing its packages")["import"])
        except BaseException:
            self.close()
            raise

    @property
    def is_idle(self) -> bool:
        """Whether it is waiting for the next file."""
        return not self.is_asked and self.process.poll() is None

    def _read(self) -> None:
        """Pass the process's answers on, line by line; at its end, what has no end of line."""
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            while (line := stream.readline()).endswith(b"\n"):
                self.lines.put(line)
        self.lines.put(line)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        self.reader.join(1.0)  # not for ever: a process that it started may still have its stdout
        self.words.close()

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.is_asked = True
        self.words.truncate(0)  # about the file before, or about every file
        self.words.seek(0)
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        answer = self._answer(seconds, "with this file")
        if "error" in answer:
            raise (AdapterError if answer.get("ours") else EngineError)(answer["error"])
        return answer

    def last_output(self) -> str:
        """Return the end of what the engine has printed about the last file."""
        size = self.words.seek(0, os.SEEK_END)
        self.words.seek(max(0, size - 4 * _LAST_WORDS))
        return " ".join(self.words.read().decode("utf-8", "replace").replace("\0", " ").split())[-_LAST_WORDS:]

    def _last_words(self) -> str:
        printed = self.last_output()
        return f'; its last output: "{printed}"' if printed else ""

    def _answer(self, seconds: float, when: str) -> dict[str, Any]:
        """Return an answer; raise EngineCrashError if the process ends first or takes too long."""
        try:
            line = self.lines.get(timeout=seconds)
        except queue.Empty:
            raise EngineCrashError(f"it did not finish within {seconds:.3g} s,") from None
        if not line.endswith(b"\n"):
            code = self.process.wait()
            how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
            raise EngineCrashError(f"its process ended {when} ({how}){self._last_words()}")
        self.is_asked = False
        answer: dict[str, Any] = json.loads(line)
        return answer


class Workers:
    """The processes of all engines. Each is started when it is first needed, and again after a crash.

    Use it as a context manager; otherwise the processes remain.
    """

    def __init__(self) -> None:
        self._workers: dict[str, _Worker] = {}
        with _signals_later():
            self._folder = tempfile.TemporaryDirectory(prefix="dcmturbo-bench-")
        self.import_seconds: dict[str, float] = {}
        self.printed = ""  # the end of what an engine printed during the last `decode`
        self.asked = ""  # the engine that was asked last

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for worker in self._workers.values():
            worker.close()
        self._workers.clear()
        self._folder.cleanup()

    def _ask(self, engine: str, modules: list[str], request: dict[str, Any], seconds: float) -> dict[str, Any]:
        if "://" not in request["path"]:
            request["path"] = os.path.abspath(request["path"])  # the process has another current folder
        self.asked = engine
        try:
            if engine not in self._workers:
                self._workers[engine] = _Worker(engine, modules, self._folder.name)
                self.import_seconds.setdefault(engine, self._workers[engine].import_seconds)
            return self._workers[engine].ask(request, seconds)
        except (OSError, EngineError) as error:
            if engine in self._workers and (isinstance(error, OSError) or not self._workers[engine].is_idle):
                self._end(engine)
            raise (type(error) if isinstance(error, EngineError) else EngineCrashError)(str(error)) from None
        except BaseException:
            self._end(engine)  # it may still be working
            raise

    def _end(self, engine: str) -> None:
        worker = self._workers.pop(engine, None)
        if worker is not None:
            worker.close()

    def decode(self, engine: str, modules: list[str], path: str, seconds: float) -> tuple[np.ndarray, float]:
        """Return what an engine decodes from a file, and the seconds that it took.

        Raises
        ------
        EngineError
            If it raises an exception, crashes, or takes longer than `seconds`.
        """
        place = Path(self._folder.name) / "array.npy"
        self.printed = ""
        try:
            answer = self._ask(engine, modules, {"path": path, "threads": 1, "into": str(place)}, seconds)
        finally:
            if engine in self._workers:  # a process that has ended put its output into its error
                self.printed = self._workers[engine].last_output()
        array = np.load(place)
        place.unlink()
        return array, float(answer["seconds"])

    def time(self, engine: str, modules: list[str], path: str, threads: int, seconds: float) -> float:
        """Return the seconds of one decode; raises as `decode` does."""
        return float(self._ask(engine, modules, {"path": path, "threads": threads}, seconds)["seconds"])


# ---- within the process ------------------------------------------------------------------------------


class _Engine:
    """The tasks of this process's engine, by path."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = ""
        # They are kept, because a task learns with its first decode how it has to read the file.
        self.tasks: dict[str, Any] = {}
        self.sums: dict[str, tuple[int, int]] = {}

    def run(self, request: dict[str, Any]) -> dict[str, Any]:
        from dcmturbo.bench import peers
        from dcmturbo.bench.engines import subject_of, task_of

        if request["path"] != self.path:
            gc.collect()  # garbage collection is off while the clock runs
            self.path = request["path"]
            if self.path not in self.tasks:
                self.tasks[self.path] = task_of(subject_of(self.path), self.name)
        task = self.tasks[self.path]
        begin = time.perf_counter()
        array = task.decode(request["threads"])
        peers.read_every_page(array)
        taken = time.perf_counter() - begin
        # The first array was compared whole. All later ones are timed, and have to be the same.
        sums = _sums_of(array)
        if self.sums.setdefault(self.path, sums) != sums:
            raise EngineError("its pixels are not those of its first decode of the file")
        if "into" in request:
            np.save(request["into"], np.ascontiguousarray(array), allow_pickle=False)
        return {"seconds": taken}


def _sums_of(array: np.ndarray) -> tuple[int, int]:
    """Return numbers that other bytes do not have, in all likelihood: they are quick to compute, and never timed."""
    data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    words = data[: data.size // 8 * 8].view(np.uint64)
    return int(words.sum()), int(data[words.size * 8 :].sum())


def _is_ours(error: BaseException) -> bool:
    """Whether an exception comes from dcmturbo's use of an engine, and not from the engine."""
    from dcmturbo.bench.engines import RefusedError

    frames = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    while frames and frames[-1].split(".")[0] == "numpy":
        frames.pop()  # exceptions of numpy belong to its caller
    return bool(frames) and frames[-1] == "dcmturbo.bench.engines" and not isinstance(error, (RefusedError, OSError))


def serve(name: str, import_seconds: float, descriptor: int) -> None:
    """Decode the files that the standard input names, line by line, and answer each with a line on a descriptor."""
    import warnings

    from dcmturbo.bench import peers

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    answers: IO[str] = os.fdopen(descriptor, "w")
    print(json.dumps({"import": import_seconds}), file=answers, flush=True)
    engine = _Engine(name)
    gc.disable()
    for line in sys.stdin:
        try:
            answer = engine.run(json.loads(line))
        except Exception as error:
            answer = {"error": peers.reason(error), "ours": _is_ours(error)}
        print(json.dumps(answer), file=answers, flush=True)
