"""`decode_series`: many objects into one array."""

import numpy as np
import pytest
from helpers.dicom_writer import encapsulated_file, native_file

import dcmturbo as dt

SHAPE = (12, 16)
ARRAYS = [np.random.default_rng(k).integers(0, 60, SHAPE, np.uint8) for k in range(6)]
MODULE = {"rows": SHAPE[0], "columns": SHAPE[1]}
KEYWORDS = {"rle": "RLELossless", "jpegls": "JPEGLSLossless", "jpeg2000": "JPEG2000Lossless"}


def compressed(kind: str, *arrays: np.ndarray, **module: object) -> bytes:
    return encapsulated_file([dt.encode_frame(a, KEYWORDS[kind]) for a in arrays], kind, **{**MODULE, **module})


@pytest.fixture
def mixed(tmp_path):
    """Objects of several syntaxes and numbers of frames, as several kinds of source."""
    path = tmp_path / "first.dcm"
    path.write_bytes(compressed("rle", ARRAYS[0]))
    native = tmp_path / "second.dcm"
    native.write_bytes(native_file(ARRAYS[1].tobytes() + ARRAYS[2].tobytes(), frames=2, **MODULE))
    return [path, str(native), compressed("jpegls", *ARRAYS[3:5]), compressed("jpeg2000", ARRAYS[5])]


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_all_frames_of_all_objects_in_order(mixed, threads):
    status = np.full(6, 9, np.uint8)
    found = dt.decode_series(iter(mixed), threads=threads, status=status)
    np.testing.assert_array_equal(found, ARRAYS)
    assert not status.any()
    out = np.zeros((6, SHAPE[1], SHAPE[0]), np.uint8).transpose(0, 2, 1)
    assert dt.decode_series(mixed, out=out, threads=threads) is out
    np.testing.assert_array_equal(out, ARRAYS)


def test_one_object_of_one_frame_has_a_frame_axis(mixed):
    assert dt.decode_series(mixed[:1]).shape == (1, *SHAPE)


def test_nothing_and_things_that_do_not_fit(mixed):
    with pytest.raises(ValueError, match="list of sources is empty"):
        dt.decode_series([])
    for other in (
        native_file(bytes(10), rows=2, columns=5),
        native_file(bytes(2 * 192), bits_allocated=16, **MODULE),
        native_file(bytes(192), signed=1, **MODULE),
        native_file(bytes(3 * 192), samples=3, planar=0, **MODULE),
    ):
        with pytest.raises(ValueError, match="has frames of shape"):
            dt.decode_series([*mixed, other])
    for out in (np.zeros((5, *SHAPE), np.uint8), np.zeros((6, *SHAPE), np.uint16)):
        with pytest.raises(ValueError, match="out has"):
            dt.decode_series(mixed, out=out)


def test_an_error_names_the_object(mixed, tmp_path):
    bad = tmp_path / "bad.dcm"
    bad.write_bytes(encapsulated_file([b"\1\2\3\4"], "rle", **MODULE))
    with pytest.raises(dt.DecodeError) as caught:
        dt.decode_series([mixed[0], bad])
    assert caught.value.source == str(bad)
    short = tmp_path / "short.dcm"
    short.write_bytes(compressed("rle", ARRAYS[0], frames=3))
    with pytest.raises(dt.DecodeError, match="NumberOfFrames is 3") as caught:
        dt.decode_series([mixed[0], short])
    assert caught.value.source == str(short)
    with pytest.raises(FileNotFoundError) as caught:
        dt.decode_series([mixed[0], tmp_path / "none.dcm"])
    assert "none.dcm" in str(caught.value)


def test_salvage_of_a_series(mixed):
    damaged = encapsulated_file([dt.encode_frame(ARRAYS[0], "RLELossless"), b"", b"\1\0\0\0"], "rle", **MODULE)
    status = np.full(9, 9, np.uint8)
    with pytest.warns(dt.DecodeWarning) as told:
        found = dt.decode_series([*mixed, damaged], on_error="salvage", status=status)
    np.testing.assert_array_equal(found[:7], [*ARRAYS, ARRAYS[0]])
    assert not found[7:].any()
    assert status.tolist() == [0] * 7 + [dt.FrameStatus.FAILED] * 2
    assert sorted(told[-1].message.errors) == [7, 8]


def test_more_frames_than_promised_are_told(mixed):
    with pytest.warns(dt.DecodeWarning, match="NumberOfFrames is 1"):
        found = dt.decode_series([mixed[0], compressed("rle", *ARRAYS[1:4], frames=1)])
    np.testing.assert_array_equal(found, ARRAYS[:4])


def test_limits_hold_for_the_whole(mixed):
    with dt.config.override(max_output=6 * 192):
        dt.decode_series(mixed)
    with dt.config.override(max_output=6 * 192 - 1), pytest.raises(dt.LimitExceeded):
        dt.decode_series(mixed)
