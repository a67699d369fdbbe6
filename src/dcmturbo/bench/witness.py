"""The other decoders of ``dcmturbo verify --with``, which share no code with dcmturbo."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

import dcmturbo as dt
from dcmturbo.archives.places import open_binary
from dcmturbo.bench import dcmtk
from dcmturbo.bench.engines import ENGINES, OURS, Subject, Task, subject_of, tasks_of
from dcmturbo.bench.measurement import OTHER_WORK, difference_of
from dcmturbo.bench.peers import compare
from dcmturbo.bench.worker import AdapterError, EngineError, Workers
from dcmturbo.errors import Error, reason_of
from dcmturbo.urls import is_url

__all__ = [
    "AGREED",
    "DIFFERED",
    "NOT_COMPARED",
    "NOT_DECODED",
    "STATES",
    "Testimony",
    "Witness",
    "engine_named",
    "engine_names",
]

AGREED, DIFFERED, NOT_DECODED = "agreed", "differed", "could not decode"
NOT_COMPARED = "could not compare"  # the engine was not asked, or it leaves YBR as it is
STATES = (AGREED, DIFFERED, NOT_DECODED, NOT_COMPARED)
_PLUGINS = ("pylibjpeg", "gdcm", "pillow", "pyjpegls")
_PYDICOM = "pydicom"
_PATIENCE = 600.0  # seconds for a file
_MOST_BYTES = 1 << 30  # of a result that an engine is asked for


@dataclass(frozen=True)
class Testimony:
    """The result of another decoder for two files: one of the states, and a reason."""

    engine: str
    state: str
    why: str = ""


def engine_names() -> list[str]:
    """Return what ``--with`` takes."""
    return [_PYDICOM, *_PLUGINS, *(engine.name for engine in ENGINES), dcmtk.NAME]


def engine_named(text: str) -> str:
    """Return the name of the engine that a user means.

    Raises
    ------
    ValueError
        If there is no such engine, or it is not installed; the message lists those that exist.
    """
    if text.lower() == OURS:
        raise ValueError("dcmturbo itself is always the first decoder: name another one")
    if text in _PLUGINS or text.removeprefix("pydicom+") in _PLUGINS:
        return f"{_PYDICOM}+{text.removeprefix('pydicom+')}"
    if text.lower() == _PYDICOM:
        return _PYDICOM
    if text.lower() == dcmtk.NAME.lower():
        return dcmtk.NAME
    for engine in ENGINES:
        if text.lower() in (engine.name.lower(), engine.package.lower()):
            why = engine.missing()
            if why:
                raise ValueError(f"{engine.name} cannot be used: {why}")
            return engine.name
    raise ValueError(f"there is no decoder {text!r}: choose one of {', '.join(engine_names())}")


class Witness:
    """A decoder in its own process, which may crash without harm.

    Parameters
    ----------
    engine : str
        As `engine_named` returns it.
    workers : Workers
        The processes of all engines.
    """

    def __init__(self, engine: str, workers: Workers) -> None:
        self.engine = engine
        self._workers = workers

    def look(self, first: str, second: str) -> Testimony:
        """Decode the second file, and compare with what dcmturbo decodes from the first.

        If the two decoders interpret the pixels differently, the engine also decodes the first file. If it reads both
        files alike, nothing has changed between them.
        """
        try:
            with _local(first) as one, _local(second) as other:
                return self._look(one, other)
        except OSError as error:
            return Testimony(self.engine, NOT_COMPARED, f"it was not asked: {error}")
        except Exception as error:  # stores have exceptions of their own
            if not (is_url(first) or is_url(second)):
                raise
            why = " ".join(str(error).split()) or type(error).__name__
            return Testimony(self.engine, NOT_COMPARED, f"it was not asked: {why}")

    def _look(self, first: str, second: str) -> Testimony:
        try:
            subject = subject_of(second)
            if subject.samples * subject.dtype.itemsize > _MOST_BYTES:
                why = f"it was not asked, because the array is larger than {_MOST_BYTES >> 30} GiB"
                return Testimony(self.engine, NOT_COMPARED, why)
            ours = dt.decode(first, threads=1)
        except (Error, OSError) as error:
            why = f"it was not asked, because dcmturbo cannot decode the file: {reason_of(error)}"
            return Testimony(self.engine, NOT_COMPARED, why)
        decoded = self._decode(subject)
        if isinstance(decoded, str):
            return Testimony(self.engine, NOT_DECODED, decoded)
        task, theirs = decoded
        difference = difference_of(subject, ours, task, theirs)
        if not difference:
            return Testimony(self.engine, AGREED)
        try:
            before = self._decode(subject_of(first))
        except (Error, OSError) as error:
            before = reason_of(error)
        if not isinstance(before, str) and _is_same(before[1], theirs):
            return Testimony(self.engine, AGREED, f"it reads both files alike, but not as dcmturbo does: {difference}")
        if difference not in OTHER_WORK:
            return Testimony(self.engine, DIFFERED, difference)
        if _reads_stored(first, subject, theirs):
            return Testimony(
                self.engine, AGREED, "it leaves YBR as it is, and reads the samples that are stored in the first file"
            )
        return Testimony(self.engine, NOT_COMPARED, difference)

    def _decode(self, subject: Subject) -> tuple[Task, np.ndarray] | str:
        """Return what the engine decodes from a file, or why it cannot."""
        tasks = self._tasks(subject)
        if isinstance(tasks, str):
            return tasks
        reasons = []
        for task in tasks:
            try:
                array, _ = self._workers.decode(task.engine, task.modules, subject.path, _PATIENCE)
            except AdapterError as error:
                reasons.append(f"dcmturbo does not understand its result ({error})")
            except EngineError as error:
                reasons.append(str(error))
            else:
                return task, array
        return "; ".join(dict.fromkeys(reasons))

    def _tasks(self, subject: Subject) -> list[Task] | str:
        """Return the tasks to try, one after the other."""
        if self.engine == dcmtk.NAME:
            try:
                dcmtk.tool_of(subject.syntax)
            except NotImplementedError as error:
                return str(error)
            return [Task(dcmtk.NAME, lambda _: np.empty(0))]  # not used: the worker makes its own
        tasks, reasons = tasks_of(subject)
        is_one = {self.engine}.__contains__
        if self.engine == _PYDICOM:
            found = [task for task in tasks if task.engine.split("+")[0] == _PYDICOM]
        else:
            found = [task for task in tasks if is_one(task.engine)]
        if found:
            return found
        return reasons.get(self.engine, reasons.get(_PYDICOM, "it does not decode this transfer syntax"))


@contextmanager
def _local(path: str) -> Iterator[str]:
    """Copy an object of a store to a local file, because engines cannot open URLs."""
    if not is_url(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="dcmturbo-verify-") as folder:
        place = os.path.join(folder, "object.dcm")
        with open_binary(path) as source, open(place, "wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
        yield place


def _reads_stored(first: str, second: Subject, theirs: np.ndarray) -> bool:
    """Whether an engine that leaves YBR unconverted returns what dcmturbo finds stored in the first file."""
    try:
        with dt.open(first, raw=True) as image:
            if not image.photometric_interpretation.startswith("YBR"):
                return False
            stored = image.read(threads=1)
    except (Error, OSError):
        return False
    return not compare(stored, theirs, lossless=second.lossless)


def _is_same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and one.dtype == other.dtype and one.tobytes() == other.tobytes()
