"""Windows and lower resolutions where PLT says where packets are: the same samples, without a look at other packets."""

import itertools

import numpy as np
import pytest
from helpers.dicom_writer import encapsulated_file
from helpers.jpeg2000 import component
from helpers.jpeg2000_damage import places
from oracle.jpeg2000_stream import Image, finished, write
from oracle.jpeg2000_tile import CPRL, LRCP, PCRL, RLCP, RPCL, Change, Coding

import dcmturbo as dt

COM, PLT, SOT = 0xFF64, 0xFF58, 0xFF90
AREA = (3, 5, 61, 48)
TILES = (31, 27, 1, 2)
CODING = Coding(precincts=((2, 3), (3, 2), (4, 4)), block=(3, 3))
KINDS = {
    "LRCP": {"order": LRCP, "layers": 3},
    "RLCP": {"order": RLCP, "layers": 2},
    "RPCL": {"order": RPCL, "tile": TILES},
    "PCRL, SOP and EPH": {"order": PCRL, "sop": True, "eph": True, "layers": 2},
    "CPRL in parts": {"order": CPRL, "parts": 3, "tile": TILES},
    "POC": {"layers": 4, "changes": [Change(RPCL, (0, 2), layers=2), Change(LRCP, layers=1), Change(CPRL)]},
    "POC of a tile": {"tile": TILES, "tile_changes": {1: [Change(RPCL)]}, "parts": 2},
    "PPT": {"packed": "tile", "parts": 2},
    "PPM": {"packed": "main", "tile": TILES},
}


def windows(shape: tuple[int, ...], rng: np.random.Generator, count: int):
    height, width = shape
    yield 0, 0, height, width
    yield height - 1, width - 1, 1, 1
    for _ in range(count):
        top, left = int(rng.integers(height)), int(rng.integers(width))
        most = int(rng.choice([2, 9, 100]))
        yield (
            top,
            left,
            int(rng.integers(1, 1 + min(most, height - top))),
            int(rng.integers(1, 1 + min(most, width - left))),
        )


def without_lengths(data: bytes) -> bytes:
    """The same codestream with PLT renamed to COM, so that nothing says where packets are."""
    found = bytearray(data)
    for place in places(data):
        if place.code == PLT:
            found[place.at + 1] = COM & 0xFF
    return bytes(found)


def cut(planes, window):
    top, left, height, width = window
    return [plane[top : top + height, left : left + width] for plane in planes]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", [8, -12])
def test_every_order_of_packets(kind, precision):
    parts = [component(AREA, abs(precision), precision < 0, seed=i) for i in range(3)]
    image = Image(parts, AREA, extras=True, coding=CODING, transform=precision > 0, **KINDS[kind])
    data, out = write(image)
    rng = np.random.default_rng(abs(precision))
    for reduce, threads in itertools.product((0, 1, 2), (1, 2)):
        lower = dt.decode_components(without_lengths(data), reduce=reduce)
        if reduce == 0:
            np.testing.assert_array_equal(lower, finished(image, out))
        np.testing.assert_array_equal(dt.decode_components(data, reduce=reduce, threads=threads), lower)
        if precision < 0:
            continue
        rows, columns = AREA[3] - AREA[1], AREA[2] - AREA[0]
        if reduce > 0 and lower[0].shape != (-(-rows >> reduce), -(-columns >> reduce)):
            continue
        kw = {"rows": rows, "columns": columns, "samples_per_pixel": 3, "bits_allocated": 8}
        for window in windows(lower[0].shape, rng, 8):
            found = dt.decode_frame(data, "JPEG2000", region=window, reduce=reduce, threads=threads, **kw)
            np.testing.assert_array_equal(np.moveaxis(found, -1, 0), cut(lower, window))


SHAPE = (600, 520)
MODULE = {"rows": SHAPE[0], "columns": SHAPE[1], "bits_allocated": 16, "bits_stored": 12}
UIDS = {"JPEG2000Lossless": "1.2.840.10008.1.2.4.90", "HTJ2KLossless": "1.2.840.10008.1.2.4.201"}
OPTIONS = {
    "one tile": {"precinct_size": 64},
    "layers": {"precinct_size": 64, "progression_order": "LRCP", "layers": 3},
    "tiles": {"precinct_size": 64, "tile_width": 256, "tile_height": 200, "tile_part_lengths": True},
}
NOISE = np.random.default_rng(6).integers(0, 4096, SHAPE).astype(np.uint16)


def encoded(syntax: str, **options) -> bytes:
    options = {name: value for name, value in options.items() if name != "layers" or syntax == "JPEG2000Lossless"}
    return dt.encode_frame(NOISE, syntax, bits_stored=12, packet_lengths=True, **options)


def read(data: bytes, syntax: str, folder, **request) -> list[np.ndarray]:
    """A frame in memory, and the same in a file."""
    path = folder / "frame.dcm"
    path.write_bytes(encapsulated_file([data], UIDS[syntax], **MODULE))
    kw = {name: MODULE[name] for name in ("rows", "columns", "bits_allocated", "bits_stored")}
    return [dt.decode_frame(data, syntax, **kw, **request), dt.decode(path, 0, **request)]


def outcome(call):
    try:
        return call()
    except dt.DecodeError as error:
        return error.code


@pytest.mark.parametrize("syntax", UIDS)
@pytest.mark.parametrize("options", OPTIONS)
def test_windows_of_frames_in_memory_and_in_files(syntax, options, tmp_path):
    data = encoded(syntax, **OPTIONS[options])
    assert len(data) > 256 << 10
    rng = np.random.default_rng(len(options))
    for reduce in (0, 1, 3):
        lower = dt.decode_components(without_lengths(data), reduce=reduce)
        for window in windows(lower[0].shape, rng, 8):
            for found in read(data, syntax, tmp_path, region=window, reduce=reduce):
                np.testing.assert_array_equal(found, cut(lower, window)[0])


@pytest.mark.parametrize("syntax", UIDS)
@pytest.mark.parametrize("options", OPTIONS)
def test_packets_that_are_not_needed_are_not_read(syntax, options, tmp_path):
    """Damage that no reader of all packets passes over lies far from the window."""
    data = bytearray(encoded(syntax, **OPTIONS[options]))
    parts = [(p.at, int.from_bytes(data[p.at + 6 : p.at + 10], "big")) for p in places(data) if p.code == SOT]
    start, size = [part for part in parts if part[1] > 20000][-1]  # a tile that the window does not touch, or the only
    for at in range(start + size * 9 // 10, start + size - 10):
        data[at] = 0xFF
    data = bytes(data)
    kw = {name: MODULE[name] for name in ("rows", "columns", "bits_allocated", "bits_stored")}
    with pytest.raises(dt.DecodeError):
        dt.decode_frame(data, syntax, **kw)
    for found in read(data, syntax, tmp_path, region=(5, 7, 90, 80)):
        np.testing.assert_array_equal(found, NOISE[5:95, 7:87])


@pytest.mark.parametrize("syntax", UIDS)
@pytest.mark.parametrize("kind", ["bit", "swapped", "last"])
def test_lengths_that_lie(syntax, kind, tmp_path):
    data = encoded(syntax, precinct_size=64)
    place = next(place for place in places(data) if place.code == PLT)
    start, end = place.at + 5, place.at + 4 + place.size
    rng = np.random.default_rng(len(kind))
    for _ in range(12):
        lying = bytearray(data)
        at, other = (int(i) for i in rng.integers(start, end, 2))
        if kind == "bit":
            lying[at] ^= 1 << int(rng.integers(8))
        elif kind == "swapped":
            lying[at], lying[other] = lying[other], lying[at]
        else:  # the sum stays, and so do most lengths
            lying[at] = lying[at] + 1 if lying[at] & 0x7F < 0x7F else lying[at] - 1
            lying[other] = lying[other] - 1 if lying[other] & 0x7F else lying[other] + 1
        top, left = int(rng.integers(SHAPE[0] - 60)), int(rng.integers(SHAPE[1] - 60))
        for found in read(bytes(lying), syntax, tmp_path, region=(top, left, 60, 60)):
            np.testing.assert_array_equal(found, NOISE[top : top + 60, left : left + 60])


@pytest.mark.parametrize("syntax", UIDS)
@pytest.mark.parametrize("fill", [None, 0, 0xFF])
def test_copies_that_were_cut_are_errors(syntax, fill, tmp_path):
    """Though the window, which begins the codestream, is there."""
    data = encoded(syntax, precinct_size=64, progression_order="PCRL")
    for share in (0.5, 0.9, 0.999):
        short = data[: int(share * len(data))]
        if fill is not None:
            short += bytes([fill]) * (len(data) - len(short))
        for request in ({"region": (0, 0, 40, 40)}, {"reduce": 2}):
            kw = {name: MODULE[name] for name in ("rows", "columns", "bits_allocated", "bits_stored")}
            path = tmp_path / "cut.dcm"
            path.write_bytes(encapsulated_file([short], UIDS[syntax], **MODULE))
            assert isinstance(outcome(lambda s=short, r=request, k=kw: dt.decode_frame(s, syntax, **k, **r)), str)
            assert isinstance(outcome(lambda p=path, r=request: dt.decode(p, 0, **r)), str)
