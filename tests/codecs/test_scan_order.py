"""Scans that hold the components in another order than the frame header does.

ISO/IEC 10918-1, B.2.3 asks for the same order, and so does 14495-1. Such a stream still says which component each part
of a scan is of.
"""

import io
import itertools

import numpy as np
import pytest
from PIL import Image

import dcmturbo as dt

SHAPE = (41, 37, 3)
ORDERS = list(itertools.permutations(range(3)))
LOSSLESS, JPEGLS, NEAR, BASELINE = (f"1.2.840.10008.1.2.4.{n}" for n in (70, 80, 81, 50))


def pixels() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, SHAPE).astype(np.uint8)


def reordered(stream: bytes, order: tuple[int, ...]) -> bytes:
    """Return a stream of one scan that says that its k-th component is ``order[k]``."""
    place = stream.index(b"\xff\xda") + 5
    assert stream[place - 1] == 3
    changed = bytearray(stream)
    for k, one in enumerate(order):
        changed[place + 2 * k] = stream[place + 2 * one]
    return bytes(changed)


def check(syntax: str, stream: bytes, order: tuple[int, ...], expected: np.ndarray) -> None:
    """Decode it after a frame that has left other values in the memory."""
    told = {"rows": SHAPE[0], "columns": SHAPE[1], "samples_per_pixel": 3, "bits_allocated": 8}
    wanted = np.empty_like(expected)
    wanted[..., list(order)] = expected
    for threads in (1, 2):
        for on_error in ("raise", "salvage"):
            found = dt.decode_frame(
                reordered(stream, order),
                syntax,
                **told,
                photometric_interpretation="RGB",
                raw=True,
                threads=threads,
                on_error=on_error,
            )
            assert np.array_equal(found, wanted)
    components = dt.decode_components(reordered(stream, order))
    assert all(np.array_equal(one, wanted[..., k]) for k, one in enumerate(components))


@pytest.mark.parametrize("order", ORDERS)
def test_jpeg_lossless(order):
    stream = dt.encode_frame(pixels(), LOSSLESS, photometric_interpretation="RGB")
    check(LOSSLESS, stream, order, pixels())


@pytest.mark.parametrize("interleave", ["line", "sample"])
@pytest.mark.parametrize("near", [0, 2])
@pytest.mark.parametrize("order", ORDERS)
def test_jpegls(order, near, interleave):
    options = {"near_lossless": near} if near else {}
    syntax = NEAR if near else JPEGLS
    stream = dt.encode_frame(pixels(), syntax, interleave=interleave, photometric_interpretation="RGB", **options)
    check(syntax, stream, order, np.stack(dt.decode_components(stream), axis=-1))


@pytest.mark.parametrize("order", ORDERS)
def test_jpeg(order):
    stream = io.BytesIO()  # all components have the same tables
    Image.fromarray(pixels()).save(stream, "JPEG", quality=95, subsampling=0, keep_rgb=True)
    check(BASELINE, stream.getvalue(), order, np.stack(dt.decode_components(stream.getvalue()), axis=-1))
