"""Frames of any size, depth and content, with any options: what is encoded comes back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import jpegls as oracle

import dcmturbo as dt


@st.composite
def images(draw) -> tuple[np.ndarray, int]:
    """An image of one or three samples a pixel, with or without a sign, and its BitsStored."""
    bits = draw(st.integers(2, 16))
    allocated = 8 if bits <= 8 and draw(st.booleans()) else 16
    samples = draw(st.sampled_from([1, 3]))
    shape = (draw(st.integers(1, 40)), draw(st.integers(1, 80)), *((3,) if samples == 3 else ()))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    most = (1 << bits) - 1
    # How much of a sample is new: runs, gentle noise, or anything.
    step = 1 << draw(st.integers(0, bits))
    array = np.cumsum(rng.integers(0, step, shape) * (rng.random(shape) < draw(st.sampled_from([0.02, 0.5, 1]))), 1)
    array &= most
    if draw(st.booleans()):
        array = np.where(array > most // 2, array - most - 1, array).astype(f"i{allocated // 8}")
    else:
        array = array.astype(f"u{allocated // 8}")
    return array, bits


def decoded(data: bytes, array: np.ndarray, bits: int, **options: object) -> np.ndarray:
    return dt.decode_frame(
        data,
        "JPEGLSNearLossless",
        rows=array.shape[0],
        columns=array.shape[1],
        samples_per_pixel=array.shape[2] if array.ndim == 3 else 1,
        photometric_interpretation="RGB" if array.ndim == 3 else "MONOCHROME2",
        bits_allocated=8 * array.itemsize,
        bits_stored=bits,
        pixel_representation=int(array.dtype.kind == "i"),
        raw=True,
        **options,
    )


INTERLEAVES = st.sampled_from(["none", "line", "sample"])
RESTARTS = st.sampled_from([0, 1, 7, 1000])


@settings(max_examples=300, deadline=None)
@given(images(), INTERLEAVES, RESTARTS, st.sampled_from(dt.config.available_isas))
def test_without_loss(image, interleave, restart_rows, isa):
    array, bits = image
    with dt.config.override(isa=isa):
        data = dt.encode_frame(
            array, "JPEGLSLossless", bits_stored=bits, interleave=interleave, restart_rows=restart_rows
        )
        assert dt.probe(data).components[0].precision == bits
        for threads in (1, 2):
            np.testing.assert_array_equal(decoded(data, array, bits, threads=threads), array)


@settings(max_examples=200, deadline=None)
@given(images(), INTERLEAVES, RESTARTS, st.data())
def test_near_lossless(image, interleave, restart_rows, draw):
    array, bits = image
    near = draw.draw(st.integers(1, min(255, ((1 << bits) - 1) // 2)))
    if array.dtype.kind == "i":
        # Values at the ends are refused: an error would turn the largest into the smallest.
        half = 1 << (bits - 1)
        if half <= near:
            return
        array = array.clip(near - half, half - 1 - near)
    data = dt.encode_frame(
        array,
        "JPEGLSNearLossless",
        bits_stored=bits,
        near_lossless=near,
        interleave=interleave,
        restart_rows=restart_rows,
    )
    assert np.abs(decoded(data, array, bits).astype(int) - array).max() <= near


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("width", [1, 2])
def test_frames_with_mapping_tables(count, width):
    rng = np.random.default_rng(width)
    bits = 8 * width
    tables = {i + 1: (width, rng.integers(0, 1 << bits, 64).tolist()) for i in range(count)}
    planes = [rng.integers(0, 64, (20, 21)) // 7 for _ in range(count)]
    data = oracle.encode(
        planes, bits, presets=oracle.Presets(maxval=63), tables=tables, table_ids=list(range(1, count + 1))
    )
    expected = np.stack([np.array(tables[i + 1][1])[plane] for i, plane in enumerate(planes)], -1)
    found = decoded(data, expected.astype(f"u{width}").reshape(20, 21, *((3,) if count == 3 else ())), bits)
    np.testing.assert_array_equal(found.reshape(20, 21, count), expected)


def test_a_mapping_table_that_lacks_entries_is_refused():
    data = oracle.encode(
        [np.zeros((4, 4), int)],
        8,
        presets=oracle.Presets(maxval=63),
        tables={1: (1, list(range(63)))},
        table_ids=[1],
    )
    with pytest.raises(dt.DecodeError, match="63 entries for samples up to 63"):
        dt.decode_components(data)


@pytest.mark.parametrize("isa", dt.config.available_isas)
@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("kind", ["blocks", "mask", "bands"])
def test_flat_images(kind, samples, isa):
    # Long runs, runs of one bit a line, and lines that are stored by repeating the one before.
    rng = np.random.default_rng(3)
    for rows, columns in [(64, 64), (2, 2), (40, 1), (1, 40), (90, 700), (9, 3000)]:
        y, x = np.mgrid[0:rows, 0:columns]
        if kind == "blocks":
            plane = rng.integers(0, 256, (rows // 8 + 1, columns // 8 + 1))[y // 8, x // 8]
        elif kind == "mask":
            plane = ((x - columns / 2) ** 2 + (y - rows / 2) ** 2 < min(rows, columns) ** 2 / 9) * 1
        else:
            plane = rng.integers(0, 256, rows // 5 + 1)[y // 5]
        array = (plane if samples == 1 else np.stack([plane, 255 - plane, plane // 2], 2)).astype(np.uint8)
        for restart_rows in (0, 3):
            with dt.config.override(isa=isa):
                data = dt.encode_frame(array, "JPEGLSLossless", restart_rows=restart_rows)
                np.testing.assert_array_equal(decoded(data, array, 8), array)
                wide = np.full((rows, columns + 3, *array.shape[2:]), 7, np.uint8)
                out = wide[:, 1 : columns + 1]
                np.testing.assert_array_equal(decoded(data, array, 8, out=out), array)
                assert np.all(wide[:, 0] == 7)
                assert np.all(wide[:, columns + 1 :] == 7)
                region = (rows // 3, columns // 3, rows // 2 + 1, columns // 2 + 1)
                part = array[region[0] : region[0] + region[2], region[1] : region[1] + region[3]]
                if part.shape[:2] == region[2:]:
                    np.testing.assert_array_equal(decoded(data, array, 8, region=region), part)
