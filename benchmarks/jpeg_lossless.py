"""The rows of JPEG Lossless: one codestream against libjpeg-turbo (imagecodecs), in both directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import pydicom
from data import attributes, frame_of, wg04
from measure import interleaved, median, scaling_over_control

import dcmturbo as dt

Row = dict[str, Any]
UID = "JPEGLosslessSV1"


def _space(array: np.ndarray) -> dict[str, str]:
    return {"colorspace": "RGB", "outcolorspace": "RGB"} if array.ndim == 3 else {}


def _unsigned(array: np.ndarray, bits: int) -> np.ndarray:
    cells = array.view(f"u{array.itemsize}")
    return cells & cells.dtype.type((1 << bits) - 1)


def _decode_row(name: str, frame: bytes, kw: dict[str, Any], rounds: int) -> Row:
    """Compare decoding of one codestream, into a new array and into out=."""
    kw = kw | {"raw": True, "unused_bits": "keep"}
    ours = dt.decode_frame(frame, UID, **kw)
    space = _space(ours)
    theirs = imagecodecs.jpeg8_decode(frame, **space)
    assert np.array_equal(ours.view(theirs.dtype), theirs), name
    out, other = np.empty_like(ours), np.empty_like(theirs)
    times, facts = interleaved(
        {
            "ours": lambda: dt.decode_frame(frame, UID, **kw),
            "imagecodecs": lambda: imagecodecs.jpeg8_decode(frame, **space),
            "ours out=": lambda: dt.decode_frame(frame, UID, out=out, **kw),
            "imagecodecs out=": lambda: imagecodecs.jpeg8_decode(frame, out=other, **space),
            "ours again": lambda: dt.decode_frame(frame, UID, **kw),
            "imagecodecs again": lambda: imagecodecs.jpeg8_decode(
                frame, **space
            ),  # as many of theirs: none right after itself
        },
        rounds,
    )
    m = {work: median(taken) for work, taken in times.items()}
    return {
        "file": name,
        "ratio": m["imagecodecs"] / m["ours"],
        "ratio into out=": m["imagecodecs out="] / m["ours out="],
        "A/A": m["ours again"] / m["ours"],
        **facts,
    }


def decode(rounds: int) -> list[Row]:
    """One thread, a codestream in memory to pixels, against imagecodecs.jpeg8_decode; fresh and into out=."""
    rows = []
    for path in wg04("JPLL"):
        ds = pydicom.dcmread(path)
        rows.append(_decode_row(path.name, frame_of(ds), attributes(ds), rounds))
    # WG-04 has no colour in this encoding: libjpeg-turbo encodes it.
    for path in wg04("RLE"):
        ds = pydicom.dcmread(path)
        if ds.SamplesPerPixel == 1:
            continue
        array = dt.decode(path, raw=True)
        frame = imagecodecs.jpeg8_encode(array, lossless=True, predictor=1, **_space(array))
        rows.append(_decode_row(f"{path.name}, encoded by libjpeg-turbo", frame, attributes(ds), rounds))
    return rows


def incompressible(rounds: int) -> list[Row]:
    """The same of noise, which no look-up finishes."""
    rows = []
    for bits in (12, 16):
        noise = np.random.default_rng(0).integers(0, 1 << bits, (1024, 1024), dtype=np.uint16)
        frame = imagecodecs.jpeg8_encode(noise, lossless=True, predictor=1, bitspersample=bits)
        kw = {"rows": 1024, "columns": 1024, "bits_allocated": 16, "bits_stored": bits}
        rows.append(_decode_row(f"noise of {bits} bits, 1024 x 1024", frame, kw, rounds))
    return rows


def large_frame(rounds: int, control: float) -> list[Row]:
    """One frame of 2048 x 2487 into a warm out=: two threads against one, over the control's."""
    ds = pydicom.dcmread(next(path for path in wg04("JPLL") if path.name.startswith("SC1")))
    frame, kw = frame_of(ds), attributes(ds)
    out = dt.decode_frame(frame, UID, **kw)
    found = scaling_over_control(
        lambda: dt.decode_frame(frame, UID, threads=1, out=out, **kw),
        lambda: dt.decode_frame(frame, UID, threads=2, out=out, **kw),
        rounds,
        most_rounds=4 * rounds,
        control_floor=control,
    )
    return [{"file": "SC1", **found}]


def encode(rounds: int) -> list[Row]:
    """One thread, pixels to a codestream of selection value 1, against imagecodecs.jpeg8_encode."""
    rows = []
    for path in wg04("RLE"):
        ds = pydicom.dcmread(path)
        array, bits = dt.decode(path, raw=True), ds.BitsStored
        cells, space = _unsigned(array, bits), _space(array)
        kw = {"bits_stored": bits, "photometric_interpretation": ds.PhotometricInterpretation}

        def theirs(c: np.ndarray = cells, b: int = bits, s: dict[str, str] = space) -> bytes:
            return bytes(imagecodecs.jpeg8_encode(c, lossless=True, predictor=1, bitspersample=b, **s))

        def ours(a: np.ndarray = array, k: dict[str, Any] = kw) -> bytes:
            return dt.encode_frame(a, UID, **k)

        found = imagecodecs.jpeg8_decode(ours(), **space)
        assert np.array_equal(found.view(cells.dtype), cells), path
        works: dict[str, Callable[[], Any]] = {"ours": ours, "imagecodecs": theirs}
        times, facts = interleaved(works, rounds)
        best = dt.encode_frame(array, "JPEGLossless", selection_value="best", **kw)
        rows.append(
            {
                "file": path.name,
                "ratio": median(times["imagecodecs"]) / median(times["ours"]),
                "size against theirs": len(ours()) / len(theirs()),
                'size with selection_value="best"': len(best) / len(theirs()),
                **facts,
            }
        )
    return rows
