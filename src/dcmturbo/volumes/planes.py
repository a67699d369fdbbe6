"""The planes of objects: for each frame its position, orientation, spacing, and what tells phases apart."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dcmturbo.dataset.attributes import Attributes, Elements, elements_of, read_attributes
from dcmturbo.dataset.file_names import is_named_dicom
from dcmturbo.dataset.opened import refuse_cut
from dcmturbo.dataset.sources import name_source, open_source
from dcmturbo.errors import DecodeError, Error, NoPixelData, NotDicom
from dcmturbo.frames.frame_count import settle_count
from dcmturbo.frames.frame_set import QuietFrameSet
from dcmturbo.volumes.geometry import axes_of

__all__ = ["Plane", "find_sources", "planes_of"]

_OBJECT = (
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "Modality",
    "SeriesDescription",
    "SeriesNumber",
    "InstanceNumber",
)
_GEOMETRY = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
_THICKNESS = ("SpacingBetweenSlices", "SliceThickness")
# What tells phases apart in objects of one frame. The last ones differ from slice to slice within one phase, too.
PHASES = (
    "TemporalPositionIdentifier",
    "DiffusionBValue",
    "DiffusionGradientOrientation",
    "EchoNumbers",
    "EchoTime",
    "InversionTime",
    "FlipAngle",
    "AcquisitionNumber",
    "StackID",
    "ImageType",
    "TriggerTime",
    "AcquisitionTime",
    "ContentTime",
)
_TEXTS = {"ImageType", "StackID", "AcquisitionTime", "ContentTime"}
NOT_DICOM = "not DICOM"
_SAME_Z = 1e-3  # mm; also of a direction
_SHARED, _FRAMES = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"
# Where the functional groups have them (PS3.3, C.7.6.16 and C.8.13.5).
_GROUPS = {
    "ImagePositionPatient": "PlanePositionSequence.ImagePositionPatient",
    "ImageOrientationPatient": "PlaneOrientationSequence.ImageOrientationPatient",
    "PixelSpacing": "PixelMeasuresSequence.PixelSpacing",
    "SpacingBetweenSlices": "PixelMeasuresSequence.SpacingBetweenSlices",
    "SliceThickness": "PixelMeasuresSequence.SliceThickness",
    "TemporalPositionIdentifier": "FrameContentSequence.TemporalPositionIndex",
    "DiffusionBValue": "MRDiffusionSequence.DiffusionBValue",
    "DiffusionGradientOrientation": (
        "MRDiffusionSequence.DiffusionGradientDirectionSequence.DiffusionGradientOrientation"
    ),
    "EchoTime": "MREchoSequence.EffectiveEchoTime",
    "TriggerTime": "CardiacSynchronizationSequence.NominalCardiacTriggerDelayTime",
    "FlipAngle": "MRTimingAndRelatedParametersSequence.FlipAngle",
    "AcquisitionNumber": "FrameContentSequence.FrameAcquisitionNumber",
    "StackID": "FrameContentSequence.StackID",
    "ImageType": "MRImageFrameTypeSequence.FrameType",
    "AcquisitionTime": "FrameContentSequence.FrameAcquisitionDateTime",
}
_DOSE_GRID = "GridFrameOffsetVector"
_SINGLE_PATHS = (*_OBJECT, *_GEOMETRY, *_THICKNESS, *PHASES, _DOSE_GRID)
_MULTI_PATHS = (
    *_SINGLE_PATHS,
    *(f"{place}.{path}" for place in (_SHARED, _FRAMES) for path in _GROUPS.values()),
)


@dataclass
class Plane:
    """One frame of an object.

    Attributes
    ----------
    source : Any
        The object, as `dcmturbo.decode` takes it.
    frame : int
        The frame in it.
    position : tuple of float
        ImagePositionPatient, for frames of a dose with their offset; empty if there is none.
    orientation, pixel_spacing : tuple of float
        ImageOrientationPatient and PixelSpacing; empty if there are none.
    thickness : float
        SpacingBetweenSlices, or else SliceThickness, in mm; 0 if there is neither.
    shape : tuple of int
        Rows and columns.
    phase : dict
        What may tell phases apart, by keyword.
    about : dict of str
        Attributes of the object, by keyword.
    number : float
        InstanceNumber; the frame's number in an object of several frames.
    """

    source: Any
    frame: int
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    pixel_spacing: tuple[float, ...]
    thickness: float
    shape: tuple[int, int]
    about: dict[str, str]
    number: float
    frames_in_object: int
    phase: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The object and, if it has several frames, the frame."""
        name = str(self.source) if isinstance(self.source, (str, os.PathLike)) else f"a {type(self.source).__name__}"
        return name if self.frames_in_object == 1 else f"frame {self.frame} of {name}"


def find_sources(source: Any) -> list[tuple[Any, bool]]:
    """Return the objects that a caller named, and whether each is a file of a folder, which may be no image.

    Parameters
    ----------
    source : path of a folder or file, bytes-like, file object, Dataset, or iterable of them
    """
    if isinstance(source, (str, os.PathLike)):
        if not os.path.isdir(source):
            return [(source, False)]
        found = []
        for folder, folders, names in os.walk(os.fsdecode(source)):
            folders.sort()
            found += [os.path.join(folder, name) for name in sorted(names) if name != "DICOMDIR"]
        return [(path, True) for path in found if os.path.isfile(path)]
    is_one = isinstance(source, (bytes, bytearray, memoryview)) or hasattr(source, "read")
    if is_one or hasattr(source, "group_dataset") or not isinstance(source, Iterable):
        return [(source, False)]
    return [
        found
        for one in source
        for found in (find_sources(one) if isinstance(one, (str, os.PathLike)) else [(one, False)])
    ]


def planes_of(source: Any) -> list[Plane]:
    """Return the planes of an object, in the order of its frames.

    Raises
    ------
    NotDicom, NoPixelData, DecodeError, OSError
        If it has none.
    """
    with elements_of(source) as elements:
        dataset = elements.dataset
        if dataset.pixel_data is None and not hasattr(source, "group_dataset"):
            refuse_cut(dataset.cut)
            raise NoPixelData("the object has no pixel data")
        count = max(1, dataset.number_of_frames or 1)
        # Without these groups, a multi-frame object has one position for all of its frames.
        found = read_attributes(elements, _SINGLE_PATHS if count == 1 and not _is_enhanced(elements) else _MULTI_PATHS)
        about = {keyword: found.text(keyword) for keyword in _OBJECT}
        shape = int(dataset.rows or 0), int(dataset.columns or 0)
        stated = dataset.number_of_frames
        if not _has_groups(found):
            if found.has(_DOSE_GRID):
                count = _settle_count(source, stated, len(found.first(_DOSE_GRID)), _DOSE_GRID)
            planes = [_single(source, frame, count, found, about, shape) for frame in range(min(count, 1 << 24))]
            if count > 1 and found.has(_DOSE_GRID):
                for plane, position in zip(planes, _dose_positions(found, len(planes)), strict=True):
                    plane.position = position
            return planes
        held = 1 + max((outer for outer, _, _ in found.raw(f"{_FRAMES}.{_GROUPS['ImagePositionPatient']}")), default=-1)
        if held:
            count = _settle_count(source, stated, held, _FRAMES)
        return _of_groups(source, found, about, shape, count)


def _settle_count(source: Any, stated: int | None, placed: int, placing: str) -> int:
    """Return how many frames an object has, which says the places of `placed` frames."""

    def count_frames() -> int:
        opened = open_source(source)
        try:
            return QuietFrameSet(opened).found
        finally:
            opened.close()

    return settle_count(stated, placed, count_frames, placing, if_fewer="are frames missing?", confirmed=True)


# Classes with functional groups: the enhanced CT, MR, PET, ultrasound and X-ray objects, and those of the legacy.
_ENHANCED = (".2.1", ".4.1", ".128.1", ".130", ".6.2", ".13.1.1", ".13.1.2", ".2.2", ".4.4")


def _is_enhanced(elements: Elements) -> bool:
    uid = elements.dataset.sop_class_uid
    return uid.startswith("1.2.840.10008.5.1.4.1.1") and uid.removeprefix("1.2.840.10008.5.1.4.1.1") in _ENHANCED


def _has_groups(found: Attributes) -> bool:
    paths = [f"{place}.{path}" for path in _GROUPS.values() for place in (_SHARED, _FRAMES)]
    return any(found.has(path) for path in paths)


def _single(
    source: Any, frame: int, count: int, found: Attributes, about: dict[str, str], shape: tuple[int, int]
) -> Plane:
    thickness = next((v for v in map(found.number, _THICKNESS) if v is not None and v > 0), 0.0)
    phase: dict[str, Any] = {}
    for keyword in PHASES:
        value = found.text(keyword) if keyword in _TEXTS else found.first(keyword)
        if value:
            phase[keyword] = value
    return Plane(
        source=source,
        frame=frame,
        position=found.first("ImagePositionPatient"),
        orientation=found.first("ImageOrientationPatient"),
        pixel_spacing=found.first("PixelSpacing"),
        thickness=thickness,
        shape=shape,
        about=about,
        number=found.number("InstanceNumber") or 0.0,
        frames_in_object=count,
        phase=phase,
    )


def _dose_positions(found: Attributes, count: int) -> list[tuple[float, ...]]:
    """Return the positions of the frames of a dose (PS3.3, C.8.8.3.2)."""
    offsets = np.array(found.first(_DOSE_GRID))
    if len(offsets) != count:
        raise DecodeError(f"GridFrameOffsetVector has {len(offsets)} numbers for {count} frames", code="mismatch")
    position = np.array(found.first("ImagePositionPatient"))
    if len(position) != 3:
        return [()] * count
    normal = axes_of(found.first("ImageOrientationPatient"))[2]
    if offsets[0] != 0:
        # Transverse frames may have their z instead of the distance from the first.
        if abs(offsets[0] - position[2]) > _SAME_Z or abs(normal[2]) < 1 - _SAME_Z:
            raise DecodeError(
                f"GridFrameOffsetVector begins with {offsets[0]:g}; expected 0 or, for transverse frames, the z of "
                f"ImagePositionPatient, {position[2]:g}",
                code="mismatch",
            )
        offsets = offsets - position[2]
        normal = np.array([0.0, 0.0, 1.0])
    return [tuple(one) for one in (position + offsets[:, None] * normal).tolist()]


def _of_groups(
    source: Any, found: Attributes, about: dict[str, str], shape: tuple[int, int], count: int
) -> list[Plane]:
    # An entry a frame is made below: a hostile count must be what the groups hold.
    held = 1 + max(
        (outer for path in _GROUPS.values() for outer, _, _ in found.raw(f"{_FRAMES}.{path}")),
        default=0,
    )
    if count > held and any(True for _ in found.raw(f"{_FRAMES}.{_GROUPS['ImagePositionPatient']}")):
        raise DecodeError(
            f"NumberOfFrames is {count}, but PerFrameFunctionalGroupsSequence has positions of {held} frames only",
            code="mismatch",
        )
    if count > 1 << 24:
        raise DecodeError(f"NumberOfFrames is {count}, more than a volume can have", code="limit")

    def values(keyword: str) -> list[Any]:
        path = _GROUPS[keyword]
        if keyword in _TEXTS:
            shared: Any = found.text(f"{_SHARED}.{path}")
            own: list[Any] = list(found.texts_by_item(f"{_FRAMES}.{path}", count))
        else:
            shared = found.first(f"{_SHARED}.{path}") or found.first(keyword)
            own = list(found.by_item(f"{_FRAMES}.{path}", count))
        return [value or shared for value in own]

    geometry = {keyword: values(keyword) for keyword in (*_GEOMETRY, *_THICKNESS)}
    phases = {keyword: values(keyword) for keyword in PHASES if keyword in _GROUPS}
    planes = []
    for frame in range(count):
        thickness = [geometry[keyword][frame] for keyword in _THICKNESS]
        planes.append(
            Plane(
                source=source,
                frame=frame,
                position=geometry["ImagePositionPatient"][frame],
                orientation=geometry["ImageOrientationPatient"][frame],
                pixel_spacing=geometry["PixelSpacing"][frame],
                thickness=next((value[0] for value in thickness if value and value[0] > 0), 0.0),
                shape=shape,
                about=about,
                number=float(frame),
                frames_in_object=count,
                phase={keyword: of[frame] for keyword, of in phases.items() if of[frame]},
            )
        )
    return planes


def all_planes(sources: list[tuple[Any, bool]]) -> tuple[list[Plane], dict[str, list[str]]]:
    """Return the planes of what `find_sources` found, and the files of folders that are no images, by the reason."""
    planes: list[Plane] = []
    left_out: dict[str, list[str]] = {}
    for source, may_be_none in sources:
        try:
            planes += planes_of(source)
        except (Error, OSError) as error:
            if not may_be_none or not isinstance(error, (NotDicom, NoPixelData)):
                if isinstance(error, Error):
                    name_source(error, source)
                raise
            reason = NOT_DICOM if isinstance(error, NotDicom) else "without pixel data"
            left_out.setdefault(reason, []).append(source)
    return planes, left_out


def may_be_damaged(path: str) -> bool:
    """Whether a file that is not DICOM may have been an image: it is empty, or its name says that it is one."""
    return is_named_dicom(path) or os.path.getsize(path) == 0


def positions_of(planes: list[Plane]) -> np.ndarray:
    """Return the positions as an array of (planes, 3)."""
    return np.array([plane.position for plane in planes], dtype=np.float64).reshape(len(planes), 3)
