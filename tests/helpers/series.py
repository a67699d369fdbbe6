"""Series of slices, made for tests of volumes."""

from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

SERIES, FRAME_OF_REFERENCE = "1.2.826.0.1.3680043.8.498.1", "1.2.826.0.1.3680043.8.498.2"


def slice_dataset(array: np.ndarray, number: int, position: tuple[float, ...], **attributes: object) -> pydicom.Dataset:
    """Return a CT slice."""
    ds = pydicom.Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = f"1.2.826.0.1.3680043.8.498.3.{number}"
    ds.SeriesInstanceUID, ds.FrameOfReferenceUID = SERIES, FRAME_OF_REFERENCE
    ds.StudyInstanceUID = "1.2.826.0.1.3680043.8.498.4"
    ds.Modality, ds.InstanceNumber = "CT", number
    ds.PatientID, ds.PatientName = "1", "Anonymous^Patient"
    ds.PatientBirthDate = ds.PatientSex = ds.AccessionNumber = ds.ReferringPhysicianName = ""
    ds.StudyDate, ds.StudyTime, ds.StudyID, ds.SeriesNumber = "20260101", "120000", "1", 1
    ds.ImagePositionPatient = list(position)
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing, ds.SliceThickness = [0.7, 0.8], 2.5
    ds.Rows, ds.Columns = array.shape
    ds.BitsAllocated = ds.BitsStored = 8 * array.dtype.itemsize
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(array.dtype.kind == "i")
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.RescaleSlope, ds.RescaleIntercept = 2, -1024
    ds.PixelData = array.tobytes()
    for keyword, value in attributes.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return ds


def stack_of_slices(count: int = 6, shape: tuple[int, int] = (9, 11)) -> np.ndarray:
    """Return the voxels of a made series."""
    return np.random.default_rng(7).integers(-500, 1500, (count, *shape)).astype(np.int16)


def write_series(folder: Path, voxels: np.ndarray, **attributes: object) -> list[Path]:
    """Write a series whose files are not in the order of their positions."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for k, array in enumerate(voxels):
        ds = slice_dataset(array, k + 1, (-10.5, 20.25, -30.0 + 2.5 * k), **attributes)
        paths.append(folder / f"{(k * 5) % 7}-{k}.dcm")
        ds.save_as(paths[-1], enforce_file_format=True)
    return paths
