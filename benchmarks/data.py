"""The files that the benchmarks decode: the corpus' WG-04 images, and objects made from them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import phantoms
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

import dcmturbo as dt

REPOSITORY = Path(__file__).parent.parent


def corpus() -> Path:
    """Return the folder of the corpus, or exit and say how to name it."""
    folder = Path(os.environ.get("DCMTURBO_CORPUS", REPOSITORY.parent / "shared" / "corpus"))
    if not (folder / "wg04").is_dir():
        raise SystemExit(f"the corpus is not at {folder}: set DCMTURBO_CORPUS")
    return folder


def wg04(suffix: str) -> list[Path]:
    """Return the WG-04 files of one encoding: ``"RLE"``, ``"JPLL"``, ..."""
    return sorted((corpus() / "wg04").glob(f"*_{suffix}"))


def frame_of(ds: pydicom.Dataset) -> bytes:
    """Return the codestream of a single-frame dataset."""
    return next(iter(generate_frames(ds.PixelData, number_of_frames=1)))


def multi_frame(source: Path, frames: int, target: Path, *, table: str = "basic") -> Path:
    """Write an object that holds the frame of `source` many times; `table` is none, basic or extended."""
    ds = pydicom.dcmread(source)
    frame = frame_of(ds)
    ds.NumberOfFrames = frames
    if table == "extended":
        ds.PixelData, ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths = encapsulate_extended([frame] * frames)
    else:
        ds.PixelData = encapsulate([frame] * frames, has_bot=table == "basic")
    ds["PixelData"].is_undefined_length = True
    ds.save_as(target)
    return target


def make_series(folder: Path, count: int, side: int, syntax: str) -> list[str]:
    """Write the slices of a CT series (phantoms of 16 bits, with a window); return their paths."""
    series, study, frame_of_reference = generate_uid(), generate_uid(), generate_uid()
    paths = []
    for k in range(count):
        ds = pydicom.Dataset()
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = CTImageStorage
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        ds.Modality, ds.PatientID, ds.PatientName = "CT", "1", "Phantom"
        ds.SeriesInstanceUID, ds.StudyInstanceUID, ds.FrameOfReferenceUID = series, study, frame_of_reference
        ds.InstanceNumber, ds.ImagePositionPatient = k + 1, [0, 0, 2 * k]
        ds.ImageOrientationPatient, ds.PixelSpacing, ds.SliceThickness = [1, 0, 0, 0, 1, 0], [0.7, 0.7], 2
        ds.RescaleIntercept, ds.RescaleSlope = -1024, 1
        ds.WindowCenter, ds.WindowWidth = 40, 400
        ds.Rows = ds.Columns = side
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
        ds.PixelData = phantoms.ct(side, side, k, 14.0).astype("<i2").tobytes()
        plain = folder / "plain.dcm"
        ds.save_as(plain, enforce_file_format=True)
        paths.append(str(folder / f"slice-{k:03}.dcm"))
        dt.transcode(plain, paths[-1], syntax)
        plain.unlink()
    return paths


def attributes(ds: pydicom.Dataset) -> dict[str, Any]:
    """Return the arguments that decode_frame needs."""
    return {
        "rows": ds.Rows,
        "columns": ds.Columns,
        "samples_per_pixel": ds.SamplesPerPixel,
        "bits_allocated": ds.BitsAllocated,
        "bits_stored": ds.BitsStored,
        "pixel_representation": ds.PixelRepresentation,
        "photometric_interpretation": ds.PhotometricInterpretation,
    }
