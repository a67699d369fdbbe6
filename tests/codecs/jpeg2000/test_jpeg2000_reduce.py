"""`reduce=`: fewer resolution levels of JPEG 2000, as frames and as components, against OpenJPEG."""

import numpy as np
import pytest
from helpers import openjpeg

import dcmturbo as dt

pytestmark = pytest.mark.skipif(not openjpeg.AVAILABLE, reason="libopenjp2 is not installed")


def picture(rows: int, columns: int, samples: int = 1, bits: int = 8) -> np.ndarray:
    y, x = np.mgrid[:rows, :columns]
    noise = np.random.default_rng(rows).integers(0, 1 << max(bits - 4, 1), (rows, columns, samples))
    half = 1 << (bits - 1)
    planes = [(np.sin(x / (9 + s)) * np.cos(y / 7) * 0.4 + 0.5) * half for s in range(samples)]
    array = (np.stack(planes, -1) + noise).astype(np.uint8 if bits <= 8 else np.uint16)
    return array[..., 0] if samples == 1 else array


def encoded(array: np.ndarray, bits: int = 8, **options) -> bytes:
    planes = array[..., None] if array.ndim == 2 else array
    return openjpeg.encode(
        [openjpeg.Plane(planes[..., i], bits) for i in range(planes.shape[2])],
        (array.shape[1], array.shape[0]),
        openjpeg.Options(**options),
    )


def frame(data: bytes, array: np.ndarray, syntax: str = "JPEG2000", **options) -> np.ndarray:
    return dt.decode_frame(
        data,
        syntax,
        **{
            "rows": array.shape[0],
            "columns": array.shape[1],
            "samples_per_pixel": 1 if array.ndim == 2 else array.shape[2],
            "bits_allocated": 8 * array.itemsize,
        }
        | options,
    )


@pytest.mark.parametrize("levels", range(6))
@pytest.mark.parametrize("shape", [(64, 64), (101, 83), (33, 250)])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_one_component(shape, levels, bits):
    array = picture(*shape, bits=bits)
    data = encoded(array, bits)
    found = frame(data, array, reduce=levels)
    assert found.shape == tuple(-(-n >> levels) for n in shape)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, dt.decode_components(data, reduce=levels)[0])
    np.testing.assert_array_equal(found, openjpeg.decode(data, levels)[0])


@pytest.mark.parametrize("levels", range(6))
@pytest.mark.parametrize(
    ("options", "photometric"),
    [
        ({}, "RGB"),
        ({}, "YBR_FULL"),
        ({"mct": True}, "YBR_RCT"),
        ({"mct": True, "irreversible": True, "rates": (8,)}, "YBR_ICT"),
    ],
    ids=["RGB", "YBR_FULL", "RCT", "ICT"],
)
def test_colour(levels, options, photometric):
    array = picture(75, 90, 3)
    data = encoded(array, **options)
    found = frame(data, array, photometric_interpretation=photometric, reduce=levels, raw=True)
    components = dt.decode_components(data, reduce=levels)
    np.testing.assert_array_equal(found, np.stack(components, -1))
    theirs = np.stack(openjpeg.decode(data, levels), -1)
    assert np.abs(found.astype(int) - theirs).max() <= (1 if photometric == "YBR_ICT" else 0)
    converted = frame(data, array, photometric_interpretation=photometric, reduce=levels)
    assert converted.shape == found.shape
    assert np.array_equal(converted, found) == (photometric != "YBR_FULL")


def test_into_out():
    array = picture(75, 90, 3)
    data = encoded(array)
    expected = frame(data, array, reduce=2)
    for out in (np.empty((19, 23, 3), np.uint8), np.empty((3, 19, 46), np.uint8)[..., ::2].transpose(1, 2, 0)):
        assert frame(data, array, reduce=2, out=out) is out
        np.testing.assert_array_equal(out, expected)
    with pytest.raises(ValueError, match="shape"):
        frame(data, array, reduce=2, out=np.empty_like(array))
    with pytest.raises(ValueError, match="shape"):
        frame(data, array, reduce=2, out=np.empty((18, 23, 3), np.uint8))


@pytest.mark.threads
def test_a_team_decodes_the_same():
    array = picture(700, 600)
    data = encoded(array)
    for levels in (1, 3):
        expected = frame(data, array, reduce=levels)
        for threads in (2, 5):
            np.testing.assert_array_equal(frame(data, array, reduce=levels, threads=threads), expected)
            again = dt.decode_components(data, reduce=levels, threads=threads)[0]
            np.testing.assert_array_equal(again, expected)


@pytest.mark.parametrize("on_error", ["raise", "salvage"])
def test_more_levels_than_the_codestream_has(on_error):
    array = picture(64, 64)
    data = encoded(array, resolutions=3)
    frame(data, array, reduce=2)
    with pytest.raises(dt.DecodeError, match="2 decomposition levels") as caught:
        dt.decode_components(data, reduce=3, on_error=on_error)
    assert caught.value.code == "unsupported"
    if on_error == "raise":
        with pytest.raises(dt.DecodeError, match="2 decomposition levels"):
            frame(data, array, reduce=3)
    else:
        status = np.zeros(1, np.uint8)
        with pytest.warns(dt.DecodeWarning, match="2 decomposition levels"):
            found = frame(data, array, reduce=3, on_error="salvage", status=status)
        assert status[0] == dt.FrameStatus.FAILED
        assert found.shape == (8, 8)
        assert not found.any()


@pytest.mark.parametrize("levels", [-1, 33, 1000])
def test_numbers_that_are_no_levels(levels):
    array = picture(20, 20)
    data = encoded(array, resolutions=2)
    with pytest.raises(ValueError, match="reduce"):
        frame(data, array, reduce=levels)
    with pytest.raises(ValueError, match="reduce"):
        dt.decode_components(data, reduce=levels)


@pytest.mark.parametrize(
    "syntax",
    ["RLELossless", "JPEGLosslessSV1", "JPEGLSLossless", "JPEGXLLossless", "ExplicitVRLittleEndian"],
)
def test_other_formats_have_no_levels(syntax):
    array = picture(16, 16)
    data = array.tobytes() if syntax == "ExplicitVRLittleEndian" else dt.encode_frame(array, syntax)
    with pytest.raises(dt.DecodeError) as caught:
        frame(data, array, syntax, reduce=1)
    assert caught.value.code == "unsupported"
    assert "reduce" in str(caught.value)
    with dt.config.override(prefer="library"), pytest.raises(dt.DecodeError, match="reduce"):
        frame(encoded(array, resolutions=3), array, reduce=1)


def test_salvage_fills_the_smaller_image():
    array = picture(64, 64)
    data = encoded(array, resolutions=4)
    with pytest.warns(dt.DecodeWarning):
        found = frame(data[:40], array, reduce=1, on_error="salvage")
    assert found.shape == (32, 32)
    assert not found.any()
    # Lower resolutions come first, and are whole where higher ones are cut.
    whole = frame(data, array, reduce=3)
    with pytest.warns(dt.DecodeWarning):
        np.testing.assert_array_equal(frame(data[: len(data) // 2], array, reduce=3, on_error="salvage"), whole)
