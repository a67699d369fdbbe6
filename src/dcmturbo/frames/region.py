"""The part of a frame that is wanted."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Region", "RegionLike", "Window", "basic_index", "check_reduce", "read_index", "reduced_size", "window_of"]

Window = tuple[int, int, int, int]  # top, left, height, width, within the frame


class Region(NamedTuple):
    """A rectangle of pixels, counted after ``reduce``.

    Attributes
    ----------
    top, left : int
        The first row and column, from 0.
    height, width : int
        Number of rows and columns.
    clip : bool
        What happens to a region that does not lie within the frame: False (the default) is an error, True cuts off what
        is outside. The result may then be empty.
    """

    top: int
    left: int
    height: int
    width: int
    clip: bool = False


_CLIPS = {"frame": ", or --clip of dcmturbo decode,", "level": ", or --clip of dcmturbo slide,"}

RegionLike = Region | tuple[int, int, int, int] | tuple[slice, slice] | None


def check_reduce(reduce: int) -> int:
    """Return `reduce` as an int; raise an error if no codestream can have so many levels."""
    levels = operator.index(reduce)
    if not 0 <= levels <= 32:  # ISO/IEC 15444-1, Table A.15
        raise ValueError(f"reduce is {levels}; expected 0 to 32")
    return levels


def reduced_size(size: int, reduce: int) -> int:
    """Return rows or columns without `reduce` resolution levels."""
    return -(-size >> reduce)


def window_of(region: RegionLike, rows: int, columns: int, of: str = "frame") -> Window | None:
    """Return a region of a frame as (top, left, height, width); None if all of the frame is wanted.

    Parameters
    ----------
    region : Region, tuple of four int, pair of slices, or None
        Slices are cut off at the frame as numpy does, and may count from the end; their step is 1.
    rows, columns : int
        Size of the frame, after ``reduce``.
    of : str
        What it is a region of, for messages.

    Raises
    ------
    ValueError
        If the region does not lie within the frame, or a slice has a step.
    TypeError
        If it is none of these.
    """
    if region is None:
        return None
    # A decoded array, or a mask, is a sequence too; neither can be meant.
    if not isinstance(region, (tuple, list)) or len(region) not in (2, 4, 5):
        raise _not_a_region(region)
    if len(region) == 2:
        (top, height), (left, width) = _of_slice(region[0], rows), _of_slice(region[1], columns)
        return top, left, height, width
    try:
        top, left, height, width = (operator.index(number) for number in region[:4])
    except TypeError:
        raise _not_a_region(region) from None
    if height < 0 or width < 0:
        raise ValueError(f"the region has {height} rows and {width} columns; expected at least 0")
    if len(region) == 5 and region[4]:
        top, height = _clip(top, height, rows)
        left, width = _clip(left, width, columns)
    elif top < 0 or left < 0 or top + height > rows or left + width > columns:
        raise ValueError(
            f"a region of {height} x {width} pixels at row {top}, column {left} does not lie within a {of} of "
            f"{rows} x {columns}: a Region with clip=True{_CLIPS.get(of, '')} cuts off what is outside"
        )
    return top, left, height, width


def basic_index(key: Any, shape: tuple[int, ...]) -> tuple[tuple[slice, ...], tuple[int | slice, ...]]:
    """Split an index of numpy into what has to be read, and what is wanted of that.

    Parameters
    ----------
    key : int, slice, ..., or a tuple of them
        As numpy's basic indexing takes it, without new axes.
    shape : tuple of int
        Shape of the array.

    Returns
    -------
    covering : tuple of slice
        Slices of step 1, one for each axis.
    rest : tuple of int or slice
        The index of what they give.

    Raises
    ------
    IndexError
        If the index is outside of the array, has too many parts, or one that it cannot have.
    """
    parts = list(key) if isinstance(key, tuple) else [key]
    dots = [i for i, part in enumerate(parts) if part is Ellipsis]
    if len(dots) > 1 or len(parts) - len(dots) > len(shape):
        raise IndexError(f"the index has {len(parts)} parts, but the array has {len(shape)} axes")
    missing = [slice(None)] * (len(shape) - len(parts) + len(dots))
    at = dots[0] if dots else len(parts)
    parts[at : at + len(dots)] = missing
    covering: list[slice] = []
    rest: list[int | slice] = []
    for part, size in zip(parts, shape, strict=True):
        numbers = _numbers_of(part, size)
        if isinstance(numbers, int):
            covering.append(slice(numbers, numbers + 1))
            rest.append(0)
        else:
            ends = sorted((numbers[0], numbers[-1])) if numbers else (0, -1)
            covering.append(slice(ends[0], ends[1] + 1))
            rest.append(slice(None, None, numbers.step if numbers else 1))
    return tuple(covering), tuple(rest)


def read_index(read: Callable[[tuple[slice, slice]], np.ndarray], key: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Read the region that an index of numpy needs, and return what it stands for.

    Parameters
    ----------
    read : callable
        Returns the pixels of rows and columns, given as slices. Axes before those of `shape` are kept.
    key, shape
        As in `basic_index`: rows, columns and maybe samples.

    Raises
    ------
    IndexError
        As `basic_index`.
    """
    covering, rest = basic_index(key, shape)
    found = read((covering[0], covering[1]))
    for samples in covering[2:]:
        found = found[..., samples]
    return found[(slice(None),) * (found.ndim - len(shape)) + rest]


def _numbers_of(part: Any, size: int) -> int | range:
    """Return which rows, columns or samples an index stands for."""
    if isinstance(part, slice):
        return range(size)[part]
    if isinstance(part, (bool, np.bool_)) or not hasattr(part, "__index__"):
        raise IndexError(f"an index must be an integer, a slice or ...; found {part!r}")
    number = operator.index(part)
    if not -size <= number < size:
        raise IndexError(f"index {number} is outside of an axis of {size}")
    return number % size


def _clip(begin: int, size: int, most: int) -> tuple[int, int]:
    first, end = min(max(begin, 0), most), min(max(begin + size, 0), most)
    return first, max(0, end - first)


def _of_slice(part: Any, most: int) -> tuple[int, int]:
    if not isinstance(part, slice):
        raise TypeError(f"a region of two parts needs two slices, rows and columns; found {part!r}")
    begin, end, step = part.indices(most)
    if step != 1:
        raise ValueError(f"the slices of a region need a step of 1; found {part!r}")
    return begin, max(0, end - begin)


def _not_a_region(region: Any) -> TypeError:
    return TypeError(
        "region must be (top, left, height, width), a dt.Region, or a pair of slices (rows, columns); "
        f"found {type(region).__name__}"
    )
