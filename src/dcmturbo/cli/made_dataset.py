"""The dataset that ``dcmturbo encode`` writes: pixels of pictures or arrays, with the attributes of a template."""

from __future__ import annotations

import difflib
import io
import re
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

import dcmturbo as dt
from dcmturbo.cli.read_pixels import Pixels
from dcmturbo.formats.syntaxes import find_transfer_syntax

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["kept_mappings", "keyword_of", "make_dataset", "value_of"]

# What describes the pixels of a template, and not those of the new object (PS3.3, C.7.6.3 and what refers to pixels).
_OF_PIXELS = (
    *("PixelData", "FloatPixelData", "DoubleFloatPixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths"),
    *("NumberOfFrames", "PlanarConfiguration", "PixelRepresentation", "IconImageSequence", "PixelDataProviderURL"),
    *("LargestImagePixelValue", "SmallestImagePixelValue"),
    *("RedPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableDescriptor"),
    *("BluePaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData", "GreenPaletteColorLookupTableData"),
    *("BluePaletteColorLookupTableData", "SegmentedRedPaletteColorLookupTableData", "ICCProfile"),
    *("SegmentedGreenPaletteColorLookupTableData", "SegmentedBluePaletteColorLookupTableData"),
    # What was computed from the old pixels.
    *("PaletteColorLookupTableUID", "HistogramSequence", "DVHSequence", "SmallestPixelValueInSeries"),
    *("LargestPixelValueInSeries", "DigitalSignaturesSequence", "MACParametersSequence"),
)
# What has a value for each frame, or names what has (PS3.3, C.7.6.6, C.7.6.5, C.8.4 and C.8.6.3).
_OF_FRAMES = (
    *("PerFrameFunctionalGroupsSequence", "FrameIncrementPointer", "FrameTimeVector", "FrameLabelVector"),
    *("PageNumberVector", "FramePrimaryAngleVector", "FrameSecondaryAngleVector", "SliceLocationVector"),
    *("DisplayWindowLabelVector", "EnergyWindowVector", "DetectorVector", "PhaseVector", "RotationVector"),
    *("RRIntervalVector", "TimeSlotVector", "SliceVector", "AngularViewVector", "TimeSliceVector"),
)
# What is measured in pixels, or is the size of one.
_OF_SIZE = (
    *("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelMeasuresSequence"),
    *("SequenceOfUltrasoundRegions", "ShutterShape", "ShutterLeftVerticalEdge", "ShutterRightVerticalEdge"),
    *("ShutterUpperHorizontalEdge", "ShutterLowerHorizontalEdge", "CenterOfCircularShutter", "RadiusOfCircularShutter"),
    *("VerticesOfThePolygonalShutter", "ShutterPresentationValue"),
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
_STORAGE = "1.2.840.10008.5.1.4.1.1."
_DOSE = f"{_STORAGE}481.2"
_PARAMETRIC_MAP = f"{_STORAGE}30"
# Classes whose objects have one frame: CR, DX, mammography, intra-oral, CT, MR, US, Secondary Capture, PET.
_OF_ONE_FRAME = tuple(
    _STORAGE + end for end in ("1", "1.1", "1.1.1", "1.2", "1.2.1", "1.3", "1.3.1", "2", "4", "6.1", "7", "128")
)
_SEGMENTATION = f"{_STORAGE}66.4"
_BYTE_CAPTURE, _WORD_CAPTURE, _COLOUR_CAPTURE = (f"{_STORAGE}7.{number}" for number in (2, 3, 4))
# What `_describe` writes, so that a user cannot.
_FROM_PIXELS = (
    *("Rows", "Columns", "SamplesPerPixel", "PlanarConfiguration", "NumberOfFrames", "BitsAllocated", "BitsStored"),
    *("HighBit", "PixelRepresentation", "PixelData", "FloatPixelData", "DoubleFloatPixelData"),
)
_WHOLE_NUMBERS = ("US", "SS", "UL", "SL", "UV", "SV")
_CLOSE = 0.7
_TAG = re.compile(r"\(?([0-9a-fA-F]{4}),? ?([0-9a-fA-F]{4})\)?")
_FLOATS = {4: "FloatPixelData", 8: "DoubleFloatPixelData"}


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
    if tag >> 16 == 2:
        raise ValueError(f"{keyword} follows from --to, SOPClassUID and SOPInstanceUID, so it cannot be set")
    if tag >> 16 == 0:
        raise ValueError(f"{keyword} belongs to messages, not to files")
    vr = dictionary_VR(tag).split(" or ")[0]
    parts: list[Any] = text.split("\\") if "\\" in text else [text]
    try:
        if vr in _WHOLE_NUMBERS:
            parts = [int(part) for part in parts] if text else []
        elif vr in ("FL", "FD"):
            parts = [float(part) for part in parts] if text else []
        elif vr == "SQ":
            raise ValueError("a sequence cannot be given as a text: put it into the template")
        elif vr in ("AT", "UN") or vr[0] == "O":
            raise ValueError(f"a value of {vr} cannot be given as a text")
        value = parts if len(parts) > 1 else parts[0] if parts else None
        element = DataElement(tag, vr, value, validation_mode=config.RAISE)
    except (ValueError, TypeError, OverflowError) as error:
        why = str(error).partition(" Please see")[0]
        raise ValueError(f"{keyword} cannot be {text!r}: {why}") from None
    return element.value


def keyword_of(text: str) -> str:
    """Return the keyword that a text such as ``0010,0020`` stands for; other texts as they are."""
    from pydicom.datadict import keyword_for_tag

    found = _TAG.fullmatch(text)
    if found is None:
        return text
    group, element = (int(part, 16) for part in found.groups())
    if element == 0:
        raise ValueError(f"{text} is a group length, which dcmturbo does not write (PS3.5, 7.2)")
    if group % 2:
        raise ValueError(f"{text} is private, so its VR is not known: put it into the template")
    keyword = str(keyword_for_tag(group << 16 | element))
    if not keyword:
        raise ValueError(f"{text} is not the tag of an attribute of PS3.6")
    return keyword


def make_dataset(
    pixels: Pixels, *, template: str | None, attributes: dict[str, Any], new_series: bool
) -> tuple[Dataset, list[str]]:
    """Return a Dataset of the pixels, uncompressed, and what a user should know about it.

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

    doubts: list[str] = []
    dataset = _new_dataset(pixels) if template is None else _of_template(template, pixels, doubts)
    if dataset.SOPClassUID == _DOSE:
        _check_dose(dataset, _frames_of(pixels), attributes)
    dataset.SOPInstanceUID = generate_uid()
    if new_series or "SeriesInstanceUID" not in dataset:
        dataset.SeriesInstanceUID = generate_uid()
    if "StudyInstanceUID" not in dataset:
        dataset.StudyInstanceUID = generate_uid()
    if pixels.array.dtype.kind == "f" and attributes.get("SOPClassUID", dataset.SOPClassUID) != _PARAMETRIC_MAP:
        raise ValueError(
            f"the pixels are {pixels.array.dtype.name}, which only Parametric Map objects can have (PS3.3, A.75): give "
            "one with --template, or convert the pixels to integers, and use --set RescaleSlope=VALUE"
        )
    _describe(dataset, pixels)
    allowed = ("RGB",) if pixels.samples == 3 else ("MONOCHROME1", "MONOCHROME2")
    if (photometric := attributes.get("PhotometricInterpretation", allowed[0])) not in allowed:
        raise ValueError(f"PhotometricInterpretation cannot be {photometric}: these pixels are {' or '.join(allowed)}")
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    if "SpecificCharacterSet" not in attributes and not str(list(attributes.values())).isascii():
        dataset.SpecificCharacterSet = "ISO_IR 192"  # UTF-8, in which all texts of the object are then written
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset, doubts + _doubts_about_class(dataset, pixels)


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


def _of_template(path: str, pixels: Pixels, doubts: list[str]) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about values of the template that stay as they are
        dataset = _read_template(path)
        if "SOPClassUID" not in dataset:
            raise ValueError("the template has no SOP Class UID")
        if "BitsAllocated" not in dataset:
            kind = dataset.SOPClassUID.name
            raise ValueError(f"the template is a {kind} object, which has no pixels: name an image of the study")
        before = tuple(dataset.get(name) for name in ("BitsAllocated", "PixelRepresentation", "SamplesPerPixel"))
        after = (8 * pixels.array.itemsize, int(pixels.array.dtype.kind == "i"), pixels.samples)
        same_size = (dataset.get("Rows"), dataset.get("Columns")) == pixels.frame_shape[:2]
        same_frames = int(dataset.get("NumberOfFrames") or 1) == _frames_of(pixels)
        left_out = [
            *(() if before == after else _OF_VALUES),
            *(() if same_size else _OF_SIZE),
            *(() if same_frames else _OF_FRAMES),
        ]
        if not same_frames and "PerFrameFunctionalGroupsSequence" in dataset:
            doubts.append(
                f"the template has {dataset.get('NumberOfFrames')} frames and the new object {_frames_of(pixels)}, so "
                "what it says about each frame, such as its place, is left out"
            )
        _leave_out(dataset, [*_OF_PIXELS, *left_out])
        for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
            for group in dataset.get(name) or ():
                _leave_out(group, left_out)
        for group in range(0x6000, 0x6020, 2):
            overlay = dataset.group_dataset(group)
            # Without data of its own, it was in unused bits of the old pixels.
            if overlay and not (same_size and same_frames and (group, 0x3000) in overlay):
                for element in list(overlay):
                    del dataset[element.tag]
    kind = [str(value) for value in dataset.get("ImageType") or []]
    dataset.ImageType = ["DERIVED", *(kind[1:] or ["SECONDARY"])]
    return dataset


def _read_template(path: str) -> Dataset:
    """Read a template, in the encoding in which the new object is written."""
    import pydicom

    source: Any = path
    with open(path, "rb"):  # raises Python's own exception if the file cannot be read
        pass
    try:
        with dt.open(path) as image:
            if find_transfer_syntax(image.transfer_syntax).big_endian:
                # pydicom does not swap the bytes of tables and overlays.
                source = io.BytesIO()
                dt.transcode(path, source, "ExplicitVRLittleEndian")
                source.seek(0)
    except dt.NotDicom:
        raise ValueError("the template is not a DICOM file") from None
    except dt.Error:
        pass  # its pixels are not needed
    dataset = pydicom.dcmread(source, force=True)  # dcmturbo has found that it is DICOM
    dataset.decode()
    return dataset


def _leave_out(dataset: Dataset, keywords: list[str]) -> None:
    for keyword in keywords:
        if keyword in dataset:
            delattr(dataset, keyword)


def _frames_of(pixels: Pixels) -> int:
    return len(pixels.array) if pixels.has_axis else 1


def _doubts_about_class(dataset: Dataset, pixels: Pixels) -> list[str]:
    """Return in what the class of an object is not made for its pixels."""
    uid, array = dataset.SOPClassUID, pixels.array
    doubts = []
    if _frames_of(pixels) > 1 and uid in _OF_ONE_FRAME:
        doubts.append(f"{uid.name} objects have one frame, and this one has {len(array)}: make an object of each frame")
    classes = {_BYTE_CAPTURE: "u1", _WORD_CAPTURE: "u2", _COLOUR_CAPTURE: "u1", _SEGMENTATION: "u1"}
    wanted = classes.get(str(uid))
    if wanted and f"{array.dtype.kind}{array.dtype.itemsize}" != wanted:
        doubts.append(
            f"{uid.name} objects have unsigned pixels of {8 * int(wanted[1])} bits, and these are {array.dtype.name}, "
            "which some readers refuse: use --template with an object of another kind"
        )
    return doubts


def _new_dataset(pixels: Pixels) -> Dataset:
    """Return a Secondary Capture object (PS3.3, A.8), with empty values for what nobody has said."""
    from datetime import UTC, datetime

    from pydicom.dataset import Dataset
    from pydicom.uid import SecondaryCaptureImageStorage

    dataset = Dataset()
    if not pixels.has_axis:
        dataset.SOPClassUID = SecondaryCaptureImageStorage
    else:
        grey = _BYTE_CAPTURE if pixels.array.itemsize == 1 else _WORD_CAPTURE
        dataset.SOPClassUID = _COLOUR_CAPTURE if pixels.samples == 3 else grey
        # SC Multi-frame Image and SC Multi-frame Vector (PS3.3, C.8.6.3 and C.8.6.4). Nobody has looked at the pixels.
        dataset.BurnedInAnnotation = "YES"
        if pixels.samples == 1:
            dataset.PresentationLUTShape = "IDENTITY"
            dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"
        if len(pixels.array) > 1:
            dataset.FrameIncrementPointer = 0x00182001
            dataset.PageNumberVector = [number + 1 for number in range(len(pixels.array))]
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


def _values_of(dataset: Dataset, keyword: str) -> list[Any]:
    value = dataset.get(keyword)
    if value is None or value == "":
        return []
    return list(value) if hasattr(value, "append") else [value]


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
    if pixels.lossy_method:
        # PS3.3, C.7.6.1.1.5: once 01, always 01, and each method and ratio is appended.
        before = [_values_of(dataset, f"LossyImageCompression{name}") for name in ("Method", "Ratio")]
        dataset.LossyImageCompression = "01"
        dataset.LossyImageCompressionMethod = [*before[0], pixels.lossy_method]
        if len(before[0]) == len(before[1]):
            dataset.LossyImageCompressionRatio = [*before[1], f"{array.nbytes / max(pixels.compressed, 1):.6g}"]
    if pixels.icc_profile:
        dataset.ICCProfile = pixels.icc_profile + b"\0" * (len(pixels.icc_profile) % 2)
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
