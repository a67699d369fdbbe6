"""Where planes lie in the patient: normals, positions along them, and affine matrices (PS3.3, C.7.6.2.1.1)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dcmturbo.errors import DecodeError

__all__ = ["LPS_TO_RAS", "Stack", "affine_of", "axes_of", "stack_of"]

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

_ORTHONORMAL = 1e-2  # DS values of directions have few digits in some files


class Stack(NamedTuple):
    """How planes lie along their normal.

    Attributes
    ----------
    step : numpy.ndarray
        From the centre of one plane to that of the next, in mm (LPS).
    distance : float
        The same along the normal: the distance of neighbouring planes.
    worst_gap : int
        The plane after which the largest difference from `distance` is.
    gaps : numpy.ndarray
        Distances of neighbouring planes along the normal.
    drift : float
        How far the last plane has moved within its plane against the first, in mm: not 0 if the gantry is tilted.
    unevenness : float
        The largest distance of a plane from the straight line through the first and the last one, within the plane.
    """

    step: np.ndarray
    distance: float
    worst_gap: int
    gaps: np.ndarray
    drift: float
    unevenness: float


def axes_of(orientation: tuple[float, ...]) -> np.ndarray:
    """Return the unit vectors along a row, along a column, and along the normal, as rows.

    Raises
    ------
    DecodeError
        If the orientation is no pair of perpendicular unit vectors.
    """
    if len(orientation) != 6:
        raise DecodeError(f"ImageOrientationPatient has {len(orientation)} numbers, expected 6", code="argument")
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if max(abs(length - 1) for length in lengths) > _ORTHONORMAL or abs(row @ column) > _ORTHONORMAL:
        raise DecodeError(
            f"ImageOrientationPatient is {list(orientation)}, but its vectors are not perpendicular unit vectors",
            code="argument",
        )
    return np.array([row, column, np.cross(row, column)])


def stack_of(positions: np.ndarray, normal: np.ndarray, single: float) -> Stack:
    """Describe planes that are sorted along their normal; `single` is the distance for a stack of one plane."""
    if len(positions) < 2:
        return Stack(normal * single, single, 0, np.empty(0), 0.0, 0.0)
    along = positions @ normal
    gaps = np.diff(along)
    step = (positions[-1] - positions[0]) / (len(positions) - 1)
    distance = float(np.median(gaps))
    whole = positions[-1] - positions[0]
    across = whole - (whole @ normal) * normal
    # Each plane against the line, at its own place along the normal.
    share = (along - along[0]) / (along[-1] - along[0])
    off = positions - positions[0] - share[:, None] * whole
    off -= (off @ normal)[:, None] * normal
    return Stack(
        step,
        distance,
        int(np.argmax(np.abs(gaps - distance))),
        gaps,
        float(np.linalg.norm(across)),
        float(np.linalg.norm(off, axis=1).max()),
    )


def affine_of(axes: np.ndarray, pixel_spacing: tuple[float, float], step: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """Return the matrix from (column, row, plane) to mm (LPS)."""
    affine = np.eye(4)
    affine[:3, 0] = axes[0] * pixel_spacing[1]
    affine[:3, 1] = axes[1] * pixel_spacing[0]
    affine[:3, 2] = step
    affine[:3, 3] = origin
    return affine
