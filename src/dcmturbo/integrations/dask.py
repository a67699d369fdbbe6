"""Images and slides as dask arrays, whose chunks are decoded when they are computed."""

from __future__ import annotations

import operator
import uuid
from typing import Any

from dcmturbo.image import Image
from dcmturbo.integrations.lazy import LazyFrames, LazyMatrix, refuse_planes
from dcmturbo.slides import Level, Slide

__all__ = ["to_dask"]

_CHUNK_PIXELS = 1024  # rows and columns of a chunk of a slide, rounded to whole tiles


def to_dask(
    source: Image | Slide | Level,
    chunks: int | tuple[int, int] | None,
    optical_path: int | str,
    focal_plane: int | float,
) -> Any:
    """Return an image, a slide or a level as a dask array: see `dcmturbo.to_dask`."""
    try:
        import dask.array
    except ImportError:
        raise ImportError("to_dask needs dask: pip install 'dask[array]'") from None
    lazy: LazyFrames | LazyMatrix
    if isinstance(source, Image):
        refuse_planes(optical_path, focal_plane)
        lazy = LazyFrames(source, threads=1)
        shape = lazy.shape
        has_axis = len(shape) > len(source.frame_shape)
        sizes = (_at_least_1(chunks or 1), *shape[1:]) if has_axis else shape
    else:
        level = source.levels[0] if isinstance(source, Slide) else source
        path, plane = level.choose(optical_path, focal_plane)
        lazy = LazyMatrix(level, threads=1, plane={"optical_path": path, "focal_plane": plane})
        sizes = (*_chunk_of(level, chunks), *level.shape[2:])
    name = f"dcmturbo-{uuid.uuid4().hex}"
    return dask.array.from_array(lazy, chunks=sizes, name=name, asarray=True, fancy=False)


def _at_least_1(number: Any) -> int:
    count = operator.index(number)
    if count < 1:
        raise ValueError(f"chunks is {number!r}; expected at least 1")
    return count


def _chunk_of(level: Level, chunks: Any) -> tuple[int, int]:
    if chunks is None:
        rows, columns = (max(1, _CHUNK_PIXELS // size) * size for size in level.tile_shape)
        return rows, columns
    try:
        rows, columns = (chunks, chunks) if hasattr(chunks, "__index__") else chunks
        return _at_least_1(rows), _at_least_1(columns)
    except (TypeError, ValueError):
        raise ValueError(f"chunks is {chunks!r}; expected rows and columns, or one number, of at least 1") from None
