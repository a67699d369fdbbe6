"""The core's decoder of JPEG: the samples of libjpeg-turbo, bit for bit, and none of a damaged stream by accident."""

import io
import warnings

import imagecodecs
import numpy as np
import pytest
from helpers.samples import noise, smooth
from oracle import jpeg_dct as oracle
from PIL import Image

import dcmturbo as dt
from dcmturbo.formats.library import decoding

SPACES = {1: "GRAYSCALE", 3: "YCBCR", 4: "CMYK"}
SAMPLINGS = ["444", "422", "420", "440", "411"]
FACTORS = {
    "grey": [(1, 1)],
    "grey 2x2": [(2, 2)],
    "4:4:4": [(1, 1)] * 3,
    "4:2:2": [(2, 1), (1, 1), (1, 1)],
    "4:2:0": [(2, 2), (1, 1), (1, 1)],
    "4:4:0": [(1, 2), (1, 1), (1, 1)],
    "4:1:1": [(4, 1), (1, 1), (1, 1)],
    "4:1:0": [(4, 2), (1, 1), (1, 1)],
    "only Cb is smaller": [(2, 2), (1, 2), (2, 2)],
    "Cb is larger": [(1, 1), (2, 2), (1, 1)],
    "4:2:1": [(2, 2), (1, 2), (2, 1)],
}


@pytest.fixture
def no_library(monkeypatch):
    """The core decodes, or there is an error."""

    def decode(data, header, out):
        raise AssertionError("a library was asked")

    monkeypatch.setitem(decoding._DECODERS, "jpeg", decode)


def expected(data: bytes) -> np.ndarray:
    space = SPACES[len(dt.probe(data).components)]
    return imagecodecs.jpeg8_decode(data, colorspace=space, outcolorspace=space)


def arguments(data: bytes) -> dict:
    header = dt.probe(data)
    count = len(header.components)
    precision = header.components[0].precision
    return {
        "rows": header.height,
        "columns": header.width,
        "samples_per_pixel": count,
        "bits_allocated": 8 if precision == 8 else 16,
        "bits_stored": precision,
        "photometric_interpretation": "MONOCHROME2" if count == 1 else "YBR_FULL",
        "raw": True,
    }


def decoded(data: bytes, **more: object) -> np.ndarray:
    return dt.decode_frame(data, "JPEGExtended12Bit", **{**arguments(data), **more})


@pytest.fixture(params=dt.config.available_isas)
def isa(request, monkeypatch):
    before = dt.config.isa
    dt.config.isa = request.param
    yield request.param
    dt.config.isa = before


def images(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    kind = random.integers(3)
    if kind == 0:
        return noise(shape, np.uint8, seed=int(random.integers(100)))
    if kind == 1:
        return smooth(shape, np.uint8, seed=int(random.integers(100)))
    return np.where(noise(shape, np.uint8, seed=int(random.integers(100))) > 200, 255, 0).astype(np.uint8)


@pytest.mark.parametrize("seed", range(20))
def test_streams_of_pillow(no_library, isa, seed):
    random = np.random.default_rng(seed)
    for _ in range(12):
        shape = tuple(random.integers(1, 71, 2)) + ((3,) if random.random() < 0.7 else ())
        options = {"quality": int(random.choice([1, 20, 75, 90, 100])), "optimize": bool(random.integers(2))}
        if random.random() < 0.4:
            options["restart_marker_blocks"] = int(random.integers(1, 12))
        elif random.random() < 0.3:
            options["restart_marker_rows"] = int(random.integers(1, 3))
        if len(shape) == 3:
            options["subsampling"] = int(random.integers(3))
        file = io.BytesIO()
        Image.fromarray(images(random, shape)).save(file, "JPEG", **options)
        np.testing.assert_array_equal(decoded(file.getvalue()), expected(file.getvalue()), err_msg=f"{shape} {options}")


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_streams_of_imagecodecs(no_library, isa, sampling):
    random = np.random.default_rng(SAMPLINGS.index(sampling))
    for _ in range(25):
        shape = (*random.integers(1, 71, 2), 3)
        data = imagecodecs.jpeg8_encode(
            images(random, shape), level=85, colorspace="RGB", outcolorspace="YCBCR", subsampling=sampling
        )
        np.testing.assert_array_equal(decoded(data), expected(data), err_msg=str(shape))


@pytest.mark.parametrize("factors", FACTORS.values(), ids=FACTORS)
@pytest.mark.parametrize("precision", [8, 12])
def test_sampling_factors_and_scans(no_library, isa, factors, precision):
    random = np.random.default_rng(precision)
    for seed in range(6):
        rows, columns = (int(n) for n in random.integers(1, 50, 2))
        many = len(factors) > 1 and random.random() < 0.5
        stream = oracle.random_stream(
            rows,
            columns,
            factors,
            seed=seed,
            precision=precision,
            interval=int(random.choice([0, 1, 3, 7])),
            skewed=bool(random.integers(2)),
            scans=[[1], [0, 2]] if many and seed % 2 else [[0], [1], [2]] if many else None,
            wide_steps=bool(random.integers(2)),
        )
        data = oracle.encode(stream)
        np.testing.assert_array_equal(decoded(data), expected(data), err_msg=f"{rows} x {columns} {stream.scans}")


@pytest.mark.parametrize("factors", [[(1, 1)], [(1, 1)] * 3, [(2, 2), (1, 1), (1, 1)]], ids=["grey", "4:4:4", "4:2:0"])
def test_blocks_of_short_codes_that_end_anywhere(no_library, isa, factors):
    """One look-up gives several symbols, but never one of the next block after the last coefficient of a block."""
    random = np.random.default_rng(len(factors))
    for seed in range(8):
        stream = oracle.random_stream(56, 88, factors, seed=seed, skewed=True)
        for component in stream.components:
            shape = component.blocks.shape
            last = np.where(random.random(shape[:2]) < 0.4, random.choice([0, 62, 63], shape[:2]), 63)
            values = random.integers(-1, 2, shape)
            values[values == 0] = random.choice([0, 1], (values == 0).sum())
            values[np.arange(64) > last[..., None]] = 0
            component.blocks[:] = values
        data = oracle.encode(stream)
        np.testing.assert_array_equal(decoded(data), expected(data))


@pytest.mark.parametrize("precision", [8, 12])
def test_samples_are_those_of_the_standard(no_library, isa, precision):
    stream = oracle.random_stream(37, 45, [(1, 1)] * 3, seed=3, precision=precision)
    planes = np.stack(oracle.planes(stream), -1)
    assert np.abs(decoded(oracle.encode(stream)) - planes).max() <= 1


@pytest.mark.parametrize("precision", [8, 12])
def test_largest_coefficients(isa, precision):
    """Sums that leave the range are clamped in the same way by all instruction sets."""
    stream = oracle.random_stream(40, 40, [(1, 1)], seed=5, precision=precision)
    stream.components[0].steps[:] = 255
    stream.components[0].blocks[:] = np.random.default_rng(1).integers(-2047, 2048, stream.components[0].blocks.shape)
    stream.components[0].blocks[..., 0] //= 2
    data = oracle.encode(stream)
    dt.config.isa, before = "scalar", dt.config.isa
    reference = decoded(data)
    dt.config.isa = before
    np.testing.assert_array_equal(decoded(data), reference)


def test_the_height_may_come_after_the_scan(no_library):
    stream = oracle.random_stream(21, 33, FACTORS["4:2:0"], seed=4)
    data = oracle.encode(stream)
    stream.height_in_dnl = True
    np.testing.assert_array_equal(decoded(oracle.encode(stream)), decoded(data))


@pytest.mark.parametrize("sampling", ["444", "420", "440"])
@pytest.mark.parametrize("interval", [0, 1, 5])
def test_regions(no_library, sampling, interval):
    factors = {"444": FACTORS["4:4:4"], "420": FACTORS["4:2:0"], "440": FACTORS["4:4:0"]}[sampling]
    data = oracle.encode(oracle.random_stream(70, 41, factors, seed=6, interval=interval))
    whole = decoded(data)
    random = np.random.default_rng(interval)
    for _ in range(60):
        top, left = int(random.integers(70)), int(random.integers(41))
        height, width = int(random.integers(1, 71 - top)), int(random.integers(1, 42 - left))
        part = decoded(data, region=(top, left, height, width))
        np.testing.assert_array_equal(part, whole[top : top + height, left : left + width])


def test_a_bit_depth_of_sixteen(no_library):
    data = oracle.encode(oracle.random_stream(20, 30, FACTORS["4:2:0"], seed=7))
    np.testing.assert_array_equal(decoded(data, bits_allocated=16, bits_stored=8), decoded(data))


def test_fragments(no_library):
    data = oracle.encode(oracle.random_stream(40, 40, FACTORS["4:2:0"], seed=8, interval=2))
    pieces = [data[at : at + 7] for at in range(0, len(data), 7)]
    np.testing.assert_array_equal(dt.decode_frame(pieces, "JPEGBaseline8Bit", **arguments(data)), decoded(data))


def error_of(data: bytes, whole: bytes, **more: object) -> dt.DecodeError | None:
    try:
        dt.decode_frame(data, "JPEGBaseline8Bit", **{**arguments(whole), **more})
    except dt.DecodeError as error:
        return error
    return None


@pytest.mark.parametrize("interval", [0, 3])
@pytest.mark.parametrize("scans", [None, [[0], [1], [2]]])
def test_every_truncation_is_an_error(no_library, interval, scans):
    stream = oracle.random_stream(24, 30, FACTORS["4:2:0"], seed=9, interval=interval, scans=scans)
    data = oracle.encode(stream)
    whole = decoded(data)
    partial = 0
    for size in range(len(data)):
        error = error_of(data[:size], data)
        assert error is not None, size
        assert error.code in ("truncated", "malformed"), (size, error)
        status = np.zeros(1, np.uint8)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dt.DecodeWarning)
            try:
                part = dt.decode_frame(
                    data[:size], "JPEGBaseline8Bit", **arguments(data), on_error="salvage", status=status
                )
            except dt.DecodeError:
                continue
        if status[0] != dt.FrameStatus.PARTIAL:
            continue
        equal = (part == whole).all(axis=(1, 2))
        rows = len(equal) if equal.all() else int(np.argmin(equal))
        partial += rows > 0
        assert not part[rows + 1 :].any(), size
    assert partial > 10


def test_changed_bits_are_an_error_or_an_image():
    stream = oracle.random_stream(24, 30, FACTORS["4:2:0"], seed=10, interval=4, skewed=True)
    data = oracle.encode(stream)
    random = np.random.default_rng(2)
    errors = 0
    for _ in range(600):
        changed = bytearray(data)
        for _ in range(int(random.integers(1, 4))):
            changed[int(random.integers(2, len(data)))] ^= 1 << int(random.integers(8))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dt.DecodeWarning)
            errors += error_of(bytes(changed), data) is not None
    assert errors > 100


def test_bits_that_are_no_code(no_library):
    data = oracle.encode(oracle.random_stream(24, 30, [(1, 1)], seed=11))
    at = data.index(b"\xff\xda") + 10
    damaged = data[: at + 20] + b"\xff\0" * 8 + data[at + 36 :]
    error = error_of(damaged, data)
    assert error is not None
    assert error.code == "malformed"
    assert "no code of the Huffman table" in str(error)
    assert at + 10 < error.offset < at + 40


def test_data_after_the_last_sample_are_told():
    data = oracle.encode(oracle.random_stream(24, 30, [(1, 1)], seed=12))
    with pytest.warns(dt.DecodeWarning):
        image = decoded(data[:-2] + bytes(4) + data[-2:])
    np.testing.assert_array_equal(image, decoded(data))
    # A byte of padding is not worth a warning: warnings are errors here.
    np.testing.assert_array_equal(decoded(data[:-2] + b"\xff\0" + data[-2:]), image)


def test_a_missing_end_is_an_error():
    data = oracle.encode(oracle.random_stream(24, 30, [(1, 1)], seed=13))
    error = error_of(data[:-2], data)
    assert error is not None
    assert "no EOI" in str(error)


def progressive(shape: tuple[int, ...], random: np.random.Generator, **more: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(images(random, shape)).save(file, "JPEG", progressive=True, **more)
    return file.getvalue()


@pytest.mark.parametrize("seed", range(10))
def test_progressive_streams_of_pillow(no_library, isa, seed):
    random = np.random.default_rng(seed)
    for _ in range(12):
        shape = tuple(random.integers(1, 71, 2)) + ((3,) if random.random() < 0.7 else ())
        options = {"quality": int(random.choice([1, 20, 75, 90, 100]))}
        if random.random() < 0.4:
            options["restart_marker_blocks"] = int(random.integers(1, 12))
        if len(shape) == 3:
            options["subsampling"] = int(random.integers(3))
        data = progressive(shape, random, **options)
        np.testing.assert_array_equal(decoded(data), expected(data), err_msg=f"{shape} {options}")


@pytest.mark.parametrize("factors", FACTORS.values(), ids=FACTORS)
@pytest.mark.parametrize("precision", [8, 12])
def test_progressive_bands(no_library, isa, factors, precision):
    """The image of a sequential stream with the same coefficients."""
    for seed in range(3):
        more = {"seed": seed, "precision": precision, "interval": 2 * seed, "skewed": seed % 2 == 1}
        stream = oracle.random_stream(33, 27 + seed, factors, **more)
        sequential = decoded(oracle.encode(stream))
        stream.process, stream.bands = 2, [(1, 5), (6, 63)] if seed else [(3, 40), (1, 2), (41, 63)]
        data = oracle.encode(stream)
        np.testing.assert_array_equal(decoded(data), sequential)
        np.testing.assert_array_equal(decoded(data, region=(9, 5, 15, 20)), sequential[9:24, 5:25])
        for component, plane in zip(dt.decode_components(data), oracle.planes(stream), strict=True):
            assert np.abs(component - plane).max() <= 1


def test_truncated_and_changed_progressive_streams():
    data = progressive((40, 50, 3), np.random.default_rng(3), subsampling=2, restart_marker_blocks=5)
    for size in range(len(data)):
        error = error_of(data[:size], data)
        assert error is not None, size
        assert error.code in ("truncated", "malformed"), (size, error)
    random = np.random.default_rng(4)
    for _ in range(300):
        changed = bytearray(data)
        changed[int(random.integers(2, len(data)))] ^= 1 << int(random.integers(8))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dt.DecodeWarning)
            error_of(bytes(changed), data)
            error_of(bytes(changed), data, on_error="salvage")


def test_a_progressive_stream_that_ends_early_is_salvaged_as_a_picture():
    data = progressive((40, 50, 3), np.random.default_rng(5))
    status = np.zeros(1, np.uint8)
    with pytest.warns(dt.DecodeWarning, match="EOI"):
        picture = decoded(data[: len(data) // 2], on_error="salvage", status=status)
    assert status[0] == dt.FrameStatus.PARTIAL
    assert picture.any()


def test_what_the_core_leaves_to_the_library():
    """Progressive streams without all scans, ratios that are not whole numbers, and reduced images."""
    stream = oracle.random_stream(40, 40, FACTORS["4:2:0"], seed=14)
    data = oracle.encode(stream)
    assert decoded(data, reduce=1).shape == (20, 20, 3)
    error = error_of(oracle.encode(oracle.random_stream(40, 40, [(3, 1), (2, 1), (1, 1)], seed=14)), data)
    assert error is not None
    stream.process, stream.bands = 2, [(1, 5)]
    data = oracle.encode(stream)
    np.testing.assert_array_equal(decoded(data), expected(data))


@pytest.mark.parametrize("factors", FACTORS.values(), ids=FACTORS)
@pytest.mark.parametrize("scans", [False, True])
def test_components_have_their_own_size(no_library, factors, scans):
    stream = oracle.random_stream(29, 37, factors, seed=15, scans=[[i] for i in range(len(factors))] if scans else None)
    data = oracle.encode(stream)
    found = dt.decode_components(data)
    for component, plane in zip(found, oracle.planes(stream), strict=True):
        assert component.shape == plane.shape
        assert component.dtype == np.uint8
        assert np.abs(component - plane).max() <= 1
    if len(factors) == 1 or len(set(factors)) == 1:
        np.testing.assert_array_equal(np.stack(found, -1).squeeze(), decoded(data))
