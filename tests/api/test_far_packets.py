"""What is read of a far frame, counted: orders of packets, tile-parts, tiles, and packed packet headers."""

import warnings

import numpy as np
import pytest
from helpers import openjpeg
from helpers.dicom_writer import encapsulated_file
from helpers.far import Far
from helpers.packed_headers import packed
from helpers.samples import smooth

import dcmturbo as dt

SHAPE = (1500, 1400)
ORDERS = ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")
REGION = (300, 310, 40, 50)


def _grey() -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.clip(smooth(SHAPE, "u2", bits=12) + rng.integers(-30, 31, SHAPE), 0, 4095).astype(np.uint16)


GREY = _grey()


def file_of(codestream: bytes, uid: str = "1.2.840.10008.1.2.4.90") -> bytes:
    return encapsulated_file(
        [codestream + bytes(len(codestream) % 2)],
        uid,
        frames=1,
        rows=SHAPE[0],
        columns=SHAPE[1],
        bits_allocated=16,
        bits_stored=12,
    )


def counted(data: bytes, **request) -> tuple[float, int]:
    """The share of an object, and the reads, that a request takes. The pixels are those of the whole object."""
    far = Far(data)
    with dt.open(far) as image:
        opened = far.reads
        found = image.read(0, **request)
    np.testing.assert_array_equal(found, dt.decode(data, **request))
    return far.bytes / len(data), far.reads - opened


def encoded(**options) -> bytes:
    return dt.encode_frame(GREY, "JPEG2000Lossless", bits_stored=12, **options)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("markers", [False, True], ids=["", "SOP and EPH"])
def test_every_order_with_packet_lengths(order, markers):
    data = file_of(encoded(progression_order=order, precinct_size=128, packet_lengths=True, packet_markers=markers))
    share, reads = counted(data, region=REGION)
    assert share < 0.06
    assert reads <= 6
    share, reads = counted(data, reduce=3)
    assert share < 0.05
    assert reads <= 6


@pytest.mark.parametrize("order", ["RLCP", "RPCL", "PCRL"])
def test_several_tiles_with_layers(order):
    options = {"tile_width": 700, "tile_height": 500, "precinct_size": 128, "layers": 2, "packet_lengths": True}
    for lengths in (False, True):
        data = file_of(encoded(progression_order=order, tile_part_lengths=lengths, **options))
        share, reads = counted(data, region=REGION)
        assert share < 0.15
        assert reads <= 12
        share, _ = counted(data, reduce=3)
        assert share < 0.4


PACKED = [
    (where, order, options, how)
    for where in ("PPM", "PPT")
    for order, options, how in (
        ("LRCP", {"precinct_size": 128}, {}),
        ("RLCP", {"precinct_size": 128}, {"sop": True, "eph": True}),
        ("RPCL", {"precinct_size": 128, "layers": 3}, {"lengths": True, "size": 900}),
        ("PCRL", {"precinct_size": 256}, {"sop": True}),
        ("CPRL", {}, {"eph": True}),
        ("RPCL", {"tile_width": 512, "tile_height": 384, "precinct_size": 64}, {"lengths": True}),
        (
            "LRCP",
            {"tile_width": 512, "tile_height": 384, "precinct_size": 128},
            {"lengths": True, "sop": True, "size": 300},
        ),
    )
]


@pytest.mark.parametrize(("where", "order", "options", "how"), PACKED)
def test_packed_packet_headers(where, order, options, how):
    plain = encoded(progression_order=order, packet_markers=True, **options)
    codestream = packed(plain, where, **how)
    data = file_of(codestream)
    np.testing.assert_array_equal(dt.decode(data), GREY)
    for reduce in (0, 1, 3):
        size = tuple(-(-one >> reduce) for one in SHAPE)
        for region in ((0, 0, 30, 30), (size[0] - 17, size[1] - 9, 17, 9), (size[0] // 3, size[1] // 2, 50, 61)):
            share, reads = counted(data, region=region, reduce=reduce)
            # Without precincts, a packet has all of a resolution.
            assert share < (0.3 if "precinct_size" in options else 1.1 if reduce == 0 else 0.35)
            assert reads <= 30
    share, reads = counted(data, reduce=3)
    assert share < 0.1
    # Lies about the lengths of packed headers and of bodies are errors, or do not change pixels.
    rng = np.random.default_rng(len(codestream))
    start = codestream.index(b"\xff\x60" if where == "PPM" else b"\xff\x61")
    for _ in range(12):
        damaged = bytearray(codestream)
        damaged[start + 5 + int(rng.integers(600 if rng.random() < 0.5 else 60))] ^= 1 << int(rng.integers(8))
        damaged = file_of(bytes(damaged))
        results = []
        for source in (damaged, Far(damaged)):
            try:
                with warnings.catch_warnings(), dt.open(source) as image:
                    warnings.simplefilter("ignore", dt.DecodeWarning)
                    results.append(image.read(0, region=REGION))
            except dt.Error as error:
                results.append(error)
        if not any(isinstance(one, dt.Error) for one in results):
            np.testing.assert_array_equal(*results)


POC = [
    {"resno0": 0, "compno0": 0, "layno1": 2, "resno1": 3, "compno1": 1, "prg": 1},
    {"resno0": 3, "compno0": 0, "layno1": 2, "resno1": 6, "compno1": 1, "prg": 3},
]


@pytest.mark.parametrize("kind", ["POC", "tile-parts", "POC, packed", "tile-parts, packed in parts"])
def test_changes_of_progression_and_tile_parts(kind):
    options = openjpeg.Options(
        precincts=[(128, 128)] * 6,
        order=2,
        sop=True,
        eph=True,
        rates=(20, 0) if "POC" in kind else (0,),
        changes=POC if "POC" in kind else (),
        tile_parts="" if "POC" in kind else "R",
        tile=(700, 800) if "tile" in kind else None,
    )
    codestream = openjpeg.encode([openjpeg.Plane(GREY.astype(np.int32), 12)], SHAPE[::-1], options)
    if "packed" in kind:
        codestream = packed(codestream, "PPT" if "parts" in kind else "PPM", sop=True, eph="POC" in kind, lengths=True)
    data = file_of(codestream)
    np.testing.assert_array_equal(dt.decode(data), GREY)
    for request, most in (
        ({"region": REGION}, 0.2),
        ({"reduce": 3}, 0.3),
        ({"reduce": 1, "region": (9, 5, 7, 3)}, 0.3),
    ):
        share, reads = counted(data, **request)
        if "packed" in kind:
            assert share < most, request
            assert reads <= 30
