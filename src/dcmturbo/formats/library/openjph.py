"""Let one thread use OpenJPH once before several threads use it."""

from __future__ import annotations

import threading
from types import ModuleType

import numpy as np

from dcmturbo import system
from dcmturbo.formats.library.common import Array, load_imagecodecs

__all__ = ["load_openjph"]

_lock = threading.Lock()
_ready = False


def load_openjph() -> ModuleType:
    """Import `imagecodecs`, so that its `htj2k_encode` and `htj2k_decode` can run on several threads.

    Measured with 2026.3.6 (OpenJPH 0.26.3): it builds tables at its first use, and a second thread that comes in
    meanwhile reads incomplete ones. If two threads encode the first two frames at the same time, one process in a
    hundred writes a frame with wrong pixels, without an error.
    """
    global _ready
    imagecodecs = load_imagecodecs()
    if not _ready:
        with _lock:
            if not _ready:
                for shape in ((4, 4), (4, 4, 3)):
                    for reversible in (True, False):
                        _use(imagecodecs, np.zeros(shape, np.uint16), reversible)
                _ready = True
    return imagecodecs


def _use(imagecodecs: ModuleType, samples: Array, reversible: bool) -> None:
    encoded = imagecodecs.htj2k_encode(
        samples, None if reversible else 0.01, rgb=samples.ndim == 3, planar=False, reversible=reversible
    )
    imagecodecs.htj2k_decode(encoded, planar=False)


def _after_fork() -> None:
    # Another thread may have held the lock, and the child process does not have that thread.
    global _lock
    _lock = threading.Lock()


system.on_fork(_after_fork)
