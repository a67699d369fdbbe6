"""Sequences before the pixel data whose lengths are wrong: the image behind them is found, and can be transcoded."""

import io
import struct

import numpy as np
import pydicom
import pytest
from helpers.dicom_writer import BIG, EXPLICIT, IMPLICIT, UNDEFINED, dicom_file, encapsulate, pixel_module
from helpers.small_frames import quietly

import dcmturbo as dt

RNG = np.random.default_rng(5)
GREY = RNG.integers(0, 4096, (16, 20)).astype(np.uint16)
ICON = np.full((4, 4), 9, np.uint8)
MODULE = {"rows": 16, "columns": 20, "bits_allocated": 16, "bits_stored": 12}
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"


def native_icon(e) -> bytes:
    return pixel_module(e, rows=4, columns=4) + e.element(0x7FE00010, "OB", ICON.tobytes())


def compressed_icon(e) -> bytes:
    pixels = encapsulate([dt.encode_frame(ICON, "JPEGLosslessSV1")], table=False)
    return pixel_module(e, rows=4, columns=4) + e.element(0x7FE00010, "OB", pixels, length=UNDEFINED)


def sequence(e, tag: int, content: bytes, off: int, which: str, *, undefined: bool = False) -> bytes:
    """A sequence of one item of which some lengths are `off`."""
    item_length = len(content) + (off if which in ("both", "item") else 0)
    item = e.header(0xFFFEE000, "", item_length) + content
    if undefined:
        return e.header(tag, "SQ", UNDEFINED) + item + e.header(0xFFFEE0DD, "", 0)
    return e.header(tag, "SQ", len(item) + (off if which in ("both", "sequence") else 0)) + item


def image_file(e, nested: bytes, *, behind: bytes = b"", compressed: bool = False) -> bytes:
    if compressed:
        pixels = e.element(
            0x7FE00010, "OB", encapsulate([dt.encode_frame(GREY, "JPEGLosslessSV1", bits_stored=12)]), length=UNDEFINED
        )
    else:
        pixels = e.element(0x7FE00010, "OW", GREY.astype(f"{e.order}u2").tobytes())
    early = int.from_bytes(nested[:2], "big" if e.big_endian else "little") < 0x28
    module = pixel_module(e, **MODULE)
    first = e.element(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7")
    body = first + (nested + module if early else module + nested) + behind + pixels
    syntax = JPEG_LOSSLESS if compressed else {True: "explicit", False: "implicit"}[e.explicit]
    return dicom_file(body, "big_endian" if e.big_endian else syntax)


TARGETS = ("ExplicitVRLittleEndian", "RLELossless", "ImplicitVRLittleEndian")


def check(source: bytes, tmp_path, *, targets=TARGETS) -> None:
    with pytest.warns(dt.DecodeWarning):
        np.testing.assert_array_equal(dt.decode(source), GREY)
    path = tmp_path / "object.dcm"
    path.write_bytes(source)
    for one in (path, io.BytesIO(source)):
        np.testing.assert_array_equal(quietly(one), GREY)
    for target in targets:
        result = tmp_path / f"{target}.dcm"
        dt.transcode(path, result, target)
        np.testing.assert_array_equal(quietly(result), GREY)
        # Another reader finds it too, and all elements in their places.
        ds = pydicom.dcmread(result)
        assert ds.Rows == 16
        assert ds.Columns == 20
        tags = [element.tag for element in ds]
        assert tags == sorted(tags)
        assert not any(tag.group == 0xFFFE for tag in tags)
        np.testing.assert_array_equal(ds.pixel_array, GREY)


OFFS = [-40, -24, -18, -16, -8, -2, 2, 8, 24, 40]
ENCODINGS = {"explicit": EXPLICIT, "implicit": IMPLICIT, "big": BIG}


@pytest.mark.parametrize("off", OFFS)
@pytest.mark.parametrize("which", ["both", "item", "sequence"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_icon_of_wrong_length(off, which, encoding, tmp_path):
    e = ENCODINGS[encoding]
    check(image_file(e, sequence(e, 0x00880200, native_icon(e), off, which)), tmp_path)


@pytest.mark.parametrize("off", OFFS)
@pytest.mark.parametrize("which", ["both", "item", "sequence"])
def test_a_compressed_icon_of_wrong_length(off, which, tmp_path):
    nested = sequence(EXPLICIT, 0x00880200, compressed_icon(EXPLICIT), off, which)
    check(image_file(EXPLICIT, nested, compressed=True), tmp_path)


@pytest.mark.parametrize("off", OFFS)
@pytest.mark.parametrize("encoding", ["explicit", "implicit"])
def test_an_item_of_wrong_length_in_a_sequence_of_undefined_length(off, encoding, tmp_path):
    e = ENCODINGS[encoding]
    check(image_file(e, sequence(e, 0x00880200, native_icon(e), off, "item", undefined=True)), tmp_path)


@pytest.mark.parametrize("off", OFFS)
@pytest.mark.parametrize("which", ["both", "item", "sequence"])
@pytest.mark.parametrize("encoding", ["explicit", "implicit"])
def test_other_sequences_of_wrong_length(off, which, encoding, tmp_path):
    e = ENCODINGS[encoding]
    content = e.element(0x00081150, "UI", "1.2.840.10008.5.1.4.1.1.7") + e.element(0x00081155, "UI", "1.2.3.4.5.6.78")
    behind = e.element(0x00081160, "IS", "12") if off > 30 else b""
    nested = sequence(e, 0x00081140, content, off, which) + behind
    source = image_file(e, nested + e.element(0x00100010, "PN", "Doe^Jane") + e.element(0x00100020, "LO", "4711"))
    check(source, tmp_path)
    result = tmp_path / "ExplicitVRLittleEndian.dcm"
    assert pydicom.dcmread(result).PatientID == "4711"


def cut_before(content: bytes, tag: int) -> int:
    """How far a length is off that ends an item before one of its elements."""
    return content.index(struct.pack("<HH", tag >> 16, tag & 0xFFFF)) - len(content)


@pytest.mark.parametrize("tag", [0x00280010, 0x00280100, 0x00280103, 0x7FE00010])
@pytest.mark.parametrize("kind", ["native", "compressed"])
def test_lengths_that_end_an_icon_before_one_of_its_elements(tag, kind, tmp_path):
    content = native_icon(EXPLICIT) if kind == "native" else compressed_icon(EXPLICIT)
    nested = sequence(EXPLICIT, 0x00880200, content, cut_before(content, tag), "both")
    check(image_file(EXPLICIT, nested, compressed=kind == "compressed"), tmp_path)


def test_the_pixels_of_a_broken_private_sequence_are_not_the_image(tmp_path):
    content = native_icon(EXPLICIT)
    nested = sequence(EXPLICIT, 0x00091001, content, cut_before(content, 0x7FE00010), "both")
    creator = EXPLICIT.element(0x00090010, "LO", "SOMEBODY")
    check(image_file(EXPLICIT, creator + nested), tmp_path)


@pytest.mark.parametrize("off", [-24, -8, 8, 24])
def test_all_lengths_of_nested_sequences_are_off(off, tmp_path):
    e = EXPLICIT
    inner = sequence(e, 0x00880200, native_icon(e), off, "both")
    outer = sequence(e, 0x00089999, e.element(0x00081150, "UI", "1.2.3.45") + inner, off, "both")
    check(image_file(e, outer + e.element(0x00100010, "PN", "Doe^Jane")), tmp_path, targets=("RLELossless",))


def test_lengths_that_reach_behind_the_image(tmp_path):
    for encoding in (EXPLICIT, IMPLICIT):
        for off in (GREY.nbytes + 8, GREY.nbytes + 12, GREY.nbytes + 1000, 1 << 20):
            nested = sequence(encoding, 0x00880200, native_icon(encoding), off, "both")
            check(image_file(encoding, nested), tmp_path, targets=("RLELossless",))


def test_a_length_and_a_delimiter_as_well(tmp_path):
    nested = sequence(EXPLICIT, 0x00880200, native_icon(EXPLICIT), 0, "") + EXPLICIT.header(0xFFFEE0DD, "", 0)
    check(image_file(EXPLICIT, nested), tmp_path)


def test_missing_delimiters_are_written(tmp_path):
    item = EXPLICIT.item(native_icon(EXPLICIT), undefined=True, delimiter=False)
    nested = EXPLICIT.sequence(0x00880200, [item], undefined=True)
    check(image_file(EXPLICIT, nested), tmp_path)


def test_right_lengths_are_left_alone(tmp_path):
    # Tags within an item that do not ascend, and a private value that only looks like items.
    content = EXPLICIT.element(0x00081155, "UI", "1.2.3.45") + EXPLICIT.element(0x00081150, "UI", "1.2.3.456 ")
    nested = EXPLICIT.sequence(0x00081140, [EXPLICIT.item(content), EXPLICIT.item(b"")])
    creator = EXPLICIT.element(0x00090010, "LO", "SOMEBODY")
    nested += creator + EXPLICIT.element(0x00091001, "UN", b"\xfe\xff\x00\xe0" + b"\x10\0\0\0" + b"rubbish ")
    source = image_file(EXPLICIT, nested)
    np.testing.assert_array_equal(dt.decode(source), GREY)
    result = tmp_path / "result.dcm"
    dt.transcode(source, result, "RLELossless")
    assert nested in result.read_bytes()


# --- deep nesting ---------------------------------------------------------------------------------


def deep(depth: int) -> bytes:
    opening = EXPLICIT.header(0x0040A730, "SQ", UNDEFINED) + EXPLICIT.header(0xFFFEE000, "", UNDEFINED)
    closing = EXPLICIT.header(0xFFFEE00D, "", 0) + EXPLICIT.header(0xFFFEE0DD, "", 0)
    return opening * depth + closing * depth


@pytest.mark.parametrize("depth", [1, 63, 64, 65, 1000, 200_000])
def test_sequences_nest_as_deep_as_the_data_do(depth, tmp_path):
    source = image_file(EXPLICIT, deep(depth))
    np.testing.assert_array_equal(dt.decode(source), GREY)
    result = io.BytesIO()
    dt.transcode(source, result, "RLELossless")
    np.testing.assert_array_equal(dt.decode(result.getvalue()), GREY)


# --- objects that are cut short -------------------------------------------------------------------


def test_an_object_that_is_cut_before_its_pixel_data_is_an_error():
    whole = image_file(EXPLICIT, EXPLICIT.element(0x00400275, "UN", bytes(400)) + deep(3))
    pixels = whole.rindex(b"\xe0\x7f\x10\0")
    inside = [whole.index(b"UN") + 100, pixels - 8, pixels - 30, pixels + 5, pixels - 3]
    for size in inside:
        with pytest.raises(dt.DecodeError) as caught:
            quietly(whole[:size])
        assert caught.value.code == "truncated"


def test_zeros_behind_an_object_without_pixel_data_are_no_cut():
    body = EXPLICIT.element(0x00080005, "CS", "ISO_IR 100")
    for zeros in (2, 6, 100):
        with pytest.raises(dt.NoPixelData):
            quietly(dicom_file(body + b"\0" * zeros, "explicit"))
