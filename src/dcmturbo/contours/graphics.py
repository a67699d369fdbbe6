"""Graphics of presentation states, annotations of slides, and regions of reports, as polylines."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from dcmturbo.contours.contours import Contour, ContourSet, Structure
from dcmturbo.dataset.attributes import Attributes, Elements, read_attributes
from dcmturbo.errors import DecodeError

__all__ = ["read_graphics"]

_ANNOTATION = "GraphicAnnotationSequence"
_OBJECT = f"{_ANNOTATION}.GraphicObjectSequence"
_GROUP = "AnnotationGroupSequence"
_SHUTTER = (
    "ShutterLeftVerticalEdge",
    "ShutterRightVerticalEdge",
    "ShutterUpperHorizontalEdge",
    "ShutterLowerHorizontalEdge",
)
_PATHS = (
    "ContentLabel",
    "AnnotationCoordinateType",
    f"{_ANNOTATION}.GraphicLayer",
    f"{_ANNOTATION}.ReferencedImageSequence.ReferencedSOPInstanceUID",
    f"{_OBJECT}.GraphicAnnotationUnits",
    f"{_OBJECT}.GraphicType",
    f"{_OBJECT}.GraphicData",
    f"{_OBJECT}.GraphicFilled",
    f"{_GROUP}.AnnotationGroupNumber",
    f"{_GROUP}.AnnotationGroupLabel",
    f"{_GROUP}.GraphicType",
    f"{_GROUP}.PointCoordinatesData",
    f"{_GROUP}.DoublePointCoordinatesData",
    f"{_GROUP}.LongPrimitivePointIndexList",
    f"{_GROUP}.CommonZCoordinateValue",
    "ShutterShape",
    *_SHUTTER,
    "CenterOfCircularShutter",
    "RadiusOfCircularShutter",
    "VerticesOfThePolygonalShutter",
    "ContentSequence.ValueType",
)
# Points of annotations that all have the same number (PS3.3, C.37.1.2).
_FIXED = {"POINT": 1, "ELLIPSE": 4, "RECTANGLE": 4}
# Graphics count from the upper left corner of the first pixel (PS3.3, C.10.5.1.2 and C.18.6.1.2); here its centre is 0.
_CENTRE = 0.5


def read_graphics(elements: Elements) -> ContourSet:
    """Read the polylines of an object.

    Raises
    ------
    DecodeError
        If it has none, or one of them is damaged.
    """
    found = read_attributes(elements, _PATHS)
    structures = [*_presented(found), *_shutters(found)]
    if structures:
        return ContourSet(structures, False, found.text("ContentLabel"))
    if found.has(f"{_GROUP}.GraphicType"):
        in_patient = found.text("AnnotationCoordinateType").upper() == "3D"
        return ContourSet(_bulk(found, 3 if in_patient else 2), in_patient, found.text("ContentLabel"))
    if found.has("ContentSequence.ValueType"):
        return _reported(elements)
    raise DecodeError(
        "the object has no contours: it is no structure set, and has no graphics, shutters, annotations or regions",
        code="argument",
    )


def _points(numbers: np.ndarray, size: int, what: str) -> np.ndarray:
    if not len(numbers) or len(numbers) % size:
        raise DecodeError(f"{what} has {len(numbers)} coordinates, expected {size} for each point", code="malformed")
    points = numbers.reshape(-1, size)
    return points - _CENTRE if size == 2 else points


# ---- presentation states (PS3.3, C.10.5 and C.7.6.11) -------------------------------------------------


def _presented(found: Attributes) -> list[Structure]:
    layers = {outer: text for outer, _, text in found.texts(f"{_ANNOTATION}.GraphicLayer")}
    images: dict[int, str] = {}
    for outer, _, uid in found.texts(f"{_ANNOTATION}.ReferencedImageSequence.ReferencedSOPInstanceUID"):
        images.setdefault(outer, uid)

    def of_objects(keyword: str) -> dict[tuple[int, int], str]:
        return {(outer, inner): text.upper() for outer, inner, text in found.texts(f"{_OBJECT}.{keyword}")}

    units, kinds, filled = (of_objects(name) for name in ("GraphicAnnotationUnits", "GraphicType", "GraphicFilled"))
    structures: dict[int, Structure] = {}
    for outer, inner, value in found.raw(f"{_OBJECT}.GraphicData"):
        unit = units.get((outer, inner), "PIXEL")
        if unit != "PIXEL":  # of the display, which an image knows nothing of
            continue
        points = _points(found.array(f"{_OBJECT}.GraphicData", value), 2, f"graphic {inner} of annotation {outer}")
        kind = kinds.get((outer, inner), "POLYLINE")
        is_closed = len(points) > 3 and np.array_equal(points[0], points[-1])
        if kind in ("POLYLINE", "INTERPOLATED") and (filled.get((outer, inner)) == "Y" or is_closed):
            kind = "POLYGON"
        structure = structures.setdefault(outer, Structure(outer + 1, layers.get(outer, "")))
        structure.contours.append(Contour(points, kind, images.get(outer, "")))
    return list(structures.values())


def _shutters(found: Attributes) -> list[Structure]:
    """Return the areas that shutters leave visible. Edges and vertices are numbers of rows and columns from 1."""
    contours = []
    edges = [found.number(keyword) for keyword in _SHUTTER]
    if None not in edges:
        left, right, upper, lower = (float(edge or 0) - 1 for edge in edges)
        corners = [(left, upper), (right, upper), (right, lower), (left, lower)]
        outward = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
        contours.append(Contour(np.array(corners) + outward, "RECTANGLE"))
    centre, radius = found.first("CenterOfCircularShutter"), found.number("RadiusOfCircularShutter")
    if len(centre) == 2 and radius is not None:
        row, column = centre[0] - 1, centre[1] - 1
        contours.append(Contour(np.array([(column, row), (column + radius, row)]), "CIRCLE"))
    vertices = np.array(found.first("VerticesOfThePolygonalShutter"))
    if len(vertices) >= 6 and len(vertices) % 2 == 0:
        contours.append(Contour(vertices.reshape(-1, 2)[:, ::-1] - 1, "POLYGON"))
    return [Structure(0, "shutter", contours, kind="SHUTTER")] if contours else []


# ---- microscopy bulk simple annotations (PS3.3, C.37.1) -----------------------------------------------


def _bulk(found: Attributes, size: int) -> list[Structure]:
    count = 1 + max((outer for outer, _, _ in found.texts(f"{_GROUP}.GraphicType")), default=-1)
    kinds = found.texts_by_item(f"{_GROUP}.GraphicType", count)
    labels = found.texts_by_item(f"{_GROUP}.AnnotationGroupLabel", count)
    numbers = found.by_item(f"{_GROUP}.AnnotationGroupNumber", count)
    heights = found.by_item(f"{_GROUP}.CommonZCoordinateValue", count)
    lists = {
        outer: found.array(f"{_GROUP}.LongPrimitivePointIndexList", value)
        for outer, _, value in found.raw(f"{_GROUP}.LongPrimitivePointIndexList")
    }
    structures = [
        Structure(int(numbers[i][0]) if numbers[i] else i + 1, labels[i], kind=kinds[i].upper()) for i in range(count)
    ]
    for keyword in ("PointCoordinatesData", "DoublePointCoordinatesData"):
        for outer, _, value in found.raw(f"{_GROUP}.{keyword}"):
            what = f"annotation group {structures[outer].number}"
            values = found.array(f"{_GROUP}.{keyword}", value)
            height = heights[outer][0] if heights[outer] and size == 3 else None
            points = _points(values, 2 if height is not None else size, what)
            if height is not None:
                points = np.column_stack([points + _CENTRE, np.full(len(points), height)])
            kind = structures[outer].kind
            for part in _parts(points, kind, lists.get(outer), 2 if height is not None else size, what):
                structures[outer].contours.append(Contour(part, kind))
    return structures


def _parts(points: np.ndarray, kind: str, index: np.ndarray | None, size: int, what: str) -> list[np.ndarray]:
    if kind in _FIXED:
        each = _FIXED[kind]
        if len(points) % each:
            raise DecodeError(f"{what} has {len(points)} points, expected {each} for each {kind}", code="malformed")
        return list(points.reshape(-1, each, points.shape[1]))
    if index is None:
        raise DecodeError(f"{what} has no LongPrimitivePointIndexList", code="malformed")
    begins, within = np.divmod(index.astype(np.int64) - 1, size)
    if len(begins) and (within.any() or begins[0] != 0 or (np.diff(begins) <= 0).any() or begins[-1] >= len(points)):
        raise DecodeError(f"{what}: LongPrimitivePointIndexList is not in order, or beyond the data", code="malformed")
    return np.split(points, begins[1:]) if len(begins) else []


# ---- regions of structured reports (PS3.3, C.18.6 and C.18.9) -----------------------------------------


def _reported(elements: Elements) -> ContourSet:
    import pydicom

    data = bytearray(elements.source.size)
    elements.source.read_into(0, data)
    try:
        ds: Any = pydicom.dcmread(io.BytesIO(data), force=True)
        flat, spatial = _content(ds)
    except (DecodeError, OSError):
        raise
    except Exception as error:  # pydicom raises errors of any type for damaged items, RecursionError too
        raise DecodeError(f"the report cannot be read: {type(error).__name__}: {error}", code="malformed") from error
    if not flat and not spatial:
        raise DecodeError("the report has no regions (SCOORD or SCOORD3D)", code="argument")
    # A report may have both kinds; those in the patient count, because they need no image.
    structures = [Structure(i + 1, name, [one]) for i, (name, one) in enumerate(spatial or flat)]
    return ContourSet(structures, bool(spatial))


def _content(ds: Any) -> tuple[list[tuple[str, Contour]], list[tuple[str, Contour]]]:
    found: dict[str, list[tuple[str, Contour]]] = {"SCOORD": [], "SCOORD3D": []}
    waiting = [(item, "") for item in reversed(ds.get("ContentSequence") or [])]
    while waiting:
        item, above = waiting.pop()
        concept = (item.get("ConceptNameCodeSequence") or [None])[0]
        name = str(concept.get("CodeMeaning", "")) if concept is not None else above
        kind = str(item.get("ValueType", ""))
        inner = list(item.get("ContentSequence") or [])
        if kind in found:
            size = 2 if kind == "SCOORD" else 3
            graphic = str(item.get("GraphicType", ""))
            points = _points(np.array(item.get("GraphicData") or [], np.float64), size, f"the region {name!r}")
            is_closed = len(points) > 3 and np.array_equal(points[0], points[-1])
            if graphic == "POLYLINE" and is_closed:
                graphic = "POLYGON"
            images = [s for one in inner for s in one.get("ReferencedSOPSequence") or []]
            image = str(images[0].get("ReferencedSOPInstanceUID", "")) if images else ""
            found[kind].append((name, Contour(points, graphic, image)))
        waiting += [(one, name) for one in reversed(inner)]
    return found["SCOORD"], found["SCOORD3D"]
