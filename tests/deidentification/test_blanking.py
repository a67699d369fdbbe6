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
    boxes = []
    for _ in range(3):
        top, left = draw.randrange(40), draw.randrange(56)
        boxes.append((top, left, draw.randint(1, min(30, 40 - top)), draw.randint(1, min(40, 56 - left))))
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


OUTSIDE = [(5000, 5000, 10, 10), (24, 0, 1, 1), (0, 32, 1, 1), (0, 0, 25, 32), (0, 0, 24, 33), (23, 31, 2, 1)]


def with_texts(state: str | None = "YES") -> bytes:
    """An image of 24 rows and 32 columns that states whether there are texts in its pixels."""
    dataset = patient()
    image_with(dataset)
    if state is not None:
        dataset.BurnedInAnnotation = state
    return as_file(dataset)


@pytest.mark.parametrize("state", ["YES", "NO", None])
@pytest.mark.parametrize("box", OUTSIDE)
def test_boxes_that_are_not_within_the_image_are_refused(box, state, tmp_path):
    data = with_texts(state)
    rule = {"match": {"Rows": "24"}, "boxes": [(0, 0, 2, 2), box]}
    # A box that fits does not make up for one that does not.
    two = [(0, 0, 2, 2), box]
    for choices in ({"boxes": [box]}, {"boxes": two}, {"device_rules": [rule]}, {"boxes": two, "burned_in": "keep"}):
        with pytest.raises(dt.DeidentificationError, match="24 rows and 32 columns") as caught:
            dt.deidentify(data, tmp_path / "out.dcm", key=KEY, **choices)
        assert str(box) in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(dt.DeidentificationError, match="24 rows and 32 columns"):
        blank_boxes(data, [Box(*box)])


def test_a_box_may_end_where_the_image_ends():
    for box, share in (((0, 0, 24, 32), 1.0), ((23, 31, 1, 1), 1 / 768), ((0, 0, 12, 32), 0.5)):
        output = io.BytesIO()
        result = dt.deidentify(with_texts(), output, key=KEY, boxes=[box])
        assert result.boxes == (box,)
        assert result.blanked == share
        assert pydicom.dcmread(io.BytesIO(output.getvalue())).BurnedInAnnotation == "NO"


def test_overlapping_boxes_count_once():
    result = dt.deidentify(with_texts(), io.BytesIO(), key=KEY, boxes=[(0, 0, 12, 32), (6, 0, 12, 32)])
    assert result.blanked == 0.75


def test_objects_without_pixels_need_no_box():
    result = dt.deidentify(as_file(patient()), io.BytesIO(), key=KEY, boxes=[(5000, 0, 1, 1)])
    assert result.boxes == ()
    assert result.blanked == 0


def test_what_nobody_blanked_is_not_said_to_be_clean():
    for choices in ({"burned_in": "keep"}, {"device_rules": [{"match": {"Rows": "24"}, "boxes": []}]}):
        output = io.BytesIO()
        assert dt.deidentify(with_texts(), output, key=KEY, **choices).blanked == 0
        assert pydicom.dcmread(io.BytesIO(output.getvalue())).BurnedInAnnotation == "YES"


def test_regions_beside_the_image_leave_no_box_without_pixels():
    dataset = with_regions((0, 900, 10, 950))
    found = ultrasound_gaps(dataset)
    assert all(min(box) >= 0 and box.height and box.width for box in found)
    assert all(box.is_within(dataset.Rows, dataset.Columns) for box in found)


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
