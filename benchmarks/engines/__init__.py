"""The engines of the benchmarks, one module each: what a user of that package would write.

A module has NAME, PACKAGE and MODULE, and one function for each kind of work that the engine does. Each takes a Work
and returns a function that does it once, or raises NotImplementedError with the reason why it does not:
``decode`` (a codestream in memory to samples), ``encode`` (samples to a codestream), ``path`` (a file to the array of
all frames), ``series`` (files to one array), ``access`` (one frame of a file), ``transcode`` (a file to a file).
Modules whose names begin with an underscore are what engines share.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from dcmturbo.bench.engines import ENGINES

KINDS = ("decode", "encode", "path", "series", "access", "transcode")
OURS = "dcmturbo"


@dataclass
class Work:
    """What there is to do: a frame, and files that hold it."""

    keyword: str  # of the transfer syntax
    array: np.ndarray  # the samples of the frame
    attributes: dict[str, Any]  # as decode_frame takes them
    codestream: bytes = b""
    paths: list[Path] = field(default_factory=list)
    frames: int = 1
    frame: int = 0  # for random access
    threads: int = 1

    @property
    def path(self) -> Path:
        """The one file."""
        return self.paths[0]

    @property
    def cells(self) -> np.dtype[Any]:
        """The unsigned type of the samples."""
        return np.dtype(f"u{self.array.itemsize}")


def modules() -> list[ModuleType]:
    """Return all engines, dcmturbo first."""
    names = sorted(found.name for found in pkgutil.iter_modules(__path__) if not found.name.startswith("_"))
    names.sort(key=lambda name: name != OURS)
    return [importlib.import_module(f"{__name__}.{name}") for name in names]


def missing(engine: ModuleType) -> str:
    """Return why an engine cannot be used, empty if it can."""
    for known in ENGINES:
        if known.package == engine.PACKAGE:
            return known.missing()
    try:
        importlib.import_module(engine.MODULE)
    except ModuleNotFoundError:
        return f"it is not installed (pip install {engine.PACKAGE})"
    except ImportError as error:
        return f"it cannot be imported: {error}"
    return ""


def versions() -> dict[str, str]:
    """Return the versions of the engines that are installed."""
    return {engine.NAME: metadata.version(engine.PACKAGE) for engine in modules() if not missing(engine)}


def functions(kind: str, work: Work) -> tuple[dict[str, Callable[[], Any]], dict[str, str]]:
    """Return each engine's way of a work, and why the others have none."""
    found: dict[str, Callable[[], Any]] = {}
    reasons: dict[str, str] = {}
    for engine in modules():
        why = missing(engine)
        if not why and not hasattr(engine, kind):
            continue  # a package of codecs opens no file, and one that opens files gives no codec
        if not why:
            try:
                found[engine.NAME] = getattr(engine, kind)(work)
            except NotImplementedError as error:
                why = str(error)
        if why:
            reasons[engine.NAME] = why
    return found, reasons
