"""Writes the seeds of fuzz_ht_block, fuzz_htj2k_encode, fuzz_raster, fuzz_attributes and fuzz_excerpt.

They are code-blocks of our own encoder, requests that choose each kind of loss, image and layout, polygons of every
kind of number, nested sequences, and codestreams of which excerpts can be made. They go into tests/regress.

    python fuzz/make_seeds.py
"""

from __future__ import annotations

import hashlib
import math
import struct
import sys
from pathlib import Path

import numpy as np

import dcmturbo as dt

REGRESS = Path(__file__).resolve().parent.parent / "tests" / "regress"


def write(target: str, seed: bytes) -> None:
    """Write a seed under the name of its digest."""
    folder = REGRESS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(seed).hexdigest()[:12]).write_bytes(seed)


def block(width: int, height: int, bits: int, seed: int) -> bytes:
    """Return a cleanup segment: what follows EPH in the only packet of an image without wavelet levels."""
    random = np.random.default_rng(seed)
    array = np.clip(random.laplace(2 ** (bits - 1), 2 ** (bits / 3), (height, width)), 0, 2**bits - 1)
    array = array.astype(np.uint16 if bits > 8 else np.uint8)
    stream = dt.encode_frame(array, "HTJ2K", bits_stored=bits, decomposition_levels=0, packet_markers=True)
    return stream[stream.index(b"\xff\x92") + 2 : -2]


def polygons(rule: int, subdivisions: int, size: tuple[int, int], parts: list[tuple[int, str, list[float]]]) -> bytes:
    """Return an image and polygons, each with the kind of its numbers and their form."""
    data = bytes([224 + rule + 2 * subdivisions, size[0] - 1, size[1] - 1])  # 224: images of several bands
    for kind, form, values in parts:
        data += bytes([kind + 4 * (len(values) // 2)]) + struct.pack(f"<{len(values)}{form}", *values)
    return data


def element(tag: int, vr: str, value: bytes, *, undefined: bool = False) -> bytes:
    """Return an element in explicit VR; without a VR, an item or a delimiter. PS3.5, 7.1."""
    length = 0xFFFFFFFF if undefined else len(value)
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    if vr in ("SQ", "UN", "OB"):
        return head + vr.encode() + struct.pack("<HI", 0, length) + value
    return head + (vr.encode() + struct.pack("<H", length) if vr else struct.pack("<I", length)) + value


def sequence(tag: int, contents: list[bytes], *, undefined: bool, vr: str = "SQ") -> bytes:
    """Return a sequence of items."""
    ends = [element(0xFFFEE00D, "", b""), element(0xFFFEE0DD, "", b"")] if undefined else [b"", b""]
    items = b"".join(element(0xFFFEE000, "", one, undefined=undefined) + ends[0] for one in contents)
    return element(tag, vr, items, undefined=undefined) + ends[1]


def functional_groups(*, undefined: bool, vr: str = "SQ") -> bytes:
    """Return what a segmentation says of two frames."""

    def group(position: bytes, number: int) -> bytes:
        place = sequence(0x00209113, [element(0x00200032, "DS", position)], undefined=undefined, vr=vr)
        which = sequence(0x0062000A, [element(0x0062000B, "US", bytes([number, 0]))], undefined=undefined)
        return place + which

    segments = [element(0x00620004, "US", bytes([number, 0])) for number in (1, 2)]
    many_digits = b"123456789.01234567\\3333333333.3333333\\77.777777777777777"
    positions = [b"-10.5\\2e1\\+.25 ", b"1e-22\\-0\\9007199254740991", many_digits + b" " * (len(many_digits) % 2)]
    frames = [group(position, number) for number, position in enumerate(positions, 1)]
    return (
        element(0x00280008, "IS", b"2 ")
        + sequence(0x00620002, segments, undefined=undefined)
        + sequence(0x52009230, frames, undefined=undefined)
        + element(0x7FE00010, "OB", b"\x01\x02")
    )


def write_polygons() -> None:
    """Write the seeds of fuzz_raster."""
    square, star = [1, 1, 30, 1, 30, 30, 1, 30], [10, 0, 16, 20, 0, 8, 20, 8, 4, 20]
    for subdivisions in range(5):
        for rule in range(2):
            crossing = [256 * value + 17 * rule for value in star]
            halves = [value for x in square for value in (2 * x, rule + subdivisions - 2)]
            write(
                "raster",
                polygons(rule, subdivisions, (24, 33), [(1, "h", crossing), (2, "b", halves)]) + bytes(range(40)),
            )
    far = [-(2.0**30), 2.0**30, 2.0**30, 5e-324, 0.1, -0.0, 2.0**30, 2.0**30]
    for values in (far, [0.0, math.nan, 1.0, 1.0], [math.inf, 0.0, -math.inf, 2.0], [1e308, 0.0, 3.0, 3.0], [5.0, 5.0]):
        write("raster", polygons(0, 4, (48, 48), [(0, "d", values)]))
    write("raster", polygons(1, 2, (9, 1), [(3, "i", [-(2**31), 2**31 - 1, 7, 7, 7, 7, 2**31 - 1, -(2**31)])]))


def write_attributes() -> None:
    """Write the seeds of fuzz_attributes."""
    for undefined in (False, True):
        data = functional_groups(undefined=undefined)
        for choice in (0, 4):
            write("attributes", data + bytes([choice]))
        write("attributes", data[:-25] + b"\0")
    write("attributes", functional_groups(undefined=True, vr="UN") + b"\0")
    deep = b""
    for _ in range(40):
        deep = sequence(0x52009230, [deep + element(0x00209113, "SQ", b"")], undefined=True)
    write("attributes", deep + b"\0")


def write_excerpts() -> None:
    """Write the seeds of fuzz_excerpt: codestreams with PLT and TLM, or with packed packet headers."""
    sys.path.insert(0, str(REGRESS.parent))
    from helpers.packed_headers import packed

    y, x = np.mgrid[:96, :80]
    grey = (128 + 90 * np.sin(y / 9) * np.cos(x / 7) + (x * 7 + y * 3) % 5).astype(np.uint8)
    colour = np.ascontiguousarray(np.stack([grey, grey[::-1], 255 - grey], -1)[:64, :64])
    small = {"decomposition_levels": 3, "code_block_width": 16, "code_block_height": 16, "precinct_size": 32}
    # Bits 0 to 2 of the first byte are `reduce`, the next four bytes the window; bit 0 of the last is set for a near
    # file, bit 1 for a comment that makes it longer.
    wishes = [bytes(wish) for wish in ([0, 40, 70, 30, 30, 2], [0, 200, 10, 9, 255, 3], [2, 0, 0, 255, 255, 2])]
    for number, order in enumerate(("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")):
        tiles = {"tile_width": 48, "tile_height": 40} if number % 2 else {}
        options = {**small, **tiles, "progression_order": order, "tile_part_lengths": True}
        array = colour if number == 2 else grey
        for syntax in ("JPEG2000Lossless", "HTJ2KLossless"):
            plain = dt.encode_frame(array, syntax, **options, packet_lengths=True)
            write("excerpt", wishes[number % 3] + plain)
        marked = dt.encode_frame(array, "JPEG2000Lossless", **options, packet_markers=True)
        write("excerpt", wishes[(number + 1) % 3] + packed(marked, "PPM" if number % 2 else "PPT", lengths=number > 1))


def main() -> None:
    """Write all seeds."""
    write_excerpts()
    write_polygons()
    write_attributes()
    refinement = bytes(range(1, 40, 3))
    for number, (width, height, bits) in enumerate([(8, 8, 8), (64, 4, 12), (5, 7, 4), (33, 31, 12), (16, 16, 16)]):
        cleanup = block(width, height, bits, number)
        for passes in range(3):
            # Sizes, causal or not, planes of the sub-band and of the block, bytes and passes of refinement.
            more = refinement if passes else b""
            causal = 8 if number % 2 else 0
            head = bytes([width - 1, height - 1, causal, bits + 5, 2 if passes else 0, len(more), passes, 0])
            write("ht_block", head + cleanup + more)
    for loss in range(4):
        for layout in range(5):
            # The kind of loss and its size, progression order, levels, code-blocks; what follows is drawn from these.
            write(
                "htj2k_encode", bytes([loss, 0, 40 + 20 * layout, layout, layout + 1, 4 - layout % 3, 4, layout % 2, 3])
            )


if __name__ == "__main__":
    main()
