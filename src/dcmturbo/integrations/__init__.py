"""dcmturbo in other software: one module for each host, imported only when it is used."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from dcmturbo.image import Image
from dcmturbo.slides import Level, Slide

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["prefill", "register", "to_dask", "unregister", "zarr_store"]


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


def to_dask(
    source: Image | Slide | Level,
    chunks: int | tuple[int, int] | None = None,
    *,
    optical_path: int | str = 0,
    focal_plane: int | float = 0,
) -> Any:
    """Return an image, a slide or a level as a dask array, whose chunks are decoded when they are computed.

    Each chunk is decoded on one thread, because dask runs several at once. The array can be sent to other processes if
    the source can be pickled. Keep the source open as long as the array is used in this process.

    Parameters
    ----------
    source : Image, Slide or Level
        A slide stands for its level 0.
    chunks : int or tuple of int, optional
        Of an image: frames in a chunk, by default 1. Of a slide: rows and columns of a chunk, by default whole tiles of
        about 1024 pixels.
    optical_path, focal_plane : int, str or float
        Of a slide or a level: as in `Slide.read`.

    Returns
    -------
    dask.array.Array
        Of the shape and dtype of the source.

    Raises
    ------
    ImportError
        If dask is not installed.
    """
    from dcmturbo.integrations import dask as host

    return host.to_dask(source, chunks, optical_path, focal_plane)


def zarr_store(source: Image | Slide | Level, *, optical_path: int | str = 0, focal_plane: int | float = 0) -> Any:
    """Return an image, a slide or a level as a read-only zarr store (version 3).

    An image or a level is one array. A slide is a group with an array for each level: "0" is the largest. Chunks are
    frames or tiles, and are decoded when they are read. Keep the source open as long as the store is used.

    Parameters
    ----------
    source : Image, Slide or Level
    optical_path, focal_plane : int, str or float
        Of a slide or a level: as in `Slide.read`. A level that does not have them is left out.

    Returns
    -------
    zarr.abc.store.Store

    Raises
    ------
    ImportError
        If zarr 3 is not installed.

    Examples
    --------
    >>> array = zarr.open_array(dt.zarr_store(image), mode="r")         # doctest: +SKIP

    Notes
    -----
    Arrays can also refer to encoded frames in files, as kerchunk's do. The codec of their chunks is "dcmturbo.frame"
    (zarr v3 and numcodecs), with the arguments of `decode_frame`; `Image.byte_range` says where a frame is.
    """
    from dcmturbo.integrations import zarr as host

    return host.DicomStore(source, optical_path, focal_plane)
