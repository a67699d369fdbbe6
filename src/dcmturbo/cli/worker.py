"""Engines in processes of their own: some end their process on a damaged file, or write where they should not."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

__all__ = ["EngineError", "Workers"]

_START = 60.0  # seconds for a process to be there

# The packages' import is timed before anything else has been imported.
_PROGRAM = """\
import sys, time
begin = time.perf_counter()
for name in sys.argv[2:]:
    __import__(name)
taken = time.perf_counter() - begin
from dcmturbo.cli.worker import serve
serve(sys.argv[1], taken)
"""


class EngineError(ValueError):
    """An engine raised, ended its process, or was not done in time; the message says which."""


class _Worker:
    """The process of an engine."""

    def __init__(self, engine: str, modules: list[str]) -> None:
        command = [sys.executable, "-c", _PROGRAM, engine, *modules]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            start_new_session=True,  # Ctrl-C is for the command, which then ends this
        )
        self.is_asked = True
        try:
            self.import_seconds = float(self._answer(_START)["import"])
        except BaseException:
            self.close()
            raise

    @property
    def is_idle(self) -> bool:
        """Whether it waits for the next file."""
        return not self.is_asked and self.process.poll() is None

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.is_asked = True
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        answer = self._answer(seconds)
        if "error" in answer:
            raise EngineError(answer["error"])
        return answer

    def _answer(self, seconds: float) -> dict[str, Any]:
        """Return an answer; raise EngineError if the process ends before, or takes longer."""
        assert self.process.stdout is not None
        stream = self.process.stdout.fileno()
        line = b""
        end = time.monotonic() + seconds
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([stream], [], [], max(end - time.monotonic(), 0.0))
            part = os.read(stream, 1 << 16) if ready else b""
            if ready and not part:
                code = self.process.wait()
                how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
                raise EngineError(f"it ended its process with this file ({how})")
            if not part:
                raise EngineError(f"it was not done after {seconds:.3g} s, and was ended")
            line += part
        self.is_asked = False
        answer: dict[str, Any] = json.loads(line)
        return answer


class Workers:
    """The processes of all engines: made when they are first needed, and again when one has ended.

    Use it as a context manager, or they stay.
    """

    def __init__(self) -> None:
        self._workers: dict[str, _Worker] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="dcmturbo-bench-")
        self.import_seconds: dict[str, float] = {}

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for worker in self._workers.values():
            worker.close()
        self._workers.clear()
        self._folder.cleanup()

    def _ask(self, engine: str, modules: list[str], request: dict[str, Any], seconds: float) -> dict[str, Any]:
        try:
            if engine not in self._workers:
                self._workers[engine] = _Worker(engine, modules)
                self.import_seconds.setdefault(engine, self._workers[engine].import_seconds)
            return self._workers[engine].ask(request, seconds)
        except (OSError, EngineError) as error:
            if engine in self._workers and (isinstance(error, OSError) or not self._workers[engine].is_idle):
                self._end(engine)
            raise EngineError(str(error)) from None
        except BaseException:
            self._end(engine)  # it may still be at it
            raise

    def _end(self, engine: str) -> None:
        worker = self._workers.pop(engine, None)
        if worker is not None:
            worker.close()

    def decode(self, engine: str, modules: list[str], path: str, seconds: float) -> tuple[np.ndarray, float]:
        """Return what an engine makes of a file, and the seconds that it took.

        Raises
        ------
        EngineError
            If it raises, ends its process, or takes longer than `seconds`.
        """
        place = Path(self._folder.name) / "array.npy"
        answer = self._ask(engine, modules, {"path": path, "threads": 1, "into": str(place)}, seconds)
        array = np.load(place)
        place.unlink()
        return array, float(answer["seconds"])

    def time(self, engine: str, modules: list[str], path: str, threads: int, seconds: float) -> float:
        """Return the seconds of one decode; raises as `decode` does."""
        return float(self._ask(engine, modules, {"path": path, "threads": threads}, seconds)["seconds"])


# ---- within the process ------------------------------------------------------------------------------


class _Engine:
    """What the engine of this process does with the file that it was last asked for."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = ""
        self.task: Any = None

    def run(self, request: dict[str, Any]) -> dict[str, Any]:
        from dcmturbo.cli import peers
        from dcmturbo.cli.engines import subject_of, task_of

        if request["path"] != self.path:
            gc.collect()  # which is switched off while the clock runs
            self.task = task_of(subject_of(request["path"]), self.name)
            self.path = request["path"]
        begin = time.perf_counter()
        array = self.task.decode(request["threads"])
        peers.read_every_page(array)
        taken = time.perf_counter() - begin
        if "into" in request:
            np.save(request["into"], np.ascontiguousarray(array), allow_pickle=False)
        return {"seconds": taken}


def serve(name: str, import_seconds: float) -> None:
    """Decode what the standard input asks for, line by line, and answer each with a line."""
    import warnings

    from dcmturbo.cli import peers

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    # Engines may print: answers go to a descriptor that they do not know.
    answers: IO[str] = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    print(json.dumps({"import": import_seconds}), file=answers, flush=True)
    engine = _Engine(name)
    gc.disable()
    for line in sys.stdin:
        try:
            answer = engine.run(json.loads(line))
        except Exception as error:
            answer = {"error": peers.reason(error)}
        print(json.dumps(answer), file=answers, flush=True)
