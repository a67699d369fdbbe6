"""The rows of JPEG-LS: one codestream against CharLS, as imagecodecs wraps it, in both directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import pydicom
from data import attributes, wg04
from measure import interleaved, median, scaling_over_control, with_again

import dcmturbo as dt

Row = dict[str, Any]
Work = Callable[[], Any]


def _how(near_lossless: int) -> tuple[str, dict[str, Any]]:
    """Return the transfer syntax, and the options of encode_frame."""
    if near_lossless == 0:
        return "JPEGLSLossless", {}
    return "JPEGLSNearLossless", {"near_lossless": near_lossless}


def _images() -> list[tuple[str, np.ndarray, dict[str, Any]]]:
    """Return the WG-04 images: name, stored values, and the arguments that decode_frame needs."""
    found = []
    for path in wg04("RLE"):
        ds = pydicom.dcmread(path)
        found.append((path.name.removesuffix("_RLE"), dt.decode(path, raw=True), attributes(ds)))
    return found


def _encode_arguments(kw: dict[str, Any]) -> dict[str, Any]:
    return {name: kw[name] for name in ("bits_stored", "photometric_interpretation")}


def _cells(array: np.ndarray, bits: int) -> np.ndarray:
    """Return samples as CharLS has them, without a sign."""
    cells = array.view(f"u{array.itemsize}")
    return cells & cells.dtype.type((1 << bits) - 1)


def _ratio(name: str, ours: Work, theirs: Work, rounds: int) -> Row:
    times, facts = interleaved(with_again({"ours": ours, "imagecodecs": theirs}, "ours"), rounds)
    m = {work: median(taken) for work, taken in times.items()}
    return {"file": name, "ratio": m["imagecodecs"] / m["ours"], "A/A": m["ours again"] / m["ours"], **facts}


def _decode_row(name: str, frame: bytes, uid: str, kw: dict[str, Any], rounds: int, repeat: int = 1) -> Row:
    kw = kw | {"raw": True, "unused_bits": "keep", "threads": 1}

    def ours() -> Any:
        for _ in range(repeat):
            array = dt.decode_frame(frame, uid, **kw)
        return array

    def theirs() -> Any:
        for _ in range(repeat):
            array = imagecodecs.jpegls_decode(frame)
        return array

    expected = theirs()
    assert np.array_equal(ours().view(expected.dtype), expected), name
    return _ratio(name, ours, theirs, rounds)


def _wg04_decode(rounds: int, near_lossless: int) -> list[Row]:
    uid, options = _how(near_lossless)
    rows = []
    for name, array, kw in _images():
        # Near-lossless values of both signs are not encoded: an error may cross the middle of the range.
        cells = _cells(array, kw["bits_stored"])
        frame = dt.encode_frame(cells, uid, **options, **_encode_arguments(kw))
        rows.append(_decode_row(name, frame, uid, kw | {"pixel_representation": 0}, rounds))
    return rows


def _wg04_encode(rounds: int, near_lossless: int) -> list[Row]:
    uid, options = _how(near_lossless)
    rows = []
    for name, array, kw in _images():
        cells = _cells(array, kw["bits_stored"])
        arguments = {"threads": 1, **options, **_encode_arguments(kw)}

        def ours(c: np.ndarray = cells, o: dict[str, Any] = arguments) -> bytes:
            return dt.encode_frame(c, uid, **o)

        def theirs(c: np.ndarray = cells) -> bytes:
            return bytes(imagecodecs.jpegls_encode(c, level=near_lossless))

        found = imagecodecs.jpegls_decode(ours()).astype(np.int64)
        assert np.abs(found - cells).max() <= near_lossless, name
        rows.append(_ratio(name, ours, theirs, rounds) | {"size against theirs": len(ours()) / len(theirs())})
    return rows


def decode(rounds: int) -> list[Row]:
    """One thread, a codestream in memory to pixels, against imagecodecs.jpegls_decode."""
    return _wg04_decode(rounds, 0)


def encode(rounds: int) -> list[Row]:
    """One thread, pixels to a codestream, against imagecodecs.jpegls_encode, which writes 8 and 16 bits only."""
    return _wg04_encode(rounds, 0)


def decode_near_lossless(rounds: int) -> list[Row]:
    """The same as decoding without loss, of images with NEAR = 2."""
    return _wg04_decode(rounds, 2)


def encode_near_lossless(rounds: int) -> list[Row]:
    """The same as encoding without loss, with NEAR = 2."""
    return _wg04_encode(rounds, 2)


def _small_images() -> dict[str, tuple[np.ndarray, int]]:
    """Return 64 x 64 pixels of images and of several kinds of contents, and their BitsStored."""
    crops = {}
    for name, array, kw in _images():
        y, x = (size * 2 // 5 for size in array.shape[:2])
        crops[name] = (_cells(array[y : y + 64, x : x + 64], kw["bits_stored"]).copy(), kw["bits_stored"])
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:64, 0:64]
    wave = 2000 + 600 * np.sin(x / 11) + 500 * np.cos(y / 9)
    noise = random.normal(0, 12, (64, 64))
    colour = [128 + 60 * np.sin(x / 11 + i) + random.normal(0, 3, (64, 64)) for i in range(3)]
    return crops | {
        "zeros": (np.zeros((64, 64), np.uint16), 16),
        "mask": (((x - 32) ** 2 + (y - 32) ** 2 < 400).astype(np.uint8), 8),
        "blocks": (((x // 16 + y // 16) % 4 * 900).astype(np.uint16), 12),
        "ramp": (((x * 7 + y * 5) % 4096).astype(np.uint16), 12),
        "smooth": (wave.astype(np.uint16), 12),
        "wave with noise": ((wave + noise).astype(np.uint16), 12),
        "wave with noise, 8 bits": (((wave + 8 * noise) / 16).astype(np.uint8), 8),
        "noise": (random.integers(0, 4096, (64, 64), dtype=np.uint16), 12),
        "colour with noise": (np.stack(colour, -1).astype(np.uint8), 8),
    }


def small_frame(rounds: int) -> list[Row]:
    """A frame of 64 x 64 pixels with decode_frame, against imagecodecs.jpegls_decode."""
    rows = []
    for name, (array, bits) in _small_images().items():
        photometric = "RGB" if array.ndim == 3 else "MONOCHROME2"
        kw = {
            "rows": 64,
            "columns": 64,
            "samples_per_pixel": array.shape[2] if array.ndim == 3 else 1,
            "bits_allocated": 8 * array.itemsize,
            "bits_stored": bits,
            "photometric_interpretation": photometric,
        }
        frame = dt.encode_frame(array, "JPEGLSLossless", **_encode_arguments(kw))
        rows.append(_decode_row(f"64 x 64, {name}", frame, "JPEGLSLossless", kw, rounds, repeat=40))
    return rows


def large_frame(rounds: int, control: float) -> list[Row]:
    """One frame of restart intervals, or scans, into a warm out=: two threads against one, over the control's.

    Three scans on two threads take as long as two on one: they cannot scale by more than 1.5. Four can.
    """
    images = {name: (array, kw) for name, array, kw in _images()}
    colour, of_colour = images["VL6"]
    four = np.concatenate([colour, colour[..., 1:2]], -1)
    images["VL6 with G twice"] = (
        four,
        of_colour | {"samples_per_pixel": 4, "photometric_interpretation": "CMYK"},
    )
    rows = []
    for name, what, options in (
        ("SC1", "restart intervals", {"restart_rows": 160}),
        ("VL6", "three scans", {"interleave": "none"}),
        ("VL6 with G twice", "four scans", {"interleave": "none"}),
    ):
        array, kw = images[name]
        frame = dt.encode_frame(array, "JPEGLSLossless", **options, **_encode_arguments(kw))
        out = dt.decode_frame(frame, "JPEGLSLossless", raw=True, **kw)
        assert np.array_equal(out, array), name
        found = scaling_over_control(
            lambda f=frame, k=kw, o=out: dt.decode_frame(f, "JPEGLSLossless", raw=True, threads=1, out=o, **k),
            lambda f=frame, k=kw, o=out: dt.decode_frame(f, "JPEGLSLossless", raw=True, threads=2, out=o, **k),
            rounds,
            repeat=2,
            most_rounds=4 * rounds,
            control_floor=control,
        )
        rows.append({"file": f"{name}, {what}", **found})
    return rows
