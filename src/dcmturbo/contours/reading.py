"""`read_contours`: structure sets and other objects with graphics, as polylines."""

from __future__ import annotations

from typing import Any

from dcmturbo.contours.contours import ContourSet
from dcmturbo.contours.graphics import read_graphics
from dcmturbo.contours.structure_set import is_structure_set, read_structure_set
from dcmturbo.dataset.attributes import elements_of
from dcmturbo.dataset.sources import naming

__all__ = ["read_contours"]


def read_contours(source: Any) -> ContourSet:
    """Read the contours or graphics of an object, as arrays.

    Parameters
    ----------
    source : path, bytes-like, binary file object or pydicom Dataset
        An RT Structure Set (PS3.3, A.19), a presentation state (A.33), Microscopy Bulk Simple Annotations (A.87), or a
        structured report with regions (C.18.6 and C.18.9).

    Returns
    -------
    ContourSet

    Raises
    ------
    DecodeError
        If the object has no contours, or one of them is damaged; the message names it.
    NotDicom, OSError
        If it cannot be read.

    Examples
    --------
    >>> contours = dt.read_contours("structures.dcm")                    # doctest: +SKIP
    >>> mask = contours.mask("Liver", dt.read_volume("series/"))         # doctest: +SKIP
    """
    with naming(source), elements_of(source) as elements:
        if is_structure_set(elements):
            return read_structure_set(elements)
        return read_graphics(elements)
