"""Our JPEG-LS encoder: what other decoders make of its streams, and how large they are."""

import numpy as np
import pytest
from oracle import jpegls as oracle

import dcmturbo as dt

imagecodecs = pytest.importorskip("imagecodecs")

INTERLEAVES = {"none": oracle.NONE, "line": oracle.LINE, "sample": oracle.SAMPLE}


def smooth(rng: np.random.Generator, shape: tuple[int, ...], bits: int) -> np.ndarray:
    most = (1 << bits) - 1
    image = np.cumsum(rng.integers(-2, 3, shape), 1) * max(1, most // 256) + most // 2
    image[shape[0] // 4 : shape[0] // 2, shape[1] // 5 : shape[1] // 2] = most // 3
    return np.clip(image, 0, most).astype(np.uint8 if bits <= 8 else np.uint16)


def noise(rng: np.random.Generator, shape: tuple[int, ...], bits: int) -> np.ndarray:
    return rng.integers(0, 1 << bits, shape).astype(np.uint8 if bits <= 8 else np.uint16)


def extremes(rng: np.random.Generator, shape: tuple[int, ...], bits: int) -> np.ndarray:
    """The largest differences that there are, and nothing between: the longest codes."""
    return (rng.integers(0, 2, shape) * ((1 << bits) - 1)).astype(np.uint8 if bits <= 8 else np.uint16)


def decoded(data: bytes, array: np.ndarray, bits: int) -> np.ndarray:
    return dt.decode_frame(
        data,
        "JPEGLSNearLossless",
        rows=array.shape[0],
        columns=array.shape[1],
        samples_per_pixel=array.shape[2] if array.ndim == 3 else 1,
        bits_allocated=array.itemsize * 8,
        bits_stored=bits,
        pixel_representation=int(array.dtype.kind == "i"),
        raw=True,
    )


def encoded_with_every_isa(array: np.ndarray, syntax: str, **options) -> bytes:
    """The stream, which is the same with every instruction set and any number of threads."""
    found = set()
    for isa in dt.config.available_isas:
        with dt.config.override(isa=isa):
            found |= {dt.encode_frame(array, syntax, threads=threads, **options) for threads in (1, 2)}
    assert len(found) == 1
    return found.pop()


@pytest.mark.parametrize("make", [smooth, noise, extremes])
@pytest.mark.parametrize("bits", range(2, 17))
def test_every_depth(bits, make):
    rng = np.random.default_rng(bits)
    for shape in ((1, 1), (1, 50), (50, 1), (33, 47)):
        array = make(rng, shape, bits)
        data = encoded_with_every_isa(array, "JPEGLSLossless", bits_stored=bits)
        assert dt.probe(data).components[0].precision == bits
        np.testing.assert_array_equal(imagecodecs.jpegls_decode(data), array)
        np.testing.assert_array_equal(oracle.decode(data)[0], array)
        np.testing.assert_array_equal(decoded(data, array, bits), array)
        signed = (array.astype(np.int32) - (1 << (bits - 1))).astype(f"i{array.itemsize}")
        data = dt.encode_frame(signed, "JPEGLSLossless", bits_stored=bits)
        np.testing.assert_array_equal(decoded(data, signed, bits), signed)
        np.testing.assert_array_equal(imagecodecs.jpegls_decode(data), signed.view(array.dtype) & ((1 << bits) - 1))


@pytest.mark.parametrize("interleave", INTERLEAVES)
@pytest.mark.parametrize("near", [0, 1, 7])
@pytest.mark.parametrize("restart", [0, 1, 6])
@pytest.mark.parametrize("bits", [8, 12])
def test_the_bytes_are_those_of_the_plain_encoder(interleave, near, restart, bits):
    rng = np.random.default_rng(near)
    for make in (smooth, noise):
        array = make(rng, (19, 23, 3), bits)
        data = encoded_with_every_isa(
            array,
            "JPEGLSNearLossless",
            bits_stored=bits,
            near_lossless=near,
            interleave=interleave,
            restart_rows=restart,
            photometric_interpretation="YBR_FULL",
        )
        planes = [array[..., i] for i in range(3)]
        assert data == oracle.encode(planes, bits, near=near, interleave=INTERLEAVES[interleave], restart=restart)
        assert np.abs(decoded(data, array, bits).astype(int) - array).max() <= near


@pytest.mark.parametrize("samples", [2, 3, 4])
def test_samples_per_pixel(samples):
    array = smooth(np.random.default_rng(1), (20, 30, samples), 8)
    photometric = {2: "HSV", 3: "RGB", 4: "CMYK"}[samples]
    data = dt.encode_frame(array, "JPEGLSLossless", photometric_interpretation=photometric)
    np.testing.assert_array_equal(np.stack(dt.decode_components(data), -1), array)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("near", [0, 2])
def test_sizes_are_those_of_another_encoder(bits, near):
    array = smooth(np.random.default_rng(2), (200, 300), bits)
    ours = dt.encode_frame(array, "JPEGLSNearLossless", near_lossless=near)
    theirs = imagecodecs.jpegls_encode(array, near)
    assert abs(len(ours) - len(theirs)) <= max(64, len(theirs) // 1000)


@pytest.mark.parametrize(
    "presets",
    [
        {"maxval": 200},
        {"threshold_1": 5, "threshold_2": 50, "threshold_3": 100},
        {"reset": 3},
        {"maxval": 130, "reset": 200, "threshold_3": 100},
    ],
    ids=str,
)
def test_presets(presets):
    array = np.minimum(smooth(np.random.default_rng(3), (40, 50), 8), presets.get("maxval", 255)).astype(np.uint8)
    data = encoded_with_every_isa(array, "JPEGLSLossless", **presets)
    np.testing.assert_array_equal(oracle.decode(data)[0], array)
    np.testing.assert_array_equal(decoded(data, array, 8), array)
    # Where MAXVAL is not 2^n - 1, CharLS 2.4 clamps predictions by a mask, against A.4.2: it cannot read such streams.
    if "maxval" not in presets:
        np.testing.assert_array_equal(imagecodecs.jpegls_decode(data), array)
    plain = oracle.Presets(
        presets.get("maxval", 0),
        presets.get("threshold_1", 0),
        presets.get("threshold_2", 0),
        presets.get("threshold_3", 0),
        presets.get("reset", 0),
    )
    assert data == oracle.encode([array], 8, presets=plain)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"maxval": 100}, "MAXVAL"),
        ({"maxval": 300}, "MAXVAL"),
        ({"threshold_1": 9, "threshold_2": 8}, "thresholds"),
        ({"reset": 2}, "RESET"),
        ({"near_lossless": 128}, "NEAR"),
    ],
    ids=str,
)
def test_presets_that_cannot_be(options, match):
    array = np.full((8, 8), 255, np.uint8)
    with pytest.raises(dt.EncodeError, match=match):
        dt.encode_frame(array, "JPEGLSNearLossless", **options)


def test_near_lossless_of_signed_values_stays_away_from_the_ends():
    array = np.array([[-120, 0, 100]], np.int8)
    data = dt.encode_frame(array, "JPEGLSNearLossless", near_lossless=3)
    assert np.abs(decoded(data, array, 8).astype(int) - array).max() <= 3
    for value in (-128, 127, -126, 125):
        with pytest.raises(dt.EncodeError, match="distance"):
            dt.encode_frame(np.full((2, 2), value, np.int8), "JPEGLSNearLossless", near_lossless=3)


def test_more_columns_than_the_frame_header_holds():
    array = smooth(np.random.default_rng(4), (2, 70000), 8)
    data = dt.encode_frame(array, "JPEGLSLossless")
    np.testing.assert_array_equal(dt.decode_components(data)[0], array)
    np.testing.assert_array_equal(imagecodecs.jpegls_decode(data), array)


@pytest.mark.parametrize("interleave", INTERLEAVES)
def test_a_team_writes_the_same_bytes(interleave):
    array = smooth(np.random.default_rng(5), (300, 400, 3), 8)
    options = {"interleave": interleave, "restart_rows": 40}
    assert dt.encode_frame(array, "JPEGLSLossless", threads=2, **options) == dt.encode_frame(
        array, "JPEGLSLossless", **options
    )


def test_strides():
    array = smooth(np.random.default_rng(6), (60, 80), 12)
    np.testing.assert_array_equal(
        imagecodecs.jpegls_decode(dt.encode_frame(array[::2, ::-3], "JPEGLSLossless", bits_stored=12)), array[::2, ::-3]
    )
