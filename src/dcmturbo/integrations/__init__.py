"""dcmturbo in other software: one module for each host, imported only when it is used."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["prefill", "register", "unregister"]


def register(worker: object = None) -> None:
    """Make pydicom decode and encode with dcmturbo, before its other plugins.

    Afterwards, ``Dataset.pixel_array``, ``pydicom.pixels`` and ``Dataset.compress`` use dcmturbo, and pydicom can read
    transfer syntaxes that pydicom 3.0 lacks (JPEG XL, Deflated Image Frame, Encapsulated Uncompressed, JPEG 2000 Part
    2). Calling it again changes nothing. `unregister` undoes it.

    Processes that `multiprocessing` and `concurrent.futures` start afterwards are registered too, with any start
    method. If a pool is not based on multiprocessing, call `register` in each worker, usually through an argument
    called ``initializer`` or ``worker_init_fn``.

    Parameters
    ----------
    worker : object, optional
        Ignored. Some libraries, such as PyTorch's DataLoader, pass the number of the worker to its initializer.
    """
    from dcmturbo.integrations.pydicom import registration as host

    host.register()


def unregister() -> None:
    """Undo `register`: pydicom is then as it was before."""
    from dcmturbo.integrations.pydicom import registration as host

    host.unregister()


def prefill(datasets: Iterable[Dataset], *, threads: int | None = None) -> None:
    """Decode a series in parallel and store the array of each dataset for ``Dataset.pixel_array``.

    Parameters
    ----------
    datasets : iterable of pydicom.Dataset
        Datasets with pixel data, of any transfer syntax, size and number of frames.
    threads : int, optional
        Number of workers; by default as `dcmturbo.config` says.

    Raises
    ------
    DecodeError
        If a dataset cannot be decoded; raised for the first one. The datasets before it are ready.
    """
    from dcmturbo.integrations.pydicom import registration as host

    host.prefill(datasets, threads=threads)
