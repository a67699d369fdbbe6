"""What the functional groups say of each frame of a segmentation: its segment, its plane, what it was derived from."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from dcmturbo.dataset.attributes import Attributes, Elements, read_attributes
from dcmturbo.errors import DecodeError
from dcmturbo.frames.frame_count import settle_count
from dcmturbo.segmentation.tiled import MATRIX_PATHS, Matrix, matrix_of, slide_affine
from dcmturbo.volumes.geometry import affine_of, axes_of

__all__ = ["FrameTable", "NotASegmentationError", "Segment", "read_frame_table"]

_SHARED, _FRAMES = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"
_SEGMENT = "SegmentIdentificationSequence.ReferencedSegmentNumber"
_POSITION = "PlanePositionSequence.ImagePositionPatient"
_ORIENTATION = "PlaneOrientationSequence.ImageOrientationPatient"
_SPACING = "PixelMeasuresSequence.PixelSpacing"
_BETWEEN = "PixelMeasuresSequence.SpacingBetweenSlices"
_THICKNESS = "PixelMeasuresSequence.SliceThickness"
_INDEX = "FrameContentSequence.DimensionIndexValues"
_DERIVED = "DerivationImageSequence.SourceImageSequence.ReferencedSOPInstanceUID"
_DERIVED_FRAME = "DerivationImageSequence.SourceImageSequence.ReferencedFrameNumber"
_ROW = "PlanePositionSlideSequence.RowPositionInTotalImagePixelMatrix"
_COLUMN = "PlanePositionSlideSequence.ColumnPositionInTotalImagePixelMatrix"
_HEIGHT = "PlanePositionSlideSequence.ZOffsetInSlideCoordinateSystem"
_GROUPS = (
    _SEGMENT,
    _POSITION,
    _ORIENTATION,
    _SPACING,
    _BETWEEN,
    _THICKNESS,
    _DERIVED,
    _DERIVED_FRAME,
    _ROW,
    _COLUMN,
    _HEIGHT,
)
_SEGMENTS = (
    "SegmentNumber",
    "SegmentLabel",
    "SegmentAlgorithmType",
    "SegmentAlgorithmName",
    "SegmentedPropertyCategoryCodeSequence.CodeMeaning",
    "SegmentedPropertyTypeCodeSequence.CodeMeaning",
    "SegmentedPropertyTypeCodeSequence.CodeValue",
    "SegmentedPropertyTypeCodeSequence.CodingSchemeDesignator",
    "TrackingUID",
    "RecommendedDisplayCIELabValue",
)
_PATHS = (
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "SegmentationType",
    "MaximumFractionalValue",
    "SegmentationFractionalType",
    "SegmentsOverlap",
    *MATRIX_PATHS,
    *(f"SegmentSequence.{keyword}" for keyword in _SEGMENTS),
    *(f"{place}.{path}" for place in (_SHARED, _FRAMES) for path in _GROUPS),
    f"{_FRAMES}.{_INDEX}",
)
_SAME_PLACE = 1e-2  # mm
# Planes without frames are in the label image, too, so a wrong position must not make too many.
_MOST_PLANES, _MOST_EMPTY = 1024, 64


class NotASegmentationError(DecodeError):
    """An object is no segmentation."""


class Segment(NamedTuple):
    """A segment of a segmentation (PS3.3, C.8.20.4).

    Attributes
    ----------
    number : int
        SegmentNumber: its label.
    label : str
    category, kind : str
        Meanings of its property category and type.
    code : tuple of str
        Value and scheme of the code of its property type.
    algorithm : str
        SegmentAlgorithmType, and the name of the algorithm if there is one.
    tracking_uid : str
    """

    number: int
    label: str
    category: str
    kind: str
    code: tuple[str, str]
    algorithm: str
    tracking_uid: str


class FrameTable(NamedTuple):
    """The frames of a segmentation.

    Attributes
    ----------
    segments : list of Segment
    kind : str
        SegmentationType: BINARY, FRACTIONAL or LABELMAP.
    segment_of : numpy.ndarray of int
        Number of each frame's segment; 0 for a label map.
    plane_of : numpy.ndarray of int
        Which plane each frame is, counted from 0 along the normal.
    planes : int
        Number of planes. Those without frames are empty.
    affine_lps : numpy.ndarray or None
        From (column, row, plane) to mm; None if the frames have no positions in the patient, or uneven distances.
    positions : numpy.ndarray or None
        Of each plane.
    dimension_index : numpy.ndarray or None
        DimensionIndexValues of each frame.
    references : list of (int, str, int)
        Frame, SOPInstanceUID of an image it was derived from, and the frame in it, counted from 1.
    about : dict of str
        Attributes of the object.
    maximum : float
        MaximumFractionalValue.
    tiles : numpy.ndarray or None
        Row and column of each frame in the total pixel matrix, counted from 0, of a slide.
    matrix : tuple of int or None
        Rows and columns of the total pixel matrix of a slide.
    affine_slide : numpy.ndarray or None
        From (column, row, plane) to mm in the slide's coordinate system.
    """

    segments: list[Segment]
    kind: str
    segment_of: np.ndarray
    plane_of: np.ndarray
    planes: int
    affine_lps: np.ndarray | None
    positions: np.ndarray | None
    dimension_index: np.ndarray | None
    references: list[tuple[int, str, int]]
    about: dict[str, str]
    maximum: float
    tiles: np.ndarray | None
    matrix: tuple[int, int] | None
    affine_slide: np.ndarray | None


def read_frame_table(elements: Elements, frames: int, in_data: int, tile: tuple[int, int]) -> FrameTable:
    """Read the functional groups of all frames in one pass.

    Parameters
    ----------
    elements : Elements
        The object.
    frames, in_data : int
        NumberOfFrames, and how many frames the pixel data have.
    tile : tuple of int
        The size of a frame.

    Raises
    ------
    DecodeError
        If the object is no segmentation, or does not say what its frames are.
    """
    found = read_attributes(elements, _PATHS)
    kind = found.text("SegmentationType").upper()
    if kind not in ("BINARY", "FRACTIONAL", "LABELMAP"):
        raise NotASegmentationError(
            f"the object is no segmentation: SegmentationType is {kind!r}; expected BINARY, FRACTIONAL or LABELMAP",
            code="argument",
        )
    frames = settle_count(frames, _described(found), lambda: in_data, _FRAMES, if_fewer=None)
    segments = _segments_of(found)
    matrix = _matrix_of(found, frames, kind, segments, tile)
    if kind == "LABELMAP":
        segment_of = np.zeros(frames, np.int64)
    elif matrix is not None and matrix.segment_of is not None:
        segment_of = matrix.segment_of
    else:
        segment_of = _numbers(found, _SEGMENT, frames, 1)[:, 0]
        _check_segments(segment_of, segments)
    if matrix is not None:
        places: Any = (matrix.plane_of, matrix.planes, None, None)
    else:
        places = _places(found, frames) or _by_order(segment_of, frames)
    return FrameTable(
        segments=segments,
        kind=kind,
        segment_of=segment_of.astype(np.int64),
        plane_of=places[0],
        planes=places[1],
        affine_lps=places[2],
        positions=places[3],
        dimension_index=_index_of(found, frames),
        references=_references_of(found),
        about={name: found.text(name) for name in ("SOPInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")},
        maximum=found.number("MaximumFractionalValue") or 255.0,
        tiles=None if matrix is None else matrix.corners,
        matrix=None if matrix is None else (matrix.rows, matrix.columns),
        affine_slide=None if matrix is None else _affine_slide(found, matrix, frames),
    )


def _described(found: Attributes) -> int:
    """Return how many frames the functional groups describe."""
    paths = [f"{_FRAMES}.{path}" for path in (_SEGMENT, _POSITION, _ROW, _INDEX)]
    return 1 + max((outer for path in paths for outer, _, _ in found.raw(path)), default=-1)


def _segments_of(found: Attributes) -> list[Segment]:
    numbers = {outer: int(of[0]) for outer, _, of in found.numbers("SegmentSequence.SegmentNumber") if of}
    count = 1 + max(numbers, default=-1)
    texts = {
        keyword: found.texts_by_item(f"SegmentSequence.{keyword}", count)
        for keyword in _SEGMENTS
        if keyword not in ("SegmentNumber", "RecommendedDisplayCIELabValue")
    }
    return [
        Segment(
            number=number,
            label=texts["SegmentLabel"][i],
            category=texts["SegmentedPropertyCategoryCodeSequence.CodeMeaning"][i],
            kind=texts["SegmentedPropertyTypeCodeSequence.CodeMeaning"][i],
            code=(
                texts["SegmentedPropertyTypeCodeSequence.CodeValue"][i],
                texts["SegmentedPropertyTypeCodeSequence.CodingSchemeDesignator"][i],
            ),
            algorithm=" ".join(filter(None, (texts["SegmentAlgorithmType"][i], texts["SegmentAlgorithmName"][i]))),
            tracking_uid=texts["TrackingUID"][i],
        )
        for i, number in sorted(numbers.items())
    ]


def _matrix_of(
    found: Attributes, frames: int, kind: str, segments: list[Segment], tile: tuple[int, int]
) -> Matrix | None:
    numbers = [0] if kind == "LABELMAP" else sorted(segment.number for segment in segments)
    places = np.concatenate([_numbers(found, _ROW, frames, 1), _numbers(found, _COLUMN, frames, 1)], axis=1)
    heights = _numbers(found, _HEIGHT, frames, 1)[:, 0]
    between = _numbers(found, _BETWEEN, 1, 1)[0, 0]
    return matrix_of(found, places, heights, float(between), numbers, tile)


def _affine_slide(found: Attributes, matrix: Matrix, frames: int) -> np.ndarray | None:
    spacing, thickness = _numbers(found, _SPACING, frames, 2)[0], _numbers(found, _THICKNESS, frames, 1)[0, 0]
    return slide_affine(found, matrix, spacing, float(thickness))


def _numbers(found: Attributes, path: str, frames: int, size: int) -> np.ndarray:
    """Return numbers of each frame, from its own or the shared groups; NaN where there are none."""
    result = np.full((frames, size), np.nan)
    shared = found.first(f"{_SHARED}.{path}")
    if len(shared) == size:
        result[:] = shared
    for outer, _, numbers in found.numbers(f"{_FRAMES}.{path}"):
        if outer < frames and len(numbers) == size:
            result[outer] = numbers
    return result


def _check_segments(segment_of: np.ndarray, segments: list[Segment]) -> None:
    bad = np.flatnonzero(~np.isfinite(segment_of))
    if len(bad):
        raise DecodeError(
            "the frame has no ReferencedSegmentNumber (SegmentIdentificationSequence)",
            code="argument",
            frame=int(bad[0]),
        )
    known = {segment.number for segment in segments}
    for number in np.unique(segment_of).tolist():
        if int(number) not in known:
            frame = int(np.flatnonzero(segment_of == number)[0])
            raise DecodeError(
                f"the frame is of segment {int(number)}, which SegmentSequence does not list",
                code="mismatch",
                frame=frame,
            )


def _places(found: Attributes, frames: int) -> tuple[np.ndarray, int, np.ndarray | None, np.ndarray | None] | None:
    """Return the plane of each frame, their number, the matrix and the positions; None without positions."""
    positions = _numbers(found, _POSITION, frames, 3)
    orientations = _numbers(found, _ORIENTATION, frames, 6)
    if not np.isfinite(positions).all() or not np.isfinite(orientations).all():
        return None
    if np.abs(orientations - orientations[0]).max() > 1e-3:
        raise DecodeError("the frames of the segmentation have several orientations", code="unsupported")
    axes = axes_of(tuple(orientations[0].tolist()))
    along = positions @ axes[2]
    order = np.argsort(along, kind="stable")
    ranks = np.concatenate([[0], np.cumsum(np.diff(along[order]) > _SAME_PLACE)]).astype(np.int64)
    first = np.concatenate([[True], np.diff(ranks) > 0])
    present = positions[order][first]
    plane_of = np.empty(frames, np.int64)
    plane_of[order] = ranks
    spacing = _numbers(found, _SPACING, frames, 2)[0]
    if not np.isfinite(spacing).all() or spacing.min() <= 0:
        return plane_of, len(present), None, present
    pixel_spacing = float(spacing[0]), float(spacing[1])
    between = _numbers(found, _BETWEEN, frames, 1)[0, 0]
    thickness = _numbers(found, _THICKNESS, frames, 1)[0, 0]
    if len(present) == 1:
        single = next((float(value) for value in (between, thickness) if np.isfinite(value) and value > 0), 1.0)
        return plane_of, 1, affine_of(axes, pixel_spacing, axes[2] * single, present[0]), present
    # Planes without a segment may be left out: the distance is the stated one, or the smallest.
    gaps = np.diff(present @ axes[2])
    for distance in (float(between), float(gaps.min())):
        if not np.isfinite(distance) or distance <= 0:
            continue
        steps = np.rint(gaps / distance)
        tolerance = min(0.02 * distance + _SAME_PLACE, 0.2 * distance)
        if steps.min() < 1 or np.abs(gaps - steps * distance).max() > tolerance:
            continue
        where = np.concatenate([[0], np.cumsum(steps)])
        if where[-1] >= _MOST_PLANES + _MOST_EMPTY * len(present):  # a position is wrong
            continue
        where = where.astype(np.int64)
        count = int(where[-1]) + 1
        step = (present[-1] - present[0]) / (count - 1)
        whole = present[0] + step * np.arange(count)[:, None]
        whole[where] = present
        return where[plane_of], count, affine_of(axes, pixel_spacing, step, present[0]), whole
    return plane_of, len(present), None, present


def _by_order(segment_of: np.ndarray, frames: int) -> tuple[np.ndarray, int, None, None]:
    """Return the planes of frames without positions: each segment has its own first plane."""
    planes = np.empty(frames, np.int64)
    for number in np.unique(segment_of):
        members = np.flatnonzero(segment_of == number)
        planes[members] = np.arange(len(members))
    return planes, int(planes.max(initial=-1)) + 1, None, None


def _index_of(found: Attributes, frames: int) -> np.ndarray | None:
    values = found.by_item(f"{_FRAMES}.{_INDEX}", frames)
    sizes = {len(value) for value in values}
    return np.array(values, np.int64) if len(sizes) == 1 and sizes != {0} else None


def _references_of(found: Attributes) -> list[tuple[int, str, int]]:
    numbers: dict[tuple[int, int], int] = {}
    for outer, inner, of in found.numbers(f"{_FRAMES}.{_DERIVED_FRAME}"):
        if of:
            numbers[outer, inner] = int(of[0])
    return [(outer, uid, numbers.get((outer, inner), 1)) for outer, inner, uid in found.texts(f"{_FRAMES}.{_DERIVED}")]
