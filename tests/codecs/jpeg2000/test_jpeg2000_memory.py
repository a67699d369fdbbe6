"""Memory that JPEG 2000 takes: what the image has and what the data say, not what a header of a few bytes asks for."""

from __future__ import annotations

import os
import struct
import sys
import warnings

import numpy as np
import pytest
from helpers.jpeg2000 import component, difference
from helpers.jpeg2000_damage import COD, QCD, SIZ, SOT, bounded_memory
from oracle.jpeg2000_stream import Image, finished, segment, write
from oracle.jpeg2000_tile import Coding, HeaderBits, TagTree

import dcmturbo as dt

counts = pytest.mark.skipif(
    sys.platform != "linux" or "DCMTURBO_SANITIZED" in os.environ, reason="memory is counted on Linux"
)
MIB = 1 << 20


def giant(
    side: int,
    body: bytes,
    *,
    levels: int = 5,
    tile: int = 0,
    components: int = 1,
    block: tuple[int, int] = (4, 4),
    layers: int = 1,
    precincts: bytes = b"",
    reversible: bool = True,
    transform: bool = False,
) -> bytes:
    """A square image of 8 bits whose tiles all have `body`; its first sub-band has 8 bit-planes, the others 9."""
    tile = tile or side
    size = struct.pack(">HIIIIIIIIH", 0, side, side, 0, 0, tile, tile, 0, 0, components) + bytes([7, 1, 1]) * components
    style = (bool(precincts), 0, layers, transform, levels, *block, 0, reversible)
    data = b"\xff\x4f" + segment(SIZ, size) + segment(COD, struct.pack(">BBHBBBBBB", *style) + precincts)
    if reversible:
        data += segment(QCD, bytes([0x40] + [(8 + (k > 0)) << 3 for k in range(3 * levels + 1)]))
    else:
        data += segment(QCD, bytes([0x42]) + struct.pack(">H", 8 << 11) * (3 * levels + 1))
    for index in range((-(-side // tile)) ** 2):
        data += segment(SOT, struct.pack(">HIBB", index, 14 + len(body), 0, 1)) + b"\xff\x93" + body
    return data + b"\xff\xd9"


def decoded(data: bytes, more: int, **options) -> list[np.ndarray]:
    with bounded_memory(more), warnings.catch_warnings():
        warnings.simplefilter("ignore", dt.DecodeWarning)
        return dt.decode_components(data, **options)


SIDE = 8000  # 64 MB of samples. As planes, coefficients would take 256 MB, and those of lower resolutions 85 MB


@counts
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"levels": 0},
        {"levels": 32},
        {"reversible": False},
        {"tile": 4000},
        {"block": (0, 0)},
        {"block": (8, 0)},
        {"precincts": b"\xff" * 6},
    ],
    ids=str,
)
def test_packets_without_anything(options):
    levels = options.get("levels", 5)
    found = decoded(giant(SIDE, bytes(levels + 1), **options), 110 * MIB)
    assert (found[0] == 128).all()


@counts
def test_three_components_of_nothing():
    found = decoded(giant(SIDE // 2, bytes(18), components=3, transform=True), 110 * MIB)
    assert all((plane == 128).all() for plane in found)


@counts
def test_a_frame_of_nothing():
    with bounded_memory(110 * MIB):
        found = dt.decode_frame(giant(SIDE, bytes(6)), "JPEG2000", rows=SIDE, columns=SIDE, bits_allocated=8)
    assert (found == 128).all()


def one_block_each() -> bytes:
    """Packets of five levels, with the first block of each sub-band: all planes, one pass, three bytes."""
    body = b""
    for resolution in range(6):
        bands = 3 if resolution else 1
        side = -(-SIDE >> (5 if resolution == 0 else 6 - resolution))
        across = -(-side // 64)
        header = HeaderBits()
        header.put(1, 1)
        for _ in range(bands):
            inclusion = TagTree(across, across, [0] + [1] * (across * across - 1))
            for y in range(across):
                for x in range(across):
                    inclusion.code(header, x, y, 1)
                    if x == y == 0:
                        TagTree(across, across, [0] * (across * across)).code(header, 0, 0, 1)
                        header.put(0b00011, 5)  # one pass, Lblock 3, a length of 3
        body += header.finish() + b"\x12\x34\x56" * bands
    return body


@counts
@pytest.mark.parametrize("reversible", [True, False])
def test_one_block_in_each_sub_band(reversible):
    """Those that are large hold their blocks alone; the second largest image is a plane, a quarter as large."""
    data = giant(SIDE, one_block_each(), reversible=reversible)
    found = decoded(data, 270 * MIB)
    assert found[0].min() < 128 or found[0].max() > 128
    assert (found[0][-64:, -64:] == 128).all()
    with dt.config.override(isa="scalar"):
        np.testing.assert_array_equal(dt.decode_components(data)[0], found[0])
    np.testing.assert_array_equal(dt.decode_components(data, threads=3)[0], found[0])


@counts
def test_more_blocks_than_the_bytes_can_speak_of():
    """Precincts of the largest size with blocks of 4 x 4: a packet header makes them all."""
    header = HeaderBits()
    header.put(0b10, 2)  # not empty, but nothing is included
    body = bytes(5) + header.finish()
    with pytest.raises(dt.LimitExceeded, match="code-blocks"):
        decoded(giant(16384, body, block=(0, 0)), 600 * MIB)


def test_looks_at_blocks_are_bounded():
    """Layers of few bytes, each of which says of a million blocks that they come later."""
    body = bytes([0x80]) * 60000
    with pytest.raises(dt.LimitExceeded, match="looks at code-blocks"):
        dt.decode_components(giant(4096, body, levels=0, block=(0, 0), layers=60000))


def test_the_limit_of_a_result_counts_the_cells():
    """Of 9 bits, a sample takes two bytes; of 17, four."""
    for precision, size in ((8, 1), (9, 2), (17, 4)):
        data, _ = write(Image([component((0, 0, 20, 10), precision)], (0, 0, 20, 10)))
        with dt.config.override(max_output=200 * size):
            dt.decode_components(data)
        with dt.config.override(max_output=200 * size - 1), pytest.raises(dt.LimitExceeded):
            dt.decode_components(data)


@pytest.mark.parametrize("levels", [0, 1, 3])
@pytest.mark.parametrize("reversible", [True, False])
def test_sub_bands_without_data_among_others(levels, reversible):
    """Components that are flat, or zero in part, by themselves and under the component transform."""
    area = (3, 5, 80, 70)
    flat = component(area)
    flat.samples[:] = 128
    part = component(area)
    part.samples[20:] = 128
    dots = component(area)
    dots.samples[:] = 128 + (np.random.default_rng(3).random(dots.samples.shape) < 0.03)
    coding = Coding(levels=levels, reversible=reversible)
    for parts, transform in (
        ([flat], False),
        ([dots], False),
        ([part, flat], False),
        ([flat, flat, part], True),
        ([flat] * 3, True),
    ):
        for tile in ((64, 64, 0, 0), (5, 7, 2, 1)):  # the latter without samples in some resolutions
            image = Image(parts, area, tile, coding=coding, transform=transform)
            require_right(image, 0 if reversible else 1)


def require_right(image: Image, most: int) -> None:
    data, out = write(image)
    for threads in (1, 3):
        assert difference(dt.decode_components(data, threads=threads), finished(image, out)) <= most
