"""Many frames are blanked on many workers: results and errors are those of one frame after the other."""

import io
import struct

import numpy as np
import pydicom
import pytest
from helpers.dicom_writer import encapsulated_file
from helpers.samples import smooth

import dcmturbo as dt
from dcmturbo import _core
from dcmturbo.dataset.sources import open_source
from dcmturbo.deidentification.blanking import blank_boxes
from dcmturbo.deidentification.boxes import Box
from dcmturbo.frames.frame_set import QuietFrameSet

pytestmark = pytest.mark.threads

BOX = (5, 7, 12, 20)
JPEG, HTJ2K = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.201"
OPTIONS = {JPEG: {"quality": 90}, HTJ2K: {}}
SHAPE = {"rows": 48, "columns": 56, "bits_allocated": 8, "bits_stored": 8}
syntaxes = pytest.mark.parametrize("syntax", OPTIONS)


def encoded(syntax: str, count: int) -> list[bytes]:
    return [
        bytes(dt.encode_frame(smooth((48, 56), "u1", bits=8, seed=i), syntax, **OPTIONS[syntax])) for i in range(count)
    ]


def blanked(data: bytes, threads: int, boxes=(BOX,), values=(0,)):
    opened = open_source(data)
    try:
        image = QuietFrameSet(opened, raw=True, unused_bits="keep")
        return _core.blank_frames(image.stream(), len(image), boxes, values, threads=threads)
    finally:
        opened.close()


@syntaxes
@pytest.mark.parametrize("count", [1, 13])
def test_frames_are_the_same_with_any_number_of_threads(syntax, count):
    frames = encoded(syntax, count)
    wanted = [_core.blank_frame(frame, [BOX], [0]) for frame in frames]
    data = encapsulated_file(frames, syntax, **SHAPE)
    for threads in (1, 2, 4):
        assert blanked(data, threads) == wanted


@syntaxes
def test_the_error_is_that_of_the_lowest_frame_that_fails(syntax):
    frames = encoded(syntax, 13)
    for bad in (5, 6, 12):
        frames[bad] = frames[bad][: len(frames[bad]) // 2]
    data = encapsulated_file(frames, syntax, **SHAPE)
    for threads in (1, 2, 4):
        with pytest.raises(dt.DecodeError) as raised:
            blanked(data, threads)
        assert raised.value.frame == 5


def test_one_frame_that_cannot_be_blanked_is_enough_to_encode_all_of_them_again():
    frames = encoded(HTJ2K, 5)
    frames[3] = bytes(dt.encode_frame(smooth((48, 56), "u1", bits=8, seed=3), "JPEGLSLossless"))
    data = encapsulated_file(frames, HTJ2K, **SHAPE)
    with pytest.raises(dt.DecodeError) as raised:
        blanked(data, 2)
    assert (raised.value.code, raised.value.frame) == ("unsupported", 3)
    with pytest.warns(dt.DecodeWarning, match="another format"):
        result = blank_boxes(data, [Box(*BOX)], 2)
    with pytest.warns(dt.DecodeWarning, match="another format"):
        before = dt.decode(data)
    after = dt.decode(result.data)
    before[:, 5:17, 7:27] = 0
    assert np.array_equal(before, after)


def test_limits_and_wrong_boxes_are_errors():
    data = encapsulated_file(encoded(HTJ2K, 3), HTJ2K, **SHAPE)
    for box in ((0, 0, 49, 1), (0, 0, 0, 0), (47, 55, 1, 2)):
        with pytest.raises((dt.DecodeError, ValueError), match="box 0 is not within the frame"):
            blanked(data, 2, [box])
    before = dt.config.limits.max_pixels
    try:
        dt.config.limits.max_pixels = 48 * 56 - 1
        with pytest.raises(dt.LimitExceeded):
            blanked(data, 2)
    finally:
        dt.config.limits.max_pixels = before


@syntaxes
def test_the_object_has_one_item_a_frame_and_a_basic_offset_table(syntax):
    frames = encoded(syntax, 4)
    result = blank_boxes(encapsulated_file(frames, syntax, **SHAPE), [Box(*BOX)], 2)
    value = pydicom.dcmread(io.BytesIO(result.data)).PixelData
    assert value[:8] == struct.pack("<HHI", 0xFFFE, 0xE000, 16)
    offsets = struct.unpack("<4I", value[8:24])
    for frame, offset in zip(frames, offsets, strict=True):
        wanted, _ = _core.blank_frame(frame, [BOX], [0])
        size = len(wanted) + len(wanted) % 2
        assert value[24 + offset :][: 8 + size] == struct.pack("<HHI", 0xFFFE, 0xE000, size) + wanted.ljust(size, b"\0")
