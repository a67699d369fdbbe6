"""Contours and annotations: polylines of structure sets, presentation states, slides and reports, and their masks."""

from dcmturbo.contours.contours import Contour, ContourSet, Structure
from dcmturbo.contours.overlays import read_overlays
from dcmturbo.contours.raster import contours_of_mask, fill_polygons
from dcmturbo.contours.reading import read_contours

__all__ = [
    "Contour",
    "ContourSet",
    "Structure",
    "contours_of_mask",
    "fill_polygons",
    "read_contours",
    "read_overlays",
]
