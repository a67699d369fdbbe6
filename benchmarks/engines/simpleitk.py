"""SimpleITK by itself, as `dcmturbo bench` calls it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dcmturbo.cli.engines import ENGINES, Task, subject_of
from engines import Work

NAME, PACKAGE, MODULE = "SimpleITK", "SimpleITK", "SimpleITK"


def _task(path: object) -> Task:
    engine = next(engine for engine in ENGINES if engine.name == NAME)
    return engine.task(subject_of(str(path)))


def path(work: Work) -> Callable[[], np.ndarray]:
    task = _task(work.path)
    return lambda: task.decode(1)


def series(work: Work) -> Callable[[], np.ndarray]:
    tasks = [_task(path) for path in work.paths]
    return lambda: np.stack([np.squeeze(task.decode(1)) for task in tasks])
