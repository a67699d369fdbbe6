"""The attributes around the pixels: read quickly where they are plain, and as pydicom reads them everywhere."""

from __future__ import annotations

import io
import warnings

import pydicom
import pytest
from helpers.command_line import CT
from helpers.shipped import shipped_files
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

import dcmturbo as dt
from dcmturbo.pictures import header
from dcmturbo.pictures.grey import Grey, plain_modality
from dcmturbo.pictures.header import Header
from dcmturbo.pictures.windows import Choice


def slow(opened):
    return Header(opened)._read(header._TAGS, lambda tag, _vr, _length: int(tag) >= header._PER_FRAME)


def values(dataset):
    found = {}
    for keyword in header._TAGS:
        try:
            value = dataset.get(keyword)
        except Exception as error:  # a malformed value
            value = type(error)
        found[keyword] = value
    return found


def shipped_images():
    """Iterate over the files that can be opened, each with its image; without warnings about them."""
    for path in shipped_files():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                image = dt.open(path)
            except (dt.Error, OSError):
                continue
            with image:
                yield path, image


def test_quick_attributes_are_those_that_pydicom_reads():
    quick = 0
    for path, image in shipped_images():
        opened = image.frame_set.opened
        found = Header(opened)._read_plain()
        if found is not None:
            assert values(found) == values(slow(opened)), path
            quick += 1
    assert quick >= 40


def saved(ds, **how):
    file = io.BytesIO()
    ds.save_as(file, enforce_file_format=True, **how)
    return file.getvalue()


def is_quick(data):
    with dt.open(data) as image:
        opened = image.frame_set.opened
        found = Header(opened)._read_plain()
        if found is not None:
            assert values(found) == values(slow(opened))
        assert values(Header(opened).dataset) == values(slow(opened))
        return found is not None


def test_what_is_quick_and_what_is_left_to_pydicom():
    ds = pydicom.dcmread(CT)
    assert is_quick(saved(ds))
    other = Dataset()
    other.PatientID, other.PixelSpacing = "1", [9, 9]  # one of our attributes, but within another sequence
    for undefined in (False, True):
        ds.ReferencedImageSequence = Sequence([other])
        ds["ReferencedImageSequence"].is_undefined_length = undefined
        assert is_quick(saved(ds))
    ds.ModalityLUTSequence = Sequence([other])
    assert not is_quick(saved(ds))
    del ds.ModalityLUTSequence
    ds.add_new(0x00091001, "UN", b"x" * (header._QUICK_BYTES + 1))
    assert not is_quick(saved(ds))


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"])
def test_cut_and_damaged_headers_are_left_to_pydicom(syntax):
    ds = pydicom.dcmread(CT)
    ds.file_meta.TransferSyntaxUID = syntax
    data = saved(ds, implicit_vr=syntax.endswith(".2"), little_endian=True)
    assert is_quick(data)
    with dt.open(data) as image:
        offset = image.frame_set.opened.dataset.dataset_offset
    spacing = data.index(b"\x28\0\x30\0", offset)
    damaged = bytearray(data)
    damaged[spacing + 4 : spacing + 6] = b"??"  # no VR, or another length
    try:
        image = dt.open(bytes(damaged))
    except dt.Error:
        return
    with image:
        found = Header(image.frame_set.opened)._read_plain()
        if found is not None:
            assert values(found) == values(slow(image.frame_set.opened))


def modalities(image):
    """Return the modality transform of the first and last frame as it is found quickly, or None, and as always."""
    frames = image.frame_set
    grey = Grey(Header(frames.opened), frames.opened.bits_stored, frames.dtype, Choice())
    return plain_modality(frames.opened), {grey.modality(0), grey.modality(len(image) - 1)}


def test_a_quick_rescale_is_that_of_the_header():
    quick = 0
    for path, image in shipped_images():
        plain, always = modalities(image)
        if plain is not None:
            assert always == {plain}, path
            quick += 1
    assert quick >= 10


def test_only_one_plain_rescale_is_found_quickly():
    ds = pydicom.dcmread(CT)

    def of(ds):
        with dt.open(saved(ds)) as image:
            return modalities(image)

    plain, always = of(ds)
    assert always == {plain}
    group, values = Dataset(), Dataset()
    values.RescaleSlope, values.RescaleIntercept, values.RescaleType = 3, 4, "HU"
    group.PixelValueTransformationSequence = Sequence([values])
    for place in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        changed = pydicom.dcmread(CT)
        setattr(changed, place, Sequence([group]))
        assert of(changed)[0] is None
    table = Dataset()
    table.LUTDescriptor = [2, 0, 8]
    table.add_new("LUTData", "OW", b"\1\2")
    changed = pydicom.dcmread(CT)
    changed.ModalityLUTSequence = Sequence([table])
    assert of(changed)[0] is None
    for slope in ("", None):
        changed = pydicom.dcmread(CT)
        changed.RescaleSlope = slope
        assert of(changed)[0] is None
    changed = pydicom.dcmread(CT)
    changed.SOPClassUID = changed.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.12.1"
    changed.PixelIntensityRelationship = "LOG"
    plain, always = of(changed)
    assert plain is None
    assert [(one.slope, one.intercept) for one in always] == [(1, 0)]
