"""What `compare_objects` says of two files: the first against the second, and where, if both would look the same."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
import pytest
from helpers.dicom_writer import EXPLICIT, dicom_file, native_file, pixel_module

import dcmturbo as dt
from dcmturbo.archives.comparison import compare_objects


@pytest.fixture
def compare(tmp_path):
    def compare(first: bytes, second: bytes):
        (tmp_path / "first.dcm").write_bytes(first)
        (tmp_path / "second.dcm").write_bytes(second)
        return compare_objects(str(tmp_path / "first.dcm"), str(tmp_path / "second.dcm"))

    return compare


def with_element(tag: int, vr: str, value: bytes) -> bytes:
    return dicom_file(EXPLICIT.element(tag, vr, value))


@pytest.mark.parametrize(
    ("first", "second", "what"),
    [
        (b"Nobody", b"Nobody  ", "Nobody: only the padding differs (6 bytes against 8)"),
        (b"Nobody\0\0", b"Nobody \0", "Nobody: only the padding differs (from byte 6)"),
        (b"Nobody", b"Nobodz", "Nobody against Nobodz"),
        (b"N" * 50 + b"ab", b"N" * 50 + b"cb", "N" * 37 + "... each, first different at byte 50: 61 against 63"),
        (
            b"N" * 50,
            b"N" * 52,
            "N" * 37 + "...: 50 bytes against 52; the shorter value is the beginning of the longer one",
        ),
    ],
)
def test_texts_that_look_the_same(compare, first, second, what):
    found = compare(with_element(0x00081030, "LO", first), with_element(0x00081030, "LO", second))
    assert found.elements == [f"StudyDescription (0008,1030): {what}"]


@pytest.mark.parametrize("at", [0, 17, 2047])
def test_bytes_that_look_the_same(compare, at):
    data = bytearray(2048)
    first = with_element(0x60003000, "OB", bytes(data))
    data[at] = 0x40
    found = compare(first, with_element(0x60003000, "OB", bytes(data)))
    assert found.elements == [f"OverlayData (6000,3000): 2048 bytes each, first different at byte {at}: 00 against 40"]


def test_numbers_that_look_the_same(compare):
    values = [np.array([0.1], "<f8"), np.nextafter(np.array([0.1], "<f8"), 1)]
    one, other = (with_element(0x00189073, "FD", value.tobytes()) for value in values)
    assert "0.1 each, first different at byte 0" in compare(one, other).elements[0]


@pytest.mark.parametrize(("sizes", "what"), [((0, 3), "0 bytes against 3"), ((1, 0), "1 byte against 0")])
def test_behind_the_elements_the_first_comes_first(compare, sizes, what):
    one, other = (with_element(0x00100010, "PN", b"Nobody") + b"\xff" * size for size in sizes)
    assert compare(one, other).elements == [f"after the elements: the bytes differ ({what})"]


def test_behind_the_last_frame_the_first_comes_first(compare):
    files = [native_file(bytes(16) + b"\1" * size, rows=4, columns=4) for size in (2, 6, 6)]
    assert (
        "the pixel data: 2 bytes after the last frame in the first file, 6 in the second"
        in compare(*files[:2]).elements
    )
    assert (
        "the pixel data: 6 bytes after the last frame in the first file, 2 in the second"
        in compare(*files[1::-1]).elements
    )
    changed = files[2][:-1] + b"\2"
    assert compare(files[1], changed).elements == ["the pixel data: 6 bytes after the last frame differ"]


def test_frames_with_and_without_subsampled_chroma_end_at_different_places(tmp_path, compare):
    subsampled = pydicom.data.get_testdata_file("SC_ybr_full_422_uncompressed.dcm")
    coded, native = tmp_path / "coded.dcm", tmp_path / "native.dcm"
    dt.transcode(subsampled, coded, "HTJ2KLossless")
    dt.transcode(coded, native, "ExplicitVRLittleEndian")
    first, second = Path(subsampled).read_bytes(), native.read_bytes()
    for one, other in ((first, second), (second, second)):
        assert not compare(one, other).elements
    assert compare(first, with_bytes_behind(second)).elements == [
        "the pixel data: 0 bytes after the last frame in the first file, 4 in the second"
    ]


def with_bytes_behind(data: bytes) -> bytes:
    """An object whose pixel data have four more bytes."""
    ds = pydicom.dcmread(io.BytesIO(data))
    ds.PixelData += b"\1\2\3\4"
    made = io.BytesIO()
    ds.save_as(made, enforce_file_format=True)
    return made.getvalue()


def float_file(values: np.ndarray) -> bytes:
    module = pixel_module(EXPLICIT, rows=2, columns=2, bits_allocated=32)
    return dicom_file(module + EXPLICIT.element(0x7FE00008, "OF", values.tobytes()))


@pytest.mark.parametrize(
    ("one", "other", "what", "error"),
    [
        (0x7FC00000, 0x7FC00001, "1 sample differs in the bits only; the values compare equal", 0.0),
        (0x00000000, 0x80000000, "1 sample differs in the bits only; the values compare equal", 0.0),
        (
            0x7FC00000,
            0x3F800000,
            "1 sample differs; one of the two is NaN or infinite, so the difference has no size",
            None,
        ),
        (0x3F800000, 0x40000000, "1 sample differs, by up to 1, first in frame 0", 1.0),
    ],
)
def test_samples_that_are_no_numbers(compare, one, other, what, error):
    files = [float_file(np.array([bits, 0, 0, 0], "<u4")) for bits in (one, other)]
    found = compare(*files)
    assert found.pixels.startswith(what)
    assert found.maximum_error == error
