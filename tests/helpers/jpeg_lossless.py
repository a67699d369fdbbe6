"""JPEG Lossless: images to encode, and what the core makes of streams, against the slow oracle."""

from __future__ import annotations

import numpy as np
from oracle import jpeg_lossless as oracle
from oracle.jpeg_lossless import Component

import dcmturbo as dt
from helpers.samples import noise, smooth

ISAS = dt.config.available_isas


def decoded(data: bytes, **more: object) -> list[np.ndarray]:
    return dt.decode_components(data, **more)


def image(data: bytes, **more: object) -> np.ndarray:
    """The frame as a DICOM image of 16 bits."""
    header = dt.probe(data)
    count = len(header.components)
    arguments = {
        "rows": header.height,
        "columns": header.width,
        "samples_per_pixel": count,
        "bits_allocated": 16,
        "photometric_interpretation": "RGB" if count > 1 else "MONOCHROME2",
        "raw": True,
    }
    return dt.decode_frame(data, "JPEGLossless", **{**arguments, **more})


def samples(shape: tuple[int, int], bits: int, seed: int = 0, kind: str = "smooth") -> np.ndarray:
    make = smooth if kind == "smooth" else noise
    return make(shape, np.uint16, bits=bits, seed=seed).astype(np.int64) & ((1 << bits) - 1)


def check(data: bytes, components: list[Component], transform: int = 0) -> None:
    """The oracle reads what it wrote; so does the core, on every ISA and with any number of threads."""
    expected = oracle.decode(data)
    for component, plane in zip(components, expected, strict=True):
        np.testing.assert_array_equal(plane, (component.samples << transform) & 0xFFFF)
    for isa in ISAS:
        with dt.config.override(isa=isa):
            found = decoded(data)
        for plane, array in zip(expected, found, strict=True):
            np.testing.assert_array_equal(array, plane & (0xFF if array.dtype == np.uint8 else 0xFFFF))
    if len(components) in (1, 3):
        height, width = max(c.samples.shape[0] for c in components), max(c.samples.shape[1] for c in components)
        header = dt.probe(data)
        assert (header.height, header.width) == (height, width)
        steps = [(height * c.vertical, width * c.horizontal) for c in components]
        tallest, widest = max(s[0] for s in steps) // height, max(s[1] for s in steps) // width
        y, x = np.arange(height), np.arange(width)
        planes = [
            plane[np.ix_(y * c.vertical // tallest, x * c.horizontal // widest)]
            for plane, c in zip(expected, components, strict=True)
        ]
        whole = np.stack(planes, -1) if len(planes) > 1 else planes[0]
        for threads in (1, 2):
            np.testing.assert_array_equal(image(data, threads=threads), whole)
