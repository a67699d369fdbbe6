"""Frames that are tiles: their places in the total pixel matrix of a slide (PS3.3, C.7.6.17.3 and C.8.12.14)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dcmturbo.dataset.attributes import Attributes
from dcmturbo.errors import DecodeError
from dcmturbo.frames.tiling import FullTiling, are_on_one_grid, touching
from dcmturbo.volumes.geometry import affine_of, axes_of

__all__ = ["MATRIX_PATHS", "Matrix", "Places", "matrix_of", "merge", "places_in", "slide_affine"]

_ORIGIN = "TotalPixelMatrixOriginSequence"
MATRIX_PATHS = (
    "DimensionOrganizationType",
    "TotalPixelMatrixRows",
    "TotalPixelMatrixColumns",
    "TotalPixelMatrixFocalPlanes",
    "ConcatenationFrameOffsetNumber",
    "ImageOrientationSlide",
    f"{_ORIGIN}.XOffsetInSlideCoordinateSystem",
    f"{_ORIGIN}.YOffsetInSlideCoordinateSystem",
)


class Matrix(NamedTuple):
    """The total pixel matrix, and where its frames lie.

    Attributes
    ----------
    rows, columns, planes : int
        Its size; the planes are focal planes.
    corners : numpy.ndarray
        Row and column of each frame's first pixel, counted from 0. They may lie outside.
    plane_of : numpy.ndarray
        Focal plane of each frame.
    segment_of : numpy.ndarray or None
        Number of each frame's segment, if the order of the frames says it.
    heights : numpy.ndarray
        Of each focal plane, in mm.
    """

    rows: int
    columns: int
    planes: int
    corners: np.ndarray
    plane_of: np.ndarray
    segment_of: np.ndarray | None
    heights: np.ndarray


def matrix_of(
    found: Attributes,
    positions: np.ndarray,
    heights: np.ndarray,
    between: float,
    numbers: list[int],
    tile: tuple[int, int],
) -> Matrix | None:
    """Return the total pixel matrix of an object; None if its frames are no tiles.

    Parameters
    ----------
    found : Attributes
        With `MATRIX_PATHS`.
    positions : numpy.ndarray
        RowPositionInTotalImagePixelMatrix and ColumnPositionInTotalImagePixelMatrix of each frame, NaN where absent.
    heights : numpy.ndarray
        ZOffsetInSlideCoordinateSystem of each frame, in micrometres, NaN where absent.
    between : float
        SpacingBetweenSlices in mm, or NaN.
    numbers : list of int
        Numbers of the segments, in the order of the frames of a TILED_FULL object; [0] for a label map.
    tile : tuple of int
        Rows and columns of a frame.

    Raises
    ------
    DecodeError
        If the object does not say where its tiles are, or contradicts itself.
    """
    kind = found.text("DimensionOrganizationType").upper()
    rows, columns = (int(found.number(f"TotalPixelMatrix{axis}") or 0) for axis in ("Rows", "Columns"))
    placed = np.isfinite(positions).all(axis=1)
    if kind == "TILED_FULL" or (kind != "TILED_SPARSE" and rows and columns and not placed.any()):
        if not rows or not columns:
            raise DecodeError(
                f"the object is TILED_FULL, but TotalPixelMatrixRows is {rows} and TotalPixelMatrixColumns {columns}",
                code="argument",
            )
        planes = max(1, int(found.number("TotalPixelMatrixFocalPlanes") or 1))
        begin = max(0, int(found.number("ConcatenationFrameOffsetNumber") or 0))
        return _in_full_order((rows, columns, planes), tile, numbers, (begin, len(positions)), between)
    if kind != "TILED_SPARSE" and not placed.all():
        return None
    if not placed.all():
        raise DecodeError(
            "the object is TILED_SPARSE, but does not say where the frame is (PlanePositionSlideSequence)",
            code="argument",
            frame=int(np.argmin(placed)),
        )
    corners = positions.astype(np.int64) - 1
    if not rows or not columns:
        rows, columns = (int(end) for end in np.maximum(corners + tile, 1).max(axis=0))
    levels, plane_of = np.unique(np.round(np.nan_to_num(heights), 6), return_inverse=True)
    return Matrix(rows, columns, len(levels), corners, plane_of.reshape(-1).astype(np.int64), None, levels / 1000)


def _in_full_order(
    matrix: tuple[int, int, int],
    tile: tuple[int, int],
    numbers: list[int],
    span: tuple[int, int],
    between: float,
) -> Matrix:
    """Place the frames of a TILED_FULL object: there is a matrix for each focal plane of each segment."""
    rows, columns, planes = matrix
    begin, frames = span
    tiling = FullTiling.of(rows, columns, tile)
    whole = tiling.tiles * planes * len(numbers)
    if begin + frames > whole or (not begin and frames != whole):
        raise DecodeError(
            f"the object is TILED_FULL with {tiling.high} x {tiling.wide} tiles, {planes} focal planes and "
            f"{len(numbers)} segments, which makes {whole} frames, but it has the frames {begin} to "
            f"{begin + frames - 1}",
            code="mismatch",
        )
    outer, *corners = tiling.places(np.arange(begin, begin + frames))
    spacing = between if np.isfinite(between) else 0.0
    return Matrix(
        rows,
        columns,
        planes,
        np.stack(corners, axis=1),
        outer % planes,
        np.array(numbers, np.int64)[outer // planes],
        np.arange(planes) * spacing,
    )


def slide_affine(found: Attributes, matrix: Matrix, spacing: np.ndarray, thickness: float) -> np.ndarray | None:
    """Return the matrix from (column, row, plane) to mm on the slide; None if the object does not say it."""
    orientation = found.first("ImageOrientationSlide")
    origin = [found.number(f"{_ORIGIN}.{axis}OffsetInSlideCoordinateSystem") for axis in "XY"]
    if len(orientation) != 6 or None in origin or not np.isfinite(spacing).all() or spacing.min() <= 0:
        return None
    try:
        axes = axes_of(orientation)
    except DecodeError:
        return None
    heights = matrix.heights
    step = float(heights[-1] - heights[0]) / (len(heights) - 1) if len(heights) > 1 else 0.0
    step = step or (thickness if np.isfinite(thickness) and thickness > 0 else 1.0)
    place = np.array([*(value or 0.0 for value in origin), float(heights[0])])
    return affine_of(axes, (float(spacing[0]), float(spacing[1])), np.array([0.0, 0.0, step]), place)


class Places(NamedTuple):
    """Frames in the order in which to draw them.

    Attributes
    ----------
    order : numpy.ndarray
        Positions in the list of frames.
    place : numpy.ndarray
        Which of `corners` each of them is drawn at; it does not decrease.
    corners : numpy.ndarray
        Plane, row and column, relative to the window.
    apart : bool
        Whether no two places share pixels.
    """

    order: np.ndarray
    place: np.ndarray
    corners: np.ndarray
    apart: bool


def places_in(
    planes: np.ndarray, corners: np.ndarray, tile: tuple[int, int], window: tuple[int, int, int, int]
) -> Places:
    """Choose the frames that have pixels in a window, and group those of one place.

    If places overlap in part, each frame is a place of its own, in the order of the frames.
    """
    top, left, height, width = window
    rows, columns = corners[:, 0], corners[:, 1]
    chosen = np.flatnonzero(touching(rows, columns, tile, window) & (height > 0) & (width > 0))
    places = np.column_stack([planes[chosen], rows[chosen] - top, columns[chosen] - left])
    distinct, which = np.unique(places, axis=0, return_inverse=True)
    which = which.reshape(-1)
    if not are_on_one_grid(distinct[:, 1], distinct[:, 2], tile):
        return Places(chosen, np.arange(len(chosen)), places, apart=False)
    order = np.argsort(which, kind="stable")
    return Places(chosen[order], which[order], distinct, apart=True)


def merge(
    result: np.ndarray,
    drawn: np.ndarray,
    corner: np.ndarray,
    *,
    replace: bool = False,
    last_wins: bool = True,
    largest: bool = False,
) -> int:
    """Put a drawn tile into the window, as far as it lies inside; return in how many pixels two labels differ.

    Parameters
    ----------
    result : numpy.ndarray
        (planes, rows, columns).
    drawn : numpy.ndarray
        (rows, columns).
    corner : numpy.ndarray
        Plane, row and column of its first pixel.
    replace : bool
        Whether nothing has been drawn there.
    last_wins : bool
        Which label counts where both have one.
    largest : bool
        Whether the largest value counts instead.
    """
    plane, top, left = corner.tolist()
    first_row, first_column = max(0, -top), max(0, -left)
    part = drawn[first_row : max(0, result.shape[1] - top), first_column : max(0, result.shape[2] - left)]
    row, column = top + first_row, left + first_column
    target = result[plane, row : row + part.shape[0], column : column + part.shape[1]]
    if replace:
        target[...] = part
        return 0
    if largest:
        np.maximum(target, part, out=target)
        return 0
    both = (target != 0) & (part != 0) & (target != part)
    np.copyto(target, part, where=(part != 0) if last_wins else (target == 0), casting="unsafe")
    return int(np.count_nonzero(both))
