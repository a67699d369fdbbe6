"""`decode_components` and `probe`: bare codestreams, their limits, and what is refused."""

import warnings

import numpy as np
import pytest
from helpers.samples import CASES

import dcmturbo as dt

BARE = [c for c in CASES if c.syntax.family in ("jpeg", "jpegls", "jpeg2000")]
every_case = pytest.mark.parametrize("case", BARE, ids=str)


@every_case
def test_components_are_the_samples_of_the_frame(case):
    data = case.encode(case.array())
    found = dt.decode_components(data)
    frame = case.decode(data, raw=True)
    planes = [frame] if frame.ndim == 2 else list(np.moveaxis(frame, -1, 0))
    assert len(found) == len(planes)
    for component, plane in zip(found, planes, strict=True):
        assert component.flags.c_contiguous
        assert component.flags.writeable
        assert component.shape == plane.shape
        bits = component.dtype.itemsize * 8
        mask = (1 << min(bits, case.bits)) - 1
        np.testing.assert_array_equal(component.astype(np.int64) & mask, plane.astype(np.int64) & mask)


@every_case
def test_fragments_are_joined(case):
    data = case.encode(case.array())
    whole = dt.decode_components(data)
    for again in (dt.decode_components([data[:7], data[7:50], data[50:]]), dt.decode_components(bytearray(data))):
        for a, b in zip(whole, again, strict=True):
            np.testing.assert_array_equal(a, b)
    assert dt.probe([data[:9], data[9:]]).width == dt.probe(data).width


@pytest.mark.parametrize("case", [c for c in BARE if c.syntax.family == "jpeg"], ids=str)
def test_more_data_than_the_samples_need(case):
    data = case.encode(case.array())
    expected = dt.decode_components(data)
    with pytest.warns(dt.DecodeWarning, match="more data than its pixels need"):
        found = dt.decode_components(data[:-2] + bytes(64) + data[-2:])
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@every_case
def test_cut_short(case):
    data = case.encode(case.array())
    right = dt.decode_components(data)
    for size in (*range(40), *range(40, len(data) - 2, max(len(data) // 20, 1))):
        try:
            found = dt.decode_components(data[:size])
        except dt.DecodeError:
            continue
        for a, b in zip(found, right, strict=True):
            np.testing.assert_array_equal(a, b)
    with pytest.raises(dt.DecodeError):
        dt.decode_components(data[: len(data) // 2])


@every_case
def test_salvage_says_that_something_is_missing(case):
    data = case.encode(case.array())
    cut = data[: len(data) * 3 // 4]
    right = dt.decode_components(data, on_error="salvage")  # without a word: warnings are errors here
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found = dt.decode_components(cut, on_error="salvage")
        except dt.DecodeError:
            return  # nothing to salvage
    if all(np.array_equal(a, b) for a, b in zip(found, right, strict=True)):
        return
    (warning,) = said
    assert isinstance(warning.message, dt.DecodeWarning)
    assert warning.message.status.tolist() == [dt.FrameStatus.PARTIAL]
    assert warning.message.errors[0].code in ("truncated", "malformed")
    assert warning.filename == __file__


@every_case
def test_any_number_of_threads(case):
    data = case.encode(case.array())
    right = dt.decode_components(data)
    for threads in (1, 2, 3, None):
        for a, b in zip(dt.decode_components(data, threads=threads), right, strict=True):
            np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="threads"):
        dt.decode_components(data, threads=-1)


@every_case
def test_limits_hold(case):
    data = case.encode(case.array())
    pixels = case.shape[0] * case.shape[1]
    with dt.config.override(max_pixels=pixels):
        dt.decode_components(data)
    with dt.config.override(max_pixels=pixels - 1), pytest.raises(dt.LimitExceeded, match="max_pixels"):
        dt.decode_components(data)
    with dt.config.override(max_output=10), pytest.raises(dt.LimitExceeded, match="max_output"):
        dt.decode_components(data)


def test_a_header_that_claims_a_huge_image():
    data = bytearray(dt.encode_frame(np.zeros((6, 8), np.uint8), "JPEGLSLossless"))
    start = data.index(b"\xff\xf7") + 5
    data[start : start + 4] = b"\xff\xff\xff\xff"
    with pytest.raises(dt.LimitExceeded):
        dt.decode_components(bytes(data))
    with pytest.raises(dt.LimitExceeded):
        dt.decode_frame(bytes(data), "JPEGLSLossless", rows=65535, columns=65535, bits_allocated=8)


def test_what_the_libraries_cannot_do_is_unsupported():
    data = dt.encode_frame(np.zeros((16, 16), np.uint8), "JPEGLSLossless")
    for attempt in (
        lambda: dt.decode_components(data, reduce=1),
        lambda: dt.decode_frame(data, "JPEGLSLossless", rows=16, columns=16, bits_allocated=8, reduce=1),
    ):
        with pytest.raises(dt.DecodeError) as caught:
            attempt()
        assert caught.value.code == "unsupported"
    with pytest.raises(ValueError, match="reduce"):
        dt.decode_components(data, reduce=-1)
    with pytest.raises(dt.DecodeError) as caught:
        dt.decode_components(dt.encode_frame(np.zeros((16, 16), np.uint8), "JPEGXLLossless"))
    assert caught.value.code == "unsupported"


@pytest.mark.parametrize("data", [b"", b"\0" * 50, [], [b""], np.empty(0, np.uint8), np.empty((0, 3), np.uint8)])
def test_what_is_no_codestream(data):
    for function in (dt.probe, dt.decode_components):
        with pytest.raises(dt.DecodeError):
            function(data)


@pytest.mark.parametrize("data", [None, 3, "text", [3], [None], object()])
def test_what_are_no_bytes(data):
    for function in (dt.probe, dt.decode_components):
        with pytest.raises(TypeError):
            function(data)
    for keyword in ("RLELossless", "JPEGLSLossless"):
        with pytest.raises(TypeError):
            dt.decode_frame(data, keyword, rows=2, columns=2, bits_allocated=8)


@pytest.mark.parametrize("keyword", ["RLELossless", "JPEGLSLossless"])
@pytest.mark.parametrize("name", ["rows", "columns", "samples_per_pixel"])
def test_numbers_that_are_none(keyword, name):
    arguments = {"rows": 2, "columns": 2, "bits_allocated": 8}
    with pytest.raises(ValueError, match=name):
        dt.decode_frame(b"", keyword, **{**arguments, name: -1})
    with pytest.raises(TypeError):
        dt.decode_frame(b"", keyword, **{**arguments, name: "2"})


def test_rle_through_the_library_is_the_same():
    pytest.importorskip("imagecodecs")
    array = np.random.default_rng(1).integers(0, 9, (40, 50), np.uint16)
    data = dt.encode_frame(array, "RLELossless")
    arguments = {"rows": 40, "columns": 50, "bits_allocated": 16}
    with dt.config.override(prefer="library"):
        np.testing.assert_array_equal(dt.decode_frame(data, "RLELossless", **arguments), array)
        assert dt.encode_frame(array, "RLELossless") == data
        for size in range(0, len(data) - 1, 37):
            with pytest.raises(dt.DecodeError):
                dt.decode_frame(data[:size], "RLELossless", **arguments)
