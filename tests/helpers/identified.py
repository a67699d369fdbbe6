"""Objects with planted identities: each attribute of the profile's table has a value that can be recognised."""

from __future__ import annotations

import io

import numpy as np
import pydicom
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence

from dcmturbo.deidentification.profile import rows

KEY = b"a key for tests, 32 bytes long.."
_TEXTS = ("LO", "LT", "SH", "ST", "UC", "UT", "UR")


def planted(tag: int, vr: str, place: int) -> object:
    """A value that only this element has; None if the VR cannot hold one."""
    number = tag % 1_000_003 + place * 1_000_003
    if vr in _TEXTS:
        return f"Zqx{number:07}"
    if vr == "PN":
        return f"Zqname{number:07}^Qvgiven{number:07}"
    if vr == "UI":
        return f"1.2.826.0.1.3680043.9.{number}.77"
    if vr == "DA":
        return f"19{number % 60 + 10:02}{number % 12 + 1:02}{number % 28 + 1:02}"
    if vr == "DT":
        return f"19{number % 60 + 10:02}{number % 11 + 1:02}{number % 27 + 1:02}101112.5+0100"
    if vr == "AE":
        return f"ZQAE{number:07}"
    return {"TM": "101112", "AS": "045Y", "CS": "QVCODE", "DS": "1.5", "IS": "7"}.get(vr)


def planted_dataset(place: int = 0) -> tuple[Dataset, list[str]]:
    """A dataset with all attributes of the table, and the strings that were planted."""
    dataset, strings = Dataset(), []
    for tag in sorted(rows()):
        if tag >> 16 < 8 or not dictionary_has_tag(tag):
            continue
        vr = dictionary_VR(tag).split(" ")[0]
        if vr == "SQ":
            item = Dataset()
            item.PersonName = f"Zqnested{tag:08x}^Inside"
            item.StudyID = f"Zqid{tag:08x}"[:16]
            strings += [f"Zqnested{tag:08x}", f"Zqid{tag:08x}"[:16]]
            dataset.add_new(tag, "SQ", Sequence([item]))
            continue
        value = planted(tag, vr, place)
        if value is None:
            if vr in ("OB", "UN"):
                value = f"Zqbinary{tag:08x}".encode()
                strings.append(f"Zqbinary{tag:08x}")
                dataset.add_new(tag, vr, value)
            continue
        dataset.add_new(tag, vr, value)
        if vr == "PN":
            strings += str(value).split("^")
        elif vr in (*_TEXTS, "UI", "AE", "DA"):
            strings.append(str(value))
        elif vr == "DT":
            strings.append(str(value)[:8])
    return dataset, strings


def image_with(dataset: Dataset, pixels: np.ndarray | None = None) -> bytes:
    """Add an image to a dataset, and return the file."""
    pixels = np.arange(24 * 32, dtype="<u2").reshape(24, 32) % 4096 if pixels is None else pixels
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    dataset.Modality = "CT"
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    if pixels.ndim == 3:
        dataset.NumberOfFrames = len(pixels)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    bits = 8 * pixels.dtype.itemsize
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, min(bits, 12), min(bits, 12) - 1
    dataset.PixelRepresentation = 0
    dataset.add_new(0x7FE00010, "OB" if bits == 8 else "OW", pixels.tobytes())
    return as_file(dataset)


def as_file(dataset: Dataset) -> bytes:
    """Return a dataset as a file in explicit VR little endian."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", "1.2.840.10008.5.1.4.1.1.2")
    meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2.3")
    meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    dataset.file_meta = meta
    dataset.preamble = b"Zqpreamble" + b"\0" * 118
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def patient(name: str = "Müller^Jürgen", number: str = "QX-4711-88", study: str = "1.2.826.5.1") -> Dataset:
    """A dataset of a patient, as scanners write it."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = name, number, "19630412"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, f"{study}.2"
    dataset.SOPInstanceUID = f"{study}.2.3"
    dataset.StudyDate, dataset.SeriesDate, dataset.StudyTime = "20210503", "20210504", "101500"
    dataset.AccessionNumber, dataset.StudyID = "ACC998877", "STUDY4711"
    dataset.ReferringPhysicianName = "Schwarzkopf^Hildegard"
    dataset.InstitutionName, dataset.StationName = "Klinikum Waldesruh", "CT99WEST"
    dataset.StudyDescription = "CT Thorax routine Frau Schwarzkopf"
    dataset.PatientSex, dataset.PatientAge, dataset.PatientWeight = "M", "058Y", "82.5"
    return dataset
