"""dcmturbo inside other software: one module a host, imported only when it is used."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["prefill", "register", "unregister"]


def register() -> None:
    """Make pydicom decode and encode with dcmturbo, first of all its plugins.

    After this, ``Dataset.pixel_array``, ``pydicom.pixels`` and ``Dataset.compress`` use dcmturbo, and transfer
    syntaxes that pydicom 3.0 lacks (JPEG XL, Deflated Image Frame, Encapsulated Uncompressed, JPEG 2000
    Part 2) can be read. Calling it again changes nothing. `unregister` undoes it.

    Processes that `multiprocessing` and `concurrent.futures` start afterwards are registered too, whichever start
    method they use. A pool that is not built on multiprocessing calls `register` in each worker, usually through
    an argument called ``initializer``.
    """
    from dcmturbo.integrations.pydicom import registration as host

    host.register()


def unregister() -> None:
    """Undo `register`: pydicom is as it was before."""
    from dcmturbo.integrations.pydicom import registration as host

    host.unregister()


def prefill(datasets: Iterable[Dataset], *, threads: int | None = None) -> None:
    """Decode a series in parallel, and leave each ``Dataset.pixel_array`` ready.

    Parameters
    ----------
    datasets : iterable of pydicom.Dataset
        Datasets with pixel data; of any syntax, size and number of frames.
    threads : int, optional
        Workers; by default as `dcmturbo.config` says.

    Raises
    ------
    DecodeError
        For the first dataset that cannot be decoded; those before it are ready.
    """
    from dcmturbo.integrations.pydicom import registration as host

    host.prefill(datasets, threads=threads)
