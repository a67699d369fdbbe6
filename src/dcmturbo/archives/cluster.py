"""Use a dask.distributed scheduler, and the machines behind it, as an executor."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, cast

__all__ = ["connect"]

_SECONDS_TO_CONNECT = 30


@contextmanager
def connect(address: str) -> Iterator[tuple[Executor, int]]:
    """Connect to a scheduler.

    Parameters
    ----------
    address : str
        As ``dask scheduler`` prints it: ``"tcp://10.0.0.1:8786"``.

    Yields
    ------
    (concurrent.futures.Executor, int)
        The executor, and the number of tasks that the cluster's workers run at the same time.

    Raises
    ------
    ImportError
        If dask.distributed is not installed.
    OSError
        If there is no answer from the address.
    ValueError
        If the scheduler has no workers.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ImportError("the option scheduler needs dask.distributed: pip install 'dcmturbo[cluster]'") from None
    connection: Any = Client  # it has no types
    with connection(address, timeout=_SECONDS_TO_CONNECT, set_as_default=False) as client:
        threads = client.nthreads()
        if not threads:
            raise ValueError(f"the scheduler at {address} has no workers: start some")
        # If a worker dies, the scheduler gives its tasks to another worker.
        executor = client.get_executor(pure=False)
        try:
            yield cast("Executor", executor), sum(threads.values())
        finally:
            executor.shutdown(wait=False)
