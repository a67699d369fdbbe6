"""Polylines that belong together, and their masks on the grid of a volume."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dcmturbo.contours.raster import Rule, fill_polygons
from dcmturbo.errors import DecodeError, DecodeWarning
from dcmturbo.notes import stack_level

__all__ = ["Contour", "ContourSet", "Structure"]

# PS3.3, C.8.8.6.1.
_AREAS = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")


@dataclass
class Contour:
    """One polyline.

    Attributes
    ----------
    points : numpy.ndarray of float64
        (points, 3), in mm (LPS), for a structure set; otherwise (points, 2): column and row in pixels, from 0.
    kind : str
        CLOSED_PLANAR, CLOSEDPLANAR_XOR, OPEN_PLANAR, OPEN_NONPLANAR or POINT (PS3.3, C.8.8.6.1); for other graphics
        POINT, POLYLINE, POLYGON, CIRCLE, ELLIPSE or RECTANGLE.
    image : str
        SOPInstanceUID of the image that it was drawn on; empty if it is not stated.
    """

    points: np.ndarray
    kind: str
    image: str = ""

    @property
    def is_area(self) -> bool:
        """Whether it bounds an area."""
        return self.kind in (*_AREAS, "POLYGON", "CIRCLE", "ELLIPSE", "RECTANGLE")

    def outline(self, corners: int = 256) -> np.ndarray:
        """Return its points; of a circle or an ellipse, a polygon with so many corners on it."""
        if self.kind == "CIRCLE" and len(self.points) == 2:
            centre, axis = self.points[0], self.points[1] - self.points[0]
            return _ellipse(centre, axis, np.array([-axis[1], axis[0]]), corners)
        if self.kind == "ELLIPSE" and len(self.points) == 4:
            # PS3.3, C.18.6.1.2: the end points of the major axis, then those of the minor axis.
            a, b, c, d = self.points
            return _ellipse((a + b) / 2, (b - a) / 2, (d - c) / 2, corners)
        return self.points


@dataclass
class Structure:
    """Contours that belong together: a region of interest, a layer of graphics, or a group of annotations.

    Attributes
    ----------
    number : int
        ROINumber, or its place in the object from 1.
    name : str
    contours : list of Contour
    colour : tuple of int, or None
        Red, green and blue from 0 to 255.
    kind : str
        RTROIInterpretedType, such as ORGAN or GTV; empty if it is not stated.
    frame_of_reference : str
    """

    number: int
    name: str
    contours: list[Contour] = field(default_factory=list)
    colour: tuple[int, ...] | None = None
    kind: str = ""
    frame_of_reference: str = ""


@dataclass
class ContourSet:
    """The structures of an object.

    Attributes
    ----------
    structures : list of Structure
    in_patient : bool
        Whether points are in mm in the patient, and not in pixels of an image.
    label : str
        StructureSetLabel or ContentLabel.
    """

    structures: list[Structure]
    in_patient: bool
    label: str = ""

    def structure(self, name: int | str) -> Structure:
        """Return the structure with this number or name."""
        found = [one for one in self.structures if name in (one.number, one.name)]
        if len(found) != 1:
            known = ", ".join(f"{one.number} ({one.name})" for one in self.structures[:30])
            what = "is no structure" if not found else "are several structures"
            raise KeyError(f"there {what} {name!r}; the object has {known}")
        return found[0]

    def mask(
        self,
        name: int | str,
        reference: Any,
        *,
        rule: Rule = "even-odd",
        coverage: int | None = None,
        out: np.ndarray | None = None,
        threads: int | None = None,
    ) -> np.ndarray:
        """Return the mask of a structure on the grid of a reference volume.

        Parameters
        ----------
        name : int or str
            Number or name of the structure.
        reference : Volume
            Anything with ``shape`` and ``affine_lps``. For graphics in pixels, the shape alone: (rows, columns).
        rule : {"even-odd", "non-zero"}
            How the closed contours of a slice make an area together. With "even-odd", they are combined by XOR: this is
            what CLOSEDPLANAR_XOR demands, it makes inner contours holes, and keyholes need nothing else. "non-zero" is
            the union of contours that wind in one direction.
        coverage, out, threads
            As in `dcmturbo.fill_polygons`.

        Returns
        -------
        numpy.ndarray
            uint8, or float32 with `coverage`: (slices, rows, columns).

        Raises
        ------
        DecodeError
            If a contour does not lie in a plane of the volume, or has another frame of reference.

        Warns
        -----
        DecodeWarning
            If contours lie outside of the volume, or a structure has no areas.
        """
        structure = self.structure(name)
        areas = [contour for contour in structure.contours if contour.is_area and len(contour.points) > 1]
        if not areas:
            _warn(f"the structure {structure.name!r} bounds no area: it has no closed contour")
        slices: list[int] | None = None
        if not self.in_patient:
            shape = tuple(getattr(reference, "shape", reference))[-2:]
            polygons = [contour.outline() for contour in areas]
        else:
            _check_frame_of_reference(structure, reference)
            shape = tuple(reference.shape[:3])
            polygons, slices = _on_grid(structure, areas, reference)
            outside = sum(not 0 <= k < shape[0] for k in slices)
            if outside:
                _warn(f"{outside} of {len(areas)} contours of {structure.name!r} lie outside of the volume")
        return fill_polygons(polygons, shape, slices=slices, rule=rule, coverage=coverage, out=out, threads=threads)

    def labels(self, reference: Any, names: Any = None, *, rule: Rule = "even-odd", threads: int | None = None) -> Any:
        """Return the label image of several structures: their numbers; where they overlap, the later one counts."""
        chosen = [one.number for one in self.structures] if names is None else [self.structure(n).number for n in names]
        most = max(chosen, default=0)
        shape = tuple(reference.shape[:3])
        result = np.zeros(shape, np.uint8 if most < 256 else np.uint16 if most < 65536 else np.uint32)
        for number in chosen:
            mask = self.mask(number, reference, rule=rule, threads=threads)
            np.copyto(result, result.dtype.type(number), where=mask != 0)
        return result


def _ellipse(centre: np.ndarray, first: np.ndarray, second: np.ndarray, corners: int) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)[:, np.newaxis]
    return np.asarray(centre + np.cos(angles) * first + np.sin(angles) * second)


def _warn(text: str) -> None:
    warnings.warn(text, DecodeWarning, stacklevel=stack_level())


def _check_frame_of_reference(structure: Structure, reference: Any) -> None:
    other = getattr(reference, "attributes", {}).get("FrameOfReferenceUID", "")
    if structure.frame_of_reference and other and structure.frame_of_reference != other:
        raise DecodeError(
            f"the structure {structure.name!r} has the frame of reference {structure.frame_of_reference}, "
            f"the volume {other}",
            code="mismatch",
        )


def _on_grid(structure: Structure, areas: list[Contour], reference: Any) -> tuple[list[np.ndarray], list[int]]:
    """Return the contours in pixels (column, row), and the slice of each."""
    if not areas:
        return [], []
    ends = np.cumsum([len(contour.points) for contour in areas])
    inverse = np.linalg.inv(np.asarray(reference.affine_lps))
    points = np.concatenate([contour.points for contour in areas]) @ inverse[:3, :3].T + inverse[:3, 3]
    # Half a slice belongs to each; a contour whose points span more is not in the plane of the images.
    depth = points[:, 2]
    begins = np.concatenate([[0], ends[:-1]])
    least, most = np.minimum.reduceat(depth, begins), np.maximum.reduceat(depth, begins)
    if float((most - least).max()) > 0.5:
        k = int(np.argmax(most - least))
        raise DecodeError(
            f"contour {k} of {structure.name!r} does not lie in a plane of the volume: its points span "
            f"{float((most - least)[k]):.3g} slices",
            code="mismatch",
        )
    slices = np.floor((least + most) / 2 + 0.5).clip(-1, 1 << 40).astype(np.int64)
    flat = np.ascontiguousarray(points[:, :2])
    return np.split(flat, ends[:-1]), slices.tolist()
