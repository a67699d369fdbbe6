"""Segmentations (PS3.3, A.51): frames of segments as label images, masks and runs, placed in the patient."""

from dcmturbo.segmentation.segmentation import Segment, Segmentation, read_segmentation
from dcmturbo.segmentation.writing import write_segmentation

__all__ = ["Segment", "Segmentation", "read_segmentation", "write_segmentation"]
