"""Keep modules of the current folder out: a ``numpy.py`` there must not become the numpy of an engine."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

__all__ = ["isolated", "safe_path"]


def safe_path() -> list[str]:
    """Return the folders in which modules are searched, without the current folder.

    If dcmturbo itself is imported from there, the folder comes last, so installed packages have precedence.
    """
    try:
        here = os.path.realpath(os.getcwd())
    except FileNotFoundError:  # the folder has been removed
        return [entry for entry in sys.path if os.path.isabs(entry)]
    ours = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
    path = [entry for entry in sys.path if entry and os.path.realpath(entry) != here]
    # Relative paths would mean something else in another folder.
    path = [os.path.abspath(entry) for entry in path]
    return [*path, here] if ours == here else path


@contextlib.contextmanager
def isolated() -> Iterator[None]:
    """Import nothing from the current folder within the block."""
    before = list(sys.path)
    sys.path[:] = safe_path()
    try:
        yield
    finally:
        sys.path[:] = before
