"""JPEG 2000 against OpenJPEG, over combinations drawn from a seeded generator: streams of its encoder, and of the
oracle's writer. DCMTURBO_LONG=N draws N times as many."""

import dataclasses
import os
import warnings
from collections import Counter

import numpy as np
import pytest
from helpers import jpeg2000, openjpeg
from helpers.jpeg2000_draws import draw, ends_openjpeg
from oracle.jpeg2000_block import SYMBOLS
from oracle.jpeg2000_stream import Image
from oracle.jpeg2000_tile import Change, Coding, Quantisation

import dcmturbo as dt

TIMES = int(os.environ.get("DCMTURBO_LONG", "1"))
# Of each seed, so that a failure names few streams.
STREAMS = 20

needs_openjpeg = pytest.mark.skipif(not openjpeg.AVAILABLE, reason="libopenjp2 is not installed")


def is_encoded_well(planes: list[openjpeg.Plane], size: tuple[int, int], options: openjpeg.Options) -> bool:
    """Whether OpenJPEG brings back what it encodes like this, but for losses: not with every layout of packets."""
    lossless = dataclasses.replace(options, irreversible=False, rates=(*options.rates[:-1], 0), roi=None)
    again = openjpeg.decode(openjpeg.encode(planes, size, lossless))
    return jpeg2000.difference([plane.samples for plane in planes], again) == 0


def is_whole(data: bytes, options: openjpeg.Options) -> bool:
    """Where it leaves passes out, OpenJPEG sometimes ends a block before its last segmentation symbol (D.5)."""
    if options.rates[-1] == 0 or not options.style & SYMBOLS:
        return True
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", dt.DecodeWarning)
        dt.decode_components(data, on_error="salvage")
    return not said


def salvaged(data: bytes) -> list[np.ndarray]:
    with pytest.warns(dt.DecodeWarning, match="segmentation symbol"):
        return jpeg2000.decoded(data, on_error="salvage")


def limit(planes: list[openjpeg.Plane], options: openjpeg.Options) -> int:
    """Of 9/7, OpenJPEG 2.5.0 is off by up to 1.5 in 16 bits, by the oracle; the core by 0.53."""
    if not options.irreversible:
        return 0
    return 1 if max(plane.precision for plane in planes) < 14 else 2


@needs_openjpeg
@pytest.mark.parametrize("seed", range(20 * TIMES))
def test_streams_of_openjpeg(seed):
    rng = np.random.default_rng((2000, seed))
    counts: Counter[str] = Counter()
    while counts["compared"] < STREAMS:
        planes, size, options = draw(rng)
        if ends_openjpeg(planes, size, options):
            continue
        try:
            if not is_encoded_well(planes, size, options):
                counts["encoded wrongly"] += 1
                assert counts["encoded wrongly"] < STREAMS, counts
                continue
            data = openjpeg.encode(planes, size, options)
            expected = openjpeg.decode(data)
        except openjpeg.RefusedError as error:
            counts[f"refused: {error}"] += 1
            assert counts.total() < 10 * STREAMS, counts
            continue
        found = jpeg2000.decoded(data) if is_whole(data, options) else salvaged(data)
        assert jpeg2000.difference(found, expected) <= limit(planes, options), (seed, options)
        counts["compared"] += 1
        if options.origin != (0, 0):
            continue  # of an image elsewhere, OpenJPEG divides the size, not the corners (B-14)
        reduce = int(rng.integers(options.resolutions))
        smaller = openjpeg.decode(data, reduce)
        reduced = dt.decode_components(data, reduce=reduce)
        assert jpeg2000.difference(reduced, smaller) <= limit(planes, options), (seed, reduce, options)


def draw_image(rng: np.random.Generator) -> Image:
    """Anything that the oracle can write."""

    def one(*choices):
        return choices[rng.integers(len(choices))]

    x0, y0 = one((0, 0), (3, 5), (14, 1), (33, 64))
    area = (x0, y0, x0 + int(rng.integers(1, 30)), y0 + int(rng.integers(1, 26)))
    tile = one(None, (13, 11, max(x0 - 2, 0), y0), (30, 7, x0, max(y0 - 3, 0)))

    def coding() -> Coding:
        levels = int(one(0, 1, 2, 3, 5))
        block = one((4, 4), (2, 2), (2, 6), (5, 3), (6, 6))
        if rng.random() < 0.5:
            precincts = tuple((int(rng.integers(r > 0, 6)), int(rng.integers(r > 0, 6))) for r in range(levels + 1))
        else:
            precincts = ()
        style = int(rng.integers(64)) if rng.random() < 0.6 else 0
        return Coding(levels, block, style, reversible=True, precincts=precincts)

    image = Image([], area, tile, coding(), order=int(rng.integers(5)), layers=int(one(1, 1, 2, 5)))
    if rng.random() < 0.35:
        image.coding = Coding(**{**vars(image.coding), "reversible": False})
        image.quantisation = Quantisation(
            guard=int(one(3, 5, 7)), mantissa=int(rng.integers(2048)), derived=bool(rng.random() < 0.5)
        )
    alike = rng.random() < 0.6
    precision, is_signed = int(rng.integers(1, 27)), bool(rng.random() < 0.3)
    for i in range(int(one(1, 1, 2, 3, 4))):
        dx, dy = (1, 1) if alike else one((1, 1), (2, 1), (1, 2), (3, 2))
        if not alike:
            precision, is_signed = int(rng.integers(1, 27)), bool(rng.random() < 0.3)
        if not image.coding.reversible:
            precision = min(precision, 16)
        made = jpeg2000.component(area, precision, is_signed, dx, dy, seed=int(rng.integers(1000)))
        if not alike and i > 0 and rng.random() < 0.5:
            made.coding = coding()
        image.components.append(made)
    image.transform = alike and len(image.components) >= 3 and bool(rng.random() < 0.7)
    if rng.random() < 0.15:
        image.components[-1].roi = int(rng.integers(1, 16))
    if rng.random() < 0.3:
        levels = int(rng.integers(0, 4))
        image.changes = [
            Change(int(rng.integers(5)), (0, levels), layers=int(rng.integers(1, 5))),
            Change(int(rng.integers(5)), (0, 33), (0, int(rng.integers(1, 4)))),
            Change(int(rng.integers(5))),
        ]
    if rng.random() < 0.15:
        changed = coding()
        image.tile_coding = {0: Coding(**{**vars(changed), "reversible": image.coding.reversible})}
    image.sop, image.eph = bool(rng.random() < 0.3), bool(rng.random() < 0.3)
    image.packed = one("", "", "main", "tile")
    image.packed_size = int(one(300, 5000))
    image.parts = int(one(1, 1, 2, 5))
    if rng.random() < 0.4:
        image.arrange = lambda places: sorted(places, key=lambda place: (place[1], -place[0]))
    image.lengths, image.extras = bool(rng.random() < 0.8), bool(rng.random() < 0.2)
    image.keep = one(1, 1, 0.5)
    image.seed = int(rng.integers(1 << 30))
    return image


def openjpeg_is_right(image: Image) -> bool:
    """Where OpenJPEG 2.5.0 has been found to read all that the oracle writes. Elsewhere it refuses some streams (of
    tile-components without samples, of tile-parts without bytes) and reads others wrongly (regions of interest, the
    order of precincts of components that differ in size): what test_jpeg2000_streams.py says of each."""
    if image.parts > 1 or not image.lengths or any(c.roi or c.dx > 1 or c.dy > 1 for c in image.components):
        return False
    return not image.packed or min(c.precision for c in image.components) > 3


@pytest.mark.parametrize("seed", range(30 * TIMES))
def test_streams_of_the_oracle(seed):
    rng = np.random.default_rng((15444, seed))
    refused = 0
    for _ in range(5):
        image = draw_image(rng)
        try:
            jpeg2000.check(image, by_openjpeg=openjpeg_is_right(image))
        except openjpeg.RefusedError:  # after the core has been found exact
            refused += 1
    assert refused <= 1
