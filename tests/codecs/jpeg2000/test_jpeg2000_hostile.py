"""JPEG 2000 streams made to do harm: each length, count and index at its extremes. An error of ours that says where,
soon and without much memory; or, where what was changed says nothing of the image, the image."""

import struct

import numpy as np
import pytest
from helpers.dicom_writer import encapsulated_file
from helpers.jpeg2000 import component, decoded, difference
from helpers.jpeg2000_damage import (
    COC,
    COD,
    COM,
    PLT,
    POC,
    PPM,
    PPT,
    QCC,
    QCD,
    RGN,
    SIZ,
    SOD,
    SOT,
    TLM,
    find,
    inserted,
    outcome,
    patched,
    places,
    without,
)
from oracle.jpeg2000_stream import Image, finished, jp2, segment, write
from oracle.jpeg2000_tile import CPRL, LRCP, RPCL, Change, Coding, HeaderBits

import dcmturbo as dt

AREA = (3, 5, 30, 28)
TILES = (13, 11, 1, 2)  # 3 x 3 of them
WHOLE = 0xFFFFFFFF


def image(**more) -> Image:
    components = [
        component(AREA, roi=3),
        component(AREA, 12, coding=Coding(levels=1, precincts=((3, 3), (3, 3)))),
    ]
    coding = Coding(precincts=((4, 4),) * 3)
    return Image(components, AREA, TILES, **{"coding": coding, "layers": 2} | more)


KINDS = {
    "PLT": {"extras": True, "parts": 2},
    "PPM": {"packed": "main", "parts": 2},
    "PPT": {"packed": "tile", "parts": 2},
    "POC": {"changes": [Change(LRCP, layers=1), Change(RPCL)], "tile_changes": {1: [Change(CPRL)]}},
}
STREAMS = {name: write(image(**more)) for name, more in KINDS.items()}


def refused(data: bytes, match: str, code: str) -> dt.DecodeError:
    for on_error in ("raise", "salvage") if code == "limit" else ("raise",):
        error = outcome(data, on_error)
        assert isinstance(error, dt.DecodeError), error
        assert match in str(error)
        assert error.code == code
    outcome(data, "salvage")
    return error


@pytest.mark.parametrize("kind", KINDS)
def test_every_byte_of_the_headers_at_its_extremes(kind):
    data, _ = STREAMS[kind]
    seen = 0
    for place in places(data):
        if place.at > 420 or place.code == SOD:
            continue
        for at in range(-2, place.size):
            room = place.size - at
            forms = [("B", v) for v in (0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF)]
            forms += [("H", v) for v in (0, 0xFFFF) if room >= 2]
            forms += [("I", v) for v in (0, WHOLE >> 1, WHOLE) if room >= 4]
            for form, value in forms:
                start = place.at + 4 + at
                content = struct.pack(">" + form, value)
                damaged = data[:start] + content + data[start + len(content) :]
                for on_error in ("raise", "salvage"):
                    outcome(damaged, on_error)
                seen += 1
    assert seen > 1000


# (segment, byte of its parameters, form, value), what is said, code
REFUSED = {
    "SIZ of no length": ((SIZ, -2, "H", 0), "at least 2", "malformed"),
    "SIZ without components": ((SIZ, -2, "H", 38), "FF51", "malformed"),
    "SIZ beyond the data": ((SIZ, -2, "H", 0xFFFF), "bytes, but only", "truncated"),
    "Xsiz 0": ((SIZ, 2, "I", 0), "image area is empty", "malformed"),
    "Xsiz maximal": ((SIZ, 2, "I", WHOLE), "65535 tiles", "malformed"),
    "Ysiz maximal": ((SIZ, 6, "I", WHOLE), "65535 tiles", "malformed"),
    "Xsiz and XTsiz maximal": ((SIZ, 2, "IIIIIIII", WHOLE, WHOLE, 0, 0, WHOLE, WHOLE, 0, 0), "max_pixels", "limit"),
    "XOsiz maximal": ((SIZ, 10, "I", WHOLE), "image area is empty", "malformed"),
    "XTsiz 0": ((SIZ, 18, "I", 0), "first tile", "malformed"),
    "YTsiz 0": ((SIZ, 22, "I", 0), "first tile", "malformed"),
    "XTsiz maximal": ((SIZ, 18, "I", WHOLE), "code-block", "malformed"),
    "XTOsiz maximal": ((SIZ, 26, "I", WHOLE), "first tile", "malformed"),
    "Csiz 0": ((SIZ, 34, "H", 0), "1 to 16384 components", "malformed"),
    "Csiz 16384": ((SIZ, 34, "H", 16384), "FF51", "malformed"),
    "Csiz 16385": ((SIZ, 34, "H", 16385), "1 to 16384 components", "malformed"),
    "Csiz maximal": ((SIZ, 34, "H", 0xFFFF), "1 to 16384 components", "malformed"),
    "Ssiz 39 bits": ((SIZ, 36, "B", 38), "1 to 38 bits", "malformed"),
    "Ssiz maximal": ((SIZ, 36, "B", 0xFF), "1 to 38 bits", "malformed"),
    "XRsiz 0": ((SIZ, 37, "B", 0), "a sampling distance of 0", "malformed"),
    "YRsiz 0": ((SIZ, 38, "B", 0), "a sampling distance of 0", "malformed"),
    "COD of no length": ((COD, -2, "H", 1), "at least 2", "malformed"),
    "COD cut short": ((COD, -2, "H", 7), "FF52", "malformed"),
    "progression 5": ((COD, 1, "B", 5), "progression order is 5", "malformed"),
    "layers 0": ((COD, 2, "H", 0), "0 layers", "malformed"),
    "layers maximal": ((COD, 2, "H", 0xFFFF), "end before its packets", "truncated"),
    "levels 33": ((COD, 5, "B", 33), "decomposition levels is 33", "malformed"),
    "levels maximal": ((COD, 5, "B", 0xFF), "decomposition levels is 255", "malformed"),
    "block 2^11": ((COD, 6, "B", 9), "a code-block has 2^11", "malformed"),
    "block 2^17": ((COD, 7, "B", 15), "x 2^17", "malformed"),
    "block of 2^13": ((COD, 6, "BB", 5, 4), "2^7 x 2^6", "malformed"),
    "precinct 2^0": ((COD, 11, "B", 0), "would have 2^0", "malformed"),
    "COC of component 255": ((COC, 0, "B", 255), "component 255 (counted from 0), but there are 2", "malformed"),
    "COC levels 33": ((COC, 2, "B", 33), "decomposition levels is 33", "malformed"),
    "QCD of no length": ((QCD, -2, "H", 0), "at least 2", "malformed"),
    "QCD of too few steps": ((QCD, 0, "B", 2), "no quantisation step", "malformed"),
    "QCD style 31": ((QCD, 0, "B", 31), "quantisation style is 31", "malformed"),
    "QCC of component 2": ((QCC, 0, "B", 2), "component 2 (counted from 0), but there are 2", "malformed"),
    "RGN of component 2": ((RGN, 0, "B", 2), "component 2 (counted from 0), but there are 2", "malformed"),
    "RGN shift maximal": ((RGN, 2, "B", 255), "bit-planes", "unsupported"),
    "Lsot 0": ((SOT, -2, "H", 0), "at least 2", "malformed"),
    "Lsot beyond the data": ((SOT, -2, "H", 0xFFFF), "bytes, but only", "truncated"),
    "Isot maximal": ((SOT, 0, "H", 0xFFFF), "SOT refers to tile 65535", "malformed"),
    "Isot of another tile": ((SOT, 0, "H", 8), "tile", "truncated"),
    "Psot 1": ((SOT, 2, "I", 1), "tile-part length of 1 bytes", "malformed"),
    "Psot 11": ((SOT, 2, "I", 11), "tile-part length of 11 bytes", "malformed"),
    "Psot shorter than its header": ((SOT, 2, "I", 13), "its header alone", "malformed"),
    "Psot maximal": ((SOT, 2, "I", WHOLE), "code-block", "malformed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_one_field_at_an_extreme(name):
    change, said, code = REFUSED[name]
    refused(patched(STREAMS["PLT"][0], *change), said, code)


POC_REFUSED = {
    "no change": ((-2, "H", 2), "progression changes"),
    "half a change": ((-2, "H", 2 + 10), "progression changes"),
    "progression 255": ((6, "B", 255), "progression order is 255"),
    "resolutions that end before they begin": ((7, "BBHB", 33, 0, 2, 0), "end before its packets"),
    "components that end before they begin": ((7, "BBHBB", 0, 255, 2, 33, 1), "end before its packets"),
    "no layers": ((7, "BBH", 0, 0, 0), "end before its packets"),
}


@pytest.mark.parametrize("name", POC_REFUSED)
def test_progression_changes_at_an_extreme(name):
    change, said = POC_REFUSED[name]
    error = outcome(patched(STREAMS["POC"][0], POC, *change))
    assert isinstance(error, dt.DecodeError)
    assert said in str(error) or "marker" in str(error)


def tiny(across: int, down: int, levels: int, *, main: bytes = b"", header: bytes = b"", body: bytes = b"\0") -> bytes:
    """Tiles of one pixel, each of packets without blocks."""
    size = struct.pack(">HIIIIIIIIH", 0, across, down, 0, 0, 1, 1, 0, 0, 1) + bytes([7, 1, 1])
    data = b"\xff\x4f" + segment(SIZ, size) + segment(COD, bytes([0, 0, 0, 1, 0, levels, 2, 2, 0, 1]))
    data += segment(QCD, bytes([64] * (3 * levels + 2))) + main
    rest = header + b"\xff\x93" + body
    for tile in range(across * down):
        data += segment(SOT, struct.pack(">HIBB", tile, 12 + len(rest), 0, 1)) + rest
    return data + b"\xff\xd9"


IDLE = struct.pack(">BBHBBB", 0, 0, 0, 33, 0, LRCP)  # a progression change without layers


@pytest.mark.parametrize("levels", [0, 32])
@pytest.mark.parametrize("segments", [1, 8])
def test_progression_changes_without_packets_for_many_tiles(levels, segments):
    """Their number times that of tiles: 11 s for these 0.7 MB once."""
    last = IDLE[:2] + b"\0\1" + IDLE[4:]
    data = tiny(128, 128, levels, main=segment(POC, IDLE * 9000) * segments + segment(POC, last))
    refused(data, "progression changes", "limit")


def test_progression_changes_of_each_tile_over_many_precincts():
    """Within what one tile may ask for, not what all may."""
    size = struct.pack(">HIIIIIIIIH", 0, 1024, 1024, 0, 0, 128, 128, 0, 0, 1) + bytes([7, 1, 1])
    data = b"\xff\x4f" + segment(SIZ, size) + segment(COD, bytes([1, 0, 0, 1, 0, 0, 2, 2, 0, 1, 0]))
    data += segment(QCD, bytes([64, 64]))
    last = IDLE[:2] + b"\0\1" + IDLE[4:]
    rest = segment(POC, IDLE * 900 + last) + b"\xff\x93" + bytes(128 * 128)
    for tile in range(64):
        data += segment(SOT, struct.pack(">HIBB", tile, 12 + len(rest), 0, 1)) + rest
    refused(data + b"\xff\xd9", "progression changes over 16384 precincts", "limit")


def of_components(
    count: int, tiles: int, levels: int = 0, *, layers: int = 1, changes: bytes = b"", body: bytes
) -> bytes:
    """Tiles of one pixel in each of many components."""
    size = struct.pack(">HIIIIIIIIH", 0, tiles, 1, 0, 0, 1, 1, 0, 0, count) + bytes([7, 1, 1]) * count
    coding = struct.pack(">BBHBBBBBB", 0, 0, layers, 0, levels, 2, 2, 0, 1)
    data = b"\xff\x4f" + segment(SIZ, size) + segment(COD, coding) + segment(QCD, bytes([64] * (3 * levels + 2)))
    for at in range(0, len(changes), 9 * 7000):
        data += segment(POC, changes[at : at + 9 * 7000])
    for tile in range(tiles):
        data += segment(SOT, struct.pack(">HIBB", tile, 14 + len(body), 0, 1)) + b"\xff\x93" + body
    return data + b"\xff\xd9"


def test_progression_changes_that_bring_one_component_each():
    """Half of the components have come; each change looks at them again for each layer: 12 s for this 1 MB once."""
    half, layers = 5000, 100
    firsts = (half, *range(half - 1, -1, -1))
    changes = b"".join(struct.pack(">BHHBHB", 0, first, layers, 33, 2 * half, LRCP) for first in firsts)
    found = outcome(of_components(2 * half, 1, layers=layers, changes=changes, body=bytes(2 * half * layers)))
    assert len(found) == 2 * half


@pytest.mark.parametrize("tiles", [2, 56])
def test_memory_does_not_grow_with_the_number_of_tiles(tiles):
    outcome(of_components(2100, tiles, 32, body=b"\0"), "salvage")


@pytest.mark.parametrize(
    ("count", "tiles"), [(16384, 1), (16384, 60), (1500, 600)], ids=["of one", "of one of many", "of all"]
)
def test_resolutions_of_many_components_in_many_tiles(count, tiles):
    """Each of their number is little, and none has a sample or a byte: too many for a tile, or for all of them."""
    error = outcome(of_components(count, tiles, 32, body=b"\0"), "salvage")
    assert isinstance(error, dt.LimitExceeded)
    assert "resolutions" in str(error)


def test_packed_headers_in_many_segments_for_many_tiles():
    own = segment(POC, IDLE[:2] + b"\0\1" + IDLE[4:])
    data = tiny(128, 128, 0, main=segment(PPM, b"\0") * 60000, header=own)
    refused(data, "60000 PPM segments", "limit")


@pytest.mark.slow
def test_as_many_tiles_as_there_may_be():
    found = outcome(tiny(255, 257, 0))
    np.testing.assert_array_equal(found[0], np.full((257, 255), 128, np.uint8))
    refused(tiny(256, 256, 0), "65535 tiles", "malformed")
    outcome(tiny(255, 257, 32), "salvage")


def test_more_precincts_than_bytes():
    size = struct.pack(">HIIIIIIIIH", 0, 1024, 1024, 0, 0, 1024, 1024, 0, 0, 1) + bytes([7, 1, 1])
    data = b"\xff\x4f" + segment(SIZ, size) + segment(COD, bytes([1, 0, 0, 1, 0, 0, 2, 2, 0, 1, 0]))
    data += segment(QCD, bytes([64, 64])) + segment(SOT, struct.pack(">HIBB", 0, 15, 0, 1)) + b"\xff\x93\0\xff\xd9"
    refused(data, "1048576 precincts", "truncated")


def test_as_many_components_as_there_may_be():
    size = struct.pack(">HIIIIIIIIH", 0, 1, 1, 0, 0, 1, 1, 0, 0, 16384) + bytes([7, 1, 1]) * 16384
    data = b"\xff\x4f" + segment(SIZ, size) + segment(COD, bytes([0, 0, 0, 1, 0, 0, 2, 2, 0, 1]))
    data += segment(QCD, bytes([64, 64]))
    body = b"\xff\x93" + bytes(16384)
    found = outcome(data + segment(SOT, struct.pack(">HIBB", 0, 12 + len(body), 0, 1)) + body + b"\xff\xd9")
    assert len(found) == 16384
    assert all(plane == [[128]] for plane in found)


IGNORED = {
    "Rsiz maximal": (SIZ, 0, "H", 0x3FFF),
    "TPsot maximal": (SOT, 6, "B", 0),
    "TNsot maximal": (SOT, 7, "B", 255),
    "TNsot too small": (SOT, 7, "B", 1),
    "PLT wrong": (PLT, 0, "BI", 255, WHOLE),
    "TLM wrong": (TLM, 0, "BBHI", 255, 255, 0xFFFF, WHOLE),
    "COM of no kind": (COM, 0, "H", 0xFFFF),
}


@pytest.mark.parametrize("name", IGNORED)
def test_what_says_nothing_of_the_image(name):
    data, out = STREAMS["PLT"]
    assert difference(outcome(patched(data, *IGNORED[name])), finished(image(), out)) == 0


@pytest.mark.parametrize("kind", ["PPM", "PPT"])
def test_packed_headers_at_their_extremes(kind):
    data, out = STREAMS[kind]
    code = PPM if kind == "PPM" else PPT
    refused(patched(data, code, -2, "H", 2), "expected a marker", "malformed")
    refused(patched(data, code, -2, "H", 0xFFFF), "", "truncated" if len(data) < 0xFFFF else "malformed")
    # The last of several segments says that it is the first, which another says too.
    assert isinstance(outcome(patched(data, code, 0, "B", 0)), dt.DecodeError)
    for index in range(2):
        outcome(without(data, code, index), "salvage")
    if kind == "PPM":  # the segments are written last first: the one with Zppm 0 holds the first Nppm
        count = sum(place.code == PPM for place in places(data))
        for length in (0, WHOLE):
            assert isinstance(outcome(patched(data, PPM, 1, "I", length, index=count - 1)), dt.DecodeError)
    wrong = inserted(data, COD, PPT, b"\0\0") if kind == "PPM" else inserted(data, SOD, PPM, b"\0\0")
    if kind == "PPM":
        refused(wrong, "is not allowed in this header", "malformed")
    else:  # in a tile-part it means nothing
        assert difference(outcome(wrong), finished(image(), out)) == 0


# --- one block, whose packet header is written bit by bit -------------------------------------


def block(*bits: tuple[int, int], body: bytes = b"", layers: int = 1, planes: int = 9) -> bytes:
    size = struct.pack(">HIIIIIIIIH", 0, 4, 4, 0, 0, 4, 4, 0, 0, 1) + bytes([7, 1, 1])
    data = b"\xff\x4f" + segment(SIZ, size) + segment(COD, struct.pack(">BBHBBBBBB", 0, 0, layers, 0, 0, 0, 0, 0, 1))
    data += segment(QCD, bytes([2 << 5, planes - 1 << 3]))
    header = HeaderBits()
    for value, count in bits:
        header.put(value, count)
    rest = b"\xff\x93" + header.finish() + body
    return data + segment(SOT, struct.pack(">HIBB", 0, 12 + len(rest), 0, 1)) + rest + b"\xff\xd9"


FIRST = ((1, 1), (1, 1), (1, 1))  # a packet with something in it, whose block begins here, with all of its planes
LONG_LENGTH = ((0, 1), ((1 << 29) - 1, 29), (0, 1), (WHOLE, 32))  # one pass, Lblock 32, the largest length

PACKETS = {
    "a tag tree deeper than there are planes": (((1, 1), (1, 1), (0, 200), (1, 1)), "but has only 9"),
    "a tag tree without an end": (((1, 1), (1, 1), (0, 5)), "header of a packet"),
    "passes beyond the planes": ((*FIRST, (0b1111, 4), (31, 5), (127, 7)), "164 coding passes"),
    "one pass beyond the planes": ((*FIRST, (0b1111, 4), (20, 5)), "26 coding passes"),
    "Lblock beyond 32": ((*FIRST, (0, 1), ((1 << 40) - 1, 40), (0, 1)), "Lblock is above 32"),
    "a length beyond the data": ((*FIRST, *LONG_LENGTH), "has 4294967295 bytes"),
    "a length of 33 bits": ((*FIRST, (0b10, 2), ((1 << 29) - 1, 29), (0, 1), (0, 40)), "length of 33 bits"),
    "a header that ends early": ((*FIRST, (1, 1)), "header of a packet"),
}


@pytest.mark.parametrize("name", PACKETS)
def test_packet_headers_at_their_extremes(name):
    bits, said = PACKETS[name]
    error = outcome(block(*bits))
    assert isinstance(error, dt.DecodeError), error
    assert said in str(error)
    assert error.offset is not None


def test_a_block_that_no_layer_brings():
    """The tag tree of inclusion may name a layer that there is not."""
    for found in (outcome(block((1, 1), (0, 7))), outcome(block((1, 1), (0, 7), body=b"\x80\x00", layers=2))):
        np.testing.assert_array_equal(found[0], np.full((4, 4), 128, np.uint8))


def test_all_the_passes_that_there_may_be_over_no_data():
    """25 passes of 9 planes, of no bytes: what the coder makes of FF without end."""
    data = block(*FIRST, (0b1111, 4), (19, 5), (0, 1), (0, 7))
    assert outcome(data)[0].shape == (4, 4)


# --- tile-parts and boxes -----------------------------------------------------------------------


def test_salvage_gives_the_tiles_that_are_there():
    data, out = STREAMS["PLT"]
    right = finished(image(), out)
    cases = {
        "no SOD": without(data, SOD, 17),
        "Psot": patched(data, SOT, 2, "I", 20, index=17),
        "Isot": patched(data, SOT, 0, "H", 0xFFFF, index=17),
        "Lsot": patched(data, SOT, -2, "H", 1, index=17),
        "cut": data[: find(data, SOT, 17).at + 5],
    }
    for name, damaged in cases.items():
        assert isinstance(outcome(damaged), dt.DecodeError), name
        found = outcome(damaged, "salvage")
        assert isinstance(found, list), (name, found)
        for plane, whole in zip(found, right, strict=True):  # the last tile is what lies below and to the right
            np.testing.assert_array_equal(plane[:19], whole[:19], name)
            np.testing.assert_array_equal(plane[:, :24], whole[:, :24], name)


@pytest.mark.parametrize(
    ("code", "content"),
    [
        (COD, bytes([0, 0, 0, 1, 0, 33, 2, 2, 0, 1])),
        (COD, bytes([0, 0, 0, 1, 1, 2, 2, 2, 0, 1])),
        (COD, b""),
        (QCD, bytes([2, 0, 0])),
        (COC, bytes([9, 0, 2, 2, 2, 0, 1])),
        (POC, IDLE[:-1] + b"\xff"),
        (PPT, b""),
    ],
    ids=["levels", "transform", "cut COD", "steps", "component", "progression", "empty PPT"],
)
def test_a_tile_whose_header_is_damaged_is_gone_alone(code, content):
    data, out = write(image())
    right = finished(image(), out)
    damaged = inserted(data, SOD, code, content, index=0)
    error = outcome(damaged)
    assert isinstance(error, dt.DecodeError)
    assert error.offset >= find(data, SOT).at
    found = outcome(damaged, "salvage")
    assert isinstance(found, list), found
    for plane, whole in zip(found, right, strict=True):
        np.testing.assert_array_equal(plane[8:], whole[8:])
        np.testing.assert_array_equal(plane[:, 11:], whole[:, 11:])
    assert dt.decode_components(data, reduce=1)
    with pytest.raises(dt.DecodeError):
        dt.decode_components(damaged, reduce=2)


def box(kind: bytes, content: bytes, length: int | None = None, wide: int | None = None) -> bytes:
    if wide is not None:
        return struct.pack(">I4sQ", 1, kind, wide) + content
    return struct.pack(">I4s", 8 + len(content) if length is None else length, kind) + content


START = box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
BOXES = {
    "to the end": lambda data: START + box(b"jp2c", data, 0),
    "64 bits": lambda data: START + box(b"jp2c", data, wide=16 + len(data)),
    "64 bits, maximal": lambda data: START + box(b"jp2c", data, wide=(1 << 64) - 1),
    "64 bits, 0": lambda data: START + box(b"jp2c", data, wide=0),
    "beyond the end": lambda data: START + box(b"jp2c", data, WHOLE),
    "shorter than its head": lambda data: START + box(b"jp2c", data, 7),
    "too short": lambda data: START + box(b"jp2c", data, 40),
    "an earlier one to the end": lambda data: START + box(b"jp2h", bytes(20), 0) + box(b"jp2c", data),
    "an earlier one beyond the end": lambda data: START + box(b"jp2h", bytes(20), WHOLE) + box(b"jp2c", data),
    "an earlier one of 64 bits, maximal": lambda data: START + box(b"jp2h", b"", wide=(1 << 64) - 1) + data,
    "nested": lambda data: START + box(b"asoc", box(b"asoc", box(b"jp2c", data))),
    "many before it": lambda data: START + box(b"free", b"") * 50000 + box(b"jp2c", data),
}


@pytest.mark.parametrize("name", BOXES)
def test_boxes_of_any_length(name):
    data, out = STREAMS["PLT"]
    assert difference(outcome(BOXES[name](data)), finished(image(), out)) == 0


def test_boxes_without_a_codestream():
    for data in (START, START + box(b"jp2c", b""), START + box(b"jp2c", b"\xff\x4f"), START * 5000):
        assert outcome(data).code == "truncated"


def test_a_file_in_boxes_is_said_to_be_one():
    """PS3.5, A.4.4: there are no boxes in DICOM; what is inside is decoded all the same."""
    area = (0, 0, 16, 12)
    picture = Image([component(area)], area)
    data, out = write(picture)
    boxed = encapsulated_file([jp2(data, picture)], "jpeg2000", rows=12, columns=16, bits_allocated=8, bits_stored=8)
    with pytest.warns(UserWarning, match="JP2"):
        found = dt.decode(boxed)
    np.testing.assert_array_equal(found, finished(picture, out)[0])
    assert difference(decoded(data), finished(picture, out)) == 0
