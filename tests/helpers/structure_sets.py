"""Structure sets, made for tests."""

import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset

from helpers.items import item
from helpers.series import FRAME_OF_REFERENCE

SQUARE = [(1, 1), (5, 1), (5, 5), (1, 5)]


def in_patient(points, k, volume):
    """Corners in pixels (column, row) of slice k, in mm."""
    return [value for x, y in points for value in volume.to_lps(np.array([k, y, x], float)).tolist()]


def structure_set(contours, names=("Liver",), frame_of_reference=FRAME_OF_REFERENCE):
    """Return a structure set; `contours` has (number, type, coordinates)."""
    ds = pydicom.Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.481.3", "1.2.3.4"
    ds.StructureSetLabel = "plan"
    ds.StructureSetROISequence = [
        item(ROINumber=i + 1, ROIName=name, ReferencedFrameOfReferenceUID=frame_of_reference)
        for i, name in enumerate(names)
    ]
    by_number = {}
    for number, kind, data in contours:
        image = item(ReferencedSOPInstanceUID=f"1.2.3.{len(by_number.get(number, []))}")
        contour = item(ContourGeometricType=kind, NumberOfContourPoints=len(data) // 3, ContourData=data)
        contour.ContourImageSequence = [image]
        by_number.setdefault(number, []).append(contour)
    ds.ROIContourSequence = [
        item(ReferencedROINumber=number, ROIDisplayColor=[255, 0, 300], ContourSequence=found)
        for number, found in by_number.items()
    ]
    ds.RTROIObservationsSequence = [item(ReferencedROINumber=1, RTROIInterpretedType="ORGAN")]
    return ds
