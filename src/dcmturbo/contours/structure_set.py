"""RT Structure Sets (PS3.3, A.19): regions of interest as polylines in the patient."""

from __future__ import annotations

import warnings

from dcmturbo.contours.contours import Contour, ContourSet, Structure
from dcmturbo.dataset.attributes import Elements, read_attributes
from dcmturbo.errors import DecodeError, DecodeWarning
from dcmturbo.notes import stack_level

__all__ = ["is_structure_set", "read_structure_set"]

_ROI, _OBSERVED = "ROIContourSequence", "RTROIObservationsSequence"
_CONTOUR = f"{_ROI}.ContourSequence"
_STRUCTURES = "StructureSetROISequence"
_FRAMES = "ReferencedFrameOfReferenceSequence"
_PATHS = (
    "SOPClassUID",
    "StructureSetLabel",
    "FrameOfReferenceUID",
    f"{_FRAMES}.FrameOfReferenceUID",
    f"{_STRUCTURES}.ROINumber",
    f"{_STRUCTURES}.ROIName",
    f"{_STRUCTURES}.ReferencedFrameOfReferenceUID",
    f"{_OBSERVED}.ReferencedROINumber",
    f"{_OBSERVED}.RTROIInterpretedType",
    f"{_ROI}.ReferencedROINumber",
    f"{_ROI}.ROIDisplayColor",
    f"{_CONTOUR}.ContourGeometricType",
    f"{_CONTOUR}.NumberOfContourPoints",
    f"{_CONTOUR}.ContourData",
    f"{_CONTOUR}.ContourImageSequence.ReferencedSOPInstanceUID",
)


def is_structure_set(elements: Elements) -> bool:
    """Whether the object lists regions of interest."""
    return read_attributes(elements, (f"{_STRUCTURES}.ROINumber",)).has(f"{_STRUCTURES}.ROINumber")


def read_structure_set(elements: Elements) -> ContourSet:
    """Read all contours, in one pass over the nested sequences."""
    found = read_attributes(elements, _PATHS)
    structures: dict[int, Structure] = {}
    by_item: dict[int, int] = {}
    for outer, _, numbers in found.numbers(f"{_STRUCTURES}.ROINumber"):
        if numbers:
            by_item[outer] = int(numbers[0])
            structures[int(numbers[0])] = Structure(int(numbers[0]), "")
    for keyword, attribute in (("ROIName", "name"), ("ReferencedFrameOfReferenceUID", "frame_of_reference")):
        for outer, _, text in found.texts(f"{_STRUCTURES}.{keyword}"):
            if outer in by_item:
                setattr(structures[by_item[outer]], attribute, text)
    # Some writers leave it out for each structure: if the object names only one, it holds for all.
    paths = (f"{_FRAMES}.FrameOfReferenceUID", "FrameOfReferenceUID")
    named = next((uids for path in paths if (uids := {text for _, _, text in found.texts(path) if text})), set())
    for structure in structures.values():
        if not structure.frame_of_reference and len(named) == 1:
            (structure.frame_of_reference,) = named
    observed = {outer: int(of[0]) for outer, _, of in found.numbers(f"{_OBSERVED}.ReferencedROINumber") if of}
    for outer, _, text in found.texts(f"{_OBSERVED}.RTROIInterpretedType"):
        if observed.get(outer) in structures:
            structures[observed[outer]].kind = text
    owner = {outer: int(of[0]) for outer, _, of in found.numbers(f"{_ROI}.ReferencedROINumber") if of}
    for outer, _, colour in found.numbers(f"{_ROI}.ROIDisplayColor"):
        if owner.get(outer) in structures and len(colour) == 3:
            structures[owner[outer]].colour = tuple(min(255, max(0, int(value))) for value in colour)
    kinds = {(outer, inner): text for outer, inner, text in found.texts(f"{_CONTOUR}.ContourGeometricType")}
    counts = {(o, i): int(of[0]) for o, i, of in found.numbers(f"{_CONTOUR}.NumberOfContourPoints") if of}
    data, image = f"{_CONTOUR}.ContourData", f"{_CONTOUR}.ContourImageSequence.ReferencedSOPInstanceUID"
    images = {(outer, inner): uid for outer, inner, uid in found.before(image, data)}
    for outer, inner, value in found.raw(f"{_CONTOUR}.ContourData"):
        number = owner.get(outer)
        if number not in structures:
            raise DecodeError(
                f"contours refer to structure {number}, which StructureSetROISequence does not list", code="mismatch"
            )
        structure = structures[number]
        values = found.array(f"{_CONTOUR}.ContourData", value)
        what = f"contour {inner} of {structure.name!r}"
        if not len(values) and value.strip(b" \0"):
            raise DecodeError(f"{what} has coordinates that are no numbers", code="malformed")
        if len(values) % 3:
            raise DecodeError(f"{what} has {len(values)} coordinates, not three a point", code="malformed")
        points = values.reshape(-1, 3)
        stated = counts.get((outer, inner))
        if stated is not None and stated != len(points):
            _warn_of(f"{what} has {len(points)} points, but NumberOfContourPoints is {stated}")
        kind = kinds.get((outer, inner), "CLOSED_PLANAR").upper()
        structure.contours.append(Contour(points, kind, images.get((outer, inner), "")))
    return ContourSet(list(structures.values()), True, found.text("StructureSetLabel"))


def _warn_of(text: str) -> None:
    warnings.warn(text, DecodeWarning, stacklevel=stack_level())
