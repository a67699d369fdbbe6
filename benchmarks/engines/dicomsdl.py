"""dicomsdl by itself, as `dcmturbo bench` calls it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial

import numpy as np

from engines import Work, _files

NAME, PACKAGE, MODULE = "dicomsdl", "dicomsdl", "dicomsdl"
path = partial(_files.path, NAME)
series = partial(_files.series, NAME)


def access(work: Work) -> Callable[[], np.ndarray]:
    import dicomsdl

    def frame() -> np.ndarray:
        with contextlib.closing(dicomsdl.open(str(work.path))) as ds:
            return ds.pixelData(work.frame, storedvalue=True)

    return frame
