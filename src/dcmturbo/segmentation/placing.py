"""Label images on another grid, by geometry."""

from __future__ import annotations

import numpy as np

from dcmturbo.configuration import resolve_threads
from dcmturbo.errors import DecodeError
from dcmturbo.frames.arguments import new_array
from dcmturbo.frames.workers import map_on_workers

__all__ = ["place"]

_SAME_VOXEL = 0.02  # of a voxel: geometry has few digits in some files


def place(
    labels: np.ndarray,
    affine: np.ndarray,
    shape: tuple[int, ...],
    reference: np.ndarray,
    *,
    resample: bool,
    threads: int | None,
) -> tuple[np.ndarray, int]:
    """Return the labels on the grid of a reference, and how many labelled voxels lie outside of it.

    Parameters
    ----------
    labels : numpy.ndarray
        (planes, rows, columns).
    affine, reference : numpy.ndarray
        Matrices from (column, row, plane) to mm, of the labels and of the reference.
    shape : tuple of int
        (slices, rows, columns) of the reference.
    resample : bool
        Whether voxels may lie between those of the other grid; the nearest one counts. Then the number outside is 0.

    Raises
    ------
    DecodeError
        If they do and may not.
    """
    to_labels = np.linalg.inv(affine) @ reference
    # The corners of the reference: between them, the map is linear.
    corners = np.array([[x, y, z, 1] for x in (0, shape[2] - 1) for y in (0, shape[1] - 1) for z in (0, shape[0] - 1)])
    shift = np.rint(to_labels[:3, 3])
    shifted = corners[:, :3] + shift
    if np.abs(corners @ to_labels[:3].T - shifted).max() <= _SAME_VOXEL + 1e-4 * max(shape):
        return _shifted(labels, shape, tuple(int(value) for value in shift[::-1]))
    if not resample:
        raise DecodeError(
            "the voxels of the segmentation do not lie on those of the reference: resample=True, or --resample, takes "
            "the nearest ones",
            code="mismatch",
        )
    return _nearest(labels, shape, to_labels, threads), 0


def _shifted(labels: np.ndarray, shape: tuple[int, ...], shift: tuple[int, ...]) -> tuple[np.ndarray, int]:
    if shape == labels.shape and not any(shift):
        return labels, 0
    result = new_array(shape, labels.dtype)
    result[...] = 0
    source, target = [], []
    for size, extent, by in zip(labels.shape, shape, shift, strict=True):
        begin, end = max(0, -by), min(extent, size - by)
        target.append(slice(begin, max(begin, end)))
        source.append(slice(begin + by, max(begin, end) + by))
    inside = labels[tuple(source)]
    result[tuple(target)] = inside
    return result, int(np.count_nonzero(labels)) - int(np.count_nonzero(inside))


def _nearest(labels: np.ndarray, shape: tuple[int, ...], to_labels: np.ndarray, threads: int | None) -> np.ndarray:
    result = new_array(shape, labels.dtype)
    rows, columns = np.meshgrid(np.arange(shape[1]), np.arange(shape[2]), indexing="ij")
    # Planes are last in the matrix, and first in the array.
    limits = np.array(labels.shape)[::-1]

    def one(k: int) -> None:
        points = [
            to_labels[i, 0] * columns + to_labels[i, 1] * rows + (to_labels[i, 2] * k + to_labels[i, 3])
            for i in range(3)
        ]
        indices = [np.floor(axis + 0.5).astype(np.int64) for axis in points]
        inside = np.ones(shape[1:], bool)
        for axis, limit in zip(indices, limits.tolist(), strict=True):
            inside &= (axis >= 0) & (axis < limit)
            np.clip(axis, 0, limit - 1, out=axis)
        taken = labels[indices[2], indices[1], indices[0]]
        taken[~inside] = 0
        result[k] = taken

    map_on_workers(one, range(shape[0]), resolve_threads(threads))
    return result
