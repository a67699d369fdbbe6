"""Where the frames of an object lie in its total pixel matrix (PS3.3, C.7.6.17.3 and C.8.12.14)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from dcmturbo.dataset.attributes import Attributes
from dcmturbo.errors import DecodeError
from dcmturbo.frames.frame_count import settle_count
from dcmturbo.frames.tiling import FullTiling, are_on_one_grid, touching

__all__ = ["PLACE_PATHS", "Counts", "Layout", "Tiles", "layout_of", "matrix_size", "may_overlap", "optical_paths"]

_EMPTY = "the other tiles are left empty"

_GROUPS, _SHARED = "PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"
_ROW = f"{_GROUPS}.PlanePositionSlideSequence.RowPositionInTotalImagePixelMatrix"
_COLUMN = f"{_GROUPS}.PlanePositionSlideSequence.ColumnPositionInTotalImagePixelMatrix"
_HEIGHT = f"{_GROUPS}.PlanePositionSlideSequence.ZOffsetInSlideCoordinateSystem"
_PATH = f"{_GROUPS}.OpticalPathIdentificationSequence.OpticalPathIdentifier"
_SHARED_PATH = f"{_SHARED}.OpticalPathIdentificationSequence.OpticalPathIdentifier"
_PATHS = "OpticalPathSequence.OpticalPathIdentifier"
_BETWEEN = f"{_SHARED}.PixelMeasuresSequence.SpacingBetweenSlices"
#: The attributes that say where tiles are.
PLACE_PATHS = (
    "DimensionOrganizationType",
    "TotalPixelMatrixRows",
    "TotalPixelMatrixColumns",
    "TotalPixelMatrixFocalPlanes",
    "NumberOfOpticalPaths",
    "ConcatenationFrameOffsetNumber",
    *(_ROW, _COLUMN, _HEIGHT, _PATH, _SHARED_PATH, _PATHS, _BETWEEN),
)


class Tiles(NamedTuple):
    """Tiles of one optical path and focal plane.

    Attributes
    ----------
    frames : numpy.ndarray of int
        Their frames in the object.
    rows, columns : numpy.ndarray of int
        The place of each tile's first pixel in the matrix, counted from 0. It may be negative or outside.
    """

    frames: np.ndarray
    rows: np.ndarray
    columns: np.ndarray

    def touching(self, top: int, left: int, height: int, width: int, tile: tuple[int, int]) -> Tiles:
        """Return the tiles that have pixels in a window, in the order of their frames."""
        wanted = touching(self.rows, self.columns, tile, (top, left, height, width))
        return Tiles(self.frames[wanted], self.rows[wanted], self.columns[wanted])

    def reduced(self, tile: tuple[int, int], reduce: int) -> Tiles:
        """Return the places of tiles whose rows and columns are halved `reduce` times.

        Raises
        ------
        ValueError
            If tiles would not fit together then.
        """
        if reduce == 0:
            return self
        unit = 1 << reduce
        if any(size % unit for size in tile) or (self.rows % unit).any() or (self.columns % unit).any():
            raise ValueError(
                f"reduce is {reduce}, but tiles of {tile[0]} x {tile[1]} pixels, at their places, do not fit together "
                f"if they are {unit} times smaller: read with a smaller reduce, and average the pixels"
            )
        return Tiles(self.frames, self.rows >> reduce, self.columns >> reduce)


class Layout(NamedTuple):
    """The tiles of an object.

    Attributes
    ----------
    tiles : dict
        `Tiles` by the identifier of the optical path and the offset of the focal plane in micrometres.
    overlaps : bool
        Whether tiles may overlap: then the one with the highest frame number counts.
    """

    tiles: dict[tuple[str, float], Tiles]
    overlaps: bool


class Counts(NamedTuple):
    """How many frames an object has.

    Attributes
    ----------
    promised : int
        NumberOfFrames.
    most : int
        So many fit into its bytes.
    in_data : callable
        Returns how many frames the pixel data have. It is called if the object says the places of more frames than are
        promised, because it may have to search for them.
    """

    promised: int
    most: int
    in_data: Callable[[], int]


def layout_of(found: Attributes, frames: Counts, tile: tuple[int, int]) -> Layout:
    """Find the place of each frame.

    Parameters
    ----------
    found : Attributes
        Those of the object, with `PLACE_PATHS`.
    frames : Counts
        How many frames it has.
    tile : tuple of int
        Rows and columns of a frame.

    Raises
    ------
    DecodeError
        If the object does not say where its tiles are.
    """
    if frames.promised > frames.most:
        raise DecodeError(
            f"NumberOfFrames is {frames.promised}, but the object has room for at most {frames.most}", code="mismatch"
        )
    kind = found.text("DimensionOrganizationType")
    if kind == "TILED_FULL" or (kind != "TILED_SPARSE" and not found.has(_ROW)):
        return _full(found, frames, tile)
    described = 1 + max((int(found.outer(path).max(initial=-1)) for path in (_ROW, _COLUMN, _PATH)), default=-1)
    count = settle_count(frames.promised, described, frames.in_data, _GROUPS, if_fewer=_EMPTY)
    return _sparse(found, described, count, tile)


def optical_paths(found: Attributes) -> list[str]:
    """Return the identifiers of the optical paths, in their order."""
    return [text for _, _, text in found.texts(_PATHS)] or [""]


def _full(found: Attributes, frames: Counts, tile: tuple[int, int]) -> Layout:
    """Place the frames of a TILED_FULL object: there is a matrix for each focal plane of each optical path."""
    tiling = FullTiling.of(*matrix_size(found), tile)
    planes = max(1, int(found.number("TotalPixelMatrixFocalPlanes") or 1))
    paths = optical_paths(found)
    count = int(found.number("NumberOfOpticalPaths") or len(paths))
    are_named = count == len(paths) == len(set(paths))
    whole = tiling.tiles * planes * count
    begin = max(0, int(found.number("ConcatenationFrameOffsetNumber") or 0))
    promised = frames.promised
    if not found.has("ConcatenationFrameOffsetNumber"):  # otherwise, another object has the other frames
        promised = settle_count(promised, whole, frames.in_data, "the total pixel matrix", if_fewer=_EMPTY)
    if begin + promised > whole:
        raise DecodeError(
            f"the object is TILED_FULL with {tiling.high} x {tiling.wide} tiles, {planes} focal planes and "
            f"{count} optical paths, but its frames {begin} to {begin + promised - 1} are more than these {whole}",
            code="mismatch",
        )
    numbers = np.arange(begin, begin + promised)
    outer, rows, columns = tiling.places(numbers)
    step = _between_planes(found)
    tiles = {}
    for group in np.unique(outer).tolist():
        mine = outer == group
        path, plane = divmod(group, planes)
        key = paths[path] if are_named else str(path + 1), round(plane * step, 6)
        tiles[key] = Tiles(numbers[mine] - begin, rows[mine], columns[mine])
    return Layout(tiles, overlaps=False)


def matrix_size(found: Attributes) -> tuple[int, int]:
    """Return rows and columns of the total pixel matrix; 0 if the object does not say them."""
    rows, columns = (int(found.number(f"TotalPixelMatrix{axis}") or 0) for axis in ("Rows", "Columns"))
    return rows, columns


def _between_planes(found: Attributes) -> float:
    """Return the distance of the focal planes of a TILED_FULL object in micrometres; 1 if it does not say it."""
    step = 1000 * (found.number(_BETWEEN) or 0)
    return step if abs(step) >= 1e-6 else 1.0


def _sparse(found: Attributes, described: int, frames: int, tile: tuple[int, int]) -> Layout:
    rows, columns, heights = (found.column(path, frames) for path in (_ROW, _COLUMN, _HEIGHT))
    placed = np.isfinite(rows) & np.isfinite(columns)
    if described < frames:
        raise DecodeError(
            f"the object has {frames} frames, but says the places of only {described} ({_GROUPS})", code="argument"
        )
    if not placed.all():
        raise DecodeError(
            f"the object does not say where frame {int(np.argmin(placed))} is (PlanePositionSlideSequence)",
            code="argument",
        )
    default_path = found.text(_SHARED_PATH) if found.has(_SHARED_PATH) else optical_paths(found)[0]
    path_of = [default_path] * frames
    for outer, _, text in found.texts(_PATH):
        if outer < frames:
            path_of[outer] = text
    paths = list(dict.fromkeys(path_of))
    numbers = {path: number for number, path in enumerate(paths)}
    levels, level_of = np.unique(np.round(np.nan_to_num(heights), 6), return_inverse=True)  # PS3.3, C.8.12.6.1
    group_of = np.array([numbers[path] for path in path_of], np.int64) * len(levels) + level_of.reshape(-1)
    corners = (rows - 1).astype(np.int64), (columns - 1).astype(np.int64)
    tiles = {}
    for group in np.unique(group_of).tolist():
        mine = np.flatnonzero(group_of == group)
        key = paths[group // len(levels)], float(levels[group % len(levels)])
        tiles[key] = Tiles(mine, corners[0][mine], corners[1][mine])
    return Layout(tiles, overlaps=any(may_overlap([one], tile) for one in tiles.values()))


def may_overlap(of: Sequence[Tiles], tile: tuple[int, int]) -> bool:
    """Whether tiles share pixels, as far as that shows cheaply: they are not all on one grid, or in one place."""
    rows, columns = (np.concatenate(axis) for axis in list(zip(*of, strict=True))[1:])
    if not are_on_one_grid(rows, columns, tile):
        return True
    places = np.stack([rows, columns], -1)
    return len(np.unique(places, axis=0)) < len(places)


def parts_of(
    tiles: Tiles, window: tuple[int, int, int, int], tile: tuple[int, int]
) -> Iterator[tuple[Any, np.ndarray]]:
    """Group tiles by the part of them that lies in a window.

    Yields
    ------
    part : tuple of int
        (top, left, height, width) within each tile of the group.
    members : numpy.ndarray
        Which of `tiles` they are.
    """
    top, left, height, width = window
    begin = np.maximum(0, top - tiles.rows), np.maximum(0, left - tiles.columns)
    end = np.minimum(tile[0], top + height - tiles.rows), np.minimum(tile[1], left + width - tiles.columns)
    parts = np.stack([begin[0], begin[1], end[0] - begin[0], end[1] - begin[1]], -1)
    # Rows and columns of a frame have 16 bits (PS3.3, C.7.6.3.1), so a part is one number of 64.
    _, firsts, which = np.unique(parts.astype(np.uint16).view(np.uint64), return_index=True, return_inverse=True)
    for number, first in enumerate(firsts.tolist()):
        yield tuple(parts[first].tolist()), np.flatnonzero(which.reshape(-1) == number)
