"""The dataset that ``dcmturbo encode`` writes: pixels of pictures or arrays, with the attributes of a template."""

from __future__ import annotations

import difflib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["Pixels", "kept_mappings", "make_dataset", "read_pixels", "value_of"]

# What describes the pixels of a template, and not those of the new object (PS3.3, C.7.6.3 and what refers to pixels).
_OF_PIXELS = (
    *("PixelData", "FloatPixelData", "DoubleFloatPixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths"),
    *("NumberOfFrames", "PlanarConfiguration", "PixelRepresentation", "IconImageSequence", "PixelDataProviderURL"),
    *("LargestImagePixelValue", "SmallestImagePixelValue", "PerFrameFunctionalGroupsSequence", "FrameIncrementPointer"),
    *("RedPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableDescriptor"),
    *("BluePaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData", "GreenPaletteColorLookupTableData"),
    *("BluePaletteColorLookupTableData", "SegmentedRedPaletteColorLookupTableData", "ICCProfile"),
    *("SegmentedGreenPaletteColorLookupTableData", "SegmentedBluePaletteColorLookupTableData"),
    # What was computed from the old pixels.
    *("PaletteColorLookupTableUID", "HistogramSequence", "DVHSequence", "SmallestPixelValueInSeries"),
    *("LargestPixelValueInSeries", "DigitalSignaturesSequence", "MACParametersSequence"),
)
# What says which quantity a stored value is. It only fits pixels of the same type.
_MAPPINGS = (
    *("RescaleSlope", "RescaleIntercept", "RescaleType", "ModalityLUTSequence", "RealWorldValueMappingSequence"),
    *("DoseGridScaling", "DoseUnits", "Units", "SUVType", "PixelValueTransformationSequence"),
)
_OF_VALUES = (
    *_MAPPINGS,
    *("VOILUTSequence", "WindowCenter", "WindowWidth", "WindowCenterWidthExplanation", "VOILUTFunction"),
    *("PixelPaddingValue", "PixelPaddingRangeLimit", "PresentationLUTShape", "FrameVOILUTSequence"),
)
_WITHOUT_EFFECT = {"RescaleSlope": 1, "RescaleIntercept": 0, "RescaleType": "US", "DoseUnits": None, "Units": None}
_DOSE = "1.2.840.10008.5.1.4.1.1.481.2"
# What `_describe` writes, so that a user cannot.
_FROM_PIXELS = (
    *("Rows", "Columns", "SamplesPerPixel", "PlanarConfiguration", "NumberOfFrames", "BitsAllocated", "BitsStored"),
    *("HighBit", "PixelRepresentation", "PixelData", "FloatPixelData", "DoubleFloatPixelData"),
)
_WHOLE_NUMBERS = ("US", "SS", "UL", "SL", "UV", "SV")
_CLOSE = 0.7
_FLOATS = {4: "FloatPixelData", 8: "DoubleFloatPixelData"}


@dataclass(frozen=True)
class Pixels:
    """Pixels of an input.

    Attributes
    ----------
    array : numpy.ndarray
        Shape ([frames,] rows, columns[, 3]).
    has_axis : bool
        Whether it has a frame axis.
    samples : int
        1 or 3.
    lossy : bool
        Whether a picture was compressed with loss.
    """

    array: np.ndarray
    has_axis: bool
    samples: int
    lossy: bool = False

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Shape of one frame."""
        return self.array.shape[1:] if self.has_axis else self.array.shape


def read_pixels(path: Path) -> Pixels:
    """Read a picture or an array.

    Raises
    ------
    OSError, ValueError
        If it cannot be read, or is none that DICOM can hold.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name the files in it, in the order of the frames")
    if path.suffix.lower() == ".npy":
        return _of_array(np.load(path, allow_pickle=False))
    with path.open("rb") as file:
        if file.read(132)[128:] == b"DICM":  # some are TIFF files too
            raise ValueError("it is a DICOM file already: to convert it, use dcmturbo transcode")
    from PIL import Image, ImageSequence, UnidentifiedImageError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about metadata that are not used here
        try:
            opened = Image.open(path)
        except UnidentifiedImageError:
            raise ValueError("it is no picture that Pillow can read, and no .npy file") from None
        with opened as image:
            lossy = image.format in ("JPEG", "WEBP", "MPO")
            pages = [_of_page(page) for page in ImageSequence.Iterator(image)]
    if any(page.shape != pages[0].shape or page.dtype != pages[0].dtype for page in pages):
        raise ValueError("its pages differ in size or type, but frames of one object are alike")
    samples = 1 if pages[0].ndim == 2 else 3
    if len(pages) == 1:
        return Pixels(pages[0], has_axis=False, samples=samples, lossy=lossy)
    return Pixels(np.stack(pages), has_axis=True, samples=samples, lossy=lossy)


def _of_page(page: Any) -> np.ndarray:
    """Return a page of a picture: grey levels of 8, 16 or 32 bits, or RGB; transparency is dropped."""
    if page.mode == "1":
        return np.asarray(page.convert("L"))
    if page.mode in ("L", "RGB", "I;16", "F"):
        return np.asarray(page)
    if page.mode == "I;16B":
        return np.asarray(page).astype(np.uint16)
    if page.mode == "I":
        values = np.asarray(page)
        fits = values.size and values.min() >= 0 and values.max() < 1 << 16
        return values.astype(np.uint16) if fits else values
    return np.asarray(page.convert("L" if page.mode == "LA" else "RGB"))


def _of_array(array: np.ndarray) -> Pixels:
    kind = f"{array.dtype.kind}{array.dtype.itemsize}"
    if kind == "b1":
        array, kind = array.astype(np.uint8), "u1"
    if kind not in ("u1", "u2", "u4", "i1", "i2", "i4", "f4", "f8"):
        raise ValueError(f"DICOM has no pixels of type {array.dtype}: use integers of 8 to 32 bits, float32 or float64")
    samples = 3 if array.ndim >= 3 and array.shape[-1] == 3 and kind[0] == "u" else 1
    axes = array.ndim - (samples == 3)
    if axes not in (2, 3) or 0 in array.shape:
        raise ValueError(
            f"the array has shape {array.shape}; expected (rows, columns) or (frames, rows, columns), "
            "with three samples behind for colours"
        )
    if max(array.shape[axes - 2 : axes]) > 0xFFFF:
        raise ValueError(f"the array has shape {array.shape}, but DICOM has at most 65535 rows and columns")
    return Pixels(np.ascontiguousarray(array), has_axis=axes == 3, samples=samples)


def value_of(keyword: str, text: str) -> Any:
    """Return the value of an attribute as pydicom has it.

    Raises
    ------
    ValueError
        If there is no such attribute, it follows from the pixels, or its VR does not allow the value.
    """
    from pydicom import config
    from pydicom.datadict import dictionary_VR, keyword_dict, tag_for_keyword
    from pydicom.dataelem import DataElement

    tag = tag_for_keyword(keyword)
    if tag is None:
        known = {name.lower(): name for name in keyword_dict if name}
        close = difflib.get_close_matches(keyword.lower(), known, 1, _CLOSE)
        hint = f": did you mean {known[close[0]]}?" if close else ", such as PatientName"
        raise ValueError(f"{keyword!r} is not the keyword of an attribute{hint}")
    if keyword in _FROM_PIXELS:
        raise ValueError(f"{keyword} follows from the pixels, so it cannot be set")
    vr = dictionary_VR(tag).split(" or ")[0]
    parts: list[Any] = text.split("\\") if "\\" in text else [text]
    try:
        if vr in _WHOLE_NUMBERS:
            parts = [int(part) for part in parts] if text else []
        elif vr in ("FL", "FD"):
            parts = [float(part) for part in parts] if text else []
        elif vr in ("SQ", "AT", "UN") or vr[0] == "O":
            raise ValueError(f"a value of {vr} cannot be given as a text")
        value = parts if len(parts) > 1 else parts[0] if parts else None
        element = DataElement(tag, vr, value, validation_mode=config.RAISE)
    except (ValueError, TypeError, OverflowError) as error:
        why = str(error).partition(" Please see")[0]
        raise ValueError(f"{keyword} cannot be {text!r}: {why}") from None
    return element.value


def make_dataset(pixels: Pixels, *, template: str | None, attributes: dict[str, Any], new_series: bool) -> Dataset:
    """Return a Dataset of the pixels, uncompressed.

    Parameters
    ----------
    pixels : Pixels
        The frames.
    template : str, optional
        A DICOM file for the other attributes.
    attributes : dict
        Values of attributes by keyword.
    new_series : bool
        Whether the object begins a series of its own.
    """
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    dataset = _new_dataset(pixels) if template is None else _of_template(template, pixels)
    if dataset.SOPClassUID == _DOSE:
        _check_dose(dataset, len(pixels.array) if pixels.has_axis else 1, attributes)
    dataset.SOPInstanceUID = generate_uid()
    if new_series or "SeriesInstanceUID" not in dataset:
        dataset.SeriesInstanceUID = generate_uid()
    if "StudyInstanceUID" not in dataset:
        dataset.StudyInstanceUID = generate_uid()
    _describe(dataset, pixels)
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    if "SpecificCharacterSet" not in attributes and not str(list(attributes.values())).isascii():
        dataset.SpecificCharacterSet = "ISO_IR 192"  # UTF-8, in which all texts of the object are then written
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


def kept_mappings(dataset: Dataset, attributes: dict[str, Any]) -> list[str]:
    """Return what a new object has of its template that gives its stored values a meaning, for people.

    Parameters
    ----------
    dataset : Dataset
        What `make_dataset` has returned.
    attributes : dict
        What the user has set, which is not returned.
    """
    shared = dataset.get("SharedFunctionalGroupsSequence") or [None]
    found = []
    for place in (dataset, shared[0]):
        for keyword in _MAPPINGS if place is not None else ():
            if keyword not in place or keyword in attributes:
                continue
            value = place[keyword].value
            if keyword in _WITHOUT_EFFECT and value == _WITHOUT_EFFECT[keyword]:
                continue
            found.append(keyword if keyword.endswith("Sequence") else f"{keyword} {value}")
    # Names of units alone change no value.
    changing = [text for text in found if text.split()[0] not in ("RescaleType", "DoseUnits", "Units")]
    return found if changing else []


def _check_dose(dataset: Dataset, frames: int, attributes: dict[str, Any]) -> None:
    """Refuse an RT Dose whose values or places would be unknown (PS3.3, C.8.8.3)."""
    if "DoseGridScaling" not in dataset and "DoseGridScaling" not in attributes:
        raise ValueError(
            "the template is an RT Dose of another type of pixels, so its DoseGridScaling does not fit: give the dose "
            "of a stored value of 1 with --set DoseGridScaling=VALUE"
        )
    offsets = dataset.get("GridFrameOffsetVector")
    if offsets and "GridFrameOffsetVector" not in attributes:
        count = len(offsets) if hasattr(offsets, "__len__") else 1
        if count != frames:
            raise ValueError(
                f"GridFrameOffsetVector of the template has the places of {count} frames, but there are {frames}: give "
                "them with --set 'GridFrameOffsetVector=0\\2.5\\5'"
            )
    if frames > 1:
        dataset.FrameIncrementPointer = 0x3004000C


def _of_template(path: str, pixels: Pixels) -> Dataset:
    import pydicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about values of the template that stay as they are
        try:
            dataset = pydicom.dcmread(path)
            dataset.decode()
        except pydicom.errors.InvalidDicomError:
            raise ValueError("the template is not a DICOM file") from None
        before = tuple(dataset.get(name) for name in ("BitsAllocated", "PixelRepresentation", "SamplesPerPixel"))
        after = (8 * pixels.array.itemsize, int(pixels.array.dtype.kind == "i"), pixels.samples)
        same_size = (dataset.get("Rows"), dataset.get("Columns")) == pixels.frame_shape[:2]
        for keyword in (*_OF_PIXELS, *(() if before == after else _OF_VALUES)):
            if keyword in dataset:
                delattr(dataset, keyword)
        for group in dataset.get("SharedFunctionalGroupsSequence") or () if before != after else ():
            for keyword in _OF_VALUES:
                if keyword in group:
                    delattr(group, keyword)
        for element in list(dataset.group_dataset(0x6000)) if not same_size else []:
            del dataset[element.tag]
    kind = [str(value) for value in dataset.get("ImageType") or []]
    dataset.ImageType = ["DERIVED", *(kind[1:] or ["SECONDARY"])]
    if "SOPClassUID" not in dataset:
        raise ValueError("the template has no SOP Class UID")
    if not same_size:
        for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
            if keyword in dataset:
                delattr(dataset, keyword)
    return dataset


def _new_dataset(pixels: Pixels) -> Dataset:
    """Return a Secondary Capture object (PS3.3, A.8), with empty values for what nobody has said."""
    from datetime import UTC, datetime

    from pydicom.dataset import Dataset
    from pydicom.uid import (
        MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
        MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
        MultiFrameTrueColorSecondaryCaptureImageStorage,
        SecondaryCaptureImageStorage,
    )

    dataset = Dataset()
    if not pixels.has_axis:
        dataset.SOPClassUID = SecondaryCaptureImageStorage
    elif pixels.samples == 3:
        dataset.SOPClassUID = MultiFrameTrueColorSecondaryCaptureImageStorage
    elif pixels.array.itemsize == 1:
        dataset.SOPClassUID = MultiFrameGrayscaleByteSecondaryCaptureImageStorage
    else:
        dataset.SOPClassUID = MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.Modality, dataset.ConversionType = "OT", "WSD"
    for keyword in (
        *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID"),
        *("AccessionNumber", "ReferringPhysicianName", "PatientOrientation", "SeriesNumber", "Manufacturer"),
    ):
        setattr(dataset, keyword, None)
    dataset.InstanceNumber = 1
    now = datetime.now(UTC)
    dataset.InstanceCreationDate, dataset.InstanceCreationTime = f"{now:%Y%m%d}", f"{now:%H%M%S}"
    return dataset


def _describe(dataset: Dataset, pixels: Pixels) -> None:
    """Write the Image Pixel module (PS3.3, C.7.6.3) and the pixels."""
    array = pixels.array
    dataset.Rows, dataset.Columns = (int(extent) for extent in pixels.frame_shape[:2])
    dataset.SamplesPerPixel = pixels.samples
    keeps_inversion = pixels.samples == 1 and dataset.get("PhotometricInterpretation") == "MONOCHROME1"
    grey = "MONOCHROME1" if keeps_inversion else "MONOCHROME2"
    dataset.PhotometricInterpretation = "RGB" if pixels.samples == 3 else grey
    if pixels.samples == 3:
        dataset.PlanarConfiguration = 0
    if pixels.has_axis:
        dataset.NumberOfFrames = len(array)
    if pixels.lossy:
        # PS3.3, C.7.6.1.1.5: once 01, always 01, and each method is appended.
        before = dataset.get("LossyImageCompressionMethod")
        methods = [before] if isinstance(before, str) else list(before or [])
        dataset.LossyImageCompression = "01"
        dataset.LossyImageCompressionMethod = [*methods, "ISO_10918_1"]
    bits = 8 * array.itemsize
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    content = little.tobytes()
    dataset.BitsAllocated = bits
    if array.dtype.kind == "f":
        for keyword in ("BitsStored", "HighBit", "PixelRepresentation"):
            if keyword in dataset:
                delattr(dataset, keyword)
        setattr(dataset, _FLOATS[array.itemsize], content)
        return
    stored = dataset.get("BitsStored")
    low, high = int(array.min()), int(array.max())
    signed = array.dtype.kind == "i"
    fits = (
        isinstance(stored, int)
        and 0 < stored <= bits
        and (-(1 << stored - 1) <= low and high < 1 << stored - 1 if signed else high < 1 << stored)
    )
    dataset.BitsStored = stored if fits else bits
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(signed)
    dataset.PixelData = content + b"\0" * (len(content) % 2)
    dataset["PixelData"].VR = "OB" if bits <= 8 else "OW"
