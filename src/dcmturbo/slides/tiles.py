"""Where the frames of an object lie in its total pixel matrix (PS3.3, C.7.6.17.3 and C.8.12.14)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from dcmturbo.errors import DecodeError
from dcmturbo.frames.frame_count import settle_count

__all__ = ["Layout", "Tiles", "layout_of"]

_EMPTY = "the other tiles are left empty"


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
        wanted = (
            (self.rows < top + height)
            & (self.rows + tile[0] > top)
            & (self.columns < left + width)
            & (self.columns + tile[1] > left)
        )
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


def layout_of(ds: Any, frames: int, tile: tuple[int, int], count_frames: Callable[[], int]) -> Layout:
    """Find the place of each frame.

    Parameters
    ----------
    ds : pydicom.Dataset
        The object without its pixel data.
    frames : int
        How many frames it says to have.
    tile : tuple of int
        Rows and columns of a frame.
    count_frames : callable
        Returns how many frames the pixel data have. It is called if the object says the places of more frames.

    Raises
    ------
    DecodeError
        If the object does not say where its tiles are.
    """
    kind = str(ds.get("DimensionOrganizationType", "") or "")
    per_frame = ds.get("PerFrameFunctionalGroupsSequence")
    if kind == "TILED_FULL" or (kind != "TILED_SPARSE" and not _has_places(per_frame)):
        return _full(ds, frames, tile, count_frames)
    groups = "PerFrameFunctionalGroupsSequence"
    count = settle_count(frames, len(per_frame or ()), count_frames, groups, if_fewer=_EMPTY)
    return _sparse(ds, per_frame, count, tile)


def optical_paths(ds: Any) -> list[str]:
    """Return the identifiers of the optical paths, in their order."""
    return [str(item.get("OpticalPathIdentifier", "")) for item in ds.get("OpticalPathSequence") or []] or [""]


def _full(ds: Any, frames: int, tile: tuple[int, int], count_frames: Callable[[], int]) -> Layout:
    """PS3.3, C.7.6.17.3: columns vary fastest, then rows, focal planes and optical paths."""
    total_rows, total_columns = int(ds.TotalPixelMatrixRows), int(ds.TotalPixelMatrixColumns)
    high, wide = -(-total_rows // tile[0]), -(-total_columns // tile[1])
    planes = max(1, int(ds.get("TotalPixelMatrixFocalPlanes") or 1))
    paths = optical_paths(ds)
    count = int(ds.get("NumberOfOpticalPaths") or len(paths))
    if count != len(paths):
        paths = [str(i + 1) for i in range(count)]
    whole = high * wide * planes * count
    begin = int(ds.get("ConcatenationFrameOffsetNumber") or 0)
    if "ConcatenationFrameOffsetNumber" not in ds:  # otherwise, another object has the other frames
        frames = settle_count(frames, whole, count_frames, "the total pixel matrix", if_fewer=_EMPTY)
    if begin + frames > whole:
        raise DecodeError(
            f"the object is TILED_FULL with {high} x {wide} tiles, {planes} focal planes and {count} optical paths, "
            f"but its frames {begin} to {begin + frames - 1} are more than these {whole}",
            code="mismatch",
        )
    numbers = np.arange(begin, begin + frames)
    places, outer = numbers % (high * wide), numbers // (high * wide)
    heights = _focal_planes(ds, planes)
    tiles = {}
    for group in np.unique(outer).tolist():
        mine = outer == group
        place = places[mine]
        key = paths[group // planes], heights[group % planes]
        tiles[key] = Tiles(numbers[mine] - begin, place // wide * tile[0], place % wide * tile[1])
    return Layout(tiles, overlaps=False)


def _focal_planes(ds: Any, planes: int) -> list[float]:
    """Return the offsets of the focal planes of a TILED_FULL object, in micrometres."""
    shared = (ds.get("SharedFunctionalGroupsSequence") or [None])[0]
    measures = (shared.get("PixelMeasuresSequence") or [None])[0] if shared is not None else None
    spacing = measures.get("SpacingBetweenSlices") if measures is not None else None
    return [round(i * 1000 * float(spacing or 0), 6) if spacing else float(i) for i in range(planes)]


def _has_places(per_frame: Any) -> bool:
    return bool(per_frame) and "PlanePositionSlideSequence" in per_frame[0]


def _sparse(ds: Any, per_frame: Any, frames: int, tile: tuple[int, int]) -> Layout:
    if not per_frame or len(per_frame) < frames:
        raise DecodeError(
            f"the object has {frames} frames, but says the places of only {len(per_frame or [])} "
            "(PerFrameFunctionalGroupsSequence)",
            code="argument",
        )
    shared = (ds.get("SharedFunctionalGroupsSequence") or [None])[0]
    default_path = _path_of(shared) if shared is not None else None
    if default_path is None:
        default_path = optical_paths(ds)[0]
    groups: dict[tuple[str, float], tuple[list[int], list[int], list[int]]] = {}
    for frame, item in zip(range(frames), per_frame, strict=False):
        row, column, height = _place_of(item, frame)
        path = _path_of(item)
        key = default_path if path is None else path, height
        lists = groups.setdefault(key, ([], [], []))
        for values, value in zip(lists, (frame, row - 1, column - 1), strict=True):
            values.append(value)
    tiles = {key: Tiles(*(np.array(values, np.int64) for values in lists)) for key, lists in groups.items()}
    return Layout(tiles, overlaps=any(_overlap(one, tile) for one in tiles.values()))


def _place_of(item: Any, frame: int) -> tuple[int, int, float]:
    position = (item.get("PlanePositionSlideSequence") or [None])[0]
    if position is None:
        raise DecodeError(
            f"the object does not say where frame {frame} is (PlanePositionSlideSequence)", code="argument"
        )
    offset = position.get("ZOffsetInSlideCoordinateSystem")
    return (
        int(position.RowPositionInTotalImagePixelMatrix),
        int(position.ColumnPositionInTotalImagePixelMatrix),
        round(float(offset or 0), 6),  # micrometres (PS3.3, C.8.12.6.1)
    )


def _path_of(item: Any) -> str | None:
    found = (item.get("OpticalPathIdentificationSequence") or [None])[0]
    return None if found is None else str(found.get("OpticalPathIdentifier", ""))


def _overlap(tiles: Tiles, tile: tuple[int, int]) -> bool:
    """Whether tiles share pixels, as far as that shows cheaply: they are not all on one grid, or in one place."""
    cells = []
    for places, size in zip((tiles.rows, tiles.columns), tile, strict=True):
        offsets = places % size
        if (offsets != offsets[:1]).any():
            return True
        cells.append(places // size)
    pairs = np.stack(cells, -1)
    return len(np.unique(pairs, axis=0)) < len(pairs)


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
