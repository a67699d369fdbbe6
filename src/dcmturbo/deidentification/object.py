"""De-identify one object: from its bytes to bytes that were searched as an attacker would search them."""

from __future__ import annotations

import contextlib
import io
import os
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence

from dcmturbo.dataset.elements import Encoding, read_header, tag_name, walk
from dcmturbo.dataset.file_meta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dcmturbo.dataset.opened import NO_PIXELS_OF_IMAGE
from dcmturbo.dataset.sources import open_source
from dcmturbo.deidentification.blanking import blank_boxes, transcoded
from dcmturbo.deidentification.boxes import Box, DeviceRule, pixels_in, require_within, rule_boxes, ultrasound_gaps
from dcmturbo.deidentification.cleaner import BINARY, PIXEL_DATA, Cleaner, raw_bytes, vr_in
from dcmturbo.deidentification.codestream_texts import clean_codestreams
from dcmturbo.deidentification.identities import Identities
from dcmturbo.deidentification.marks import mark
from dcmturbo.deidentification.profile import Profile
from dcmturbo.deidentification.pseudonyms import Pseudonyms, digest_of
from dcmturbo.deidentification.safe_private import SafeAttribute
from dcmturbo.errors import DecodeError, DeidentificationError, Error, NoPixelData, NotDicom
from dcmturbo.formats.syntaxes import known_transfer_syntax
from dcmturbo.urls import import_fsspec, is_url

__all__ = ["Deidentified", "DeidentifyResult", "Rules", "deidentify_bytes", "given_boxes", "parse", "read_object"]

# Objects whose content nothing here can look into, by the beginnings of their SOP Class UIDs.
_OPAQUE = {
    "1.2.840.10008.5.1.4.1.1.104.": "an encapsulated document",
    "1.2.840.10008.5.1.4.1.1.66": "raw data",
    "1.2.840.10008.5.1.4.1.1.9.4.": "recorded speech",
    "1.2.840.10008.1.3.10": "a DICOMDIR",
}
_EXCEPT_OPAQUE = ("1.2.840.10008.5.1.4.1.1.66.",)  # registrations, segmentations and the like
# Images of these modalities usually have texts burned into their pixels.
_WITH_TEXTS = frozenset(("US", "ES", "XC", "SC", "OT", "GM", "OP", "HC", "DG", "IVUS", "ECG", "EPS"))
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_LABELS = frozenset(("LABEL", "OVERVIEW"))  # PS3.3, C.8.12.4.1.1: the slide with its paper label
_PREAMBLE = 128


@dataclass(frozen=True)
class Rules:
    """All that decides how objects are de-identified; plain values, so that it travels to other processes.

    Attributes
    ----------
    key : bytes
        The secret of the pseudonyms.
    profile : Profile
        The options of the profile.
    boxes : tuple of Box
        Blanked in every object with pixels. An object in which one of them does not fit is refused.
    device_rules : tuple of DeviceRule
        Boxes by device.
    outside_regions : bool
        Whether all that is outside of the ultrasound regions is blanked, in objects that have regions.
    burned_in : {"refuse", "keep"}
        What is done with images that may have texts in their pixels, and for which there are no boxes.
    transfer_syntax : str or None
        Of the outputs; None keeps that of the source.
    safe_private : frozenset of SafeAttribute
        Private attributes that are safe.
    words : frozenset of str
        Words that are kept in cleaned texts.
    """

    key: bytes = field(repr=False)
    profile: Profile = field(default_factory=Profile)
    boxes: tuple[Box, ...] = ()
    device_rules: tuple[DeviceRule, ...] = field(default=(), hash=False)
    outside_regions: bool = False
    burned_in: str = "refuse"
    transfer_syntax: str | None = None
    safe_private: frozenset[SafeAttribute] = frozenset()
    words: frozenset[str] = frozenset()


@dataclass(frozen=True)
class DeidentifyResult:
    """What `deidentify` did.

    Attributes
    ----------
    patient : str
        The pseudonym of the patient, which is in PatientID and PatientName.
    uid : str
        The SOP Instance UID of the output.
    source_transfer_syntax, transfer_syntax : str
        UIDs.
    frames, bytes_before, bytes_after : int
        Number of frames, and sizes of the objects.
    counts : dict of str to int
        Number of elements by what was done with them.
    boxes : tuple of Box
        Outside of them, no sample of any frame has changed: the boxes that are blank, which are grown for JPEG.
    blanked : float
        The share of the pixels of each frame that is in `boxes`, from 0 to 1.
    searched, too_short : int
        Number of identifying strings that were looked for in the output, and of those that are too short for it.
    digest : str
        SHA-256 of the output.
    warnings : tuple of str
        What to look at, in sentences: the object describes an image, but has no pixel data, so it may have been cut.
    """

    patient: str
    uid: str
    source_transfer_syntax: str
    transfer_syntax: str
    frames: int
    bytes_before: int
    bytes_after: int
    counts: dict[str, int]
    boxes: tuple[Box, ...]
    blanked: float
    searched: int
    too_short: int
    digest: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Deidentified:
    """A de-identified object: all its bytes, with preamble and File Meta Information, and what was done."""

    data: bytes = field(repr=False)
    result: DeidentifyResult


def read_object(source: Any) -> bytes:
    """Return all bytes of a source: a path, bytes, a binary file object, a URL, or a pydicom Dataset."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    if isinstance(source, str) and is_url(source):
        with import_fsspec().open(source, mode="rb") as file:
            return bytes(file.read())
    if isinstance(source, (str, os.PathLike)):
        with open(source, "rb") as file:
            return file.read()
    if isinstance(source, Dataset):
        buffer = io.BytesIO()
        pydicom.dcmwrite(buffer, source, enforce_file_format=False)
        return buffer.getvalue()
    if hasattr(source, "read"):
        source.seek(0)
        return bytes(source.read())
    raise TypeError(f"source must be a path, bytes, a file object or a Dataset, not {type(source).__name__}")


@contextlib.contextmanager
def _whatever_pydicom_raises(done: str) -> Iterator[None]:
    """Raise a `DeidentificationError` for an object with which something cannot be done."""
    try:
        yield
    except Error:
        raise
    except RecursionError:
        raise DeidentificationError("its sequences are nested too deep") from None
    except Exception as error:
        raise DeidentificationError(f"the dataset cannot be {done}: {error}", code="malformed") from error


def parse(data: bytes) -> Any:
    """Read a dataset with pydicom; it must begin like a DICOM object.

    Raises
    ------
    NotDicom
        If it is none.
    """
    has_preamble = data[_PREAMBLE : _PREAMBLE + 4] == b"DICM"
    if not has_preamble and data[1:2] + data[3:4] != b"\0\0":
        raise NotDicom("the file does not begin like a DICOM object")
    with _whatever_pydicom_raises("read"):
        dataset = pydicom.dcmread(io.BytesIO(data), force=not has_preamble)
        if not has_preamble and "SOPClassUID" not in dataset:
            raise NotDicom("the file does not begin like a DICOM object")
    _require_whole(data, dataset, has_preamble=has_preamble)
    return dataset


def _require_whole(data: bytes, dataset: Any, *, has_preamble: bool) -> None:
    """Raise an error unless a dataset has all elements of its file: pydicom ends silently where a file is broken."""
    syntax = known_transfer_syntax(str(dataset.file_meta.get("TransferSyntaxUID") or ""))
    begin = 0
    view = memoryview(data)
    if has_preamble:
        begin = _PREAMBLE + 4
        while begin + 4 <= len(data) and data[begin : begin + 2] == b"\2\0":
            _, _, value, length = read_header(view, begin, Encoding())
            begin = value + length
    if syntax is not None and syntax.deflated:
        try:
            view, begin = memoryview(zlib.decompress(view[begin:], -zlib.MAX_WBITS)), 0
        except zlib.error as error:
            raise DecodeError(f"the deflated dataset is damaged: {error}", code="malformed") from None
    implicit, little = dataset.original_encoding
    found = walk(view, begin, len(view), Encoding(explicit_vr=not implicit, big_endian=not little))
    tags = {element.tag for element in found if element.tag & 0xFFFF}
    missing = tags ^ {tag for tag in dataset.keys() if tag.element}  # noqa: SIM118 (iterating converts elements)
    if missing:
        raise DecodeError(f"the dataset is broken at or behind element {tag_name(min(missing))}", code="malformed")


def planned_boxes(dataset: Dataset, rules: Rules) -> tuple[Box, ...]:
    """Return what will be blanked in an object.

    Raises
    ------
    DeidentificationError
        If texts may be burned into its pixels, and nothing says where, or a box is not wholly within the image.
    """
    if not any(tag in dataset for tag in PIXEL_DATA):
        return ()
    boxes = given_boxes(dataset, rules)
    if boxes is None and rules.burned_in != "keep" and (why := _why_burned_in(dataset)):
        raise DeidentificationError(
            f"{why}, and nothing says where: give boxes=, device_rules= or outside_regions=True to blank them, or "
            "burned_in='keep' if you have seen that there are none"
        )
    require_within(boxes or (), *_size_of(dataset))
    return boxes or ()


def given_boxes(dataset: Dataset, rules: Rules) -> tuple[Box, ...] | None:
    """Return the boxes that the rules have for an image, whether they fit or not; None if no rule is for it."""
    boxes = list(rules.boxes)
    found = rule_boxes(dataset, rules.device_rules)
    boxes += found or ()
    regions = rules.outside_regions and "SequenceOfUltrasoundRegions" in dataset
    if regions:
        boxes += ultrasound_gaps(dataset)
    return tuple(dict.fromkeys(boxes)) if rules.boxes or found is not None or regions else None


def _size_of(dataset: Dataset) -> tuple[int, int]:
    """Return rows and columns; 0 where the object does not say it."""
    return int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)


def _why_burned_in(dataset: Dataset) -> str:
    """Return why an image may have texts in its pixels; empty if it has none."""
    stated = str(dataset.get("BurnedInAnnotation") or "").strip().upper()
    if stated == "YES":
        return "BurnedInAnnotation is YES"
    image_type = dataset.get("ImageType") or ()
    values = {str(value).strip().upper() for value in ([image_type] if isinstance(image_type, str) else image_type)}
    if values & _LABELS:
        return "the image may show the label of a slide"
    if stated == "NO":
        return ""
    modality = str(dataset.get("Modality") or "").strip().upper()
    if modality in _WITH_TEXTS:
        return f"images of the modality {modality} often have texts in their pixels"
    if str(dataset.get("SOPClassUID") or "").startswith(_SECONDARY_CAPTURE):
        return "secondary captures often have texts in their pixels"
    return ""


def deidentify_bytes(data: bytes, rules: Rules, threads: int | None = None) -> Deidentified:
    """De-identify an object.

    Parameters
    ----------
    data : bytes
        The whole object.
    rules : Rules
        How.
    threads : int, optional
        Workers, for pixels.

    Returns
    -------
    Deidentified

    Raises
    ------
    NotDicom, DecodeError
        If the source cannot be read.
    DeidentificationError
        If it cannot be de-identified for certain.
    """
    dataset = parse(data)
    _refuse_opaque(dataset)
    boxes = planned_boxes(dataset, rules)
    size = _size_of(dataset)
    _refuse_hidden_overlays(dataset)
    pixels = _pixels_of(dataset)
    frames = _count_frames(data) if pixels is not None else 0
    source_syntax = str(getattr(dataset.file_meta, "TransferSyntaxUID", "") or "")
    cleaner = Cleaner(rules.profile, Pseudonyms(rules.key), rules.safe_private, rules.words)
    _collect_meta(dataset, cleaner.identities)
    with _whatever_pydicom_raises("rewritten"):
        patient = cleaner.clean(dataset)
        mark(dataset, rules.profile, cleaned_pixels=bool(boxes))
        result = _written(dataset)
    # First, because boxes can be blanked in a lossless transfer syntax whatever that of the source is.
    if rules.transfer_syntax is not None and pixels is not None:
        result = transcoded(result, rules.transfer_syntax, threads)
    blank: tuple[Box, ...] = ()
    if boxes:
        result, blank = blank_boxes(result, boxes, threads)
        if not blank or not frames:  # the object says now that its pixels are clean
            raise DeidentificationError("the boxes were not blanked", code="internal")
    # Blanking has done it already.
    cleaned = clean_codestreams(result, threads) if pixels is not None and not blank else result
    has_same_pixels = cleaned is result and not blank and rules.transfer_syntax is None
    result = cleaned
    written = parse(result)
    if has_same_pixels and _pixels_of(written) != pixels:
        raise DeidentificationError("the pixel data have changed", code="internal")
    attack(result, written, cleaner.identities)
    done = DeidentifyResult(
        patient=patient,
        uid=str(written.get("SOPInstanceUID", "")),
        source_transfer_syntax=source_syntax,
        transfer_syntax=str(written.file_meta.TransferSyntaxUID),
        frames=frames,
        bytes_before=len(data),
        bytes_after=len(result),
        counts=dict(sorted(cleaner.counts.items())),
        boxes=blank,
        blanked=float(pixels_in(blank, size).mean()) if blank else 0.0,
        searched=len(cleaner.identities),
        too_short=cleaner.identities.too_short,
        digest=digest_of(result),
        warnings=_doubts(data) if pixels is None else (),
    )
    return Deidentified(result, done)


def _refuse_opaque(dataset: Dataset) -> None:
    uids = [str(dataset.get("SOPClassUID") or ""), str(dataset.file_meta.get("MediaStorageSOPClassUID") or "")]
    for uid in uids:
        for beginning, what in _OPAQUE.items():
            if uid.startswith(beginning) and not uid.startswith(_EXCEPT_OPAQUE):
                raise DeidentificationError(f"the object is {what}, whose content cannot be checked")


def _refuse_hidden_overlays(dataset: Dataset) -> None:
    for group in range(0x6000, 0x6020, 2):
        tag = group << 16 | 0x0100
        if tag in dataset and (dataset[tag].value or 1) != 1:
            raise DeidentificationError(
                f"overlay {group - 0x6000 >> 1} is in the unused bits of the pixels, where it would stay"
            )


def _pixels_of(dataset: Dataset) -> bytes | None:
    for tag in PIXEL_DATA:
        if tag in dataset:
            return bytes(dataset.get_item(tag).value or b"")
    return None


def _count_frames(data: bytes) -> int:
    """Return the number of frames, all of which must be there."""
    try:
        opened = open_source(data)
    except (NoPixelData, NotImplementedError):
        return 0
    try:
        promised, found = opened.promised_frames or 1, opened.index.frame_count
        if found < promised:
            raise DecodeError(f"the object has {found} of {promised} frames", code="missing_frame", frame=found)
        return found
    finally:
        opened.close()


def _doubts(data: bytes) -> tuple[str, ...]:
    """Return why an object without pixel data may have been cut."""
    try:
        open_source(data).close()
    except NoPixelData as error:
        return (f"it has no pixel data, {NO_PIXELS_OF_IMAGE}",) if error.describes_image else ()
    except Error:
        pass
    return ()


def _collect_meta(dataset: Any, identities: Identities) -> None:
    """Note what identifies somebody in the File Meta Information, of which only the UIDs of classes are kept."""
    for element in getattr(dataset, "file_meta", None) or ():
        if element.VR == "AE" or element.keyword == "MediaStorageSOPInstanceUID":
            identities.add(str(element.value or ""), element.keyword)


def _written(dataset: Any) -> bytes:
    """Return a cleaned dataset as a file."""
    source = dataset.file_meta
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\0\1"
    if class_uid := dataset.get("SOPClassUID") or source.get("MediaStorageSOPClassUID"):
        meta.MediaStorageSOPClassUID = class_uid
    if "SOPInstanceUID" in dataset:
        meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    implicit, little = dataset.original_encoding
    meta.TransferSyntaxUID = source.get("TransferSyntaxUID") or (
        "1.2.840.10008.1.2" if implicit else "1.2.840.10008.1.2.1" if little else "1.2.840.10008.1.2.2"
    )
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    dataset.file_meta = meta
    dataset.preamble = b"\0" * _PREAMBLE
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=False, implicit_vr=implicit, little_endian=little)
    return buffer.getvalue()


# ---- as an attacker would ---------------------------------------------------------------------------


def attack(data: bytes, dataset: Any, identities: Identities) -> None:
    """Look for all identifying strings in an output, in all elements and in all its bytes.

    Raises
    ------
    DeidentificationError
        If something is found.
    """
    present = identities.present_in([_contents(dataset), _contents(dataset.file_meta)])
    uid = str(dataset.file_meta.TransferSyntaxUID)
    uncompressed = uid in ("1.2.840.10008.1.2", *_UNCOMPRESSED)
    # The pixels are most of the bytes. If nothing is found in all bytes, they need no search of their own.
    found_somewhere = uid == _DEFLATED or identities.find_anywhere(data) is not None
    waiting: list[Dataset] = [dataset, dataset.file_meta]
    while waiting:
        level = waiting.pop()
        for tag in list(level.keys()):
            vr = vr_in(level, tag)
            if vr == "SQ":
                value = level[tag].value
                waiting += value if isinstance(value, Sequence) else []
                continue
            if tag in PIXEL_DATA and not found_somewhere:
                continue
            content = raw_bytes(level, tag)
            if tag in PIXEL_DATA:
                where = identities.find_anywhere(content, numbers=not uncompressed)
            elif vr in BINARY:
                where = present.find_anywhere(content)
            else:
                where = present.find_in_value(content)
            if where is not None:
                raise DeidentificationError(f"the value of {where} is still in element {tag_name(tag)} of the output")
    # Whatever the elements are: in the bytes as well. Numbers may be in uncompressed pixels by chance.
    where = identities.find_anywhere(data, numbers=False) if found_somewhere else None
    if where is not None:
        raise DeidentificationError(f"the value of {where} is still in the bytes of the output")


def _contents(dataset: Dataset) -> bytes:
    """Return the values of all elements at all levels, without the pixels."""
    waiting, values = [dataset], []
    while waiting:
        level = waiting.pop()
        for tag in list(level.keys()):
            if vr_in(level, tag) == "SQ":
                value = level[tag].value
                waiting += value if isinstance(value, Sequence) else []
            elif tag not in PIXEL_DATA:
                values.append(raw_bytes(level, tag))
    return b"\\".join(values)


_DEFLATED = "1.2.840.10008.1.2.1.99"
_UNCOMPRESSED = ("1.2.840.10008.1.2.1", _DEFLATED, "1.2.840.10008.1.2.2")


def total(counts: list[dict[str, int]]) -> dict[str, int]:
    """Add up counts of several objects."""
    result: Counter[str] = Counter()
    for one in counts:
        result.update(one)
    return dict(sorted(result.items()))
