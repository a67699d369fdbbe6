"""Streams of OpenJPEG's encoder, over combinations drawn from a seeded generator."""

from __future__ import annotations

import numpy as np
from oracle.jpeg2000_block import BYPASS
from oracle.jpeg2000_stream import Image, tile_areas
from oracle.jpeg2000_tile import divide

from helpers import jpeg2000, openjpeg

__all__ = ["Drawn", "draw", "ends_openjpeg"]

Drawn = tuple[list[openjpeg.Plane], tuple[int, int], openjpeg.Options]


def draw(rng: np.random.Generator) -> Drawn:
    """Components, the image's size, and how OpenJPEG is to encode it."""

    def one(*choices):
        return choices[rng.integers(len(choices))]

    size = int(one(1, 2, 3, 7, 17, 40, 64, 90)), int(one(1, 2, 5, 16, 33, 64, 77))
    origin = one((0, 0), (0, 0), (1, 0), (3, 7), (130, 65))
    tile = one(None, None, (64, 64), (37, 29), (16, 50), (8, 8))
    tile_origin = (0, 0) if tile is None else (min(origin[0], one(0, 1)), min(origin[1], one(0, 3)))
    options = openjpeg.Options(
        block=one((64, 64), (32, 32), (4, 4), (4, 64), (1024, 4), (16, 64), (8, 128)),
        style=int(rng.integers(64)) if rng.random() < 0.6 else 0,
        irreversible=bool(rng.random() < 0.35),
        order=int(rng.integers(5)),
        tile=tile,
        tile_origin=tile_origin,
        origin=origin,
        rates=one((0,), (0,), (8,), (30, 10, 0), (40, 12, 3), (20, 15, 10, 7, 5, 4, 3, 2)),
        sop=bool(rng.random() < 0.3),
        eph=bool(rng.random() < 0.3),
        tile_parts=one("", "", "", "R", "L", "C"),
    )
    area = (*origin, origin[0] + size[0], origin[1] + size[1])
    smallest = min(*size, *(tile or size))
    options.resolutions = int(rng.integers(1, min(smallest.bit_length(), 7) + 1))
    options.precincts = one((), (), ((32, 32),), ((128, 16), (64, 64), (16, 32)), ((4, 4), (8, 2)), ((2, 2),))
    components = one(1, 1, 2, 3, 3, 4)
    # Of one bit, OpenJPEG has been seen to write more bit-planes than its guard bits allow.
    precision, is_signed = int(rng.integers(2, 17)), bool(rng.random() < 0.3)
    subsampled = components > 1 and rng.random() < 0.3
    alike = rng.random() < 0.8
    planes = []
    for _ in range(components):
        dx, dy = one((1, 1), (2, 1), (1, 2), (2, 2), (3, 1)) if subsampled else (1, 1)
        if not alike:
            precision, is_signed = int(rng.integers(2, 17)), bool(rng.random() < 0.3)
        made = jpeg2000.component(area, precision, is_signed, dx, dy, seed=int(rng.integers(1000)))
        planes.append(openjpeg.Plane(made.samples, precision, is_signed, dx, dy))
    if options.irreversible and min(plane.precision for plane in planes) < 4:
        options.irreversible = False  # the same
    options.mct = components >= 3 and not subsampled and alike and bool(rng.random() < 0.6)
    if rng.random() < 0.1:
        options.roi = (int(rng.integers(components)), int(rng.integers(1, 12)))
        # OpenJPEG decodes raw passes of a region of interest where Table D.9 has none.
        options.style &= ~BYPASS
    if rng.random() < 0.15 and options.resolutions > 1 and not options.tile_parts:
        middle, layers = int(rng.integers(1, options.resolutions)), len(options.rates)
        whole = {"compno0": 0, "compno1": components, "layno1": layers}
        options.changes = [
            {**whole, "resno0": 0, "resno1": middle, "prg": int(rng.integers(5))},
            {**whole, "resno0": middle, "resno1": options.resolutions, "prg": int(rng.integers(5))},
        ]
    return planes, size, options


def ends_openjpeg(planes: list[openjpeg.Plane], size: tuple[int, int], options: openjpeg.Options) -> bool:
    """Whether a tile-component is empty, or a signal of 9/7 has one sample: an assertion of OpenJPEG 2.5.0 ends the
    process where it encodes those."""
    image = Image([], (*options.origin, *np.add(options.origin, size).tolist()))
    image.tile = None if options.tile is None else (*options.tile, *options.tile_origin)
    shortest = min(
        min(x1 - x0, y1 - y0)
        for area in tile_areas(image)
        for plane in planes
        for level in range(max(options.resolutions - 1, 1))
        for x0, y0, x1, y1 in [divide(area, plane.dx << level, plane.dy << level)]
    )
    return shortest < (2 if options.irreversible else 1)
