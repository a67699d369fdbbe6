"""What real files of JPEG 2000 hold, each with the tests that name it; and those tests that had no other place."""

import re
import struct
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from helpers.jpeg2000 import check, component, decoded, difference
from helpers.jpeg2000_damage import COC, COD, QCD, SOD, SOT, find, inserted, patched
from oracle.jpeg2000_stream import Image, finished, write
from oracle.jpeg2000_tile import Coding

import dcmturbo as dt

PITFALLS = {
    "sign and precision are the codestream's": "pitfalls.test_sign_and_precision_are_those_of_the_codestream "
    "streams.test_every_precision streams.test_frames_of_32_bits streams.test_more_bits_than_dicom_has",
    "components of different precision, sign, size": "streams.test_components_that_are_not_alike",
    "1-bit data": "pitfalls.test_segmentations_of_one_bit",
    "JP2 boxes; bad lengths": "hostile.test_a_file_in_boxes_is_said_to_be_one hostile.test_boxes_of_any_length "
    "streams.test_a_jp2_file_is_its_codestream",
    "cut short": "streams.test_cut_at_every_byte jpeg2000.test_cut_anywhere_is_an_error_and_salvage_gives_an_image",
    "missing EOC, Psot 0": "streams.test_the_last_tile_part_may_state_no_length jpeg2000.test_a_missing_eoc_is_told",
    "tile-parts announced wrongly": "pitfalls.test_tile_parts_announced_wrongly "
    "hostile.test_what_says_nothing_of_the_image",
    "MCT decides, not PhotometricInterpretation": "pitfalls.test_the_transform_is_the_codestreams",
    "YBR_FULL_422": "pitfalls.test_ybr_full_422",
    "palettes and cdef boxes": "streams.test_a_jp2_file_is_its_codestream",
    "code-block styles": "jpeg2000.test_code_block_styles streams.test_styles_with_passes_left_out "
    "jpeg2000_oracle.test_every_style_comes_back",
    "region of interest, also with bypass": "streams.test_a_region_of_interest_at_each_shift",
    "derived and expounded quantisation": "streams.test_step_sizes",
    "COD, COC, QCD, QCC of tiles and components": "streams.test_tiles_coded_each_in_its_way "
    "streams.test_components_that_are_not_alike pitfalls.test_which_coding_style_stands_over_which "
    "pitfalls.test_a_coding_style_written_twice",
    "progressions and their changes": "jpeg2000.test_progressions_and_layouts "
    "streams.test_progression_changes_that_overlap jpeg2000.test_progression_changes",
    "PPM and PPT": "streams.test_packed_packet_headers streams.test_packed_headers_in_segments_of_any_size",
    "PLT and TLM": "streams.test_markers_that_say_nothing_of_the_image hostile.test_what_says_nothing_of_the_image",
    "SOP and EPH": "streams.test_packed_packet_headers streams.test_packets_of_no_length",
    "precincts smaller than blocks; empty bands and tiles": "streams.test_precincts streams.test_images_of_few_samples",
    "tile-parts interleaved, and as many as may be": "streams.test_tile_parts_among_those_of_other_tiles "
    "pitfalls.test_as_many_tile_parts_as_a_tile_may_have",
    "subsampled components": "jpeg2000.test_subsampled pitfalls.test_every_other_sample_of_the_grid "
    "pitfalls.test_a_frame_of_every_other_sample_of_the_grid",
    "16384 components": "hostile.test_as_many_components_as_there_may_be",
    "midpoint reconstruction": "jpeg2000_oracle.test_after_some_passes_each_value_is_the_middle_of_what_is_left "
    "streams.test_styles_with_passes_left_out",
    "9/7: one rounding, on every ISA": "wavelet.test_the_core_inverts_like_them streams.test_levels",
}

SMALL = (0, 0, 24, 20)


@pytest.mark.parametrize("pitfall", PITFALLS)
def test_each_has_a_test(pitfall):
    for name in PITFALLS[pitfall].split():
        room, test = name.split(".")
        stem = room if room.startswith("jpeg2000") else f"jpeg2000_{room}"
        source = (Path(__file__).parent / f"test_{stem}.py").read_text()
        assert re.search(rf"^def {test}\(", source, re.MULTILINE), name


def frame(data: bytes, **more) -> np.ndarray:
    return dt.decode_frame(data, "JPEG2000Lossless", **{"rows": 20, "columns": 24, "bits_allocated": 16} | more)


@pytest.mark.parametrize("stored", [10, 12, 16])
@pytest.mark.parametrize("says_signed", [False, True], ids=["PR 0", "PR 1"])
@pytest.mark.parametrize("is_signed", [False, True], ids=["unsigned", "signed"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_sign_and_precision_are_those_of_the_codestream(is_signed, says_signed, stored):
    """12 bits, whatever BitsStored is; the array's type is the dataset's, so there the same bits mean what it says."""
    plane = component(SMALL, 12, is_signed)
    data, _ = write(Image([plane], SMALL))
    found = frame(data, bits_stored=stored, pixel_representation=int(says_signed))
    assert found.dtype == (np.int16 if says_signed else np.uint16)
    bits = plane.samples & 0xFFF
    expected = np.where(bits >= 2048, bits - 4096, bits) if says_signed else bits
    np.testing.assert_array_equal(found, expected)


def test_segmentations_of_one_bit():
    plane = component(SMALL, 1)
    data, _ = write(Image([plane], SMALL))
    assert 0 < plane.samples.mean() < 1
    for allocated in (1, 8):
        found = frame(data, bits_allocated=allocated, bits_stored=1)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, plane.samples)


@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("announced", [1, 2, 4, 255])
def test_tile_parts_announced_wrongly(announced, ends):
    """There are three. Kakadu announces one too few; where EOC is missing too, packets are all the proof there is."""
    image = Image([component(SMALL)], SMALL, layers=3, parts=3)
    data, out = write(image)
    for index in range(3):
        data = patched(data, SOT, 7, "B", announced, index=index)
    with nullcontext() if ends else pytest.warns(dt.DecodeWarning, match="EOC"):
        found = dt.decode_components(data if ends else data[:-2])
    assert difference(found, finished(image, out)) == 0


@pytest.mark.parametrize("stated", ["RGB", "YBR_RCT", "YBR_ICT"])
@pytest.mark.parametrize("transform", [False, True], ids=["MCT 0", "MCT 1"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_transform_is_the_codestreams(transform, stated):
    components = [component(SMALL, seed=i) for i in range(3)]
    data, _ = write(Image(components, SMALL, transform=transform))
    found = frame(data, bits_allocated=8, samples_per_pixel=3, photometric_interpretation=stated)
    np.testing.assert_array_equal(found, np.stack([c.samples for c in components], -1))


def test_ybr_full_422():
    """CP-2650: chroma at every other column, a sample of it for each pixel in what is returned."""
    components = [component(SMALL), component(SMALL, dx=2, seed=1), component(SMALL, dx=2, seed=2)]
    data, _ = write(Image(components, SMALL))
    arguments = {"bits_allocated": 8, "samples_per_pixel": 3, "photometric_interpretation": "YBR_FULL_422"}
    chroma = [np.repeat(c.samples, 2, 1) for c in components[1:]]
    found = frame(data, raw=True, **arguments)
    np.testing.assert_array_equal(found, np.stack([components[0].samples, *chroma], -1))
    assert frame(data, **arguments).shape == (20, 24, 3)


def test_every_other_sample_of_the_grid():
    """XRsiz 2 in mammography: the only component has half of the grid's columns."""
    plane = component((0, 0, 48, 20), 12, dx=2)
    data, _ = write(Image([plane], (0, 0, 48, 20)))
    np.testing.assert_array_equal(dt.decode_components(data)[0], plane.samples)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("area", [(0, 0, 48, 40), (0, 0, 47, 39), (5, 3, 52, 43)])
def test_a_frame_of_every_other_sample_of_the_grid(area, count):
    """Rows and Columns are those of the components; a dataset that has those of the grid gets each sample as often as
    the grid has it."""
    planes = [component(area, 12, dx=2, dy=2, seed=i) for i in range(count)]
    data, _ = write(Image(planes, area, (26, 22, 0, 0), transform=count == 3))
    expected = planes[0].samples if count == 1 else np.stack([plane.samples for plane in planes], -1)
    arguments = {"samples_per_pixel": count, "bits_stored": 12}
    if count == 3:
        arguments["photometric_interpretation"] = "YBR_RCT"
    rows, columns = expected.shape[:2]
    out = np.zeros_like(expected, np.uint16)
    assert frame(data, rows=rows, columns=columns, out=out, threads=2, **arguments) is out
    np.testing.assert_array_equal(out, expected)
    if area[:2] == (0, 0):
        smaller = np.stack(dt.decode_components(data, reduce=1), -1)
        found = frame(data, rows=rows, columns=columns, reduce=1, **arguments)
        np.testing.assert_array_equal(found.reshape(smaller.shape), smaller)
        repeated = expected.repeat(2, 0).repeat(2, 1)[: area[3], : area[2]]
        np.testing.assert_array_equal(frame(data, rows=area[3], columns=area[2], **arguments), repeated)
    with pytest.raises(dt.DecodeError, match="the dataset has"):
        frame(data, rows=rows, columns=columns + 1, **arguments)


def test_a_coding_style_written_twice():
    """Scanners did; a second one that differs is damage."""
    plane = component(SMALL)
    data, _ = write(Image([plane], SMALL))
    place = find(data, COD)
    content = data[place.at + 4 : place.at + 4 + place.size]
    twice = inserted(data, QCD, COD, content)
    np.testing.assert_array_equal(decoded(twice)[0], plane.samples)
    assert dt.probe(twice).parameters == dt.probe(data).parameters
    with pytest.raises(dt.DecodeError, match="a second COD"):
        dt.decode_components(inserted(data, QCD, COD, content[:3] + b"\2" + content[4:]))


def test_as_many_tile_parts_as_a_tile_may_have():
    check(Image([component(SMALL)], SMALL, layers=90, parts=255))


def test_which_coding_style_stands_over_which():
    """A.6: COC of a tile, COD of a tile, COC of the main header, its COD."""
    area, tiles = (0, 0, 32, 16), (16, 16, 0, 0)
    own = Coding(levels=1, block=(3, 3), style=1)
    components = [component(area), component(area, coding=Coding(levels=3, style=32))]
    image = Image(components, area, tiles, tile_coding={1: own})
    data = check(image)
    # A second COC in the first tile, of what the main header's says, behind a COD that is of neither.
    behind = struct.pack(">BBHBBBBBB", 0, 0, 1, 0, 5, 3, 3, 0, 1)
    same = {0: (2, 2, 2, 0, 1), 1: (3, 2, 2, 32, 1)}
    changed = inserted(data, SOD, 0xFF52, behind)
    for index, parameters in same.items():
        changed = inserted(changed, SOD, COC, bytes([index, 0, *parameters]))
    assert difference(decoded(changed), [c.samples for c in components]) == 0
    with pytest.raises(dt.DecodeError):  # the COD alone stands over the main header's COC
        dt.decode_components(inserted(data, SOD, 0xFF52, behind))
