"""The engine "dcmturbo" of `xarray.open_dataset` and `xarray.open_datatree`: pixels are decoded when they are used."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from xarray import Dataset, DataTree, Variable
from xarray.backends import BackendArray, BackendEntrypoint
from xarray.core import indexing

from dcmturbo.frames.region import basic_index
from dcmturbo.image import open
from dcmturbo.integrations.lazy import LazyFrames, LazyMatrix, refuse_planes
from dcmturbo.slides import Level, slide

__all__ = ["DicomBackend"]

NAME = "pixels"


class _Pixels(BackendArray):  # type: ignore[misc]
    """What xarray reads parts of."""

    def __init__(self, array: LazyFrames | LazyMatrix) -> None:
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def __getitem__(self, key: Any) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._read)

    def _read(self, key: tuple[int | slice, ...]) -> np.ndarray:
        covering, rest = basic_index(key, self.shape)
        return np.asarray(self.array[covering][rest])


def _dataset(
    array: LazyFrames | LazyMatrix, dims: list[str], chunk: tuple[int, ...], attributes: dict[str, Any]
) -> Dataset:
    chunks = {dim: min(most, size) for dim, most, size in zip(dims, chunk, array.shape, strict=False) if size > 0}
    lazy = indexing.LazilyIndexedArray(_Pixels(array))
    return Dataset({NAME: Variable(dims, lazy, attributes, {"preferred_chunks": chunks})})


def _dataset_of_level(level: Level, optical_path: int | str = 0, focal_plane: int | float = 0) -> Dataset:
    dims = ["row", "column", "sample"][: len(level.shape)]
    attributes: dict[str, Any] = {"photometric_interpretation": level.photometric_interpretation}
    if level.mpp is not None:
        attributes["mpp"] = list(level.mpp)
    path, plane = level.choose(optical_path, focal_plane)
    lazy = LazyMatrix(level, None, {"optical_path": path, "focal_plane": plane})
    return _dataset(lazy, dims, level.tile_shape, attributes)


class DicomBackend(BackendEntrypoint):  # type: ignore[misc]
    """Opens anything that `dcmturbo.open` takes, or `dcmturbo.slide` where a level or a tree is wanted.

    The variable "pixels" has the dimensions frame (if there are several), row, column and sample (if there are
    several). Chunks are frames or tiles, if `chunks` asks for them.
    """

    description = "Pixels of DICOM objects, and the levels of whole slide images"
    open_dataset_parameters = ("filename_or_obj", "drop_variables", "level", "optical_path", "focal_plane")
    supports_groups = True

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        level: int | None = None,
        optical_path: int | str = 0,
        focal_plane: int | float = 0,
    ) -> Dataset:
        """Open the frames of an object, or a level of a slide."""
        if level is None:
            refuse_planes(optical_path, focal_plane)
            image = open(filename_or_obj)
            has_axis = len(image.shape) > len(image.frame_shape)
            dims = [*(["frame"] if has_axis else []), "row", "column", "sample"][: len(image.shape)]
            chunk = (*((1,) if has_axis else ()), *image.frame_shape[:2])
            attributes = {"photometric_interpretation": image.photometric_interpretation}
            found, close = _dataset(LazyFrames(image, None), dims, chunk, attributes), image.close
        else:
            opened = slide(filename_or_obj)
            try:
                found, close = _dataset_of_level(opened.levels[level], optical_path, focal_plane), opened.close
            except BaseException:
                opened.close()
                raise
        found = found.drop_vars(drop_variables or [], errors="ignore")
        found.set_close(close)
        return found

    def open_groups_as_dict(
        self, filename_or_obj: Any, *, drop_variables: str | Iterable[str] | None = None
    ) -> dict[str, Dataset]:
        """Open all levels of a slide: "/0" is the largest."""
        return self._open_levels(filename_or_obj, drop_variables)[0]

    def open_datatree(
        self, filename_or_obj: Any, *, drop_variables: str | Iterable[str] | None = None, **_: Any
    ) -> DataTree:
        """Open all levels of a slide as a tree, whose node "0" is the largest."""
        groups, close = self._open_levels(filename_or_obj, drop_variables)
        tree = DataTree.from_dict(groups)
        tree.set_close(close)
        return tree

    def _open_levels(self, source: Any, dropped: Any) -> tuple[dict[str, Dataset], Callable[[], None]]:
        opened = slide(source)
        groups = {"/": Dataset()}
        groups["/"].set_close(opened.close)
        for number, level in enumerate(opened.levels):
            groups[f"/{number}"] = _dataset_of_level(level).drop_vars(dropped or [], errors="ignore")
        return groups, opened.close

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Whether a path ends in .dcm."""
        return isinstance(filename_or_obj, (str, os.PathLike)) and os.fspath(filename_or_obj).lower().endswith(".dcm")
