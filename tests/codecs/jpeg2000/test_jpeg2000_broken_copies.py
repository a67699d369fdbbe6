"""JPEG 2000 that a copy left incomplete: its first bytes, and then nothing, zeroes or FF. What is decoded without a
word is what the whole codestream gives; and no word is said of codestreams that are whole."""

from __future__ import annotations

import struct
import warnings

import numpy as np
import pytest
from helpers import openjpeg
from helpers.corpus import corpus_entries
from helpers.dicom_writer import encapsulated_file
from helpers.jpeg2000 import component, difference
from helpers.jpeg2000_damage import COD, SIZ, SOD, SOT, find, patched
from helpers.openjpeg import Options, Plane
from oracle.jpeg2000_block import BYPASS
from oracle.jpeg2000_stream import Image, finished, segment, write
from oracle.jpeg2000_tile import CPRL, RPCL, Coding

import dcmturbo as dt

AREA = (3, 5, 90, 75)
TILES = (50, 40, 1, 2)
MISSING_END = "EOC"
needs_openjpeg = pytest.mark.skipif(not openjpeg.AVAILABLE, reason="libopenjp2 is not installed")


def outcome(data: bytes, **options) -> tuple[list[np.ndarray] | dt.Error, list[str]]:
    """What decoding gives or raises, and the warnings."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found = dt.decode_components(data, **options)
        except dt.Error as error:
            found = error
    return found, [str(warning.message) for warning in said]


def phantom(height: int, width: int, bits: int) -> np.ndarray:
    rng = np.random.default_rng((height, width, bits))
    y, x = np.mgrid[:height, :width]
    inside = (x / width - 0.5) ** 2 + (y / height - 0.5) ** 2 < 0.16
    values = inside * (0.5 + 0.2 * np.sin(x / 9) * np.cos(y / 5)) * (1 << bits)
    return np.clip(values + inside * rng.normal(0, (1 << bits) / 200, x.shape), 0, (1 << bits) - 1).astype(np.int64)


ORACLE = {
    "one tile": Image([component(AREA)], AREA),
    "tiles and layers": Image([component(AREA), component(AREA, 12)], AREA, TILES, layers=3, order=RPCL),
    "tile-parts": Image([component(AREA)], AREA, TILES, parts=3, extras=True, sop=True, eph=True),
    "packed in the main header": Image([component(AREA)], AREA, TILES, packed="main"),
    "packed in tiles": Image([component(AREA)], AREA, packed="tile", layers=2),
    "no length in the last tile-part": Image([component(AREA)], AREA, TILES, lengths=False),
    "precincts": Image([component(AREA)], AREA, order=CPRL, coding=Coding(precincts=((4, 4),) * 3)),
    "passes left out": Image([component(AREA)], AREA, layers=3, keep=0.6),
    "irreversible": Image([component(AREA)], AREA, coding=Coding(reversible=False)),
}


def streams() -> dict[str, bytes]:
    found = {name: write(image)[0] for name, image in ORACLE.items()}
    if openjpeg.AVAILABLE:
        for name, bits, options in (
            ("phantom", 12, Options()),
            ("phantom in layers", 12, Options(rates=(40, 10, 0), sop=True)),
            ("phantom in tiles", 8, Options(tile=(64, 64), order=2)),
            ("lossy phantom", 8, Options(irreversible=True, rates=(12,))),
            ("small blocks", 16, Options(block=(16, 16), style=4)),
        ):
            found[name] = openjpeg.encode([Plane(phantom(200, 170, bits), bits)], (170, 200), options)
    return found


STREAMS = streams()
FILLS = {"zeroes": b"\0", "FF": b"\xff", "nothing": b""}


def cuts(data: bytes, count: int, seed: int) -> list[int]:
    rng = np.random.default_rng((seed, len(data)))
    anywhere = rng.uniform(0.05, 0.999, count) * len(data)
    return sorted({*anywhere.astype(int), *(len(data) - rng.integers(3, 60, count // 4))})


def require_equal_or_told(data: bytes, at: int, fill: bytes, whole: list[np.ndarray]) -> bool:
    """Returns whether an error told it."""
    cut = data[:at] + fill * (len(data) - at)
    found, said = outcome(cut)
    if isinstance(found, dt.Error):
        salvaged, said = outcome(cut, on_error="salvage")
        assert said or isinstance(salvaged, dt.Error)
        return True
    assert said or difference(found, whole) == 0, at
    return False


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("name", STREAMS)
def test_what_is_lost_is_told(name, fill):
    data = STREAMS[name]
    whole = dt.decode_components(data)
    places = cuts(data, 60, list(FILLS).index(fill))
    told = sum(require_equal_or_told(data, at, FILLS[fill], whole) for at in places)
    # Apart from what loses a few bytes of the last code-block, or nothing but empty packets.
    assert told > 0.85 * len(places)


def corpus_frames() -> list:
    names = [e["file"] for e in corpus_entries() if e["file"].startswith("wg04/") and "J2K" in e["file"]]
    small = [name for name in names if name.split("/")[1][:2] in ("CT", "US", "VL")]
    return [pytest.param(name, id=name) for name in small] or [pytest.param(None, id="no corpus")]


@pytest.mark.parametrize("name", corpus_frames())
def test_what_is_lost_of_clinical_images_is_told(corpus, name):
    with dt.open(corpus.path(name)) as image:
        data = bytes(image.encoded_frame(0))
    whole = dt.decode_components(data)
    for at in cuts(data, 8, 5):
        require_equal_or_told(data, at, b"\0", whole)


@pytest.mark.parametrize("name", STREAMS)
def test_half_of_it_is_an_error_and_salvage_says_partial(name):
    data = STREAMS[name]
    cut = data[: len(data) * 6 // 10] + bytes(len(data) - len(data) * 6 // 10)
    with pytest.raises(dt.DecodeError) as caught:
        dt.decode_components(cut)
    assert caught.value.code in ("truncated", "malformed")
    assert caught.value.offset is not None
    with pytest.warns(dt.DecodeWarning):
        assert len(dt.decode_components(cut, on_error="salvage")) == len(dt.decode_components(data))


def test_the_status_of_a_salvaged_frame_is_partial():
    array = phantom(200, 170, 12).astype(np.uint16)
    data = bytes(dt.encode_frame(array, "JPEG2000Lossless", bits_stored=12))
    cut = data[: len(data) // 2] + bytes(len(data) - len(data) // 2)
    options = {"rows": 200, "columns": 170, "bits_allocated": 16, "bits_stored": 12}
    with pytest.raises(dt.DecodeError, match="to the end are zeros"):
        dt.decode_frame(cut, "JPEG2000Lossless", **options)
    status = np.zeros(1, np.uint8)
    with pytest.warns(dt.DecodeWarning, match="to the end are zeros"):
        dt.decode_frame(cut, "JPEG2000Lossless", on_error="salvage", status=status, **options)
    assert status[0] == dt.FrameStatus.PARTIAL


@pytest.mark.parametrize("name", STREAMS)
def test_where_only_the_end_marker_is_gone_all_is_decoded(name):
    data = STREAMS[name]
    whole = dt.decode_components(data)
    for cut in (data[:-2], data[:-2] + b"\0", data[:-2] + b"\0\0", data[:-2] + bytes(5000), data[:-1]):
        found, said = outcome(cut)
        assert isinstance(found, list), found
        assert difference(found, whole) == 0
        assert len(said) == 1
        assert MISSING_END in said[0]


def test_an_object_whose_frames_lack_the_end_marker_says_so_once(tmp_path):
    array = phantom(60, 70, 8).astype(np.uint8)
    frame = bytes(dt.encode_frame(array, "JPEG2000Lossless"))
    frame = frame[: frame.rindex(b"\xff\xd9")]
    path = tmp_path / "a.dcm"
    path.write_bytes(
        encapsulated_file([frame] * 3, "jpeg2000", rows=60, columns=70, bits_allocated=8, bits_stored=8, frames=3)
    )
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        np.testing.assert_array_equal(dt.decode(path), np.stack([array] * 3))
    assert [MISSING_END in str(w.message) for w in said] == [True]


@pytest.mark.parametrize("name", STREAMS)
def test_padding_behind_the_end_marker_is_none(name):
    """Warnings are errors here: DICOM pads to an even length, and some writers pad more."""
    data = STREAMS[name]
    for padding in (b"\0", bytes(5000), b"\xff\xff", b"rubbish"):
        dt.decode_components(data + padding)


KINDS = {
    "black": lambda y, x, top: 0 * x,
    "white": lambda y, x, top: 0 * x + top,
    "middle": lambda y, x, top: 0 * x + (top + 1) // 2,  # all coefficients are 0
    "black below": lambda y, x, top: np.where(y < 60, (x * 7919 + y * 104729) % (top + 1), 0),
    "middle below": lambda y, x, top: np.where(y < 60, (x * 7919 + y * 104729) % (top + 1), (top + 1) // 2),
    "checkers": lambda y, x, top: (x + y) % 2 * top,
    "a dot": lambda y, x, top: ((x == 40) & (y == 30)) * top,
    "waves": lambda y, x, top: ((np.sin(x / 9) + np.cos(y / 7) + 2) / 4 * top).astype(np.int64),
    "low bits of zero": lambda y, x, top: (x * 7919 + y * 104729) % 16 * ((top + 1) // 16),
}


@needs_openjpeg
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("style", [0, BYPASS, 34, 63])
def test_images_without_much_in_them(kind, style):
    """Whole, warnings are errors; without EOC, that and nothing else is told: here packets are empty, passes are raw
    zeroes, and layers end where a rate says."""
    y, x = np.mgrid[:150, :170]
    for bits in (8, 12):
        samples = KINDS[kind](y, x, (1 << bits) - 1)
        for rates in ((0,), (8,), (100, 50, 30, 20, 10, 5, 2, 0)):
            for order in (0, 3):
                options = Options(resolutions=4, style=style, rates=rates, order=order, block=(32, 32))
                data = openjpeg.encode([Plane(samples, bits)], (170, 150), options)
                whole = dt.decode_components(data)
                for cut in (data[:-2], data[:-2] + bytes(100)):
                    found, said = outcome(cut)
                    assert isinstance(found, list), (bits, options, found)
                    assert difference(found, whole) == 0
                    assert len(said) == 1
                    assert MISSING_END in said[0]


# --- markers and bytes where none belong ------------------------------------------------------


def one_block(body: bytes, *, header: bytes = b"\xf0\x00", planes: int = 9) -> bytes:
    """A block of 4 x 4 in a packet."""
    size = struct.pack(">HIIIIIIIIH", 0, 4, 4, 0, 0, 4, 4, 0, 0, 1) + bytes([7, 1, 1])
    data = b"\xff\x4f" + segment(SIZ, size) + segment(COD, struct.pack(">BBHBBBBBB", 0, 0, 1, 0, 0, 0, 0, 0, 1))
    data += segment(0xFF5C, bytes([2 << 5, planes - 1 << 3]))
    rest = b"\xff\x93" + header + body
    return data + segment(SOT, struct.pack(">HIBB", 0, 12 + len(rest), 0, 1)) + rest + b"\xff\xd9"


def test_a_marker_in_the_data_of_a_block():
    # Non-empty, included, all planes, one pass, Lblock 3, 4 bytes: 1 1 1 0 0 100.
    right = one_block(b"\x12\x34\xff\x8f", header=b"\xe4")
    dt.decode_components(right)
    for code in (b"\x90", b"\xff"):
        damaged = right.replace(b"\xff\x8f\xff\xd9", b"\xff" + code + b"\xff\xd9")
        assert damaged != right
        with pytest.raises(dt.DecodeError, match="a marker"):
            dt.decode_components(damaged)


def test_a_marker_in_a_packet_header():
    with pytest.raises(dt.DecodeError, match="marker in the header of a packet"):
        dt.decode_components(one_block(b"", header=b"\xff\xff\xff"))


def test_bytes_that_no_packet_takes():
    data = one_block(b"\x12\x34\x56\x78", header=b"\xe4")
    start = find(data, SOD).at + 2
    psot = struct.unpack_from(">I", data, find(data, SOT).at + 6)[0]
    for extra in (b"\0", b"\7" * 2, b"\7" * 600):
        longer = patched(data, SOT, 2, "I", psot + len(extra))
        longer = longer[: start + 5] + extra + longer[start + 5 :]
        found, said = outcome(longer)
        assert difference(found, dt.decode_components(data)) == 0
        assert (len(said) == 1 and "more data" in said[0]) if len(extra) > 1 else not said


# --- the component transform -------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2])
def test_a_transform_of_too_few_components_is_ignored(count):
    image = Image([component(AREA, seed=i) for i in range(count)], AREA, TILES)
    data, out = write(image)
    changed = patched(data, COD, 4, "B", 1)
    assert dt.probe(changed).colour == dt.probe(data).colour
    with pytest.warns(dt.DecodeWarning, match="component transform"):
        assert difference(dt.decode_components(changed), finished(image, out)) == 0


def test_a_transform_of_components_of_different_sizes_is_ignored():
    image = Image([component(AREA), component(AREA, dx=2), component(AREA, dx=2, dy=2)], AREA)
    data, out = write(image)
    with pytest.warns(dt.DecodeWarning, match="component transform"):
        assert difference(dt.decode_components(patched(data, COD, 4, "B", 1)), finished(image, out)) == 0


def test_a_frame_of_one_component_with_a_transform():
    image = Image([component((0, 0, 40, 30))], (0, 0, 40, 30))
    data, out = write(image)
    with pytest.warns(dt.DecodeWarning, match="component transform"):
        found = dt.decode_frame(
            patched(data, COD, 4, "B", 1), "JPEG2000", rows=30, columns=40, bits_allocated=8, bits_stored=8
        )
    np.testing.assert_array_equal(found, finished(image, out)[0])


def test_a_tail_of_zeroes_before_a_library_sees_it():
    array = phantom(200, 170, 12).astype(np.uint16)
    data = bytes(dt.encode_frame(array, "JPEG2000Lossless", bits_stored=12))
    cut = data[: len(data) // 2] + bytes(len(data) - len(data) // 2)
    with dt.config.override(prefer="library"):
        np.testing.assert_array_equal(dt.decode_components(data)[0], array)
        with pytest.raises(dt.DecodeError):
            dt.decode_components(cut)
