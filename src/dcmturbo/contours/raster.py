"""Polygons to masks, and masks to polygons: the rasteriser of the core."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from dcmturbo import _core
from dcmturbo.configuration import resolve_threads
from dcmturbo.errors import DecodeError
from dcmturbo.frames.arguments import check_out, new_array

__all__ = ["Rule", "contours_of_mask", "fill_polygons"]

Rule = Literal["even-odd", "non-zero"]
_RULES = ("even-odd", "non-zero")
_SUBDIVISIONS = (1, 2, 4, 8, 16)


def fill_polygons(
    polygons: Sequence[np.ndarray],
    shape: tuple[int, ...],
    *,
    slices: Sequence[int] | np.ndarray | None = None,
    rule: Rule = "even-odd",
    coverage: int | None = None,
    out: np.ndarray | None = None,
    threads: int | None = None,
) -> np.ndarray:
    """Fill polygons: which pixel centres are inside, exactly.

    Parameters
    ----------
    polygons : sequence of numpy.ndarray
        Each (points, 2): column and row in pixels; the centre of the first pixel is (0, 0). The last point is joined to
        the first one. Polygons of one slice bound one area together.
    shape : tuple of int
        (rows, columns), or (slices, rows, columns).
    slices : sequence of int, optional
        The slice of each polygon, for a shape of three numbers. Polygons outside of the stack are left out.
    rule : {"even-odd", "non-zero"}
        A pixel is inside if a ray from its centre crosses an odd number of edges; or if edges wind around it. With
        "even-odd", a polygon within another one is a hole. A centre on an edge belongs to the area to its right or
        below, so neighbours share no pixel. Coordinates below 2**-300 in magnitude count as 0.
    coverage : {1, 2, 4, 8, 16}, optional
        Return the share of each pixel that is inside instead, from this number of sub-pixels along each side.
    out : numpy.ndarray, optional
        Draw into this C-contiguous array of the result's shape and dtype; other pixels stay as they are. Coverage is
        added to it.
    threads : int, optional
        As in `dcmturbo.decode`; slices are filled in parallel.

    Returns
    -------
    numpy.ndarray
        uint8 with 1 inside and 0 outside; with `coverage`, float32.

    Raises
    ------
    DecodeError
        If a coordinate is not finite, or beyond 2**30.
    """
    if rule not in _RULES:
        raise ValueError(f"rule is {rule!r}; expected {' or '.join(map(repr, _RULES))}")
    if coverage is not None and coverage not in _SUBDIVISIONS:
        raise ValueError(f"coverage is {coverage}; expected one of {', '.join(map(str, _SUBDIVISIONS))}")
    if len(shape) not in (2, 3) or min(shape) < 0:
        raise ValueError(f"shape is {shape}; expected rows and columns, or slices, rows and columns")
    if (slices is None) != (len(shape) == 2):
        raise ValueError("slices are needed for a shape of three numbers, and only for it")
    dtype = np.dtype(np.uint8 if coverage is None else np.float32)
    if out is None:
        out = new_array(shape, dtype)
        out[...] = 0
    else:
        check_out(out, shape, dtype)
        if not out.flags.c_contiguous:
            raise ValueError("out must be C-contiguous")
    stack = out if out.ndim == 3 else out[np.newaxis]
    which = np.zeros(len(polygons), np.int64) if slices is None else np.asarray(slices, np.int64)
    if which.shape != (len(polygons),):
        raise ValueError(f"there are {len(polygons)} polygons, but {which.size} slices")
    order = np.argsort(which, kind="stable")
    order = order[(which[order] >= 0) & (which[order] < len(stack))]
    if not len(order) or not stack.size:
        return out
    parts = [_points_of(polygons[i]) for i in order.tolist()]
    images, counts = np.unique(which[order], return_counts=True)
    _core.fill_polygons(
        np.concatenate(parts),
        np.cumsum([len(part) for part in parts]),
        np.cumsum(counts),
        images,
        stack,
        rule=_RULES.index(rule),
        subdivisions=coverage or 1,
        value=1,
        threads=resolve_threads(threads),
    )
    return out


def _points_of(polygon: Any) -> np.ndarray:
    points = np.asarray(polygon, np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"a polygon has shape {points.shape}, expected (points, 2)")
    if not np.isfinite(points).all():
        raise DecodeError("a point of a polygon is not finite", code="argument")
    return points


def contours_of_mask(
    mask: np.ndarray, *, diagonal: bool = False, threads: int | None = None
) -> list[tuple[int, bool, np.ndarray]]:
    """Return the outlines of the areas of a mask, along the edges of its pixels.

    Parameters
    ----------
    mask : numpy.ndarray
        (rows, columns) or (slices, rows, columns); what is not 0 is inside.
    diagonal : bool
        Whether pixels that touch at a corner belong to one area.
    threads : int, optional
        As in `dcmturbo.decode`.

    Returns
    -------
    list of (int, bool, numpy.ndarray)
        Slice, whether it is the outline of a hole, and points: (points, 2), column and row. `fill_polygons` gives the
        same mask from them, by either rule.
    """
    if mask.ndim not in (2, 3):
        raise ValueError(f"the mask has shape {mask.shape}, expected two or three axes")
    stack = mask if mask.ndim == 3 else mask[np.newaxis]
    if stack.dtype.itemsize != 1 or stack.dtype.kind not in "bui":
        stack = stack != 0
    return _core.trace_outlines(np.ascontiguousarray(stack), diagonal=diagonal, threads=resolve_threads(threads))
