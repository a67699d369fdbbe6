"""`apply=`: work on frames by the workers that have decoded them."""

from __future__ import annotations

import ctypes
from contextlib import closing

import numpy as np
import pydicom
import pytest
from helpers.command_line import CT, DATA, DOSE, INVERTED, MULTI, TRUNCATED

import dcmturbo as dt
from dcmturbo import nogil, steps
from dcmturbo.dataset.sources import open_source
from dcmturbo.frames.frame_set import FrameSet

MR = DATA / "MR_small.dcm"


def window(values: np.ndarray, center: float, width: float) -> np.ndarray:
    return np.clip((values - (center - 0.5)) / (width - 1) + 0.5, 0, 1)


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """Compressed slices, each with its own slope and window."""
    place = tmp_path_factory.mktemp("series")
    paths = []
    for k in range(6):
        ds = pydicom.dcmread(CT)
        ds.RescaleSlope, ds.RescaleIntercept = 1 + k / 4, -1000 + k
        ds.WindowCenter, ds.WindowWidth = 40 + k, 400
        paths.append(place / f"{k}.dcm")
        dt.transcode(ds, paths[-1], "JPEGLSLossless")
    return paths


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", [None, np.float64])
def test_a_series_is_rescaled_and_windowed(series, threads, dtype):
    stored = dt.decode_series(series).astype(float)
    slopes = np.array([1 + k / 4 for k in range(6)])[:, None, None]
    values = stored * slopes + np.arange(-1000, -994)[:, None, None]
    found = dt.decode_series(series, apply="rescale", dtype=dtype, threads=threads)
    assert found.dtype == (dtype or np.float32)
    np.testing.assert_allclose(found, values, atol=1e-3 if dtype is None else 1e-9)
    levels = np.stack([window(one, 40 + k, 400) for k, one in enumerate(values)])
    found = dt.decode_series(series, apply="window", dtype=dtype, threads=threads)
    np.testing.assert_allclose(found, levels, atol=1e-5 if dtype is None else 1e-9)
    assert (found.min(), found.max()) == (0, 1)


def test_frames_are_normalised():
    for source in (DOSE, MULTI):
        frames = dt.decode(source).astype(float)
        axes = tuple(range(1, frames.ndim))
        mean, deviation = frames.mean(axis=axes, keepdims=True), frames.std(axis=axes, keepdims=True)
        expected = (frames - mean) / np.where(deviation > 0, deviation, np.inf)
        np.testing.assert_allclose(dt.decode(source, apply="normalise"), expected, atol=2e-3)
    flat = pydicom.dcmread(CT)
    flat.PixelData = b"\x07\0" * (128 * 128)
    np.testing.assert_array_equal(dt.decode(flat, apply="normalise"), 0)


def test_levels_are_those_of_pictures():
    """For windows, tables, extremes and inversion."""
    table = pydicom.dcmread(MR)
    del table.WindowCenter, table.WindowWidth
    item = pydicom.Dataset()
    item.LUTDescriptor, item.LUTData = [256, 100, 8], np.arange(256)[::-1].tolist()
    table.VOILUTSequence = [item]
    exact, curve, step = (pydicom.dcmread(MR) for _ in range(3))
    exact.VOILUTFunction, curve.VOILUTFunction, step.WindowWidth = "LINEAR_EXACT", "SIGMOID", 1
    for source in (MR, CT, INVERTED, table, exact, curve, step):
        levels = dt.decode(source, apply="window", dtype=np.float64)
        np.testing.assert_allclose(levels * 255, dt.render(source, aspect=False), atol=0.51)


def test_frames_are_selected(series):
    whole = dt.decode(DOSE, apply="rescale")
    assert whole.shape == dt.decode(DOSE).shape
    np.testing.assert_array_equal(dt.decode(DOSE, 3, apply="rescale"), whole[3])
    np.testing.assert_array_equal(dt.decode(DOSE, [5, 3, 3, -1], apply="rescale"), whole[[5, 3, 3, 14]])
    np.testing.assert_array_equal(dt.decode(DOSE, slice(2, 4), apply="rescale"), whole[2:4])
    assert dt.decode(series[0], apply="rescale").shape == (128, 128)
    assert dt.decode(DOSE, [], apply="rescale").shape == (0, 10, 10)


@pytest.mark.parametrize("apply", ["rescale", "window", "normalise"])
@pytest.mark.parametrize("bits", [8, 16, 32])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_core_gives_what_numpy_gives(apply, bits, signed, dtype, monkeypatch):
    frames = (
        np.random.default_rng(bits)
        .integers(0, 256, (4, 21, 19 * bits // 8), np.uint8)
        .view(f"{'ui'[signed]}{bits // 8}")
    )
    ds = pydicom.dcmread(CT)
    ds.NumberOfFrames, ds.Rows, ds.Columns = frames.shape
    ds.BitsAllocated = ds.BitsStored = bits
    ds.HighBit, ds.PixelRepresentation, ds.PixelData = bits - 1, int(signed), frames.tobytes()
    ds.RescaleSlope, ds.RescaleIntercept, ds.WindowCenter, ds.WindowWidth = (
        "1.7",
        "-3.3",
        f"{2**bits // 4}",
        f"{2**bits // 3}",
    )
    found = dt.decode(ds, apply=apply, dtype=dtype)
    monkeypatch.setattr(steps, "_core_batch", lambda *_: None)
    expected = dt.decode(ds, apply=apply, dtype=dtype)
    if apply == "normalise":
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    else:
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int16", ">i4"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_dtype_converts_on_the_workers(series, dtype, threads):
    stored, native = dt.decode_series(series), np.dtype(dtype).newbyteorder("=")
    found = dt.decode_series(series, dtype=dtype, threads=threads)
    assert (found.dtype, found.shape) == (native, stored.shape)
    np.testing.assert_array_equal(found, stored)
    out = np.empty(stored.shape, native)
    assert dt.decode_series(series, dtype=dtype, out=out) is out
    np.testing.assert_array_equal(out, stored)
    colours = DATA / "examples_rgb_color.dcm"
    np.testing.assert_array_equal(dt.decode(colours, dtype=dtype), dt.decode(colours))


def test_large_integers_are_rounded_to_floats():
    ds = pydicom.dcmread(CT)
    values = np.array([[2**24 + 1, 2**31 + 3], [2**32 - 1, 5]], np.uint32)
    ds.Rows, ds.Columns, ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 2, 2, 32, 32, 31, 0
    ds.PixelData = values.tobytes()
    np.testing.assert_array_equal(dt.decode(ds, dtype=np.float32), values.astype(np.float32))
    np.testing.assert_array_equal(dt.decode(ds, dtype=np.float64), values)


def test_the_other_spelling(series):
    np.testing.assert_array_equal(dt.decode(series[0], apply="normalize"), dt.decode(series[0], apply="normalise"))


def test_colours_are_normalised():
    rgb = DATA / "examples_rgb_color.dcm"
    frame = dt.decode(rgb).astype(float)
    np.testing.assert_allclose(dt.decode(rgb, apply="normalise"), (frame - frame.mean()) / frame.std(), atol=1e-4)


@pytest.mark.filterwarnings("ignore::dcmturbo.DecodeWarning")
@pytest.mark.parametrize("threads", [1, 2])
def test_salvage_fills_before_the_step(threads):
    ds = pydicom.dcmread(DOSE)
    ds.NumberOfFrames, ds.DoseGridScaling = 20, 1  # of which 15 are there
    status = np.zeros(20, np.uint8)
    found = dt.decode(ds, apply="rescale", on_error="salvage", fill_value=7, status=status, threads=threads)
    stored = dt.decode(ds, on_error="salvage", fill_value=7)
    np.testing.assert_array_equal(found, stored.astype(np.float32))
    assert status.tolist() == [0] * 15 + [int(dt.FrameStatus.MISSING)] * 5
    assert (found[15:] == 7).all()


def test_columns_of_an_output(series):
    """An output whose rows are not contiguous, which the core does not write."""
    out = np.zeros((6, 128, 128, 2), np.float32)[..., 1]
    assert dt.decode_series(series, apply="rescale", out=out) is out
    np.testing.assert_array_equal(out, dt.decode_series(series, apply="rescale"))


@pytest.mark.filterwarnings("ignore::dcmturbo.DecodeWarning")
@pytest.mark.parametrize("apply", ["rescale", lambda frame, out: None])
def test_errors_name_the_object(series, tmp_path, apply):
    bad = tmp_path / "bad.dcm"
    bad.write_bytes(series[2].read_bytes()[:-200])
    with pytest.raises(dt.DecodeError) as found:
        dt.decode_series([*series[:2], bad], apply=apply)
    assert found.value.source == str(bad)


def test_images_iterate_with_a_step():
    expected = dt.decode(DOSE, apply="normalise")
    with dt.open(DOSE) as image:
        for prefetch in (0, 4):
            np.testing.assert_array_equal(list(image.frames(prefetch, apply="normalise")), expected)
        np.testing.assert_array_equal(list(image.frames(dtype=np.uint64)), dt.decode(DOSE).astype(np.uint64))


@pytest.mark.parametrize("threads", [1, 2])
def test_functions_are_called_with_each_frame(threads):
    def halve(frame, out):
        assert frame.shape == out.shape == (10, 10)
        np.right_shift(frame, 1, out=out)

    found = dt.decode(DOSE, apply=halve, dtype=np.uint32, threads=threads)
    np.testing.assert_array_equal(found, dt.decode(DOSE) >> 1)


def test_functions_of_numba():
    numba = pytest.importorskip("numba")

    @numba.njit(nogil=True)
    def square(frame, out):
        for row in range(frame.shape[0]):
            for column in range(frame.shape[1]):
                out[row, column] = np.float64(frame[row, column]) ** 2

    np.testing.assert_array_equal(dt.decode(CT, apply=square, dtype=np.float64), dt.decode(CT).astype(float) ** 2)


@pytest.fixture(scope="module")
def halve():
    """A function of int16 and float32 that Numba compiles for C."""
    numba = pytest.importorskip("numba")
    types = numba.types

    @numba.cfunc(
        types.void(types.CPointer(types.int16), types.CPointer(types.float32), types.intp, types.intp, types.intp)
    )
    def halve(samples, results, rows, columns, samples_per_pixel):
        frame, out = numba.carray(samples, (rows, columns)), numba.carray(results, (rows, columns))
        for row in range(rows):
            for column in range(columns):
                out[row, column] = frame[row, column] / 2 + row / 4

    return halve


@pytest.mark.parametrize("threads", [1, 2])
def test_compiled_functions_of_numba(halve, series, threads):
    expected = dt.decode_series(series).astype(np.float32) / 2 + np.arange(128, dtype=np.float32)[:, None] / 4
    found = dt.decode_series(series, apply=halve, threads=threads)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(dt.decode(series[2], apply=halve, threads=threads), expected[2])
    out = np.zeros((6, 2, 128, 128), np.float32)[:, 1]
    assert dt.decode_series(series, apply=halve, out=out, threads=threads) is out
    np.testing.assert_array_equal(out, expected)
    with dt.open(series[1]) as image:
        np.testing.assert_array_equal(next(image.frames(apply=halve, threads=threads)), expected[1])
    by_address = nogil.FrameFunction(halve.address, np.int16, np.float32)
    np.testing.assert_array_equal(dt.decode(series[2], apply=by_address), expected[2])


def test_compiled_functions_of_ctypes_get_colours():
    ds = pydicom.dcmread(CT)
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    ds.Rows, ds.Columns = 64, 64
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    ds.PixelData = np.random.default_rng(1).integers(0, 256, (64, 64, 3)).astype(np.uint8).tobytes()
    shapes = []

    @ctypes.CFUNCTYPE(None, ctypes.POINTER(ctypes.c_uint8), ctypes.POINTER(ctypes.c_int64), *(ctypes.c_ssize_t,) * 3)
    def negative(samples, results, *shape):
        shapes.append(shape)
        out = np.ctypeslib.as_array(results, shape)
        np.negative(np.ctypeslib.as_array(samples, shape), out=out, dtype=np.int64)

    found = dt.decode(ds, apply=negative)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, -dt.decode(ds).astype(np.int64))
    assert shapes == [(64, 64, 3)]


def test_compiled_functions_that_do_not_fit(halve, series):
    with pytest.raises(ValueError, match="the function takes int16, but the frames have uint8"):
        dt.decode(MULTI, apply=halve)
    with pytest.raises(ValueError, match="dtype is float64, but the function gives float32"):
        dt.decode(CT, apply=halve, dtype=np.float64)
    out = np.zeros((6, 128, 256), np.float32)[..., ::2]
    with pytest.raises(ValueError, match="gaps"):
        dt.decode_series(series, apply=halve, out=out)
    for wrong in (
        ctypes.CFUNCTYPE(None)(lambda: None),
        ctypes.CFUNCTYPE(ctypes.c_int, *(ctypes.c_ssize_t,) * 5)(lambda *_: 0),
        ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, *(ctypes.c_ssize_t,) * 3)(lambda *_: None),
    ):
        with pytest.raises(TypeError, match="samples"):
            dt.decode(CT, apply=wrong)
    for nothing in (0, "halve", None):
        with pytest.raises(TypeError, match="address"):
            nogil.FrameFunction(nothing, np.int16, np.float32)


@pytest.mark.parametrize(
    "step",
    [
        (),
        (1.0,),
        (1.0, 2.0),
        (1.0, 2.0, True, 4),
        ("gain", 2.0, True),
        ([1], 2.0, True),
        ("label",),
        ("label", 1, 1),
        ("label", 1, 1, True, 5),
        ("label", -1, 1, True),
        ("label", 1, 256, True),
        ("function",),
        ("function", 0),
        ("function", 0, "f4", 4),
        ("function", "main", "f4"),
        ("normalise",),
        "rescale",
        7,
    ],
)
def test_steps_of_the_core_that_do_not_exist(step):
    with closing(open_source(CT)) as opened, pytest.raises(ValueError, match="a step is None, 'normalise', "):
        FrameSet(opened).stream(step=step)


def test_out_and_status(series):
    out, status = np.zeros((6, 2, 128, 128), np.float32)[:, 1], np.full(6, 9, np.uint8)
    assert dt.decode_series(series, apply="window", out=out, status=status) is out
    np.testing.assert_array_equal(out, dt.decode_series(series, apply="window"))
    assert not status.any()
    with pytest.raises(ValueError, match="dtype"):
        dt.decode_series(series, apply="window", out=out.astype(np.float64))
    status = np.zeros(1, np.uint8)
    with pytest.warns(dt.DecodeWarning):
        part = dt.decode(TRUNCATED, apply="rescale", on_error="salvage", fill_value=5, status=status)
    assert status[0] == dt.FrameStatus.PARTIAL
    assert part[-1, -1] == 5


@pytest.mark.filterwarnings("ignore::dcmturbo.DecodeWarning")
def test_errors_are_those_of_decoding():
    with pytest.raises(dt.DecodeError) as found:
        dt.decode(TRUNCATED, apply="rescale")
    with pytest.raises(dt.DecodeError) as expected:
        dt.decode(TRUNCATED)
    assert str(found.value) == str(expected.value)

    def fails(frame, out):
        raise ZeroDivisionError("of the function")

    with pytest.raises(ZeroDivisionError, match="of the function"):
        dt.decode(DOSE, apply=fails)
    with pytest.raises(IndexError):
        dt.decode(DOSE, 99, apply="rescale")


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"apply": "scale"}, ValueError, "apply is 'scale'"),
        ({"apply": "rescale", "dtype": np.int16}, ValueError, "float32 or float64"),
        ({"dtype": np.uint16}, ValueError, "dtype is uint16, which does not have all values of int16 frames"),
        ({"dtype": np.float16}, ValueError, "dtype is float16, which does not"),
        ({"dtype": np.float32, "reduce": 1}, TypeError, "reduce"),
        ({"apply": "window", "region": (0, 0, 4, 4)}, TypeError, "region"),
        ({"apply": "window", "reduce": 1}, TypeError, "reduce"),
    ],
)
def test_arguments_that_make_no_sense(options, kind, words):
    with pytest.raises(kind, match=words):
        dt.decode(CT, **options)
    with pytest.raises(kind, match=words):
        dt.decode_series([CT], **options)


def test_colours_are_no_grey_levels():
    with pytest.raises(ValueError, match="3 samples"):
        dt.decode(MULTI, apply="window")


def test_a_function_of_one_argument_and_half_floats():
    with pytest.raises(TypeError, match=r"with a decoded frame and the array for its result, but it takes \(frame\)"):
        dt.decode(CT, apply=lambda frame: frame)
    with pytest.raises(ValueError, match="dtype is float16, but 'rescale' gives fractions"):
        dt.decode(CT, apply="rescale", dtype=np.float16)


@pytest.mark.parametrize("function", [ctypes.pythonapi, 4096])
def test_an_address_is_wrapped_first(function):
    if function is ctypes.pythonapi:
        import datetime

        function = datetime.datetime_CAPI  # a capsule
    with pytest.raises(ValueError, match=r"nogil.FrameFunction\(function, samples, result\)"):
        dt.decode(CT, apply=function)
