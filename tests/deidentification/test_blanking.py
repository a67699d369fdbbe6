"""Boxes are blank in every frame, and not one other sample changes, whatever the transfer syntax."""

import io
import random

import numpy as np
import pydicom
import pytest
from helpers.dicom_writer import encapsulated_file
from helpers.identified import KEY, as_file, image_with, patient
from helpers.samples import smooth
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

import dcmturbo as dt
from dcmturbo.deidentification.blanking import blank_boxes
from dcmturbo.deidentification.boxes import Box, read_rules, ultrasound_gaps

SYNTAXES = {
    "ExplicitVRLittleEndian": {},
    "ImplicitVRLittleEndian": {},
    "DeflatedExplicitVRLittleEndian": {},
    "RLELossless": {},
    "JPEGLosslessSV1": {},
    "JPEGLSLossless": {},
    "JPEGLSNearLossless": {"near_lossless": 3},
    "JPEG2000Lossless": {},
    "JPEG2000": {"ratio": 10},
    "HTJ2KLossless": {},
    "HTJ2K": {"ratio": 10},
}


def source(syntax: str, options: dict, frames: int) -> bytes:
    cells = np.stack([smooth((40, 56), "u2", bits=12, seed=i) for i in range(frames)])
    native = image_with(patient(), cells)
    if syntax == "ExplicitVRLittleEndian":
        return native
    output = io.BytesIO()
    dt.transcode(native, output, syntax, **options)
    return output.getvalue()


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_boxes_are_blank_and_all_else_is_equal(syntax):
    data = source(syntax, SYNTAXES[syntax], 2)
    draw = random.Random(syntax)
    boxes = [(draw.randrange(40), draw.randrange(56), draw.randrange(1, 30), draw.randrange(1, 40)) for _ in range(3)]
    output = io.BytesIO()
    result = dt.deidentify(data, output, key=KEY, boxes=boxes)
    before, after = dt.decode(data), dt.decode(output.getvalue())
    inside = np.zeros((40, 56), bool)
    for top, left, height, width in boxes:
        inside[top : top + height, left : left + width] = True
    assert not after[:, inside].any()
    assert np.array_equal(before[:, ~inside], after[:, ~inside])
    assert result.transfer_syntax == result.source_transfer_syntax
    assert pydicom.dcmread(io.BytesIO(output.getvalue())).BurnedInAnnotation == "NO"


@pytest.mark.parametrize(
    ("photometric", "samples", "planar", "signed", "blank"),
    [
        ("MONOCHROME1", 1, 0, 0, 255),
        ("MONOCHROME2", 1, 0, 1, -128),
        ("RGB", 3, 0, 0, 0),
        ("RGB", 3, 1, 0, 0),
        ("PALETTE COLOR", 1, 0, 0, 0),
    ],
)
def test_blank_is_black(photometric, samples, planar, signed, blank):
    dataset = patient()
    draw = np.random.default_rng(3)
    image_with(dataset, draw.integers(1, 127, (20, 30), "u1"))
    dataset.PhotometricInterpretation, dataset.SamplesPerPixel = photometric, samples
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 7, signed
    if samples == 3:
        dataset.PlanarConfiguration = planar
    dataset.PixelData = draw.integers(1, 127, 20 * 30 * samples, "u1").tobytes()
    data = as_file(dataset)
    result = blank_boxes(data, [Box(2, 3, 5, 7)])
    before, after = (dt.decode(one, raw=True).astype(int) for one in (data, result.data))
    assert (after[2:7, 3:10] == blank).all()
    after[2:7, 3:10] = before[2:7, 3:10]
    assert np.array_equal(before, after)


def test_native_pairs_with_one_chroma_are_blanked_in_pairs():
    dataset = patient()
    draw = np.random.default_rng(5)
    image_with(dataset, draw.integers(1, 127, (20, 30), "u1"))
    dataset.PhotometricInterpretation, dataset.SamplesPerPixel = "YBR_FULL_422", 3
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 7, 0
    dataset.PlanarConfiguration = 0
    dataset.PixelData = draw.integers(1, 255, 20 * 30 * 2, "u1").tobytes()
    data = as_file(dataset)
    result = blank_boxes(data, [Box(2, 3, 5, 6)])
    assert result.boxes == (Box(2, 2, 5, 8),)
    before, after = (dt.decode(one) for one in (data, result.data))
    assert not after[2:7, 2:10].any()
    after[2:7, 2:10] = before[2:7, 2:10]
    assert np.array_equal(before, after)


def test_formats_without_a_lossless_form_are_refused():
    frame = dt.encode_frame(smooth((32, 32), "u1", bits=8), "JPEGBaseline8Bit", quality=90)
    jpeg = encapsulated_file([frame], "1.2.840.10008.1.2.4.50", rows=32, columns=32, bits_allocated=8, bits_stored=8)
    output = io.BytesIO()
    dt.transcode(jpeg, output, "JPEGXLJPEGRecompression")
    with pytest.raises(dt.DeidentificationError, match="without changing other samples"):
        blank_boxes(output.getvalue(), [Box(0, 0, 9, 9)])


def test_boxes_outside_of_the_image_change_nothing():
    data = image_with(patient())
    assert blank_boxes(data, [Box(500, 0, 3, 3)]) == (data, ())


def with_regions(*corners) -> Dataset:
    dataset = Dataset()
    dataset.Rows, dataset.Columns = 20, 30
    items = []
    for left, top, right, bottom in corners:
        item = Dataset()
        item.RegionLocationMinX0, item.RegionLocationMinY0 = left, top
        item.RegionLocationMaxX1, item.RegionLocationMaxY1 = right, bottom
        items.append(item)
    dataset.SequenceOfUltrasoundRegions = Sequence(items)
    return dataset


@pytest.mark.parametrize("seed", range(20))
def test_gaps_cover_exactly_what_no_region_covers(seed):
    draw = random.Random(seed)
    corners = []
    for _ in range(draw.randrange(1, 5)):
        left, right = sorted((draw.randrange(40), draw.randrange(40)))
        top, bottom = sorted((draw.randrange(25), draw.randrange(25)))
        corners.append((left, top, right, bottom))
    wanted = np.ones((20, 30), bool)
    for left, top, right, bottom in corners:
        wanted[top : bottom + 1, left : right + 1] = False
    found = np.zeros((20, 30), int)
    for box in ultrasound_gaps(with_regions(*corners)):
        found[box.top : box.top + box.height, box.left : box.left + box.width] += 1
    assert np.array_equal(found, wanted)


def test_objects_without_regions_have_no_gaps():
    dataset = Dataset()
    dataset.Rows = dataset.Columns = 20
    with pytest.raises(dt.DeidentificationError, match="no ultrasound regions"):
        ultrasound_gaps(dataset)
    with pytest.raises(dt.DeidentificationError, match="corners"):
        ultrasound_gaps(with_regions((9, 9, 2, 2)))


def test_the_first_rule_that_fits_is_used():
    rules = [
        {"match": {"Manufacturer": "ACME", "Rows": "20"}, "boxes": [[0, 0, 4, 30]]},
        {"match": {"Rows": "20"}, "boxes": "outside-regions"},
    ]
    first, second = read_rules(rules)
    dataset = with_regions((0, 0, 29, 9))
    assert not first.applies_to(dataset)
    assert second.applies_to(dataset)
    dataset.Manufacturer = "Acme"
    assert first.applies_to(dataset)


@pytest.mark.parametrize(
    "rules",
    [
        {},
        [{}],
        [{"match": {}, "boxes": []}],
        [{"match": {"Rows": 1}, "boxes": "all"}],
        [{"match": {"Rows": 1}, "boxes": [[1, 2, 3]]}],
        [{"match": {"Rows": 1}, "boxes": [[0, 0, 0, 4]]}],
        [{"match": {"Rows": 1}, "boxes": [], "more": 1}],
    ],
)
def test_wrong_rules_are_refused(rules):
    with pytest.raises(ValueError, match=r"rule|box"):
        read_rules(rules)
