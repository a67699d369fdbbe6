"""Packages that open files by themselves, called as `dcmturbo bench` calls them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from dcmturbo.bench.engines import ENGINES, subject_of
from engines import Work


def path(name: str, work: Work) -> Callable[[], np.ndarray]:
    """Return what decodes a file to the array of all frames."""
    return _decoder(name, work.path)


def series(name: str, work: Work) -> Callable[[], np.ndarray]:
    """Return what decodes files of one frame each to one array."""
    decoders = [_decoder(name, path) for path in work.paths]
    return lambda: np.stack([np.squeeze(decode()) for decode in decoders])


def _decoder(name: str, path: Path) -> Callable[[], np.ndarray]:
    task = next(engine for engine in ENGINES if engine.name == name).task(subject_of(str(path)))
    return lambda: task.decode(1)
